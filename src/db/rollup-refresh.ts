/**
 * Refreshes the rollups of days that got late pings, once per day and not per ping. TimescaleDB's policies never look
 * behind their window, so without this a gateway's buffer of last week would be missing from every rollup for ever.
 * The queue is a table, written with the pings; several processes may work on it, an advisory lock lets one at a time.
 */
import { repeat } from '../ops/repeat.ts'
import type { Pool } from './pool.ts'

export interface RefreshEvents {
  onFailure(job: string, error: unknown): void
  onSuccess(job: string): void
}

const everyMs = 5000
/** A day still receiving late pings is left until it has been quiet for so long. */
const quietS = 10
const lockKey = 7_415_330_002

const dueSql = `
  SELECT to_char(day, 'YYYY-MM-DD') AS day, requested_at::text AS "requestedAt" FROM rollup_refresh_queue
  WHERE requested_at < now() - $1 * interval '1 second' ORDER BY day LIMIT 50`
/** A finer rollup before the coarser one that is made from it. */
const rollupsSql = `
  SELECT format('%I.%I', view_schema, view_name) AS rollup FROM timescaledb_information.continuous_aggregates
  WHERE view_schema = 'public' ORDER BY hypertable_name <> 'location_history', view_name`

const refreshJob = 'rollup_refresh_queue'

export function openRollupRefresh(pool: Pool, events: RefreshEvents): { close(): Promise<void> } {
  const closing = new AbortController()

  const tick = async (): Promise<void> => {
    try {
      if ((await refreshDueDays(pool, quietS, closing.signal)) > 0) events.onSuccess(refreshJob)
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
export async function refreshDueDays(pool: Pool, quietForS: number, signal?: AbortSignal): Promise<number> {
  const days = await pool.use(
    async (client) => (await client.query<{ day: string; requestedAt: string }>(dueSql, [quietForS])).rows,
    signal,
  )
  let refreshed = 0
  let failure: unknown
  for (const { day, requestedAt } of days) {
    if (signal?.aborted === true) break
    try {
      if (await refreshDay(pool, day, requestedAt, signal)) refreshed += 1
    } catch (error) {
      failure ??= error
    }
  }
  if (failure !== undefined)
    throw failure instanceof Error ? failure : new Error('a rollup could not be refreshed')
  return refreshed
}

/** False when another process is at it. */
async function refreshDay(
  pool: Pool,
  day: string,
  requestedAt: string,
  signal?: AbortSignal,
): Promise<boolean> {
  return pool.use(async (client) => {
    const { rows: locks } = await client.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1) AS held', [
      lockKey,
    ])
    if (locks[0]?.held !== true) return false
    const { rows: rollups } = await client.query<{ rollup: string }>(rollupsSql)
    for (const { rollup } of rollups)
      await client.query(
        `CALL refresh_continuous_aggregate('${rollup}', timestamptz '${day} 00:00:00+00', timestamptz '${day} 00:00:00+00' + interval '24 hours')`,
      )
    await client.query('DELETE FROM rollup_refresh_queue WHERE day = $1 AND requested_at = $2', [
      day,
      requestedAt,
    ])
    // After a failure the connection is destroyed, and the lock with it.
    await client.query('SELECT pg_advisory_unlock($1)', [lockKey])
    return true
  }, signal)
}
