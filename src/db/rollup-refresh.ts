/**
 * Refreshes the rollups of days that got late pings, once per day and not per ping. TimescaleDB's policies never look
 * behind their window, so without this a gateway's buffer of last week would be missing from every rollup for ever.
 * The queue is a table, written with the pings; several processes may work on it, a claim lets one at each day.
 *
 * In pieces: an hour at first, then as much as a rollup has shown it can bear well within the statement timeout. Dividing
 * what was cut off by it would come too late: TimescaleDB (2.23) notes the range of a refresh before it starts, and the next
 * one that touches any of it does all of it. So a piece that is cut off is tried once more with all the time it may need.
 *
 * A day whose pings were dropped by retention is left as it is: a refresh would make its buckets what the few late ones say.
 * Only what a newer version has added, and is made from minutes that are there, is filled in.
 */
import { repeat } from '../ops/repeat.ts'
import { judge } from './failure.ts'
import type { Pool } from './pool.ts'

export interface RefreshEvents {
  onFailure(job: string, error: unknown): void
  onSuccess(job: string): void
}

const everyMs = 5000
/** A day still receiving late pings is left until it has been quiet for so long. */
const quietS = 10
/** Longer than one piece may take, however patient. */
const claim = `now() + interval '1 hour'`

/** Nothing is due to who may not refresh: as rtls_ingest the database's own job does it (refresh_late_rollups). */
const dueSql = `
  SELECT to_char(day, 'YYYY-MM-DD') AS day, requested_at::text AS "requestedAt" FROM rollup_refresh_queue
  WHERE requested_at < now() - $1 * interval '1 second' AND coalesce(claimed_until < now(), true)
    AND (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class c WHERE c.oid = 'public.location_1m'::regclass)
  ORDER BY day LIMIT 50`
const claimSql = `
  UPDATE rollup_refresh_queue SET claimed_until = ${claim} WHERE day = $1 AND coalesce(claimed_until < now(), true)`
const extendSql = `UPDATE rollup_refresh_queue SET claimed_until = ${claim} WHERE day = $1`
const releaseSql = 'UPDATE rollup_refresh_queue SET claimed_until = NULL WHERE day = $1'
const doneSql = 'DELETE FROM rollup_refresh_queue WHERE day = $1 AND requested_at = $2'

/**
 * The buckets that hold the day, in seconds since 1970. Coarser rollups last: they may be made from finer ones.
 * A refresh only computes buckets that lie in its range as a whole.
 */
const rollupsSql = `
  SELECT format('%I.%I', c.view_schema, c.view_name) AS rollup,
         extract(epoch FROM b.width)::float8 AS "widthS",
         extract(epoch FROM time_bucket(b.width, d.day))::float8 AS "fromS",
         extract(epoch FROM time_bucket(b.width, d.day + interval '24 hours' - interval '1 microsecond') + b.width)::float8 AS "toS"
  FROM timescaledb_information.continuous_aggregates c
  JOIN _timescaledb_catalog.hypertable h
    ON h.schema_name = c.materialization_hypertable_schema AND h.table_name = c.materialization_hypertable_name
  JOIN (SELECT mat_hypertable_id, bucket_width::interval AS width
        FROM _timescaledb_catalog.continuous_aggs_bucket_function) b ON b.mat_hypertable_id = h.id
  CROSS JOIN (SELECT ($1 || ' 00:00:00+00')::timestamptz AS day) d
  WHERE c.view_schema = 'public' ORDER BY b.width, c.view_name`

/**
 * Do the rollups know of more pings than there are? Then some were dropped since, by the policy or by hand. Any of the three may
 * have been: a finer rollup is kept shorter than a coarser one.
 */
const heldSql = `
  SELECT greatest(
      (SELECT sum(pings) FROM location_1m WHERE bucket >= d.day AND bucket < d.day + interval '24 hours'),
      (SELECT sum(pings) FROM location_1h WHERE bucket >= d.day AND bucket < d.day + interval '24 hours'),
      (SELECT sum(pings) FROM location_1d WHERE bucket = d.day))
    > (SELECT count(*) FROM location_history WHERE t >= d.day AND t < d.day + interval '24 hours') AS "isDropped",
    (SELECT coalesce(sum(pings), 0) FROM room_presence_1h WHERE bucket >= d.day AND bucket < d.day + interval '24 hours')
    < (SELECT coalesce(sum(pings), 0) FROM room_presence_1m WHERE bucket >= d.day AND bucket < d.day + interval '24 hours') AS "lacksHours"
  FROM (SELECT ($1 || ' 00:00:00+00')::timestamptz AS day) d`

