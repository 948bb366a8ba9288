// Who may do what: the service as rtls_ingest, analysts of two organisations, and what no trick of theirs reaches.
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPool } from '../../src/db/pool.ts'
import { refreshDueDays } from '../../src/db/rollup-refresh.ts'
import { createWriter } from '../../src/ingest/writer.ts'
import { useBiotrakr } from '../support/biotrakr.ts'
import { batchOf } from '../support/ingest.ts'
import { rollups } from '../support/rollups.ts'

const suite = useBiotrakr()
const { query, asset } = suite
/** Roles belong to the server, where other test files have theirs. */
const suffix = `${process.pid}_${Date.now()}`
const one = `analyst_one_${suffix}`
const none = `analyst_none_${suffix}`
const ingest = `ingest_${suffix}`
const logins = [one, none, ingest]

let admin = ''

const dayMs = 86_400_000
const start = Math.floor(Date.now() / dayMs - 10) * dayMs

beforeAll(async () => {
  admin = String(await suite.value('SELECT session_user'))
  await query(`INSERT INTO organizations (id, name) VALUES ('o2', 'Other')`)
  await query(
    `INSERT INTO facilities (id, organization_id, facility_code, facility_name) VALUES ('f2', 'o2', 'h2', 'H2')`,
  )
  await query(
    `INSERT INTO departments (id, facility_id, department_code, department_name) VALUES ('d2', 'f2', 'ICU', 'ICU')`,
  )
  await query(
    `INSERT INTO users (id, organization_id, username, email, first_name, last_name) VALUES ('u2', 'o2', 'bo', 'bo@h2.example', 'Bo', 'B')`,
  )
  await asset({ id: 'own' })
  await asset({
    id: 'secret',
    organization_id: 'o2',
    current_facility_id: 'f2',
    custodian_department_id: 'd2',
    primary_custodian_id: 'u2',
    created_by_id: 'u2',
    updated_by_id: 'u2',
  })
  // Plans for both, so that every view has a row of each.
  for (const [n, facility] of [
    ['1', 'f'],
    ['2', 'f2'],
  ])
    for (const sql of [
      `INSERT INTO buildings (id, facility_id, building_code, building_name) VALUES ('b${n}', '${facility}', 'M', 'M')`,
      `INSERT INTO floors (id, building_id, floor_number, floor_name) VALUES ('l${n}', 'b${n}', 0, 'G')`,
      `INSERT INTO rooms (id, floor_id, room_code, room_name) VALUES ('r${n}', 'l${n}', 'R', 'R')`,
    ])
      await query(sql)
  for (const [tag, wearer] of [
    ['OWN', 'own'],
    ['SECRET', 'secret'],
    ['NURSE', 'own'],
  ])
    await query(`INSERT INTO tag_assignments (tag_id, asset_id, valid_from) VALUES ($1, $2, '-infinity')`, [
      tag,
      wearer,
    ])
  await query(`INSERT INTO person_tags (tag_id) VALUES ('NURSE')`)
  for (const [tag, facility, room] of [
    ['OWN', 'h1', 'r1'],
    ['SECRET', 'h2', 'r2'],
    ['NURSE', 'h1', 'r1'],
  ])
    await query(
      `INSERT INTO location_history (t, facility_id, gateway_id, tag_id, room_id, floor, x, y, battery_pct)
       SELECT to_timestamp($4::float8) + i * interval '1 hour', $1, 'g', $2, $3, 0, 1, 1, 90 FROM generate_series(0, 71) i`,
      [facility, tag, room, start / 1000],
    )
  for (const rollup of rollups)
    await query(`CALL refresh_continuous_aggregate('${rollup}', NULL, now() - interval '1 day')`)
  await query(`SELECT compress_chunk(c) FROM show_chunks('location_history') c`)
  await query(`SELECT compress_chunk(c) FROM show_chunks('location_1h') c`)
  await query(`SELECT compress_chunk(c) FROM show_chunks('room_presence_1h') c`)
  await query(`CREATE ROLE ${one} LOGIN IN ROLE rtls_analyst`)
  await query(`CREATE ROLE ${none} LOGIN IN ROLE rtls_analyst`)
  await query(`CREATE ROLE ${ingest} LOGIN IN ROLE rtls_ingest`)
  await query(`INSERT INTO analyst_grants (login, organization_id) VALUES ($1, 'o')`, [one])
})
afterAll(async () => {
  for (const login of logins) await query(`DROP ROLE IF EXISTS ${login}`)
})

