/**
 * Is the database still as sql/ made it? Chunk intervals, compression and policies against what the files say.
 * An operator may have changed them on purpose: a difference is a warning, and only what stops rollups is a failure.
 */
import { readMigrations } from '../db/migrate.ts'
import type { Ask } from './database.ts'
import { type Expected, type PolicyKind, readExpected } from './expected.ts'
import { type Check, type Verdict, fail, ok, warn } from './finding.ts'

export function driftChecks(ask: Ask, expected: Expected = readExpected(readMigrations())): Check[] {
  return [
    { name: 'hypertables', look: async () => lookAtHypertables(ask, expected) },
    { name: 'policies', look: async () => lookAtPolicies(ask, expected) },
  ]
}

const hypertablesSql = `
  SELECT e."table", e."chunkInterval" AS wanted, d.time_interval::text AS actual,
         d.time_interval = e."chunkInterval"::interval AS "isSame",
         e."segmentBy" AS "wantedSegment", s.segmentby AS "segmentBy", e."orderBy" AS "wantedOrder", s.orderby AS "orderBy",
         coalesce(h.compression_enabled, false) AS "isCompressing"
  FROM jsonb_to_recordset($1::jsonb) AS e("table" text, "chunkInterval" text, "segmentBy" text, "orderBy" text)
  LEFT JOIN timescaledb_information.hypertables h ON h.hypertable_schema = 'public' AND h.hypertable_name = e."table"
  LEFT JOIN timescaledb_information.dimensions d
    ON d.hypertable_schema = 'public' AND d.hypertable_name = e."table" AND d.dimension_number = 1
  LEFT JOIN timescaledb_information.hypertable_columnstore_settings s ON s.hypertable = to_regclass('public.' || e."table")
  ORDER BY 1`

interface HypertableRow {
  readonly table: string
  readonly wanted: string
  readonly actual: string | null
  readonly isSame: boolean | null
  readonly wantedSegment: string | null
  readonly segmentBy: string | null
  readonly wantedOrder: string | null
  readonly orderBy: string | null
  readonly isCompressing: boolean
}

async function lookAtHypertables(ask: Ask, { hypertables }: Expected): Promise<Verdict[]> {
  const rows = await ask<HypertableRow>(hypertablesSql, [JSON.stringify(hypertables)])
  const verdicts = rows.flatMap((row) => hypertableDrift(row))
  return verdicts.length > 0
    ? verdicts
    : [ok(`${rows.map(({ table }) => table).join(', ')}: as sql/ makes them`)]
}

function hypertableDrift(row: HypertableRow): Verdict[] {
  const { table, wanted, actual, isSame, wantedSegment, wantedOrder } = row
  if (actual === null)
    return [
      fail(
        `${table} is no hypertable: no chunks, no compression, no retention`,
        'Restore the database from a backup, or move its rows into a hypertable made as sql/migrations does.',
      ),
    ]
  const verdicts: Verdict[] = []
  if (isSame !== true)
    verdicts.push(
      warn(
        `${table}: chunks of ${actual}, sql/ says ${wanted}`,
        `Fine if you meant it. Else: SELECT set_chunk_time_interval('${table}', INTERVAL '${wanted}')`,
      ),
    )
  if (wantedSegment === null) return verdicts
  const isOther = row.segmentBy !== wantedSegment || row.orderBy?.replaceAll(' ', '') !== wantedOrder
  if (!row.isCompressing || isOther)
    verdicts.push(
      warn(
        row.isCompressing
          ? `${table}: compressed by ${row.segmentBy ?? 'nothing'}, ordered by ${row.orderBy ?? 'nothing'}; sql/ says ${wantedSegment}, ${wantedOrder ?? ''}`
          : `${table}: compression is switched off`,
        `Fine if you meant it. Else: ALTER TABLE ${table} SET (timescaledb.enable_columnstore, timescaledb.segmentby = '${wantedSegment}', timescaledb.orderby = '${wantedOrder ?? ''}')`,
      ),
    )
  return verdicts
}

