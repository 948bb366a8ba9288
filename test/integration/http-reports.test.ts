// The reports of the HTTP API over the demo hospital: each gives what the analysts' function or view gives, as JSON and as CSV, within
// limits, to whoever may read. Each answer is held against /openapi.json.
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedDatabase } from '../../src/seed/seed.ts'
import { type HttpApi, type Reply, openHttpApi } from '../support/http-api.ts'
import { settleRollups } from '../support/rollups.ts'
import { useSuite } from '../support/suite.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

const { database } = useSuite()
let api: HttpApi
let client: pg.Client
const hourMs = 3_600_000
/** Whole hours, and over: what is compared does not move on meanwhile. */
const to = new Date(Math.floor(Date.now() / hourMs) * hourMs)
const hoursAgo = (hours: number): Date => new Date(to.getTime() - hours * hourMs)

/** The tag of an asset in a room, every minute of some hours. */
const stay = async (
  asset: string,
  room: string,
  from: number,
  until: number,
  battery = 50,
): Promise<void> => {
  await client.query(
    `INSERT INTO location_history (t, received_at, facility_id, gateway_id, tag_id, room_id, floor, x, y, accuracy_m, fix, battery_pct)
     SELECT t, t + interval '1 second', 'demo', 'g1', w.tag_id, $2, 0, 10, 10, 0.5, 'position', $5
     FROM tag_assignments w JOIN assets a ON a.id = w.asset_id, generate_series($3::timestamptz, $4::timestamptz - interval '1 minute', interval '1 minute') t
     WHERE a.asset_tag_number = $1`,
    [asset, `demo/${room}`, hoursAgo(from), hoursAgo(until), battery],
  )
}

beforeAll(async () => {
  await seedDatabase(database.url, { facility: 'demo', tags: 12 })
  client = new pg.Client(database.url)
  await client.connect()
  await client.query(`SET TIME ZONE 'UTC'`)
  await stay('DEMO-PUMP-0001', 'PACU-1', 20, 8, 40)
  await stay('DEMO-PUMP-0001', 'OR-1', 6, 3, 15)
  await stay('DEMO-PUMP-0001', 'PACU-1', 3, 0, 12)
  await stay('DEMO-PUMP-0002', 'PACU-1', 12, 0)
  await stay('DEMO-MON-0001', 'ICU-2', 20, 5)
  await client.query(
    `INSERT INTO par_levels (room_id, device_category, min_count) VALUES ('demo/PACU-1', 'THERAPEUTIC', 4)`,
  )
  await client.query(
    `UPDATE assets SET recall_status = 'CLASS_II', recall_notice_number = '=N1', recall_notice_date = '2024-05-01',
       equipment_name = '=cmd|pump' WHERE asset_tag_number = 'DEMO-PUMP-0002'`,
  )
  await settleRollups(async (sql) => client.query(sql))
  await client.query('SELECT * FROM record_restricted_entries($1, $2)', [hoursAgo(24), to])
  api = await openHttpApi(database.url)
})
afterAll(async () => {
  await api.close()
  await client.end()
})

type Row = Readonly<Record<string, unknown>>
const items = ({ status, body, text }: Reply): Row[] => {
  if (status !== 200) throw new Error(text)
  return body['items'] as Row[]
}
const span = `from=${hoursAgo(24).toISOString()}&to=${to.toISOString()}`
const report = async (query: string): Promise<Row[]> => items(await api.ask(`/reports/${query}`))
const ask = async (sql: string): Promise<Row[]> =>
  (await client.query<Record<string, unknown>>(sql, sql.includes('$2') ? [hoursAgo(24), to] : [])).rows
const asJson = (rows: readonly Row[]): unknown => JSON.parse(JSON.stringify(rows))

