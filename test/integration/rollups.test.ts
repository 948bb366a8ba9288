import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { refreshDueDays } from '../../src/db/rollup-refresh.ts'
import { readStatistics } from '../../src/db/statistics.ts'
import { lateBeforeUs } from '../../src/ingest/lanes.ts'
import { type Ingest, batchOf, openIngest } from '../support/ingest.ts'
import { rollups } from '../support/rollups.ts'

const dayMs = 86_400_000
const now = Date.now()
const signal = new AbortController().signal

let ingest: Ingest
beforeAll(async () => {
  ingest = await openIngest()
  // A server runs the policies by itself; here the test says what is refreshed when.
  await ingest.query(
    'SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs WHERE job_id >= 1000',
  )
})
afterAll(async () => {
  await ingest.close()
})

const inOrder = ['location_1m', 'location_1h', 'location_1d'] as const
const presence = ['room_presence_1m', 'room_presence_1h'] as const

describe('the figures of the policies', () => {
  interface Job {
    proc: string
    relation: string
    everyS: number
    startS: number | null
    endS: number | null
    compressS: number | null
    dropS: number | null
  }
  let jobs: Job[]
  let widths: Map<string, number>
  beforeAll(async () => {
    jobs = await ingest.query<Job>(`
      SELECT proc_name AS proc, hypertable_name AS relation, extract(epoch FROM schedule_interval)::float8 AS "everyS",
             extract(epoch FROM (config ->> 'start_offset')::interval)::float8 AS "startS",
             extract(epoch FROM (config ->> 'end_offset')::interval)::float8 AS "endS",
             extract(epoch FROM (config ->> 'compress_after')::interval)::float8 AS "compressS",
             extract(epoch FROM (config ->> 'drop_after')::interval)::float8 AS "dropS"
      FROM timescaledb_information.jobs`)
    const rows = await ingest.query<{ name: string; widthS: number }>(`
      SELECT c.view_name AS name, extract(epoch FROM b.bucket_width::interval)::float8 AS "widthS"
      FROM timescaledb_information.continuous_aggregates c
      JOIN _timescaledb_catalog.hypertable h ON h.schema_name = c.materialization_hypertable_schema AND h.table_name = c.materialization_hypertable_name
      JOIN _timescaledb_catalog.continuous_aggs_bucket_function b ON b.mat_hypertable_id = h.id`)
    widths = new Map(rows.map(({ name, widthS }) => [name, widthS]))
  })
  const job = (proc: string, relation: string): Job | undefined =>
    jobs.find((each) => each.proc === proc && each.relation === relation)
  const refreshOf = (rollup: string): Job | undefined => job('policy_refresh_continuous_aggregate', rollup)
  /** The finer rollups whose schedules a coarse one waits for, and itself. */
  const waitsFor = (rollup: string): readonly string[] => {
    const line = [inOrder, presence].find((each) => each.some((name) => name === rollup)) ?? [rollup]
    return line.slice(0, line.findIndex((name) => name === rollup) + 1)
  }

  it.each(rollups)(
    'let %s see every ping of the hot lane, in whole buckets, with hours to spare',
    (rollup) => {
      const horizonS = now / 1000 - lateBeforeUs(now, undefined) / 1_000_000
      const schedulesS = waitsFor(rollup).reduce(
        (sum, each) => sum + (refreshOf(each)?.everyS ?? Infinity),
        0,
      )
      const neededS = horizonS + (widths.get(rollup) ?? Infinity) + schedulesS + 6 * 3600
      expect(refreshOf(rollup)?.startS).toBeGreaterThanOrEqual(neededS)
    },
  )

  it.each(rollups)('keep columnstore and retention of %s behind its refresh', (rollup) => {
    const compressS = job('policy_compression', rollup)?.compressS ?? 0
    expect(compressS).toBeGreaterThan(2 * (refreshOf(rollup)?.startS ?? Infinity))
    expect(job('policy_retention', rollup)?.dropS ?? Infinity).toBeGreaterThan(compressS)
  })

  it('keep the pings until every rollup has read them, and each rollup longer than what it is made of', () => {
    const startsS = rollups.map((rollup) => refreshOf(rollup)?.startS ?? Infinity)
    const packedS = job('policy_compression', 'location_history')?.compressS ?? 0
    const keptS = job('policy_retention', 'location_history')?.dropS ?? 0
    expect(packedS).toBeGreaterThan(Math.max(...startsS))
    expect(keptS).toBeGreaterThan(packedS)
    const keptOf = (line: readonly string[]): number[] =>
      line.map((rollup) => job('policy_retention', rollup)?.dropS ?? Infinity)
    for (const line of [inOrder, presence])
      expect(keptOf(line)).toEqual(keptOf(line).toSorted((a, b) => a - b))
    for (const rollup of rollups)
      expect(job('policy_retention', rollup)?.dropS ?? Infinity).toBeGreaterThan(keptS)
    expect(keptOf(inOrder).at(-1)).toBe(Infinity)
  })
})

