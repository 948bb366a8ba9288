// Where things are over HTTP: facilities, plans, current locations. Each answer is held against /openapi.json.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPool } from '../../src/db/pool.ts'
import { type HttpDatabase, createHttpDatabase, httpPoolOptions } from '../../src/http/database.ts'
import { createFacilities } from '../../src/http/facilities.ts'
import { createLocationStore } from '../../src/http/location-store.ts'
import { createSearching } from '../../src/http/search.ts'
import { confidenceOf } from '../../src/live/location.ts'
import { type HttpApi, type Reply, openHttpApi } from '../support/http-api.ts'
import { queryOnce } from '../support/query.ts'
import { useSuite } from '../support/suite.ts'
import { storeAssets, storeHospitals, storePings } from '../support/two-hospitals.ts'

const { database, closers } = useSuite()
let api: HttpApi
beforeAll(async () => {
  await storeHospitals(database.url)
  await storeAssets(database.url, [
    { id: 'IP-001', tag: 'AC233FA1B2C3' },
    { id: 'IP-002', tag: 'T2', status: 'IN_MAINTENANCE' },
    { id: 'IP-003', tag: 'T3' },
    { id: 'IP-004' },
    { id: 'IP-005', tag: 'T5', facility: 'f2' },
    { id: 'MON-1', tag: 'T6', name: 'Patient monitor', category: 'PATIENT_MONITORING' },
    { id: 'OTHER-1', tag: 'T7', facility: 'f3' },
    { id: 'PERSON', tag: 'P1', name: 'Locator badge' },
    { id: 'LOST', tag: 'T8' },
  ])
  await queryOnce(
    database.url,
    `INSERT INTO person_tags (tag_id) VALUES ('P1');
     INSERT INTO usage_logs (asset_id, session_start) VALUES ('IP-003', now() - INTERVAL '1 hour');
     UPDATE tag_assignments SET valid_to = now() - INTERVAL '1 hour' WHERE tag_id = 'T8'`,
  )
  await storePings(database.url, [
    // Stored late, long after the one from the bay.
    { tag: 'AC233FA1B2C3', agoS: 12, floor: 0, room: 'bay', x: 1.5, y: 2.5, accuracyM: 0.4 },
    { tag: 'AC233FA1B2C3', agoS: 400, floor: 1, room: 'or', x: 9, y: 9 },
    // Ahead of now by more than any clock may be.
    { tag: 'AC233FA1B2C3', agoS: -3600, floor: 1, room: 'or', x: 9, y: 9 },
    { tag: 'T2', agoS: 30, floor: 1, room: 'or', x: 3, y: 3 },
    // Heard since, but not where.
    { tag: 'T3', agoS: 900, floor: null, room: 'bay', fix: 'presence' },
    { tag: 'T3', agoS: 5, fix: 'proximity' },
    { tag: 'T5', agoS: 60, facility: 'h1', floor: 0, room: 'hall', x: 30, y: 10 },
    { tag: 'T6', agoS: 6 * 86_400, floor: 0, x: 100, y: 100, accuracyM: 8 },
    { tag: 'T7', agoS: 5, facility: 'h3', floor: 0, x: 1, y: 1 },
    { tag: 'P1', agoS: 5, floor: 0, room: 'bay', x: 1, y: 1 },
    { tag: 'T8', agoS: 7200, floor: 0, room: 'hall', x: 20, y: 10 },
    { tag: 'T8', agoS: 60, floor: 1, room: 'or', x: 1, y: 1 },
  ])
  await queryOnce(
    database.url,
    `CALL refresh_continuous_aggregate('location_1m', now() - INTERVAL '10 days', now())`,
  )
  await queryOnce(
    database.url,
    `CALL refresh_continuous_aggregate('location_1h', now() - INTERVAL '10 days', now())`,
  )
  await queryOnce(
    database.url,
    `CALL refresh_continuous_aggregate('location_1d', now() - INTERVAL '10 days', now())`,
  )
  api = await openHttpApi(database.url)
})
afterAll(async () => {
  await api.close()
})

