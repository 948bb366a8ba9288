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

/** Days refreshed. A day asked for again while it was refreshed stays in the queue. */
export async function refreshDueDays(pool: Pool, quietForS: number, signal?: AbortSignal): Promise<number> {
  return pool.use(async (client) => {
    const { rows: days } = await client.query<{ day: string; requestedAt: string }>(dueSql, [quietForS])
    if (days.length === 0) return 0
    const { rows: locks } = await client.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1) AS held', [
      lockKey,
    ])
    if (locks[0]?.held !== true) return 0
    try {
      const { rows: rollups } = await client.query<{ rollup: string }>(rollupsSql)
      for (const { day, requestedAt } of days) {
        if (signal?.aborted === true) break
        for (const { rollup } of rollups)
          await client.query(
            `CALL refresh_continuous_aggregate('${rollup}', timestamptz '${day} 00:00:00+00', timestamptz '${day} 00:00:00+00' + interval '24 hours')`,
          )
        await client.query('DELETE FROM rollup_refresh_queue WHERE day = $1 AND requested_at = $2', [
          day,
          requestedAt,
        ])
      }
      return days.length
    } finally {
      await client.query('SELECT pg_advisory_unlock($1)', [lockKey])
    }
  })
}
