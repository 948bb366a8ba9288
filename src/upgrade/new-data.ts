/**
 * What exists in v2 only: rows that were made or edited since the upgrade, and pings of gateways. A rollback would lose it, so it
 * is counted first, and can be exported.
 */
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import type { UpgradeState } from './state.ts'
import { namesOfV2, objectsSql } from './survey.ts'
import { quoted, v1Tables } from './v1-tables.ts'

export interface NewRows {
  readonly table: string
  readonly rows: number
  readonly sql: string
}

/** Where a v1 table's rows went, if the name is another. */
const v2Name: Readonly<Record<string, string>> = { maintenance_tasks: 'maintenance_history' }

const notOurs: Readonly<Record<string, string>> = {
  location_history: `gateway_id NOT LIKE 'biotrakr-v1%'`,
  dead_letter: `topic <> 'biotrakr-v1/asset_location_pings'`,
  tag_assignments: `id <> biotrakr_upgrade.tag_of(asset_id)`,
}
/** What the database keeps about itself. */
const bookkeeping = new Set(['rtls_schema_migrations', 'rollup_refresh_queue'])

export async function findNewRows(client: pg.ClientBase, state: UpgradeState): Promise<NewRows[]> {
  const { rows: tables } = await client.query<{ name: string }>(
    `SELECT relname::text AS name FROM pg_class c
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname <> ALL ($1)
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')
     ORDER BY relname`,
    [state.foreignObjects],
  )
  const converted = new Set(
    v1Tables.map(({ name }) => v2Name[name] ?? name).filter((name) => name !== 'asset_location_pings'),
  )
  const found: NewRows[] = []
  for (const { name } of tables) {
    if (bookkeeping.has(name)) continue
    const condition = notOurs[name] ?? (converted.has(name) ? convertedCondition(name, state) : 'true')
    if (converted.has(name) && state.phase === 'moved') continue
    const sql = `SELECT * FROM public.${quoted(name)} n WHERE ${condition}`
    const { rows } = await client.query<{ rows: number }>(`SELECT count(*)::float8 AS rows FROM (${sql}) n`)
    if ((rows[0]?.rows ?? 0) > 0) found.push({ table: name, rows: rows[0]?.rows ?? 0, sql })
  }
  return found
}

/** Of the converted tables without updated_at: rows of them are made and never edited. */
const madeAt: Readonly<Record<string, string>> = {
  maintenance_event_logs: 'occurred_at',
  telemetry_ingest_events: 'received_at',
  asset_scan_logs: 'created_at',
}

/** Not made from a v1 row nor by the upgrade, or edited since. After finalize only the time can tell. */
function convertedCondition(name: string, { phase, appliedAt }: UpgradeState): string {
  const table = Object.entries(v2Name).find(([, v2]) => v2 === name)?.[0] ?? name
  const since = (column: string): string =>
    appliedAt === null ? 'false' : `n.${column} > timestamptz '${appliedAt.toISOString()}'`
  if (phase === 'finalized') return since(madeAt[name] ?? 'updated_at')
  const edited = madeAt[name] === undefined ? since('updated_at') : 'false'
  return `${edited} OR NOT EXISTS (SELECT FROM biotrakr_v1.${table} w WHERE w.id = n.id)
    AND NOT EXISTS (SELECT FROM biotrakr_upgrade.report p WHERE p.kind = 'placeholder' AND p.table_name = '${table}' AND p.row_id = n.id)`
}

/** Tables, views and functions somebody made in public since; a rollback does not know what to do with them. */
export async function findNewObjects(client: pg.ClientBase, state: UpgradeState): Promise<string[]> {
  const { rows } = await client.query<{ kind: string; name: string }>(
    `SELECT kind, name FROM (${objectsSql}) o
     WHERE name <> ALL ($1::text[]) AND name <> ALL ($2::text[]) ORDER BY kind, name`,
    [state.foreignObjects, [...namesOfV2()]],
  )
  return rows.map(({ kind, name }) => `${kind} ${name}`)
}

/** One CSV file with a header for each table. Returns their paths. */
export async function exportNewRows(
  client: pg.ClientBase,
  found: readonly NewRows[],
  directory: string,
): Promise<string[]> {
  const absolute = path.resolve(directory)
  await mkdir(absolute, { recursive: true, mode: 0o700 })
  const files: string[] = []
  for (const { table, sql } of found) {
    const file = path.join(absolute, `${table}.csv`)
    await pipeline(
      client.query(copyTo(`COPY (${sql}) TO STDOUT WITH (FORMAT csv, HEADER)`)),
      createWriteStream(file, { mode: 0o600, flush: true }),
    )
    files.push(file)
  }
  return files
}
