/**
 * The database's own health, read from TimescaleDB's catalogue: jobs, chunks, how far the rollups are behind.
 * Read only, a few rows, cheap enough for every scrape interval.
 */
import type { Pool } from './pool.ts'

export interface DatabaseStatistics {
  readonly jobs: readonly {
    readonly job: string
    readonly failures: number
    readonly lastSuccessS: number | null
  }[]
  readonly chunks: { readonly compressed: number; readonly uncompressed: number }
  /** End of the newest compressed chunk, ms since 1970. */
  readonly compressedUntilMs: number | null
  /** Seconds between now and the end of what is materialised. */
  readonly rollups: readonly { readonly rollup: string; readonly lagS: number }[]
}

const jobsSql = `
  SELECT j.proc_name || coalesce(':' || j.hypertable_name, '') AS job,
         coalesce(sum(s.total_failures), 0)::float8 AS failures,
         extract(epoch FROM max(s.last_successful_finish) FILTER (WHERE isfinite(s.last_successful_finish)))::float8 AS "lastSuccessS"
  FROM timescaledb_information.jobs j
  LEFT JOIN timescaledb_information.job_stats s USING (job_id)
  WHERE j.proc_name <> 'policy_telemetry'
  GROUP BY 1 ORDER BY 1`

const chunksSql = `
  SELECT count(*) FILTER (WHERE is_compressed)::integer AS compressed,
         count(*) FILTER (WHERE NOT is_compressed)::integer AS uncompressed,
         extract(epoch FROM max(range_end) FILTER (WHERE is_compressed))::float8 * 1000 AS "compressedUntilMs"
  FROM timescaledb_information.chunks
  WHERE hypertable_schema = 'public' AND hypertable_name = 'location_history'`

/** The watermark is the first instant that is not materialised; before the first bucket it lies thousands of years BC. No ping is older than 2000. */
const rollupsSql = `
  SELECT c.view_name AS rollup,
         greatest(0, extract(epoch FROM now()
           - _timescaledb_functions.to_timestamp(_timescaledb_functions.cagg_watermark(h.id))))::float8 AS "lagS"
  FROM timescaledb_information.continuous_aggregates c
  JOIN _timescaledb_catalog.hypertable h
    ON h.schema_name = c.materialization_hypertable_schema AND h.table_name = c.materialization_hypertable_name
  WHERE c.view_schema = 'public' AND _timescaledb_functions.cagg_watermark(h.id) > 946684800000000
  ORDER BY 1`

export async function readStatistics(pool: Pool, signal?: AbortSignal): Promise<DatabaseStatistics> {
  return pool.use(async (client) => {
    const jobs = await client.query<DatabaseStatistics['jobs'][number]>(jobsSql)
    const chunks = await client.query<{
      compressed: number
      uncompressed: number
      compressedUntilMs: number | null
    }>(chunksSql)
    const rollups = await client.query<DatabaseStatistics['rollups'][number]>(rollupsSql)
    const { compressedUntilMs = null, ...counts } = chunks.rows[0] ?? { compressed: 0, uncompressed: 0 }
    return { jobs: jobs.rows, chunks: counts, compressedUntilMs, rollups: rollups.rows }
  }, signal)
}
