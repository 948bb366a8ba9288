/**
 * Computes the rollups of the days that got v1 pings. The days stand in the queue that the service works on as well (written with
 * the pings): what is not refreshed here because we were killed, the next run or the service refreshes.
 */
import type pg from 'pg'

/** Days in a row are one refresh: each costs the same however many days it covers. A month, so that a kill repeats little. */
const daysPerRefresh = 30

const rangesSql = `
  SELECT to_char(min(day), 'YYYY-MM-DD') AS first, to_char(max(day), 'YYYY-MM-DD') AS last, max(requested_at)::text AS "requestedAt"
  FROM (SELECT day, requested_at, day - (row_number() OVER (ORDER BY day))::integer AS run FROM rollup_refresh_queue) d
  GROUP BY run, (day - date '2000-01-01') / ${daysPerRefresh} ORDER BY 1`

/** A finer rollup before the coarser one that is made from it; the window, of days $1 to $2, widened to whole buckets. */
const rollupsSql = `
  SELECT format('%I.%I', c.view_schema, c.view_name) AS rollup,
         time_bucket(b.width, ($1 || ' 00:00:00+00')::timestamptz)::text AS from,
         (time_bucket(b.width, ($2 || ' 23:59:59+00')::timestamptz) + b.width)::text AS until
  FROM timescaledb_information.continuous_aggregates c
  JOIN _timescaledb_catalog.hypertable h
    ON h.schema_name = c.materialization_hypertable_schema AND h.table_name = c.materialization_hypertable_name
  JOIN (SELECT mat_hypertable_id, bucket_width::interval AS width
        FROM _timescaledb_catalog.continuous_aggs_bucket_function) b ON b.mat_hypertable_id = h.id
  WHERE c.view_schema = 'public' ORDER BY b.width, c.view_name`

/** Outside of a transaction. */
export async function refreshRollups(client: pg.ClientBase): Promise<void> {
  const { rows: ranges } = await client.query<{ first: string; last: string; requestedAt: string }>(rangesSql)
  for (const { first, last, requestedAt } of ranges) {
    const { rows: rollups } = await client.query<{ rollup: string; from: string; until: string }>(
      rollupsSql,
      [first, last],
    )
    for (const { rollup, from, until } of rollups)
      await client.query(
        `CALL refresh_continuous_aggregate('${rollup}', timestamptz '${from}', timestamptz '${until}')`,
      )
    // A day asked for again meanwhile, by a service that runs, stays.
    await client.query(
      'DELETE FROM rollup_refresh_queue WHERE day BETWEEN $1 AND $2 AND requested_at <= $3',
      [first, last, requestedAt],
    )
  }
}
