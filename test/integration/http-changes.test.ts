// PATCH /assets/:id: nobody overwrites what he has not seen; what the table refuses is told by field; who wrote stands in the row.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPool } from '../../src/db/pool.ts'
import { assetFields } from '../../src/http/asset-fields.ts'
import { constraintRules } from '../../src/http/asset-refusals.ts'
import { createAssetStore } from '../../src/http/asset-store.ts'
import { createHttpDatabase, httpPoolOptions } from '../../src/http/database.ts'
import { Problem } from '../../src/http/problem.ts'
import { seedDatabase } from '../../src/seed/seed.ts'
import { type HttpApi, type Reply, openHttpApi } from '../support/http-api.ts'
import { queryOnce } from '../support/query.ts'
import { useSuite } from '../support/suite.ts'

const { database, closers } = useSuite()
const techToken = 'token-of-the-technician'
let api: HttpApi
let technician: string
beforeAll(async () => {
  await seedDatabase(database.url, { facility: 'demo', tags: 5 })
  const [user] = await queryOnce<{ id: string; username: string }>(
    database.url,
    `SELECT id, username FROM users WHERE role = 'TECHNICIAN' AND is_active LIMIT 1`,
  )
  technician = user?.id ?? ''
  const common = { role: 'operator' as const }
  api = await openHttpApi(database.url, {
    tokens: [
      { ...common, name: 'technician', token: techToken, user: user?.username ?? '' },
      { ...common, name: 'nobody', token: 'token-of-the-nobody', user: 'nobody' },
      { ...common, name: 'foreign', token: 'token-of-the-foreign', user: 'foreign' },
      { name: 'portal', role: 'viewer', token: 'token-of-the-portal', user: null },
    ],
  })
})
afterAll(async () => {
  await api.close()
})

const id = 'asset-demo-bme-2024-001'
const path = `/assets/${id}`
const read = async (): Promise<Reply> => api.ask(path)
const change = async (body: unknown, headers: Record<string, string> = {}, token?: string): Promise<Reply> =>
  api.ask({ method: 'PATCH', path, body, headers, ...(token === undefined ? {} : { token }) })
const current = async (): Promise<string> => (await read()).headers.get('etag') ?? ''

describe('the version', () => {
  it('must be named', async () => {
    expect((await change({ notes: 'x' })).status).toBe(428)
  })

  it('of If-Match that is not the current one is a 412, of the body a 409; both say which is', async () => {
    const { body, headers } = await read()
    const version = Number(body['version'])
    const stale = await change({ notes: 'x' }, { 'if-match': `"${version + 1}"` })
    expect([stale.status, stale.body['currentVersion'], stale.headers.get('etag')]).toEqual([
      412,
      version,
      headers.get('etag'),
    ])
    const conflict = await change({ notes: 'x', version: version + 1 })
    expect([conflict.status, conflict.body['currentVersion']]).toEqual([409, version])
    expect((await change({ notes: 'x' }, { 'if-match': `W/"${version}"` })).status).toBe(412)
    expect((await change({ notes: 'x' }, { 'if-match': String(version) })).status).toBe(400)
    expect((await read()).body).toMatchObject({ version, notes: body['notes'] })
  })

  it('that is current changes exactly the fields named, and counts up', async () => {
    const before = (await read()).body
    const reply = await change(
      {
        notes: 'moved',
        customFields: { a: { b: [1] } },
        bleMacAddress: 'ac:23:3f:00:00:01',
        version: before['version'],
      },
      { 'if-match': `"0", "${String(before['version'])}"` },
    )
    expect(reply.status).toBe(200)
    const { updatedAt: _, lastLocation: __, ...rest } = before
    expect(reply.body).toMatchObject({
      ...rest,
      notes: 'moved',
      customFields: { a: { b: [1] } },
      bleMacAddress: 'AC233F000001',
      version: Number(before['version']) + 1,
    })
    const cleared = await change({ notes: null }, { 'if-match': '*' })
    expect(cleared.body).toMatchObject({ notes: null, version: Number(before['version']) + 2 })
  })

  it('lets one of many who change it at once win, and no change is lost', async () => {
    const tag = await current()
    const replies = await Promise.all(
      Array.from({ length: 8 }, async (_, at) => change({ notes: `writer ${at}` }, { 'if-match': tag })),
    )
    expect(replies.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      200,
      ...Array<number>(7).fill(412),
    ])
    const winner = replies.findIndex(({ status }) => status === 200)
    expect((await read()).body).toMatchObject({
      notes: `writer ${winner}`,
      version: Number(tag.slice(1, -1)) + 1,
    })
  })

  it('is looked at again by the very statement that writes', async () => {
    const pool = createPool(httpPoolOptions(database.url, 30_000), () => undefined)
    closers.push(async () => pool.close())
    const real = createHttpDatabase(
      () => pool,
      () => undefined,
    )
    let writes = 0
    const store = createAssetStore({
      ...real,
      async query(sql, parameters) {
        if (sql.startsWith('UPDATE')) {
          writes += 1
          await queryOnce(database.url, `UPDATE assets SET notes = 'somebody else' WHERE id = '${id}'`)
        }
        return real.query(sql, parameters)
      },
    })
    const caller = { name: 'test', role: 'operator', user: null } as const
    const conflict = (version: number): Problem => new Problem('version-conflict', `at ${version}`)
    await expect(store.change(id, { notes: 'mine' }, caller, () => true, conflict)).rejects.toThrow(
      /^at \d+$/u,
    )
    expect([writes, (await read()).body['notes']]).toEqual([1, 'somebody else'])
  })
})