interface Item {
  readonly [name: string]: unknown
  readonly assetTag: string
  readonly ageS: number | null
}
const items = (reply: Reply): Item[] => reply.body['items'] as Item[]
const tags = (reply: Reply): string[] => items(reply).map(({ assetTag }) => assetTag)

describe('/facilities', () => {
  it('has every facility with its floors, how many rooms they have and how far they reach', async () => {
    const reply = await api.ask('/facilities')
    expect(items(reply).map((item) => [item['facility'], item['organizationId'], item['timezone']])).toEqual([
      ['h1', 'o1', 'Europe/Berlin'],
      ['h2', 'o1', 'UTC'],
      ['h3', 'o2', 'UTC'],
    ])
    expect(items(reply)[0]?.['floors']).toEqual([
      {
        floor: 0,
        name: 'Ground',
        buildingName: 'Main',
        rooms: 2,
        bounds: { minX: 0, minY: 0, maxX: 40, maxY: 20 },
      },
      {
        floor: 1,
        name: 'First',
        buildingName: 'Main',
        rooms: 1,
        bounds: { minX: 0, minY: 0, maxX: 10, maxY: 10 },
      },
    ])
    expect(items(reply)[2]?.['floors']).toMatchObject([{ rooms: 0, bounds: null }])
  })
})

describe('/plan', () => {
  it('has the rooms of a floor, the largest first', async () => {
    const { body } = await api.ask('/plan?facility=h1&floor=0')
    expect(body).toMatchObject({
      facility: 'h1',
      floor: 0,
      rooms: [
        { id: 'hall', name: 'Hall', type: 'CORRIDOR', departmentName: null },
        { id: 'bay', departmentName: 'Emergency', isRestricted: false },
      ],
    })
    expect((body['rooms'] as { polygon: unknown }[])[1]?.polygon).toEqual([
      [0, 0],
      [6, 0],
      [6, 5],
      [0, 5],
      [0, 0],
    ])
    expect((await api.ask('/plan?facility=h1&floor=1')).body).toMatchObject({
      rooms: [{ id: 'or', isRestricted: true }],
    })
  })

  it('is answered with 304 until a wall is drawn anew', async () => {
    const path = '/plan?facility=h2&floor=0'
    const etag = (await api.ask(path)).headers.get('etag') ?? ''
    const again = async (): Promise<Reply> =>
      api.ask({ path, headers: { 'if-none-match': `"other", W/${etag}` } })
    expect(await again()).toMatchObject({ status: 304, text: '' })
    await queryOnce(database.url, `UPDATE rooms SET room_name = 'Storage' WHERE id = 'store'`)
    expect((await again()).body).toMatchObject({ rooms: [{ name: 'Storage' }] })
  })
})

