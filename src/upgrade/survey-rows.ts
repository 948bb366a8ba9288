/**
 * The part of the survey that reads v1's rows: rows that point nowhere, words without a translation, values that are not
 * unique, pings that cannot be stored, and what v2 requires and v1 does not have.
 */
import type pg from 'pg'
import type { Facts, OrphanFacts, PingFacts, WordFacts } from './facts.ts'
import { upgradeSql } from './sql.ts'
import { quoted, v1ForeignKeys } from './v1-tables.ts'

type RowFacts = Pick<
  Facts,
  'orphans' | 'words' | 'repeatedValues' | 'organizationsWithoutAdmin' | 'orphansTo' | 'pings' | 'defaults'
>

const nothing: RowFacts = {
  orphans: [],
  words: { categories: [], statuses: [], roles: [], taskStatuses: [] },
  repeatedValues: [],
  organizationsWithoutAdmin: [],
  orphansTo: null,
  pings: { oldest: null, newest: null, unstorable: 0, repeated: 0 },
  defaults: [],
}

/** `isWhole`: all tables are there with their columns; otherwise there is nothing to ask. */
export async function readRows(
  client: pg.ClientBase,
  schema: string,
  isWhole: boolean,
  orphansTo: string | undefined,
): Promise<RowFacts> {
  if (!isWhole) return nothing
  const reader = createReader(client, schema)
  return {
    orphans: await readOrphans(reader),
    words: {
      categories: await reader.words('assets', 'category'),
      statuses: await reader.words('assets', 'status'),
      roles: await reader.words('users', 'role'),
      taskStatuses: await reader.words('maintenance_tasks', 'status'),
    },
    repeatedValues: await readRepeatedValues(reader),
    organizationsWithoutAdmin: await readOrganizationsWithoutAdmin(reader),
    orphansTo: await readOrphansTo(reader, orphansTo),
    pings: await readPings(reader),
    defaults: await readDefaults(reader),
  }
}

interface Reader {
  readonly rows: <Row extends pg.QueryResultRow>(sql: string, values?: unknown[]) => Promise<Row[]>
  readonly words: (table: string, column: string) => Promise<WordFacts[]>
}

/** Every `v1.` in a statement becomes the schema where the tables are. */
function createReader(client: pg.ClientBase, schema: string): Reader {
  const rows = async <Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> =>
    (await client.query<Row>(sql.replaceAll(/\bv1\./gu, `${quoted(schema)}.`), values)).rows
  return {
    rows,
    words: async (table, column) =>
      rows<{ word: string; rows: number }>(
        `SELECT coalesce(${quoted(column)}::text, '') AS word, count(*)::float8 AS rows FROM v1.${table} GROUP BY 1 ORDER BY 2 DESC, 1`,
      ),
  }
}

const examplesShown = 5

async function readOrphans({ rows }: Reader): Promise<OrphanFacts[]> {
  const found: OrphanFacts[] = []
  for (const { table, column, parent, repair } of v1ForeignKeys) {
    const [row] = await rows<{ rows: number; examples: string[] | null }>(
      `SELECT count(*)::float8 AS rows, (array_agg(c.id ORDER BY c.id))[1:${examplesShown}] AS examples FROM v1.${table} c
       WHERE c.${quoted(column)} IS NOT NULL AND NOT EXISTS (SELECT FROM v1.${parent} p WHERE p.id = c.${quoted(column)})`,
    )
    if (row !== undefined && row.rows > 0)
      found.push({ table, column, parent, repair, rows: row.rows, examples: row.examples ?? [] })
  }
  return found
}

/** v1 declares these unique; where the constraint is gone the values may repeat. */
async function readRepeatedValues({ rows }: Reader): Promise<RowFacts['repeatedValues']> {
  const found: { column: string; values: string[] }[] = []
  for (const [table, expression, column] of [
    ['assets', '"assetTag"', 'assets.assetTag'],
    ['users', 'email', 'users.email'],
    ['departments', `"facilityId" || ' ' || code`, 'departments.(facilityId, code)'],
  ] as const) {
    const repeated = await rows<{ value: string }>(
      `SELECT ${expression} AS value FROM v1.${table} GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT ${examplesShown}`,
    )
    if (repeated.length > 0) found.push({ column, values: repeated.map(({ value }) => value) })
  }
  return found
}

