/**
 * Creates the chunks of the coming days before the first ping needs them. Two COPYs that need the same missing chunk
 * run one after the other until the first commits; at midnight that would be every COPY.
 */
import type { Pool } from './pool.ts'

/**
 * create_chunk is what TimescaleDB's own chunk copy uses: idempotent, but internal, hence one place and a test.
 * The slices are those the hypertable would make by itself: aligned to its interval, counted from its own origin.
 */
const createSql = `
  SELECT count(*) FILTER (WHERE chunk.created)::integer AS created
  FROM timescaledb_information.dimensions d
  CROSS JOIN LATERAL (SELECT (extract(epoch FROM d.time_interval) * 1000000)::bigint AS width) w
  CROSS JOIN generate_series(0, $1::integer) AS ahead
  CROSS JOIN LATERAL (
    SELECT ((extract(epoch FROM now()) * 1000000)::bigint / w.width + ahead) * w.width AS start
  ) s
  CROSS JOIN LATERAL _timescaledb_functions.create_chunk(
    'location_history', jsonb_build_object('t', jsonb_build_array(s.start, s.start + w.width))) chunk
  WHERE d.hypertable_schema = 'public' AND d.hypertable_name = 'location_history' AND d.dimension_type = 'Time'
    AND NOT EXISTS (
      -- A chunk of another width (the interval was changed) already covers part of it: nothing to prepare.
      SELECT FROM timescaledb_information.chunks c
      WHERE c.hypertable_schema = 'public' AND c.hypertable_name = 'location_history'
        AND c.range_start < to_timestamp((s.start + w.width) / 1000000.0) AND c.range_end > to_timestamp(s.start / 1000000.0))`

/** Today's chunk and that of the next `intervals` intervals; returns how many were missing. */
export async function createChunksAhead(pool: Pool, intervals: number): Promise<number> {
  return pool.use(
    async (client) => (await client.query<{ created: number }>(createSql, [intervals])).rows[0]?.created ?? 0,
  )
}