describe('/locations', () => {
  it('says where everything is that is there, by the newest ping that says where', async () => {
    const reply = await api.ask('/locations?facility=h1')
    expect(tags(reply)).toEqual(['IP-001', 'IP-002', 'IP-003', 'IP-004', 'IP-005', 'LOST', 'MON-1', 'PERSON'])
    const [first, second, third, fourth, fifth, lost, monitor, person] = items(reply)
    expect(first).toMatchObject({
      assetId: 'IP-001',
      name: 'Infusion pump',
      category: 'THERAPEUTIC',
      isFree: true,
      tagId: 'AC233FA1B2C3',
      facility: 'h1',
      floor: 0,
      roomId: 'bay',
      roomName: 'ED Bay 3',
      x: 1.5,
      y: 2.5,
      accuracyM: 0.4,
      fix: 'position',
      confidence: 1,
      batteryPct: 90,
      isRestricted: false,
    })
    expect(first?.ageS).toBeGreaterThanOrEqual(12)
    expect(second).toMatchObject({ isFree: false, roomName: 'OR 1', isRestricted: true })
    // In use; in the room it was heard in last, whose floor it is on.
    expect(third).toMatchObject({ isFree: false, roomId: 'bay', floor: 0, x: null, fix: 'presence' })
    expect(third?.ageS).toBeGreaterThanOrEqual(900)
    expect(fourth).toMatchObject({
      facility: 'h1',
      tagId: null,
      seenAt: null,
      ageS: null,
      confidence: null,
      x: null,
    })
    // From the other site, seen here.
    expect(fifth).toMatchObject({ facility: 'h1', roomId: 'hall' })
    // It lost its tag an hour ago; where that went since is not where it is.
    expect(lost).toMatchObject({ roomId: 'hall', tagId: 'T8' })
    // Silent for days: from the rollup of the day.
    expect(monitor).toMatchObject({ x: 100, y: 100, roomId: null, accuracyM: 8 })
    expect(monitor?.ageS).toBeGreaterThan(5 * 86_400)
    // What people wear says nothing here.
    expect(person).toMatchObject({ tagId: null, x: null, roomId: null })
    expect(tags(await api.ask('/locations?facility=h2'))).toEqual([])
    expect(tags(await api.ask('/locations?facility=h3'))).toEqual(['OTHER-1'])
  })

  it.each([
    ['floor=1', ['IP-002']],
    ['room=bay', ['IP-001', 'IP-003']],
    ['room=ED-3', ['IP-001', 'IP-003']],
    ['category=PATIENT_MONITORING,LABORATORY', ['MON-1']],
    ['status=IN_MAINTENANCE', ['IP-002']],
    ['q=monitor', ['MON-1']],
    ['q=ac:23:3f', ['IP-001']],
    ['q=IP-00', ['IP-001', 'IP-002', 'IP-003', 'IP-004', 'IP-005']],
    ['q=no+such+thing+zzz', []],
    ['room=nowhere', []],
  ])('%s narrows them', async (query, expected) => {
    expect(tags(await api.ask(`/locations?facility=h1&${query}`))).toEqual(expected)
  })

  it('goes on with a cursor, and each is shown once', async () => {
    const seen: string[] = []
    let cursor = ''
    do {
      const reply = await api.ask(`/locations?facility=h1&limit=3${cursor}`)
      seen.push(...tags(reply))
      const next = reply.body['nextCursor'] as string | null
      cursor = next === null ? '' : `&cursor=${next}`
    } while (cursor !== '')
    expect(seen).toEqual(tags(await api.ask('/locations?facility=h1')))
  })

  it('is a table too, with the way to the next page', async () => {
    const reply = await api.ask({ path: '/locations?facility=h1&limit=1', headers: { accept: 'text/csv' } })
    const [header, row, end] = reply.text.split('\r\n')
    expect(header).toMatch(/^assetId,assetTag,name,.*,isRestricted$/u)
    expect(row).toMatch(
      /^IP-001,IP-001,Infusion pump,THERAPEUTIC,,ACTIVE,true,AC233FA1B2C3,h1,0,bay,ED Bay 3,,1.5,2.5,/u,
    )
    expect(end).toBe('')
    expect(reply.headers.get('content-disposition')).toBe('attachment; filename="locations.csv"')
    const next = /^<(.*)>; rel="next"$/u.exec(reply.headers.get('link') ?? '')?.[1]
    expect((await api.ask(`/locations${next}`)).text).toContain('\r\nIP-002,')
  })

  it.each([
    ['/locations', /several: h1, h2, h3/u],
    ['/locations?facility=nope', /there is no such facility: h1, h2, h3/u],
    ['/locations?facility=h1&floor=first', /number of a floor/u],
    ['/locations?facility=h1&limit=0', /from 1 to 5000/u],
    ['/locations?facility=h1&cursor=abc', /not one that this service gave/u],
    ['/locations?facility=h1&status=GONE', /one or more of ACTIVE/u],
    ['/locations?facility=h1&format=xml', /json or csv/u],
    ['/plan?facility=h1&floor=7', /no such floor: 0, 1/u],
    ['/plan?facility=h1', /is required/u],
    ['/locations?facility=h1&q=%00', /1 to 200 characters/u],
  ])('%s is a 400 that says what is expected', async (path, detail) => {
    const { status, body } = await api.ask(path)
    expect([status, body['detail']]).toEqual([400, expect.stringMatching(detail)])
  })
})