/** The rows a login role is given: session_user is that role, as after its login, and its rights are all there are. */
async function as<Row extends pg.QueryResultRow>(login: string, ...statements: string[]): Promise<Row[]> {
  await query(`SET SESSION AUTHORIZATION ${login}`)
  try {
    let rows: Row[] = []
    for (const sql of statements) rows = await query<Row>(sql)
    return rows
  } finally {
    await query('ROLLBACK')
    await query(`SET SESSION AUTHORIZATION ${admin}`)
  }
}
const refusalOf = async (login: string, ...statements: string[]): Promise<string> =>
  as(login, ...statements).then(
    () => 'allowed',
    (error: unknown) => (error instanceof pg.DatabaseError ? (error.code ?? '') : String(error)),
  )
const denied = '42501'

const byTag = [
  'location_history',
  'location_1m',
  'location_1h',
  'location_1d',
  'room_presence_1m',
  'room_presence_1h',
  'tag_assignments',
]

describe('an analyst', () => {
  it.each([...byTag, 'asset_history', 'asset_location_1h', 'asset_location_1d', 'asset_presence_1m'])(
    'reads of rtls.%s what is of the organisations granted, compressed or not, and nothing of people',
    async (view) => {
      const sql = `SELECT DISTINCT tag_id FROM rtls.${view} ORDER BY 1`
      expect(await as(one, sql)).toEqual([{ tag_id: 'OWN' }])
      expect(await as(none, sql)).toEqual([])
      // Who may read the tables sees all organisations here; people's tags only in the tables.
      expect(await query(sql)).toEqual([{ tag_id: 'OWN' }, { tag_id: 'SECRET' }])
    },
  )

  it('finds a row of each organisation in every view only when both are granted', async () => {
    const views = await query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.views WHERE table_schema = 'rtls' ORDER BY 1`,
    )
    for (const { name } of views) {
      const text = JSON.stringify(await as(one, `SELECT * FROM rtls.${name}`))
      expect(`${name} ${text}`).not.toMatch(/"(?:o2|f2|h2|d2|b2|l2|r2|secret|SECRET|NURSE)"/u)
      expect([name, ...(await as(none, `SELECT * FROM rtls.${name}`))]).toEqual([name])
      const [barrier] = await query<{ is: boolean }>(
        `SELECT reloptions::text LIKE '%security_barrier%' AS is FROM pg_class WHERE oid = $1::regclass`,
        [`rtls.${name}`],
      )
      expect([name, barrier?.is]).toEqual([name, true])
    }
  })

  it('gets no answer about another organisation’s asset from any function', async () => {
    const [from, to] = [new Date(start).toISOString(), new Date(start + 4 * dayMs).toISOString()]
    const answers = (id: string, facility: string): string[] => [
      `SELECT t FROM asset_location_at('${id}', '${to}')`,
      `SELECT t FROM asset_location_now('${id}')`,
      `SELECT t FROM asset_trail('${id}', '${from}', '${to}')`,
      `SELECT t FROM rtls.last_ping('${id.toUpperCase()}', '${from}', '${to}')`,
      `SELECT * FROM asset_visits('${id}', '${from}', '${to}', max_gap => '2 hours')`,
      `SELECT * FROM asset_dwell(ARRAY['${id}'], '${from}', '${to}', max_gap => '2 hours')`,
      `SELECT * FROM asset_distance('${id}', '${from}', '${to}', '2 hours') WHERE legs > 0`,
      `SELECT * FROM room_occupancy('${facility}', '${from}', '${to}')`,
      `SELECT * FROM heat_map('${facility}', 0, '${from}', '${to}')`,
      `SELECT * FROM gateway_silences('${facility}', '${from}', '${to}')`,
      `SELECT * FROM coverage_holes('${facility}', '${from}', '${to}')`,
      `SELECT * FROM fleet_use('${facility}', '${from}', '${to}')`,
      `SELECT * FROM right_size('${facility}', '${from}', '${to}')`,
    ]
    for (const sql of answers('secret', 'h2')) expect([sql, ...(await as(one, sql))]).toEqual([sql])
    for (const sql of answers('own', 'h1'))
      expect(`${sql}: ${(await as(one, sql)).length}`).not.toMatch(/: 0$/u)
    for (const sql of ['missing_assets()', 'battery_forecast()', "gateway_health(now() - interval '8 days')"])
      expect(JSON.stringify(await as(one, `SELECT * FROM ${sql}`))).not.toMatch(/secret|h2/u)
  })

  it('may read no table, no chunk, compressed or not, and nothing materialised', async () => {
    const relations = await query<{ name: string }>(`
      SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname IN ('public', '_timescaledb_internal') AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')`)
    expect(relations.length).toBeGreaterThan(60)
    for (const { name } of relations)
      // XX000: TimescaleDB lets nobody read these.
      expect(`${name} ${await refusalOf(one, `SELECT * FROM ${name} LIMIT 1`)}`).toMatch(/ (?:42501|XX000)$/u)
  })

  it('gains nothing by settings, other roles, or functions of their own', async () => {
    const leaked = `SELECT DISTINCT tag_id FROM rtls.location_history ORDER BY 1`
    expect(await refusalOf(one, 'SET ROLE rtls_admin')).toBe(denied)
    expect(await as(one, 'SET ROLE rtls_analyst', leaked)).toEqual([{ tag_id: 'OWN' }])
    expect(await refusalOf(one, `INSERT INTO analyst_grants VALUES ('${one}', 'o2')`)).toBe(denied)
    // A cheap function that writes down every row it is shown.
    const spy = [
      'BEGIN',
      'CREATE TEMPORARY TABLE seen (tag text)',
      `CREATE FUNCTION pg_temp.spy(tag text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
         $$ BEGIN INSERT INTO pg_temp.seen VALUES (tag); RETURN true; END $$`,
    ]
    for (const view of byTag)
      expect(
        await as(
          one,
          ...spy,
          `SELECT FROM rtls.${view} WHERE pg_temp.spy(tag_id)`,
          'SELECT DISTINCT tag FROM seen',
        ),
      ).toEqual([{ tag: 'OWN' }])
    // A table of the same name in front of the real one.
    const shadow = [
      'BEGIN',
      `CREATE TEMPORARY TABLE person_tags (tag_id text)`,
      `CREATE TEMPORARY TABLE analyst_grants AS SELECT '${one}'::text AS login, 'o2'::text AS organization_id`,
      'SET LOCAL search_path = pg_temp, public',
    ]
    expect(await as(one, ...shadow, leaked)).toEqual([{ tag_id: 'OWN' }])
    expect(
      await as(one, ...shadow, `SELECT t FROM rtls.last_ping('SECRET', '-infinity', 'infinity')`),
    ).toEqual([])
  })

  it('erases nothing and may not ask to', async () => {
    expect(await refusalOf(one, `SELECT * FROM erase_tag('OWN')`)).toBe(denied)
    expect(await refusalOf(one, `CALL erase_expired_person_pings()`)).toBe(denied)
  })
})

