/**
 * How the database fares: its background jobs, its chunks against its memory, its disk, what waits in it, and what it says
 * of the gateways' clocks. Reads only.
 */
import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import type { Config } from '../config-schema.ts'
import { isLoopback } from './configuration.ts'
import type { Ask, DatabasePlace } from './database.ts'
import {
  type Check,
  type Verdict,
  fail,
  formatBytes,
  formatCount,
  formatSeconds,
  ok,
  skip,
  warn,
} from './finding.ts'

/** A job is late when it should have started this long ago, or a whole interval of its own, whichever is more. */
const lateS = 900
/** Of the disk: below it a day of trouble may fill it. */
const lowShare = 0.1
/** A day of late pings is refreshed within seconds of becoming quiet. */
const staleQueueS = 3600

export function upkeepChecks(ask: Ask, config: Config, place: DatabasePlace): Check[] {
  return [
    { name: 'jobs', look: async () => lookAtJobs(ask, place) },
    { name: 'chunks', look: async () => lookAtChunks(ask, place) },
    { name: 'disk', look: async () => lookAtDisk(ask, config, place) },
    { name: 'late data', look: async () => lookAtQueue(ask) },
    { name: 'dead letters', look: async () => lookAtDeadLetters(ask) },
    { name: 'gateway clocks', look: async () => lookAtGatewayClocks(ask) },
  ]
}

async function lookAtJobs(ask: Ask, { isEmbedded }: DatabasePlace): Promise<Verdict[]> {
  // Run by the service itself, which counts their failures: the catalogue knows nothing of them.
  if (isEmbedded) return [skip('the service runs the jobs of the embedded database: see "running service"')]
  const rows = await ask<{
    job: string
    failed: boolean
    overdueS: number
    intervalS: number
    failures: number
    message: string | null
  }>(
    `SELECT j.proc_name || coalesce(' of ' || coalesce(c.view_name, j.hypertable_name), '') AS job,
            coalesce(s.last_run_status = 'Failed', false) AS failed,
            CASE WHEN isfinite(s.next_start) THEN extract(epoch FROM now() - s.next_start)::float8 ELSE 0 END AS "overdueS",
            extract(epoch FROM j.schedule_interval)::float8 AS "intervalS",
            coalesce(s.total_failures, 0)::float8 AS failures, e.err_message AS message
     FROM timescaledb_information.jobs j
     LEFT JOIN timescaledb_information.job_stats s USING (job_id)
     LEFT JOIN timescaledb_information.continuous_aggregates c
       ON c.materialization_hypertable_schema = j.hypertable_schema AND c.materialization_hypertable_name = j.hypertable_name
     LEFT JOIN LATERAL (SELECT err_message FROM timescaledb_information.job_errors e
                        WHERE e.job_id = j.job_id ORDER BY finish_time DESC LIMIT 1) e ON true
     WHERE j.scheduled AND j.proc_name <> 'policy_telemetry'
     ORDER BY j.job_id`,
  )
  const [workers] = await ask<{ launched: boolean | null; isWebAssembly: boolean }>(
    // Of others' processes a plain user does not see the type: then it is not known.
    `SELECT CASE WHEN pg_has_role(current_user, 'pg_read_all_stats', 'MEMBER')
              THEN EXISTS (SELECT FROM pg_stat_activity
                           WHERE backend_type = 'TimescaleDB Background Worker Scheduler' AND datname = current_database())
            END AS launched,
            version() ~ 'wasm|emcc|emscripten' AS "isWebAssembly"`,
  )
  if (workers?.isWebAssembly === true)
    return [skip('another rtls-ingest serves this embedded database, and runs its jobs')]
  const verdicts: Verdict[] = []
  if (workers?.launched === false)
    verdicts.push(
      fail(
        'TimescaleDB runs no scheduler for this database: no rollup is refreshed, nothing compressed or dropped',
        'Raise timescaledb.max_background_workers and max_worker_processes (one for each database, and one for each job at work), then: SELECT _timescaledb_functions.start_background_workers()',
      ),
    )
  for (const { job, failed, overdueS, intervalS, failures, message } of rows) {
    if (failed)
      verdicts.push(
        fail(
          `${job}: its last run failed (${formatCount(failures)} failures): ${message ?? 'no message kept'}`,
          'The message says why; all of them: SELECT * FROM timescaledb_information.job_errors ORDER BY finish_time DESC',
        ),
      )
    else if (
      workers?.launched !== false &&
      Number.isFinite(overdueS) &&
      overdueS > Math.max(lateS, intervalS)
    )
      verdicts.push(
        warn(
          `${job}: should have started ${formatSeconds(overdueS)} ago`,
          'The background workers are too few or stopped: raise timescaledb.max_background_workers and max_worker_processes.',
        ),
      )
  }
  return verdicts.length > 0 ? verdicts : [ok(`${rows.length} background jobs, none failed, none late`)]
}

