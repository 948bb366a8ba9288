// The examples of sql/queries, run as an analyst would: on the demo hospital, with the rights of rtls_analyst and no more.
import { readFileSync, readdirSync } from 'node:fs'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedDatabase } from '../../src/seed/seed.ts'
import { type TestDatabase, openMigratedDatabase } from '../support/database.ts'
import { settleRollups } from '../support/rollups.ts'

const folder = new URL('../../sql/queries/', import.meta.url)
const files = readdirSync(folder).toSorted()
const login = `analyst_examples_${process.pid}_${Date.now()}`
let database: TestDatabase
let client: pg.Client
let admin = ''

/** A tag in a room, every minute of a span of hours ago. */
const stay = async (
  asset: string,
  room: string,
  from: number,
  to: number,
  gateway = 'g1',
): Promise<unknown> =>
  client.query(
    `INSERT INTO location_history (t, received_at, facility_id, gateway_id, tag_id, room_id, floor, x, y, accuracy_m, fix, battery_pct)
     SELECT t, t + interval '1 second', 'demo', $5, w.tag_id, $2, 0, 10 + extract(minute FROM t)::integer % 3, 10, 0.5, 'position', 50
     FROM tag_assignments w JOIN assets a ON a.id = w.asset_id,
       generate_series(now() - $3 * interval '1 hour', now() - $4 * interval '1 hour', interval '1 minute') t
     WHERE a.asset_tag_number = $1 ON CONFLICT DO NOTHING`,
    [asset, `demo/${room}`, from, to, gateway],
  )

beforeAll(async () => {
  database = await openMigratedDatabase()
  await seedDatabase(database.url, { facility: 'demo', tags: 12 })
  client = new pg.Client(database.url)
  await client.connect()
  admin = (await client.query<{ who: string }>('SELECT session_user AS who')).rows[0]?.who ?? ''
  await stay('DEMO-PUMP-0001', 'PACU-1', 20, 8)
  await stay('DEMO-PUMP-0001', 'OR-1', 6, 3)
  await stay('DEMO-PUMP-0001', 'PACU-1', 2.9, 0.01)
  await stay('DEMO-PUMP-0002', 'PACU-1', 12, 0.01)
  await stay('DEMO-MON-0001', 'ICU-2', 20, 5, 'g2')
  await client.query(
    `INSERT INTO par_levels (room_id, device_category, min_count) VALUES ('demo/PACU-1', 'THERAPEUTIC', 4)`,
  )
  await client.query(
    `UPDATE assets SET recall_status = 'CLASS_II', recall_notice_number = 'N1', recall_notice_date = '2024-05-01'
     WHERE asset_tag_number = 'DEMO-PUMP-0002'`,
  )
  await settleRollups(async (sql) => client.query(sql))
  await client.query(`CREATE ROLE ${login} LOGIN IN ROLE rtls_analyst`)
  await client.query(
    `INSERT INTO analyst_grants (login, organization_id) SELECT '${login}', id FROM organizations`,
  )
  await client.query(`SET SESSION AUTHORIZATION ${login}`)
})
afterAll(async () => {
  await client.query(`SET SESSION AUTHORIZATION ${admin}`)
  await client.query(`DROP ROLE ${login}`)
  await client.end()
  await database.close()
})

describe('sql/queries', () => {
  it.each(files)('%s answers', async (file) => {
    const { rows } = await client.query<Record<string, unknown>>(readFileSync(new URL(file, folder), 'utf8'))
    expect(rows.length).toBeGreaterThan(0)
  })

  it('says where the pump is, was, and whom it was with', async () => {
    const ask = async (file: string): Promise<Record<string, unknown>[]> =>
      (await client.query<Record<string, unknown>>(readFileSync(new URL(`${file}.sql`, folder), 'utf8'))).rows
    expect(await ask('where-is-it')).toMatchObject([{ room_name: 'PACU 1', fix: 'position', confidence: 1 }])
    expect((await ask('restricted')).map((row) => row['asset_tag_number'])).toEqual(['DEMO-PUMP-0001'])
    expect((await ask('contacts-of-one')).map((row) => row['asset_tag_number'])).toEqual(['DEMO-PUMP-0002'])
    expect(await ask('par-levels')).toMatchObject([{ present: '2', status: 'UNDER' }])
    expect((await ask('missing')).map((row) => row['asset_tag_number'])).toContain('DEMO-MON-0001')
  })

  it('has an example for every question, each of which docs/analysts.md shows', async () => {
    const docs = readFileSync(new URL('../../docs/analysts.md', import.meta.url), 'utf8')
    for (const file of files) expect(docs).toContain(`sql/queries/${file}`)
    const { rows } = await client.query<{ name: string; comment: string | null }>(`
      SELECT p.proname AS name, obj_description(p.oid, 'pg_proc') AS comment FROM pg_proc p
      WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f' AND obj_description(p.oid, 'pg_proc') LIKE '%sql/queries/%'`)
    expect(rows.length).toBeGreaterThan(14)
    for (const { name, comment } of rows) {
      const [, file = ''] = /sql\/queries\/([a-z-]+\.sql)/u.exec(comment ?? '') ?? []
      expect(files).toContain(file)
      expect(readFileSync(new URL(file, folder), 'utf8')).toContain(`${name}(`)
      expect(docs).toContain(`\`${name}\``)
    }
  })
})