/** A report → the columns that do not depend on the moment, and the SQL that an analyst would write for them. */
const reports: readonly (readonly [path: string, sql: string])[] = [
  [
    `occupancy?${span}`,
    `SELECT bucket, room_id AS "roomId", room_name AS "roomName", device_category AS category, round(average::numeric, 3)::float8 AS average,
       most::int, assets::int FROM room_occupancy('demo', $1, $2) ORDER BY bucket, room_name, room_id, device_category`,
  ],
  [
    `occupancy?${span}&unit=day&room=demo/OR-1&category=THERAPEUTIC`,
    `SELECT bucket, room_id AS "roomId", most::int FROM room_occupancy('demo', $1, $2, 'day')
     WHERE room_id = 'demo/OR-1' AND device_category = 'THERAPEUTIC' ORDER BY bucket`,
  ],
  [
    `dwell?${span}`,
    `SELECT group_id AS "groupId", group_name AS "groupName", visits::int, assets::int, extract(epoch FROM dwell)::float8 AS "totalS",
       extract(epoch FROM median)::float8 AS "medianS", extract(epoch FROM longest)::float8 AS "longestS", to_5_min::int AS "to5Min",
       to_4_h::int AS "to4H", to_12_h::int AS "to12H", longer::int FROM dwell_distribution('demo', $1, $2)`,
  ],
  [
    `dwell?${span}&by=category`,
    `SELECT group_id AS "groupId", visits::int FROM dwell_distribution('demo', $1, $2, 'CATEGORY')`,
  ],
  [
    `heat-map?${span}&floor=0&cellM=5`,
    `SELECT cell_x AS "cellX", cell_y AS "cellY", minutes::int, assets::int, pings::int, accuracy_m AS "accuracyM"
     FROM heat_map('demo', 0, $1, $2, 5)`,
  ],
  [
    `coverage?${span}`,
    `SELECT room_id AS "roomId", silences::int, assets::int, extract(epoch FROM longest)::float8 AS "longestS",
       elsewhere_share AS "elsewhereShare" FROM coverage_holes('demo', $1, $2)`,
  ],
  [
    `restricted?${span}`,
    `SELECT asset_id AS "assetId", asset_tag_number AS "assetTag", room_id AS "roomId", room_name AS "roomName", entered_at AS "enteredAt",
       left_at AS "leftAt" FROM restricted_visits($1, $2) ORDER BY entered_at DESC`,
  ],
  ...['LOG', 'AWAY'].map(
    (by) =>
      [
        `utilisation?${span}&by=${by.toLowerCase()}`,
        `SELECT asset_id AS "assetId", asset_tag_number AS "assetTag", equipment_name AS name, round(extract(epoch FROM used), 3)::float8 AS "usedS",
           round(used_pct::numeric, 3)::float8 AS "usedPct", last_used_at AS "lastUsedAt" FROM fleet_use('demo', $1, $2, '${by}')
         ORDER BY used_pct, longest_idle DESC, asset_tag_number`,
      ] as const,
  ),
  [
    `right-size?${span}&by=away`,
    `SELECT device_category AS category, device_subcategory AS subcategory, owned::int, enough::int, most_used::int AS "mostUsed",
       spare::int FROM right_size('demo', $1, $2, 'AWAY') ORDER BY spare DESC NULLS LAST, 1, 2`,
  ],
  [
    'missing',
    `SELECT asset_id AS "assetId", last_seen AS "lastSeenAt", extract(epoch FROM expected_interval)::float8 AS "expectedIntervalS",
       room_name AS "roomName" FROM missing_assets() ORDER BY overdue_factor DESC NULLS FIRST, last_seen NULLS FIRST, asset_id`,
  ],
  [
    'par-levels',
    `SELECT room_id AS "roomId", min_count AS "minCount", max_count AS "maxCount", present::int, status, lacking::int FROM rtls.par_status`,
  ],
  [
    'batteries',
    `SELECT asset_id AS "assetId", tag_id AS "tagId", battery_pct AS "batteryPct", told_at AS "toldAt", is_low AS "isLow",
       empty_on::text AS "emptyOn", days_used::int AS "daysUsed" FROM battery_forecast() ORDER BY days_left NULLS LAST, battery_pct, asset_id`,
  ],
  [
    'batteries?lowPct=45&withinDays=1',
    `SELECT tag_id AS "tagId" FROM battery_forecast(45) WHERE is_low ORDER BY days_left NULLS LAST, battery_pct`,
  ],
  [
    'maintenance',
    `SELECT asset_id AS "assetId", criticality_level AS criticality, reason, due_on::text AS "dueOn", days_overdue AS "daysOverdue",
       room_name AS "roomName" FROM rtls.equipment_to_find
     ORDER BY criticality_level, days_overdue DESC NULLS LAST, asset_tag_number, reason`,
  ],
  [
    'gateways?minutes=1440',
    `SELECT gateway_id AS "gatewayId", status, last_seen AS "lastSeenAt", wrong_clock_pings::int AS "wrongClockPings"
     FROM gateway_health(now(), interval '1 day')`,
  ],
]

