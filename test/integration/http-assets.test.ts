// /assets over HTTP: finding, reading, adding and changing assets of the demo hospital. Each answer is held against /openapi.json.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedDatabase } from '../../src/seed/seed.ts'
import { type HttpApi, type Reply, openHttpApi } from '../support/http-api.ts'
import { queryOnce } from '../support/query.ts'
import { useSuite } from '../support/suite.ts'

const { database } = useSuite()
let api: HttpApi
beforeAll(async () => {
  await seedDatabase(database.url, { facility: 'demo', tags: 40 })
  api = await openHttpApi(database.url)
})
afterAll(async () => {
  await api.close()
})

interface Item {
  readonly [name: string]: unknown
  readonly id: string
  readonly assetTagNumber: string
}
const nextOf = (reply: Reply): string | null => reply.body['nextCursor'] as string | null
const items = (reply: Reply): Item[] => reply.body['items'] as Item[]
const find = async (query: string): Promise<Item[]> => items(await api.ask(`/assets?${query}`))
const errorsOf = ({ body }: Reply): unknown =>
  (body['errors'] as { field: string; in: string }[] | undefined)?.map((error) => [error.field, error.in])

/** The asset of the migration guide, under another tag number. */
const scanner = (assetTagNumber: string, more: object = {}) => ({
  assetTagNumber,
  equipmentName: 'MRI Scanner',
  manufacturer: 'GE',
  modelNumber: 'Optima MR360',
  serialNumber: 'SN123456',
  deviceCategory: 'IMAGING',
  assetStatus: 'ACTIVE',
  criticalityLevel: 'HIGH',
  purchaseDate: '2024-01-15',
  purchaseCost: 1_500_000,
  usefulLifeYears: 10,
  depreciationMethod: 'STRAIGHT_LINE',
  currentFacilityId: 'facility-demo',
  primaryCustodianId: 'user-demo-admin',
  custodianDepartmentId: 'department-demo-RAD',
  ...more,
})
const add = async (body: object): Promise<Reply> => api.ask({ method: 'POST', path: '/assets', body })
const change = async (id: string, body: object, ifMatch?: string): Promise<Reply> =>
  api.ask({
    method: 'PATCH',
    path: `/assets/${id}`,
    body,
    ...(ifMatch === undefined ? {} : { headers: { 'if-match': ifMatch } }),
  })