describe('the service as rtls_ingest', () => {
  it('stores pings, late ones, repeated ones and dead letters, and reads none', async () => {
    const url = new URL(suite.database.url)
    url.searchParams.set('options', '-c role=rtls_ingest')
    const pool = createPool(
      { url: url.href, max: 1, connectTimeoutMs: 60_000, statementTimeoutMs: 60_000 },
      () => undefined,
    )
    try {
      const failures: unknown[] = []
      const writer = createWriter(pool, 65_536, {
        onFailure: (judgement) => failures.push(judgement),
        onSuccess: () => undefined,
      })
      const hot = new AbortController().signal
      const now = Date.now() * 1000
      const batch = (payload: unknown): ReturnType<typeof batchOf> => batchOf(payload, now)
      const ping = { tagId: 'INGESTED', t: new Date(Date.now() - 1000).toISOString(), x: 1, y: 2 }
      expect(await writer.write(batch(ping), { lane: 'hot' }, hot)).toMatchObject({ committed: 1 })
      expect(await writer.write(batch(ping), { lane: 'hot' }, hot)).toMatchObject({ duplicates: 1 })
      const late = { ...ping, t: new Date(start + 5000).toISOString() }
      expect(await writer.write(batch(late), { lane: 'late' }, hot)).toMatchObject({ committed: 1 })
      expect(await writer.write(batch(late), { lane: 'late', isRepeat: true }, hot)).toMatchObject({
        committed: 1,
      })
      expect((await writer.write(batch({ t: 1 }), { lane: 'hot' }, hot)).deadLettered.size).toBe(1)
      expect(failures.filter((failure) => JSON.stringify(failure).includes(denied))).toEqual([])
      // The refresh of late pings is the owner's: the service leaves it, and the database's job does it.
      expect(await refreshDueDays(pool, 0)).toBe(0)
      const [who] = await pool.use(
        async (client) => (await client.query<{ who: string }>('SELECT current_user AS who')).rows,
      )
      expect(who).toEqual({ who: 'rtls_ingest' })
    } finally {
      await pool.close()
    }
    await query(`UPDATE rollup_refresh_queue SET requested_at = now() - interval '1 hour'`)
    await query('CALL refresh_late_rollups()')
    expect(await query('SELECT day FROM rollup_refresh_queue')).toEqual([])
    expect(
      await query(
        `SELECT bucket FROM location_1d WHERE tag_id = 'INGESTED' AND bucket < now() - interval '5 days'`,
      ),
    ).toEqual([{ bucket: new Date(start) }])
    for (const sql of [
      'SELECT x FROM location_history LIMIT 1',
      'SELECT payload FROM dead_letter LIMIT 1',
      'DELETE FROM location_history',
      'UPDATE location_history SET x = 0',
      'SELECT * FROM assets',
      'SELECT * FROM rtls.asset_history',
      'CREATE TABLE public.mine ()',
    ])
      expect(`${sql}: ${await refusalOf(ingest, sql)}`).toBe(`${sql}: ${denied}`)
  })
})