describe('a report', () => {
  it.each(reports)('%s gives what SQL gives, as JSON and as CSV', async (path, sql) => {
    const expected = asJson(await ask(sql)) as Row[]
    expect(expected.length).toBeGreaterThan(0)
    const rows = await report(path)
    expect(rows.map((row) => pick(row, Object.keys(expected[0] ?? {})))).toEqual(expected)

    const csv = await api.ask({ path: `/reports/${path}`, headers: { accept: 'text/csv' } })
    expect(csv.headers.get('content-disposition')).toMatch(/^attachment; filename="[a-z-]+\.csv"$/u)
    const [header, ...lines] = csv.text.trimEnd().split('\r\n')
    expect(header).toBe(Object.keys(rows[0] ?? {}).join(','))
    expect(lines).toHaveLength(rows.length)
  })

  it('says of when and where it is', async () => {
    const { body } = await api.ask(`/reports/occupancy?${span}`)
    expect(body).toMatchObject({
      facility: 'demo',
      from: hoursAgo(24).toISOString(),
      to: to.toISOString(),
      total: (body['items'] as Row[]).length,
    })
    const now = await api.ask('/reports/missing')
    expect(now.body).not.toHaveProperty('from')
    expect(typeof now.body['timezone']).toBe('string')
  })

  it('gives the first rows and how many there are', async () => {
    const all = await report('missing')
    const { body } = await api.ask('/reports/missing?limit=2')
    expect(body).toMatchObject({ total: all.length })
    expect((body['items'] as Row[]).map((row) => row['assetId'])).toEqual(
      all.slice(0, 2).map((row) => row['assetId']),
    )
  })

  it('names equipment that begins like a formula so that a spreadsheet shows it', async () => {
    const { text } = await api.ask('/reports/maintenance?format=csv')
    expect(text).toContain(",'=cmd|pump,")
    expect((await report('maintenance')).map((row) => row['name'])).toContain('=cmd|pump')
  })

  it('of a quiet span is empty, and says so with no rows rather than with a problem', async () => {
    const quiet = 'from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z'
    for (const path of ['occupancy', 'dwell', 'restricted', 'coverage'])
      expect(await api.ask(`/reports/${path}?${quiet}`)).toMatchObject({
        status: 200,
        body: { total: 0, items: [] },
      })
  })
})