describe('GET /assets', () => {
  it('walks all assets page by page, each once, while others are added and take places before and behind', async () => {
    const there = (await find('limit=200')).map(({ id }) => id)
    const seen: string[] = []
    let cursor: string | null = null
    for (let page = 0; page === 0 || cursor !== null; page += 1) {
      const reply = await api.ask(`/assets?limit=7${page === 0 ? '' : `&cursor=${cursor}`}`)
      seen.push(...items(reply).map(({ id }) => id))
      cursor = nextOf(reply)
      if (page < 4) await add(scanner(`${page % 2 === 0 ? 'A' : 'Z'}-PAGE-${page}`))
    }
    expect(seen.filter((id) => there.includes(id))).toEqual(there)
    expect(new Set(seen).size).toBe(seen.length)
  })

  it.each(['-assetTagNumber', '-criticalityLevel', 'purchaseDate', '-purchaseCost', '-updatedAt'])(
    'sort=%s gives the same order in pages as at once',
    async (sort) => {
      const whole = (await find(`sort=${sort}&limit=200`)).map(({ id }) => id)
      const paged: string[] = []
      let next = ''
      do {
        const reply = await api.ask(`/assets?sort=${sort}&limit=20${next}`)
        paged.push(...items(reply).map(({ id }) => id))
        const cursor = nextOf(reply)
        next = cursor === null ? '' : `&cursor=${cursor}`
      } while (next !== '')
      expect(paged).toEqual(whole)
      expect(whole.length).toBeGreaterThan(20)
    },
  )

  it('finds by words, best first, also mistyped, and goes on with a cursor', async () => {
    expect((await find('q=BME-2024-001'))[0]?.assetTagNumber).toBe('BME-2024-001')
    const pumps = await find('q=infuson+pump&limit=200')
    expect(pumps[0]?.['equipmentName']).toMatch(/^Infusion pump/u)
    const first = await api.ask('/assets?q=infuson+pump&limit=2')
    const second = await api.ask(`/assets?q=infuson+pump&limit=2&cursor=${nextOf(first)}`)
    expect([...items(first), ...items(second)].map(({ id }) => id)).toEqual(
      pumps.slice(0, 4).map(({ id }) => id),
    )
  })

  it.each([
    ['status=IN_SERVICE,IN_MAINTENANCE', "asset_status IN ('IN_SERVICE', 'IN_MAINTENANCE')"],
    ['category=IMAGING', "device_category = 'IMAGING'"],
    ['criticality=HIGH,LOW', "criticality_level IN ('HIGH', 'LOW')"],
    ['facility=demo', 'true'],
    ['facility=facility-demo&category=IMAGING', "device_category = 'IMAGING'"],
    ['department=ICU', "custodian_department_id = 'department-demo-ICU'"],
    ['custodian=admin', "primary_custodian_id = 'user-demo-admin'"],
    ['room=demo/ICU-2', "home_room_id = 'demo/ICU-2'"],
    ['room=ICU-2', "home_room_id = 'demo/ICU-2'"],
    ['facility=elsewhere', 'false'],
  ])('%s narrows to what the table says', async (query, where) => {
    const rows = await queryOnce<{ id: string }>(
      database.url,
      `SELECT id FROM assets WHERE deleted_at IS NULL AND ${where} ORDER BY asset_tag_number`,
    )
    expect((await find(`${query}&limit=200`)).map(({ id }) => id)).toEqual(rows.map(({ id }) => id))
  })

  it('finds who wears a tag now, however the tag is written', async () => {
    const [worn] = await queryOnce<{ tag: string; asset: string }>(
      database.url,
      `SELECT tag_id AS tag, asset_id AS asset FROM tag_assignments WHERE valid_to IS NULL LIMIT 1`,
    )
    const written = (worn?.tag ?? '').toLowerCase().replaceAll(/(..)(?=.)/gu, '$1:')
    expect((await find(`tag=${written}`)).map(({ id }) => id)).toEqual([worn?.asset])
  })

  it('names each parameter that is wrong and what would be right', async () => {
    const reply = await api.ask('/assets?status=ACTIV&limit=1000&Category=IMAGING&q=')
    expect(reply.status).toBe(400)
    expect(errorsOf(reply)).toEqual([
      ['q', 'query'],
      ['status', 'query'],
      ['limit', 'query'],
      ['Category', 'query'],
    ])
    expect(reply.body['detail']).toContain('Category: there is no such parameter; did you mean category?')
    expect(reply.body['detail']).toContain('limit: expected a whole number from 1 to 200, got "1000"')
    expect((await api.ask('/assets?limit=1&limit=2')).body['detail']).toBe(
      'limit: is given more than once; give it once',
    )
  })

  it('takes a cursor only with the query it came from', async () => {
    const { body } = await api.ask('/assets?limit=1&category=IMAGING')
    const next = String(body['nextCursor'])
    expect((await api.ask(`/assets?limit=9&category=IMAGING&cursor=${next}`)).status).toBe(200)
    expect((await api.ask(`/assets?limit=1&category=LABORATORY&cursor=${next}`)).body['detail']).toContain(
      'another query',
    )
    expect((await api.ask('/assets?cursor=forged')).status).toBe(400)
  })
})

describe('GET /assets/:id', () => {
  it('is the whole asset with its tag, where it was last seen, and what is true today', async () => {
    const [pump] = await find('q=infusion+pump&limit=1')
    const tag = (pump?.['currentTags'] as { tagId: string }[] | undefined)?.[0]?.tagId ?? ''
    await queryOnce(
      database.url,
      `INSERT INTO location_history (t, facility_id, gateway_id, tag_id, x, y, floor, room_id, accuracy_m)
       VALUES (now() - INTERVAL '90 seconds', 'demo', 'g1', '${tag}', 12.5, 3.25, 2, 'demo/ICU-2', 0.5)`,
    )
    const { body, headers, status } = await api.ask(`/assets/${pump?.id}`)
    const [row] = await queryOnce<{ pm: string; book: string; room: string }>(
      database.url,
      `SELECT pm_compliance_status AS pm, book_value AS book, (SELECT room_name FROM rooms WHERE id = 'demo/ICU-2') AS room
       FROM assets_current WHERE id = '${pump?.id}'`,
    )
    expect(status).toBe(200)
    expect(headers.get('etag')).toBe(`"${String(body['version'])}"`)
    expect(body).toMatchObject({
      assetTagNumber: pump?.assetTagNumber,
      pmComplianceStatus: row?.pm,
      bookValue: Number(row?.book),
      currentTags: [{ tagId: tag }],
      lastLocation: { tagId: tag, x: 12.5, y: 3.25, floor: 2, roomName: row?.room, accuracyM: 0.5 },
    })
    expect((body['lastLocation'] as { secondsAgo: number }).secondsAgo).toBeGreaterThanOrEqual(90)
  })

  it('that does not exist, or is deleted, is a 404 that says how to find one', async () => {
    const { body } = await add(scanner('GONE-1'))
    const gone = `/assets/${String(body['id'])}`
    await queryOnce(database.url, `UPDATE assets SET deleted_at = now() WHERE asset_tag_number = 'GONE-1'`)
    for (const path of ['/assets/nope', gone])
      expect((await api.ask(path)).body['detail']).toContain('GET /assets lists them')
    expect((await change(String(body['id']), { notes: 'x' }, '*')).status).toBe(404)
    expect(await find('assetTagNumber=GONE-1')).toEqual([])
  })
})

