/**
 * Is every v1 row found again in v2, with its content? Each row is read back from v2's own columns, what they cannot give is added
 * from the remainder, and the result is compared with v1: with its rows while they are kept, with their checksum afterwards.
 */
import type pg from 'pg'
import { type Fingerprints, fingerprintOf, v1RowsSql } from './fingerprint.ts'
import type { UpgradeState } from './state.ts'
import { v1Schema, v1Tables } from './v1-tables.ts'

export interface TableComparison {
  readonly table: string
  readonly rows: number
  /** In v1 and not in v2 (or, after finalize, fewer rows than v1 had). */
  readonly missing: number
  /** With other content than in v1, and not changed by anybody since the upgrade. */
  readonly different: number
  /** Edited in v2 since the upgrade: no fault. */
  readonly changedSince: number
  /** Values that had to be kept beside v2's columns. */
  readonly keptBeside: number
  /** Ids of rows that are missing or different, the first few. */
  readonly examples: readonly string[]
}

/** v1's row as v2 gives it back: (id, changed_at, row). Pings, of which there are millions, keep everything in their own row. */
const againSql = (table: string): string =>
  table === 'asset_location_pings'
    ? `SELECT id, changed_at, row FROM biotrakr_upgrade.${table}_again`
    : `
  SELECT again.id, again.changed_at, again.row || coalesce(rest.v1, '{}') AS row
  FROM biotrakr_upgrade.${table}_again again
  LEFT JOIN biotrakr_upgrade.remainder rest ON rest.table_name = '${table}' AND rest.row_id = again.id`

/** Rows that v2 has beside v1's own: placeholders, and what was made since. */
const onlyV1Sql = (table: string): string =>
  table === 'asset_location_pings'
    ? againSql(table)
    : `
  SELECT * FROM (${againSql(table)}) a
  WHERE NOT EXISTS (SELECT FROM biotrakr_upgrade.report p WHERE p.kind = 'placeholder' AND p.table_name = '${table}' AND p.row_id = a.id)`

export async function compareAll(
  client: pg.ClientBase,
  state: UpgradeState,
  tables: readonly string[] = v1Tables.map(({ name }) => name),
): Promise<TableComparison[]> {
  const comparisons: TableComparison[] = []
  for (const table of tables)
    comparisons.push(
      state.phase === 'finalized'
        ? await compareChecksum(client, table, state.fingerprint, state.appliedAt)
        : await compareRows(client, table, state.fingerprint, state.appliedAt),
    )
  return comparisons
}

async function keptBeside(client: pg.ClientBase, table: string): Promise<number> {
  const { rows } = await client.query<{ values: number }>(
    `SELECT coalesce(sum((SELECT count(*) FROM jsonb_object_keys(v1))), 0)::float8 AS values
     FROM biotrakr_upgrade.remainder WHERE table_name = $1`,
    [table],
  )
  return rows[0]?.values ?? 0
}

/** First by checksum, which is one pass over each side; only where they differ row by row. */
async function compareRows(
  client: pg.ClientBase,
  table: string,
  recorded: Fingerprints,
  appliedAt: Date | null,
): Promise<TableComparison> {
  const was = await v1RowsSql(client, v1Schema, table)
  const same = {
    table,
    rows: recorded[table]?.rows ?? 0,
    missing: 0,
    different: 0,
    changedSince: 0,
    keptBeside: await keptBeside(client, table),
    examples: [],
  }
  const found = await fingerprintOf(client, `SELECT row FROM (${onlyV1Sql(table)}) a`)
  if (found.rows === recorded[table]?.rows && found.checksum === recorded[table].checksum) return same
  const { rows } = await client.query<{
    missing: number
    different: number
    changed: number
    examples: string[] | null
  }>(
    `SELECT count(*) FILTER (WHERE again.id IS NULL)::float8 AS missing,
            count(*) FILTER (WHERE again.id IS NOT NULL AND NOT is_changed)::float8 AS different,
            count(*) FILTER (WHERE is_changed)::float8 AS changed,
            (array_agg(was.id ORDER BY was.id) FILTER (WHERE NOT is_changed))[1:5] AS examples
     FROM (${was}) was
     LEFT JOIN (${againSql(table)}) again ON again.id = was.id
     CROSS JOIN LATERAL (SELECT coalesce(again.changed_at > $1, false) AS is_changed) c
     WHERE again.row IS DISTINCT FROM was.row`,
    [appliedAt],
  )
  const [row] = rows
  return {
    ...same,
    missing: row?.missing ?? 0,
    different: row?.different ?? 0,
    changedSince: row?.changed ?? 0,
    examples: row?.examples ?? [],
  }
}

/** v1's rows are gone: only what nobody edited or added since the upgrade can be told from its checksum. */
async function compareChecksum(
  client: pg.ClientBase,
  table: string,
  recorded: Fingerprints,
  appliedAt: Date | null,
): Promise<TableComparison> {
  const { rows: counted } = await client.query<{ changed: number }>(
    `SELECT count(*)::float8 AS changed FROM biotrakr_upgrade.${table}_again WHERE changed_at > $1`,
    [appliedAt],
  )
  const changedSince = counted[0]?.changed ?? 0
  const found = await fingerprintOf(client, `SELECT row FROM (${onlyV1Sql(table)}) a`)
  const expected = recorded[table] ?? { rows: 0, checksum: '0' }
  return {
    table,
    rows: expected.rows,
    missing: Math.max(0, expected.rows - found.rows),
    different:
      found.rows <= expected.rows && changedSince === 0 && found.checksum !== expected.checksum ? 1 : 0,
    changedSince: Math.max(changedSince, found.rows - expected.rows),
    keptBeside: await keptBeside(client, table),
    examples: [],
  }
}