describe('what is refused', () => {
  it.each([
    [
      'occupancy?from=2024-01-01T00:00:00Z&to=2024-06-01T00:00:00Z',
      'from',
      /152 days long.*at most 92.*unit=day/u,
    ],
    ['occupancy?unit=day&from=2019-01-01T00:00:00Z', 'from', /at most 1100/u],
    ['dwell?from=2024-01-01T00:00:00Z&to=2024-03-01T00:00:00Z', 'from', /at most 31: ask for less/u],
    ['utilisation?by=away&from=2024-01-01T00:00:00Z&to=2024-03-01T00:00:00Z', 'from', /by=log/u],
    ['restricted?from=2024-02-01T00:00:00Z&to=2024-01-01T00:00:00Z', 'from', /earlier than to/u],
    ['occupancy?from=yesterday', 'from', /expected .*2024-01-15T08:30:00Z.*got "yesterday"/u],
    ['occupancy?unit=quarter', 'unit', /hour or day/u],
    ['occupancy?category=PUMPS', 'category', /one of IMAGING/u],
    ['occupancy?facility=nowhere', 'facility', /there is no such facility: demo/u],
    ['heat-map', 'floor', /is required/u],
    ['heat-map?floor=ground', 'floor', /the number of a floor/u],
    ['heat-map?floor=0&cellM=0.1', 'cellM', /from 0.5 to 50/u],
    ['missing?factor=0', 'factor', /from 1 to 1000/u],
    ['missing?limit=0', 'limit', /from 1 to 20000/u],
    ['missing?colour=red', 'colour', /there is no such parameter/u],
    ['missing?format=xml', 'format', /json or csv/u],
    ['gateways?minutes=1e9', 'minutes', /from 5 to 1440/u],
  ])('%s says what is wrong with %s', async (path, field, detail) => {
    const { status, body } = await api.ask(`/reports/${path}`)
    expect(status).toBe(400)
    expect(body['errors']).toMatchObject([{ field, detail: expect.stringMatching(detail) as string }])
  })

  it('a facility must be named where there are several', async () => {
    await client.query(
      `INSERT INTO facilities (organization_id, facility_code, facility_name) SELECT id, 'annexe', 'Annexe' FROM organizations LIMIT 1`,
    )
    // One that asks anew which there are.
    const fresh = await openHttpApi(database.url)
    try {
      const { status, text } = await fresh.ask('/reports/missing')
      expect([status, text]).toEqual([400, expect.stringContaining('annexe, demo')])
      expect(items(await fresh.ask('/reports/missing?facility=annexe'))).toEqual([])
      expect((await report('missing?facility=demo')).length).toBeGreaterThan(0)
    } finally {
      await fresh.close()
      await client.query(`DELETE FROM facilities WHERE facility_code = 'annexe'`)
    }
  })

  it('more rows than one answer holds ask for less, and are not cut in silence', async () => {
    // Checking twenty thousand references takes longer than the rest of this file.
    await client.query('ALTER TABLE restricted_area_entries DISABLE TRIGGER ALL')
    await client.query(
      `INSERT INTO restricted_area_entries (asset_id, room_id, entered_at, left_at)
       SELECT (SELECT id FROM assets LIMIT 1), 'demo/OR-1', t, t FROM generate_series(timestamptz '2021-01-01', timestamptz '2021-01-01' + interval '20000 seconds', interval '1 second') t`,
    )
    const long = 'restricted?from=2021-01-01T00:00:00Z&to=2021-01-02T00:00:00Z'
    expect(await api.ask(`/reports/${long}`)).toMatchObject({
      status: 400,
      body: { detail: expect.stringMatching(/20001 rows.*shorter span/u) as string },
    })
    expect((await api.ask(`/reports/${long}&limit=3`)).body).toMatchObject({ total: 20_001 })
  })

  it('a database that does not answer in time is a 503 that says to ask for less', async () => {
    const proxy = await openTcpProxy({
      targetPort: Number(new URL(database.url).port),
      targetHost: new URL(database.url).hostname,
    })
    const impatient = await openHttpApi(proxy.urlFor(database.url), { queryTimeoutMs: 1500 })
    try {
      await waitFor(async () => (await impatient.ask('/reports/par-levels')).status === 200, {
        what: 'an answer',
      })
      proxy.freeze()
      const { status, headers, text: said } = await impatient.ask(`/reports/occupancy?${span}`)
      expect([status, headers.get('retry-after')]).toEqual([503, '5'])
      expect(said).toContain('ask for less')
    } finally {
      proxy.cut()
      await impatient.close()
      await proxy.close()
    }
  })

  it('nobody reads over the network without a token, a viewer reads', async () => {
    const closed = await openHttpApi(database.url, {
      readAccess: 'token',
      tokens: [{ name: 'wall', role: 'viewer', token: 'token-of-the-wall', user: null }],
    })
    try {
      expect((await closed.ask('/reports/missing')).status).toBe(401)
      expect((await closed.ask({ path: '/reports/missing', token: 'token-of-the-wall' })).status).toBe(200)
    } finally {
      await closed.close()
    }
  })
})

describe('a tag that a person wears', () => {
  it('is in no report', async () => {
    const [tag] = await ask(
      `SELECT w.tag_id AS tag FROM tag_assignments w JOIN assets a ON a.id = w.asset_id WHERE a.asset_tag_number = 'DEMO-MON-0001'`,
    )
    expect(await report(`occupancy?${span}&room=demo/ICU-2`)).not.toEqual([])
    await client.query('INSERT INTO person_tags (tag_id) VALUES ($1)', [tag?.['tag']])
    try {
      expect(await report(`occupancy?${span}&room=demo/ICU-2`)).toEqual([])
      for (const [path] of reports)
        expect((await api.ask(`/reports/${path}`)).text).not.toContain(String(tag?.['tag']))
    } finally {
      await client.query('DELETE FROM person_tags')
    }
  })
})

const pick = (row: Row, keys: readonly string[]): Row =>
  Object.fromEntries(keys.map((key) => [key, row[key]]))