describe('POST /assets', () => {
  it("adds the migration guide's asset as it stands there, and says where it is", async () => {
    const reply = await add(scanner('BME-001', { externalIds: { sap: ['1', null] }, tags: ['loan'] }))
    expect(reply.status).toBe(201)
    expect(reply.body).toMatchObject({
      ...scanner('BME-001'),
      externalIds: { sap: ['1', null] },
      organizationId: 'org-demo-001',
      riskClassification: 'CLASS_II',
      version: 1,
      createdById: 'user-demo-admin',
      updatedById: 'user-demo-admin',
      lastLocation: null,
    })
    const found = await api.ask(reply.headers.get('location') ?? '')
    expect(found.body).toEqual(reply.body)
  })

  it('names every field that is missing, of the wrong kind, unknown, or not for others to set', async () => {
    const { usefulLifeYears: _, ...body } = scanner('BME-002', {
      purchaseCost: '1500000',
      purchaseDate: '2024-02-30',
      assetTag: 'old name',
      bookValue: 1,
      currentRoomId: 'r',
      createdById: 'user-demo-admin',
      notes: 'NUL \0',
    })
    const reply = await add(body)
    expect(reply.status).toBe(422)
    expect(new Set((errorsOf(reply) as string[][]).map(([field]) => field))).toEqual(
      new Set([
        'usefulLifeYears',
        'purchaseCost',
        'purchaseDate',
        'assetTag',
        'bookValue',
        'currentRoomId',
        'createdById',
        'notes',
      ]),
    )
    expect(reply.text).toContain('did you mean assetTagNumber?')
    expect(reply.text).toContain('is required: expected a whole number from 1 to 100')
    expect(await find('assetTagNumber=BME-002')).toEqual([])
  })

  it('a number or UDI that another asset has is a 409 that names the field', async () => {
    const udi = { udiDi: '(01)1', udiPi: '(21)1' }
    expect((await add(scanner('TWICE-1', udi))).status).toBe(201)
    const number = await add(scanner('TWICE-1'))
    expect([number.status, errorsOf(number)]).toEqual([409, [['assetTagNumber', 'body']]])
    const device = await add(scanner('TWICE-2', udi))
    expect([device.status, errorsOf(device)]).toEqual([
      409,
      [
        ['udiDi', 'body'],
        ['udiPi', 'body'],
      ],
    ])
  })

  it('references that point nowhere, or into another organisation, are a 422 that names each', async () => {
    await queryOnce(
      database.url,
      `INSERT INTO organizations (id, name) VALUES ('org-2', 'Other');
       INSERT INTO users (id, organization_id, username, email, first_name, last_name) VALUES ('user-2', 'org-2', 'u2', 'u2@example.org', 'U', '2')`,
    )
    const reply = await add(
      scanner('REF-1', { vendorId: 'v', homeRoomId: 'r', primaryCustodianId: 'user-2' }),
    )
    expect(reply.status).toBe(422)
    expect(
      (reply.body['errors'] as { field: string; detail: string }[])
        .map(({ field, detail }) => `${field} ${detail}`)
        .toSorted(),
    ).toEqual([
      'homeRoomId no row of rooms has the id "r"',
      'primaryCustodianId belongs to another organisation than the asset',
      'vendorId no row of vendors has the id "v"',
    ])
    expect(errorsOf(await add(scanner('REF-2', { organizationId: 'nope' })))).toEqual([
      ['organizationId', 'body'],
    ])
  })
})