async function readOrganizationsWithoutAdmin({ rows }: Reader): Promise<string[]> {
  const found = await rows<{ id: string }>(
    `SELECT DISTINCT a."organizationId" AS id FROM v1.assets a
     WHERE EXISTS (SELECT FROM v1.organizations o WHERE o.id = a."organizationId")
       AND NOT EXISTS (SELECT FROM v1.users u WHERE u."organizationId" = a."organizationId" AND lower(btrim(u.role::text)) = 'admin')
     ORDER BY 1`,
  )
  return found.map(({ id }) => id)
}

async function readOrphansTo({ rows }: Reader, name: string | undefined): Promise<Facts['orphansTo']> {
  if (name === undefined) return null
  const [user] = await rows<{ id: string }>(
    'SELECT id FROM v1.users WHERE id = $1 OR email = $1 ORDER BY id <> $1 LIMIT 1',
    [name],
  )
  return { id: user?.id ?? name, isThere: user !== undefined }
}

async function readPings({ rows }: Reader): Promise<PingFacts> {
  const fault = upgradeSql('ping_fault')
  const [row] = await rows<PingFacts>(
    `SELECT min("observedAt") FILTER (WHERE ok) AT TIME ZONE 'UTC' AS oldest,
            max("observedAt") FILTER (WHERE ok) AT TIME ZONE 'UTC' AS newest,
            count(*) FILTER (WHERE NOT ok)::float8 AS unstorable,
            (SELECT count(*)::float8 FROM (
              SELECT count(*) AS n FROM v1.asset_location_pings GROUP BY "assetId", "observedAt" HAVING count(*) > 1) r) AS repeated
     FROM (SELECT p."observedAt", ${fault} IS NULL AS ok FROM v1.asset_location_pings p) f`,
  )
  return row ?? nothing.pings
}

async function readDefaults({ rows }: Reader): Promise<RowFacts['defaults']> {
  const [row] = await rows<{
    assets: number
    serials: number
    names: number
    facilities: number
    users: number
    tasks: number
    departments: number
  }>(
    `SELECT (SELECT count(*)::float8 FROM v1.assets) AS assets,
            (SELECT count(*)::float8 FROM v1.assets WHERE coalesce(btrim("serialNumber"), '') = '') AS serials,
            (SELECT count(*)::float8 FROM v1.assets WHERE coalesce(name, '') = '') AS names,
            (SELECT count(*)::float8 FROM v1.facilities) AS facilities,
            (SELECT count(*)::float8 FROM v1.users) AS users,
            (SELECT count(*)::float8 FROM v1.maintenance_tasks) AS tasks,
            (SELECT count(*)::float8 FROM v1.assets a WHERE NOT EXISTS (
              SELECT FROM v1.departments d WHERE d.id = a."departmentId")) AS departments`,
  )
  if (row === undefined) return []
  const all = [
    {
      column: 'assets.serial_number',
      value: 'UNKNOWN (v1 asset <id>), marked as a placeholder',
      rows: row.serials,
    },
    { column: 'assets.equipment_name', value: '(no name)', rows: row.names },
    { column: 'assets.criticality_level', value: 'MEDIUM', rows: row.assets },
    { column: 'assets.risk_classification', value: 'CLASS_II', rows: row.assets },
    {
      column: 'assets.useful_life_years',
      value: 'by device category, from the mapping file',
      rows: row.assets,
    },
    {
      column: 'assets.primary_custodian_id, created_by_id, updated_by_id',
      value: `the organisation's admin user`,
      rows: row.assets,
    },
    {
      column: 'assets.custodian_department_id',
      value: `the facility's default department, created as "Unassigned"`,
      rows: row.departments,
    },
    { column: 'facilities.facility_code', value: 'made from the name', rows: row.facilities },
    { column: 'users.username', value: 'made from the email address', rows: row.users },
    { column: 'maintenance_history.work_order_type', value: 'taskType of the mapping file', rows: row.tasks },
  ]
  return all.filter(({ rows: count }) => count > 0)
}