async function lookAtChunks(ask: Ask, { isEmbedded }: DatabasePlace): Promise<Verdict[]> {
  const [row] = await ask<{ chunks: number; index: number | null; total: number | null; memory: number }>(
    `WITH hot AS (
       SELECT format('%I.%I', chunk_schema, chunk_name)::regclass AS chunk FROM timescaledb_information.chunks
       WHERE hypertable_schema = 'public' AND hypertable_name = 'location_history' AND NOT is_compressed
         AND range_start <= now() ORDER BY range_start DESC LIMIT 3)
     SELECT (SELECT count(*)::integer FROM timescaledb_information.chunks
             WHERE hypertable_schema = 'public' AND hypertable_name = 'location_history') AS chunks,
            (SELECT max(pg_indexes_size(chunk))::float8 FROM hot) AS index,
            (SELECT max(pg_total_relation_size(chunk))::float8 FROM hot) AS total,
            pg_size_bytes(current_setting('shared_buffers'))::float8 AS memory`,
  )
  if (row === undefined) return []
  if (row.index === null || row.total === null)
    return [ok('location_history has no chunk of the present yet')]
  const said = `${row.chunks} chunks; the largest of the last three holds ${formatBytes(row.total)}, ${formatBytes(row.index)} of it index (shared_buffers: ${formatBytes(row.memory)})`
  // The index is what COPY touches at random: out of memory, every batch waits for the disk.
  return row.index <= row.memory || isEmbedded
    ? [ok(said)]
    : [
        warn(
          said,
          `Raise shared_buffers (a quarter of the memory), or make chunks shorter: SELECT set_chunk_time_interval('location_history', INTERVAL '12 hours')`,
        ),
      ]
}

async function lookAtDisk(ask: Ask, config: Config, { url, isEmbedded }: DatabasePlace): Promise<Verdict[]> {
  const [row] = await ask<{ size: number; folder: string | null }>(
    `SELECT pg_database_size(current_database())::float8 AS size,
            CASE WHEN pg_has_role(current_user, 'pg_read_all_settings', 'MEMBER') THEN current_setting('data_directory', true) END AS folder`,
  )
  const size = formatBytes(row?.size ?? 0)
  const folder = isEmbedded
    ? config.database.dataDir
    : isLoopback(new URL(url).hostname)
      ? (row?.folder ?? null)
      : null
  if (folder === null || folder.startsWith('memory://') || !existsSync(folder))
    return [skip(`the database holds ${size}; how much is free on its disk cannot be known from here`)]
  const { bavail, bsize, blocks } = await statfs(folder)
  const said = `the database holds ${size}; ${formatBytes(bavail * bsize)} of ${formatBytes(blocks * bsize)} are free`
  return bavail >= blocks * lowShare
    ? [ok(said)]
    : [
        warn(
          said,
          'Make room before it is full (then nothing is stored): compress earlier, shorten retention, or a larger disk.',
        ),
      ]
}

async function lookAtQueue(ask: Ask): Promise<Verdict[]> {
  const [row] = await ask<{ days: number; oldestS: number | null }>(
    `SELECT count(*)::integer AS days, extract(epoch FROM now() - min(requested_at))::float8 AS "oldestS" FROM rollup_refresh_queue`,
  )
  if (row === undefined || row.oldestS === null) return [ok('no day waits for its rollups')]
  const said = `${row.days} days with late pings wait for their rollups, the oldest for ${formatSeconds(row.oldestS)}`
  return row.oldestS < staleQueueS
    ? [ok(said)]
    : [
        warn(
          said,
          'The running service refreshes them: look at its log for "location_1m" and for statement timeouts.',
        ),
      ]
}

async function lookAtDeadLetters(ask: Ask): Promise<Verdict[]> {
  const rows = await ask<{ reason: string; many: number }>(
    `SELECT reason, count(*)::float8 AS many FROM dead_letter
     WHERE received_at > now() - interval '1 day' AND replayed_at IS NULL GROUP BY 1 ORDER BY 2 DESC`,
  )
  if (rows.length === 0) return [ok('no dead letters in the last day')]
  const said = rows.map(({ reason, many }) => `${formatCount(many)} ${reason}`).join(', ')
  return [
    warn(
      `dead letters of the last day, not replayed: ${said}`,
      'Look at them: rtls-ingest dead-letter list --since 1d',
    ),
  ]
}

async function lookAtGatewayClocks(ask: Ask): Promise<Verdict[]> {
  // The newest minutes: bounded by chunk exclusion, and by the sample.
  const [row] = await ask<{ pings: number; aheadS: number | null; medianS: number | null; replaced: number }>(
    `SELECT count(*)::float8 AS pings, count(*) FILTER (WHERE time_source = 'replaced')::float8 AS replaced,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM received_at - t)) FILTER (WHERE time_source = 'device') AS "medianS",
            max(extract(epoch FROM t - received_at)) FILTER (WHERE time_source = 'device')::float8 AS "aheadS"
     FROM (SELECT t, received_at, time_source FROM location_history
           WHERE t > now() - interval '10 minutes' AND t < now() + interval '10 minutes' LIMIT 20000) recent`,
  )
  if (row === undefined || row.pings === 0)
    return [skip('no pings of the last ten minutes to judge the clocks by')]
  const verdicts: Verdict[] = []
  if (row.replaced > 0)
    verdicts.push(
      warn(
        `${formatCount(row.replaced)} of the last ${formatCount(row.pings)} pings came with an impossible time (time_source 'replaced')`,
        `Set the clocks of these gateways: SELECT gateway_id, count(*) FROM location_history WHERE time_source = 'replaced' AND t > now() - INTERVAL '1 hour' GROUP BY 1`,
      ),
    )
  if ((row.aheadS ?? 0) > 2)
    verdicts.push(
      warn(
        `a gateway's clock is ${formatSeconds(row.aheadS ?? 0)} ahead of ours`,
        `Give gateways a time server: SELECT gateway_id, max(t - received_at) FROM location_history WHERE t > now() - INTERVAL '1 hour' GROUP BY 1 ORDER BY 2 DESC`,
      ),
    )
  return verdicts.length > 0
    ? verdicts
    : [
        ok(
          `pings of the last ten minutes came ${formatSeconds(row.medianS ?? 0)} after their own time (median); no clock is ahead`,
        ),
      ]
}