interface Held {
  readonly isDropped: boolean | null
  readonly lacksHours: boolean | null
}

interface Rollup {
  readonly rollup: string
  readonly widthS: number
  readonly fromS: number
  readonly toS: number
}

/** Rollup → how many buckets are refreshed at once. */
type Spans = Map<string, number>

const firstSpanS = 3600
/** Of the statement timeout: a piece quicker than the one is doubled, one slower than the other is halved. */
const quick = 1 / 20
const slow = 1 / 4
/** For a piece that was cut off. */
const patienceMs = 1_800_000

const refreshJob = 'rollup_refresh_queue'

export function openRollupRefresh(pool: Pool, events: RefreshEvents): { close(): Promise<void> } {
  const closing = new AbortController()
  const spans: Spans = new Map()

  const tick = async (): Promise<void> => {
    try {
      if ((await refreshDueDays(pool, quietS, closing.signal, spans)) > 0) events.onSuccess(refreshJob)
    } catch (error) {
      if (!closing.signal.aborted) events.onFailure(refreshJob, error)
    }
  }
  const loop = repeat(tick, everyMs, closing.signal)

  return {
    async close() {
      closing.abort()
      await loop
    },
  }
}

/**
 * Days refreshed. A day asked for again while it was refreshed stays in the queue; one that fails does not keep the others
 * from their turn, and is told at the end.
 */
export async function refreshDueDays(
  pool: Pool,
  quietForS: number,
  signal?: AbortSignal,
  spans: Spans = new Map(),
): Promise<number> {
  const days = await pool.use(
    async (client) => (await client.query<{ day: string; requestedAt: string }>(dueSql, [quietForS])).rows,
    signal,
  )
  let refreshed = 0
  let failure: unknown
  for (const { day, requestedAt } of days) {
    if (signal?.aborted === true) break
    try {
      if ((await changed(pool, claimSql, [day], signal)) === 0) continue
      await refreshDay(pool, day, spans, signal)
      await changed(pool, doneSql, [day, requestedAt], signal)
      refreshed += 1
    } catch (error) {
      failure ??= error
    }
    // What is left was asked for again, or failed. Where this fails too the claim runs out.
    await changed(pool, releaseSql, [day], signal).catch(() => undefined)
  }
  if (failure !== undefined)
    throw failure instanceof Error ? failure : new Error('a rollup could not be refreshed')
  return refreshed
}

const changed = async (pool: Pool, sql: string, values: unknown[], signal?: AbortSignal): Promise<number> =>
  pool.use(async (client) => (await client.query(sql, values)).rowCount ?? 0, signal)

async function refreshDay(pool: Pool, day: string, spans: Spans, signal?: AbortSignal): Promise<void> {
  const [held] = await pool.use(
    async (client) => (await client.query<Held>(heldSql, [day])).rows,
    signal,
    patienceMs,
  )
  const isDropped = held?.isDropped === true
  if (isDropped && held.lacksHours !== true) return
  const all = await pool.use(async (client) => (await client.query<Rollup>(rollupsSql, [day])).rows, signal)
  const rollups = isDropped ? all.filter(({ rollup }) => rollup === 'public.room_presence_1h') : all
  for (const { rollup, widthS, fromS, toS } of rollups) {
    const firstSpan = Math.max(1, Math.floor(firstSpanS / widthS))
    for (let atS = fromS; atS < toS;) {
      const span = spans.get(rollup) ?? firstSpan
      const endS = Math.min(toS, atS + span * widthS)
      const sql = `CALL refresh_continuous_aggregate('${rollup}', to_timestamp(${atS}), to_timestamp(${endS}))`
      await changed(pool, extendSql, [day], signal)
      const startedMs = performance.now()
      try {
        await pool.use(async (client) => client.query(sql), signal)
        const share = (performance.now() - startedMs) / pool.statementTimeoutMs
        if (share < quick) spans.set(rollup, Math.min(span * 2, Math.ceil(86_400 / widthS)))
        else if (share > slow) spans.set(rollup, Math.ceil(span / 2))
      } catch (error) {
        if (!isTooMuch(error)) throw error
        spans.set(rollup, firstSpan)
        await pool.use(async (client) => client.query(sql), signal, patienceMs)
      }
      atS = endS
    }
  }
}

/** It took too long, by the server's clock or by ours. */
function isTooMuch(error: unknown): boolean {
  const { code, message } = judge(error, 'before-commit')
  return code === null ? /timed out after/u.test(message) : code === '57014'
}