describe('what may not be', () => {
  it.each([
    [{ warrantyStartDate: '2024-01-02', warrantyEndDate: '2024-01-01' }, ['warrantyEndDate']],
    [{ recallStatus: 'CLASS_I' }, ['recallNoticeNumber']],
    [{ depreciationMethod: 'UNITS_OF_PRODUCTION' }, ['usefulLifeUnits']],
    [{ salvageValue: 1_500_000.01 }, ['salvageValue']],
    [{ checkedOutToId: 'user-demo-admin' }, ['checkedOutToId', 'checkedOutAt']],
    [{ operatingTemperatureMinC: 30, operatingTemperatureMaxC: 10 }, ['operatingTemperatureMaxC']],
    [{ serialNumber: null }, ['serialNumber']],
    [{ organizationId: 'org-demo-001' }, ['organizationId']],
    [{ homeRoomId: 'nowhere' }, ['homeRoomId']],
    [{ gmdnCode: '1', currency: 'usd' }, ['gmdnCode', 'currency']],
    [{ customFields: { deep: 'half \uD83D' } }, ['customFields']],
    [{}, undefined],
    [[], undefined],
  ])('%j is a 422 that names %j', async (body, fields) => {
    const before = await current()
    const reply = await change(body, { 'if-match': '*' })
    expect(reply.status).toBe(422)
    expect((reply.body['errors'] as { field: string }[] | undefined)?.map(({ field }) => field)).toEqual(
      fields,
    )
    expect(await current()).toBe(before)
  })

  it('every rule of the table has its words', async () => {
    const rows = await queryOnce<{ conname: string }>(
      database.url,
      `SELECT conname FROM pg_constraint WHERE conrelid = 'assets'::regclass AND contype = 'c'`,
    )
    const columns = new Set(assetFields.map(({ column }) => `assets_${column}_check`))
    const named = rows.map(({ conname }) => conname).filter((name) => !columns.has(name))
    // Only the service sets deleted_at.
    expect(named.toSorted()).toEqual([...constraintRules, 'assets_deletion_whole'].toSorted())
  })
})

describe('who wrote', () => {
  it('is the user of the token, else the administrator', async () => {
    expect(
      (await change({ notes: 'by technician' }, { 'if-match': '*' }, techToken)).body['updatedById'],
    ).toBe(technician)
    expect((await change({ notes: 'by admin' }, { 'if-match': '*' })).body['updatedById']).toBe(
      'user-demo-admin',
    )
  })

  it('is refused when the user is not there or belongs to another organisation', async () => {
    expect(
      (await change({ notes: 'x' }, { 'if-match': '*' }, 'token-of-the-nobody')).body['detail'],
    ).toContain('no active user')
    await queryOnce(
      database.url,
      `INSERT INTO organizations (id, name) VALUES ('org-2', 'Other');
       INSERT INTO users (id, organization_id, username, email, first_name, last_name) VALUES ('user-2', 'org-2', 'foreign', 'f@example.org', 'F', 'F')`,
    )
    const reply = await change({ notes: 'x' }, { 'if-match': '*' }, 'token-of-the-foreign')
    expect([reply.status, reply.body['detail']]).toEqual([
      403,
      expect.stringContaining('another organisation'),
    ])
  })

  it('is nobody with the token of a viewer, an unknown one, or none; the body is not even read', async () => {
    const outcomes = await Promise.all(
      ['token-of-the-portal', 'unknown', null].map(async (token) =>
        api.ask({ method: 'PATCH', path, body: '{not json', token }),
      ),
    )
    expect(outcomes.map(({ status, headers }) => [status, headers.get('www-authenticate') !== null])).toEqual(
      [
        [403, false],
        [401, true],
        [401, true],
      ],
    )
  })
})