it('the register does not say either where people are, nor which tag they wear', async () => {
  expect((await api.ask('/assets/PERSON')).body).toMatchObject({ currentTags: [], lastLocation: null })
  expect(items(await api.ask('/assets?tag=P1'))).toEqual([])
  expect((await api.ask('/assets/IP-001')).body).toMatchObject({
    currentTags: [{ tagId: 'AC233FA1B2C3' }],
    lastLocation: { roomName: 'ED Bay 3' },
  })
})

it('confidence is what the function of the database says', async () => {
  const [row] = await queryOnce<{
    wrong: { fix: never; accuracy: number | null; age: number; confidence: number }[]
  }>(
    database.url,
    `SELECT json_agg(json_build_object('fix', fix, 'accuracy', accuracy, 'age', age,
       'confidence', location_confidence(fix::fix_quality, accuracy, make_interval(secs => age)))) AS wrong
     FROM unnest(ARRAY['position', 'approximate', 'presence', 'proximity', NULL]) AS fix,
       unnest(ARRAY[0, 1.5, 2, 8, NULL]::real[]) AS accuracy, unnest(ARRAY[0, 300, 301, 86400]) AS age`,
  )
  for (const { fix, accuracy, age, confidence } of row?.wrong ?? [])
    expect(confidenceOf(fix, accuracy, age)).toBeCloseTo(confidence, 12)
  expect(row?.wrong).toHaveLength(100)
})

it('a login that may only insert is told so; an analyst sees the organisations it is granted', async () => {
  const suffix = `${process.pid}_${Date.now()}`
  const logins = [`ingest_${suffix}`, `analyst_${suffix}`]
  closers.push(async () => {
    await queryOnce(database.url, `DELETE FROM analyst_grants; DROP ROLE IF EXISTS ${logins.join(', ')}`)
  })
  await queryOnce(
    database.url,
    `CREATE ROLE ${logins[0]} LOGIN PASSWORD 'secret' IN ROLE rtls_ingest; CREATE ROLE ${logins[1]} LOGIN PASSWORD 'secret' IN ROLE rtls_analyst;
     INSERT INTO analyst_grants (login, organization_id) VALUES ('${logins[1]}', 'o2')`,
  )
  const pool = createPool(httpPoolOptions(database.url, 30_000), () => undefined)
  closers.push(async () => pool.close())
  /** session_user is that role, as after its login, and its rights are all there are. */
  const as = (login = ''): HttpDatabase =>
    createHttpDatabase(
      () => ({
        ...pool,
        use: async (work) =>
          pool.use(async (client) => {
            const { rows } = await client.query<{ name: string }>('SELECT session_user AS name')
            await client.query(`SET SESSION AUTHORIZATION ${login}`)
            const outcome = await work(client)
            await client.query(`SET SESSION AUTHORIZATION ${rows[0]?.name}`)
            return outcome
          }),
      }),
      () => undefined,
    )
  const ingest = as(logins[0])
  const refused = { status: 403, message: expect.stringContaining('HTTP_DATABASE_URL') as string }
  await expect(createFacilities(ingest).all()).rejects.toMatchObject(refused)
  await expect(createLocationStore(ingest).one('IP-001')).rejects.toMatchObject(refused)
  await expect(createSearching(ingest).find('pump')).rejects.toMatchObject(refused)

  const analyst = as(logins[1])
  const facilities = createFacilities(analyst)
  expect((await facilities.all()).map(({ code }) => code)).toEqual(['h3'])
  const facility = await facilities.resolve(undefined)
  const located = await createLocationStore(analyst).inFacility(facility, {})
  expect(located).toMatchObject([{ facts: { assetId: 'OTHER-1' }, place: { tagId: 'T7', x: 1 } }])
  expect(await createLocationStore(analyst).ofOrganization('o1')).toEqual([])
  expect(await createLocationStore(analyst).one('IP-001', new Date())).toBeUndefined()
})