const policiesSql = `
  WITH job AS (
    SELECT CASE j.proc_name WHEN 'policy_compression' THEN 'columnstore' WHEN 'policy_retention' THEN 'retention'
                            WHEN 'policy_refresh_continuous_aggregate' THEN 'refresh' END AS kind,
           coalesce(c.view_name, j.hypertable_name) AS relation, j.job_id, j.scheduled, j.schedule_interval, j.config
    FROM timescaledb_information.jobs j
    LEFT JOIN timescaledb_information.continuous_aggregates c
      ON c.materialization_hypertable_schema = j.hypertable_schema AND c.materialization_hypertable_name = j.hypertable_name)
  SELECT e.kind, e.relation, e.key, e.interval AS wanted, job.job_id AS "jobId",
         coalesce(job.scheduled, false) AS "isScheduled",
         CASE e.key WHEN 'schedule_interval' THEN job.schedule_interval::text ELSE job.config->>e.key END AS actual,
         CASE e.key WHEN 'schedule_interval' THEN job.schedule_interval ELSE (job.config->>e.key)::interval END
           = e.interval::interval AS "isSame"
  FROM jsonb_to_recordset($1::jsonb) AS e(kind text, relation text, key text, interval text)
  LEFT JOIN job ON job.kind = e.kind AND job.relation = e.relation
  ORDER BY e.relation, e.kind, e.key`

interface PolicyRow {
  readonly kind: PolicyKind
  readonly relation: string
  readonly key: string
  readonly wanted: string
  /** Null: there is none. */
  readonly jobId: number | null
  readonly isScheduled: boolean
  readonly actual: string | null
  readonly isSame: boolean | null
}

async function lookAtPolicies(ask: Ask, { policies }: Expected): Promise<Verdict[]> {
  const rows = await ask<PolicyRow>(policiesSql, [JSON.stringify(policies)])
  const verdicts: Verdict[] = []
  const told = new Set<string>()
  for (const { kind, relation, key, wanted, jobId, isScheduled, actual, isSame } of rows) {
    const policy = `${kind} of ${relation}`
    if (jobId === null || !isScheduled) {
      // Once for a policy, not for each of its intervals.
      if (!told.has(policy)) verdicts.push(missing(kind, relation, jobId))
      told.add(policy)
    } else if (isSame !== true)
      verdicts.push(
        warn(
          `${policy}: ${key} is ${actual ?? 'not set'}, sql/ says ${wanted}`,
          `Fine if you meant it. Else: ${restore(jobId, key, wanted)}`,
        ),
      )
  }
  const many = new Set(rows.map(({ kind, relation }) => `${kind} ${relation}`)).size
  return verdicts.length > 0
    ? verdicts
    : [ok(`${many} policies (rollups, compression, retention): as sql/ says`)]
}

const restore = (jobId: number, key: string, wanted: string): string =>
  key === 'schedule_interval'
    ? `SELECT alter_job(${jobId}, schedule_interval => INTERVAL '${wanted}')`
    : `SELECT alter_job(job_id, config => config || '{"${key}": "${wanted}"}') FROM timescaledb_information.jobs WHERE job_id = ${jobId}`

function missing(kind: PolicyKind, relation: string, jobId: number | null): Verdict {
  const remedy =
    jobId === null
      ? `Make it again with psql, by the statement for ${relation} in sql/repeatable/.`
      : `SELECT alter_job(${jobId}, scheduled => true)`
  const state = jobId === null ? 'is missing' : 'is not scheduled'
  return kind === 'refresh'
    ? fail(`the refresh policy of ${relation} ${state}: the rollup stands still`, remedy)
    : warn(
        `the ${kind} policy of ${relation} ${state}: ${kind === 'retention' ? 'old data are kept for ever' : 'old chunks stay uncompressed'}`,
        `Fine if you meant it. Else: ${remedy}`,
      )
}