describe('the rollups', () => {
  beforeEach(async () => {
    await ingest.query('TRUNCATE location_history, rollup_refresh_queue')
  })

  const totals = async (): Promise<Record<string, number>> => {
    const [row] = await ingest.query<Record<string, number>>(
      `SELECT ${rollups.map((rollup) => `(SELECT coalesce(sum(pings), 0)::int FROM ${rollup}) AS ${rollup}`).join(', ')}`,
    )
    return row ?? {}
  }
  const refreshAll = async (): Promise<void> => {
    for (const rollup of rollups)
      await ingest.query(`CALL refresh_continuous_aggregate('${rollup}', NULL, NULL)`)
  }
  const allOf = (pings: number): Record<string, number> =>
    Object.fromEntries(rollups.map((rollup) => [rollup, pings]))

  it('count every ping once, the one of this second too, and every level says what the pings say', async () => {
    await ingest.query(
      `INSERT INTO location_history (t, facility_id, gateway_id, tag_id, x, y, floor, room_id, accuracy_m, fix, is_moving, battery_pct, rssi_dbm)
       SELECT now() - i * interval '173 seconds', 'h1', 'g' || i % 3, 'T' || i % 2, i, -i, i % 4, CASE WHEN i % 5 > 0 THEN 'R' || i % 5 END,
              0.5 + i % 3, (ARRAY['position', 'approximate', 'presence', NULL])[1 + i % 4]::fix_quality, i % 7 = 0, 100 - i % 50, -40 - i % 30
       FROM generate_series(0, 999) i`,
    )
    expect(await totals()).toEqual(allOf(1000))
    // Written down up to half a day ago: every level is then half materialised, half computed.
    for (const rollup of rollups)
      await ingest.query(`CALL refresh_continuous_aggregate('${rollup}', NULL, now() - interval '12 hours')`)
    expect(await totals()).toEqual(allOf(1000))
    const said = `sum(position_pings)::int AS position, sum(presence_pings)::int AS presence, sum(moving_pings)::int AS moving,
      sum(accuracy_m_sum) AS accuracy, min(first_t) AS first, max(last_t) AS last, min(battery_pct_min) AS battery,
      (array_agg(x_last ORDER BY xy_last_t DESC))[1] AS x, (array_agg(room_id_last ORDER BY placed_t DESC))[1] AS room,
      (array_agg(x_first ORDER BY xy_first_t))[1] AS x_first`
    const raw = await ingest.query(
      `SELECT tag_id, count(*) FILTER (WHERE fix = 'position')::int AS position, count(*) FILTER (WHERE fix = 'presence')::int AS presence,
         count(*) FILTER (WHERE is_moving)::int AS moving, sum(accuracy_m::float8) AS accuracy, min(t) AS first, max(t) AS last,
         min(battery_pct) AS battery, (array_agg(x ORDER BY t DESC))[1] AS x, (array_agg(room_id ORDER BY t DESC))[1] AS room,
         (array_agg(x ORDER BY t))[1] AS x_first
       FROM location_history GROUP BY 1 ORDER BY 1`,
    )
    for (const rollup of inOrder) {
      const rows = await ingest.query(`SELECT tag_id, ${said} FROM ${rollup} GROUP BY 1 ORDER BY 1`)
      expect(rows).toEqual(raw)
    }
    const gateways = await ingest.query(
      `SELECT sum(rssi_dbm_sum)::int AS rssi, sum(device_time_pings)::int AS n, bool_and(tags = 1) AS one FROM gateway_1m`,
    )
    const [rssi] = await ingest.query(
      `SELECT sum(rssi_dbm)::int AS rssi, 1000 AS n, true AS one FROM location_history`,
    )
    expect(gateways).toEqual([rssi])
  })

  it('stay when their pings are dropped, also when pings of such a day come after that', async () => {
    const day = new Date(now - 700 * dayMs).toISOString().slice(0, 10)
    await ingest.query(
      `INSERT INTO location_history (t, facility_id, gateway_id, tag_id, x, y, floor)
       SELECT t, 'h1', 'g', 'OLD', 1, 1, 0 FROM generate_series($1::timestamptz, $1::timestamptz + interval '23 hours', interval '10 minutes') t
       UNION ALL SELECT now(), 'h1', 'g', 'OLD', 1, 1, 0`,
      [`${day}T00:00:00Z`],
    )
    await refreshAll()
    expect(await totals()).toEqual(allOf(140))
    await ingest.query(`SELECT drop_chunks('location_history', older_than => interval '600 days')`)
    expect(await ingest.query('SELECT count(*)::int AS n FROM location_history')).toEqual([{ n: 1 }])
    expect(await totals()).toEqual(allOf(140))

    const late = batchOf({ tagId: 'OLD', t: `${day}T05:00:30Z`, x: 1, y: 1, floor: 0 }, now * 1000)
    expect(await ingest.writer.write(late, { lane: 'late' }, signal)).toMatchObject({ committed: 1 })
    expect(await refreshDueDays(ingest.pool, 0)).toBe(1)
    expect(await totals()).toEqual(allOf(140))
    expect(await ingest.query('SELECT count(*)::int AS n FROM rollup_refresh_queue')).toEqual([{ n: 0 }])
    // And where the minutes are gone too, the hours and the days.
    await ingest.query(`SELECT drop_chunks('location_1m', older_than => interval '600 days')`)
    await ingest.query(`INSERT INTO rollup_refresh_queue (day) VALUES ($1)`, [day])
    expect(await refreshDueDays(ingest.pool, 0)).toBe(1)
    expect(await totals()).toMatchObject({ location_1m: 1, location_1h: 140, location_1d: 140 })
  })

  it('take late pings into compressed buckets, all levels of them, and tell how far they are behind', async () => {
    const day = new Date(now - 100 * dayMs).toISOString().slice(0, 10)
    await ingest.query(
      `INSERT INTO location_history (t, facility_id, gateway_id, tag_id, x, y, floor)
       SELECT $1::timestamptz + i * interval '1 minute', 'h1', 'g', 'C', 1, 1, 0 FROM generate_series(0, 1439) i
       UNION ALL SELECT now(), 'h1', 'g', 'C', 1, 1, 0`,
      [`${day}T00:00:00Z`],
    )
    await refreshAll()
    for (const rollup of rollups)
      await ingest.query(
        `SELECT compress_chunk(c) FROM show_chunks('${rollup}', older_than => interval '60 days') c`,
      )
    const late = batchOf({ tagId: 'C', t: `${day}T05:00:30Z`, x: 2, y: 2, floor: 0 }, now * 1000)
    await ingest.writer.write(late, { lane: 'late' }, signal)
    expect(await refreshDueDays(ingest.pool, 0)).toBe(1)
    expect(await totals()).toEqual(allOf(1442))
    const { rollups: behind } = await readStatistics(ingest.pool)
    expect(behind.map(({ rollup }) => rollup)).toEqual(rollups.toSorted())
  })
})
