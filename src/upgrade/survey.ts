/**
 * Reads everything `upgrade plan` needs to know from a database, in one read-only transaction: what is found belongs together,
 * and nothing can be changed by it. Judges nothing.
 */
import { statfs } from 'node:fs/promises'
import type pg from 'pg'
import { readMigrations } from '../db/migrate.ts'
import { UserError } from '../ops/user-error.ts'
import { requireTimescale } from '../db/timescale.ts'
import type { Facts, TableFacts } from './facts.ts'
import { readRows } from './survey-rows.ts'
import { readPhase } from './state.ts'
import { ormTable, quoted, typesOfV1Sql, v1Schema, v1Tables } from './v1-tables.ts'

export interface SurveyOptions {
  /** The user of --assign-orphans-to: an id, or an email address. */
  readonly orphansTo?: string
}

/** In a read-only transaction of its own: one state of the database, and nothing can be changed. */
export async function survey(client: pg.ClientBase, options: SurveyOptions = {}): Promise<Facts> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  try {
    return await surveyHere(client, options)
  } finally {
    await client.query('ROLLBACK').catch(() => undefined)
  }
}

/** In the caller's transaction. */
export async function surveyHere(client: pg.ClientBase, options: SurveyOptions = {}): Promise<Facts> {
  const phase = await readPhase(client)
  const schema = phase === null ? 'public' : v1Schema
  const tables = await readTables(client, schema)
  const isWhole = tables.every((table) => table.isThere && table.missingColumns.length === 0)
  return {
    ...(await readServer(client)),
    timescale: await readTimescale(client),
    missingRoles: await readMissingRoles(client),
    phase,
    schema,
    tables,
    ...(await readRows(client, schema, isWhole, options.orphansTo)),
    ...(await readForeignObjects(client, namesOfV2())),
    disk: { neededBytes: neededBytes(tables), freeBytes: await readFreeBytes(client) },
    slowness: await measureSlowness(client),
  }
}

async function one<Row extends pg.QueryResultRow>(
  client: pg.ClientBase,
  sql: string,
  values: unknown[] = [],
): Promise<Row> {
  const { rows } = await client.query<Row>(sql, values)
  const [row] = rows
  if (row === undefined) throw new Error('the server answered a one-row query with no row')
  return row
}

async function readServer(
  client: pg.ClientBase,
): Promise<Pick<Facts, 'database' | 'postgres' | 'user' | 'otherSessions'>> {
  const row = await one<{
    database: string
    version: string
    number: number
    name: string
    schema: boolean
    public: boolean
    roles: boolean
    others: number
  }>(
    client,
    `SELECT current_database() AS database, current_setting('server_version') AS version,
            current_setting('server_version_num')::integer AS number, current_user::text AS name,
            has_database_privilege(current_database(), 'CREATE') AS schema,
            has_schema_privilege('public', 'CREATE') AS public,
            (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) AS roles,
            (SELECT count(*)::integer FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend') AS others`,
  )
  return {
    database: row.database,
    postgres: { version: row.version, number: row.number },
    user: {
      name: row.name,
      mayCreateSchema: row.schema,
      mayCreateInPublic: row.public,
      mayCreateRoles: row.roles,
    },
    otherSessions: row.others,
  }
}

async function readTimescale(client: pg.ClientBase): Promise<Facts['timescale']> {
  const row = await one<{
    installed: string | null
    available: string | null
    license: string | null
    preloaded: boolean | null
    create: boolean
  }>(
    client,
    `SELECT (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS installed,
            (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb') AS available,
            current_setting('timescaledb.license', true) AS license,
            (SELECT setting ~ 'timescaledb' FROM pg_settings WHERE name = 'shared_preload_libraries') AS preloaded,
            (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
              OR has_database_privilege(current_database(), 'CREATE') AND EXISTS (
                SELECT FROM pg_available_extension_versions WHERE name = 'timescaledb' AND trusted) AS create`,
  )
  return {
    installed: row.installed,
    available: row.available,
    license: row.license,
    isPreloaded: row.preloaded,
    mayCreate: row.create,
    problem: row.installed === null && row.available !== null ? null : await timescaleProblem(client),
  }
}

/** The sentence that `migrate` would stop with. */
async function timescaleProblem(client: pg.ClientBase): Promise<string | null> {
  try {
    await requireTimescale(client, { mayCreate: false })
    return null
  } catch (error) {
    if (error instanceof UserError) return error.message
    throw error
  }
}

/** The roles that the migrations create where they are missing; creating one needs a right of its own. */
async function readMissingRoles(client: pg.ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT name FROM unnest(ARRAY['rtls_ingest', 'rtls_analyst', 'rtls_admin']) AS name
     WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)`,
  )
  return rows.map(({ name }) => name)
}

async function readTables(client: pg.ClientBase, schema: string): Promise<TableFacts[]> {
  const { rows } = await client.query<{
    name: string
    isPlain: boolean
    isOwned: boolean
    bytes: number
    columns: string[]
  }>(
    `SELECT c.relname AS name, c.relkind = 'r' AND NOT EXISTS (
              SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'ts_insert_blocker') AS "isPlain",
            pg_has_role(c.relowner, 'USAGE') AS "isOwned", pg_total_relation_size(c.oid)::float8 AS bytes,
            ARRAY(SELECT attname::text FROM pg_attribute
                  WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum) AS columns
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = ANY ($2) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`,
    [schema, v1Tables.map(({ name }) => name)],
  )
  const facts: TableFacts[] = []
  for (const { name, columns } of v1Tables) {
    const found = rows.find((row) => row.name === name)
    const missingColumns = columns.filter((column) => found?.columns.includes(column) !== true)
    const count =
      found === undefined
        ? 0
        : (
            await one<{ rows: number }>(
              client,
              `SELECT count(*)::float8 AS rows FROM ${quoted(schema)}.${quoted(name)}`,
            )
          ).rows
    facts.push({
      name,
      isThere: found !== undefined,
      rows: count,
      bytes: found?.bytes ?? 0,
      isPlain: found?.isPlain ?? false,
      isOwned: found?.isOwned ?? false,
      missingColumns,
      extraColumns: (found?.columns ?? []).filter((column) => !columns.includes(column)),
    })
  }
  return facts
}

/** Names of tables, views, types and functions that the migrations create: read from the migrations, so that no list goes stale. */
export function namesOfV2(): ReadonlySet<string> {
  const { migrations, repeatable } = readMigrations()
  const pattern =
    /CREATE\s+(?:OR\s+REPLACE\s+)?(?:TABLE|(?:MATERIALIZED\s+)?VIEW|TYPE|FUNCTION|PROCEDURE|SEQUENCE)\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:public\.)?(\w+)/giu
  const names = [...migrations, ...repeatable].flatMap(({ text }) =>
    [...text.matchAll(pattern)].map(([, name = '']) => name.toLowerCase()),
  )
  return new Set([...names, 'rtls_schema_migrations'])
}

/**
 * Relations, types and functions in public that belong to no extension. What exists only as a part of another (the sequence of an
 * identity column, the constructors of a range type) is not named: it comes and goes with it.
 */
export const objectsSql = `
  SELECT * FROM (
    SELECT CASE relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' ELSE 'table' END AS kind,
           relname::text AS name, oid, 'pg_class'::regclass AS class
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    SELECT 'function', proname::text, oid, 'pg_proc'::regclass FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'type', typname::text, t.oid, 'pg_type'::regclass FROM pg_type t
    WHERE typnamespace = 'public'::regnamespace AND (typtype IN ('e', 'd', 'r')
       OR typtype = 'c' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))) o
  WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = o.oid AND d.classid = o.class AND (
    d.deptype = 'e' OR d.deptype IN ('a', 'i') AND (o.kind IN ('sequence', 'function') OR o.kind = 'type' AND d.refclassid = 'pg_type'::regclass)))`

const foreignSql = `
  SELECT kind, name FROM (${objectsSql}) o WHERE name <> ALL ($1::text[]) ORDER BY kind, name`

async function readForeignObjects(
  client: pg.ClientBase,
  own: ReadonlySet<string>,
): Promise<Pick<Facts, 'foreignObjects' | 'collisions'>> {
  const isMigrated = (
    await one<{ found: boolean }>(
      client,
      `SELECT to_regclass('public.rtls_schema_migrations') IS NOT NULL AS found`,
    )
  ).found
  const tables = v1Tables.map(({ name }) => name)
  const types = isMigrated
    ? []
    : (await client.query<{ name: string }>(typesOfV1Sql, ['public', tables])).rows
  const { rows } = await client.query<{ kind: string; name: string }>(foreignSql, [
    [...tables, ormTable, ...types.map(({ name }) => name)],
  ])
  return {
    foreignObjects: rows.filter(({ name }) => !own.has(name)),
    // Where the migrations ran before, what has a name of v2 is v2's.
    collisions: isMigrated ? [] : rows.filter(({ name }) => own.has(name)).map(({ name }) => name),
  }
}

/** v2 beside v1: the same again, the pings with their index and the write-ahead log of all of it. Measured: docs/upgrade.md. */
function neededBytes(tables: readonly TableFacts[]): number {
  const pings = tables.find(({ name }) => name === 'asset_location_pings')?.rows ?? 0
  const others = tables
    .filter(({ name }) => name !== 'asset_location_pings')
    .reduce((sum, { bytes }) => sum + bytes, 0)
  return pings * bytesPerPing + others * 3
}
const bytesPerPing = 700

/** Only where the server's directory is on this machine and this user may ask for it. */
async function readFreeBytes(client: pg.ClientBase): Promise<number | null> {
  const row = await one<{ directory: string | null; isLocal: boolean }>(
    client,
    `SELECT (SELECT setting FROM pg_settings WHERE name = 'data_directory') AS directory,
            coalesce(inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1', true) AS "isLocal"`,
  )
  if (row.directory === null || !row.isLocal) return null
  try {
    const { bavail, bsize } = await statfs(row.directory)
    return bavail * bsize
  } catch {
    return null
  }
}

/** The same work on the machine on which the rates of plan.ts were measured took so long. */
const probeMs = 400

async function measureSlowness(client: pg.ClientBase): Promise<number> {
  const startedMs = performance.now()
  await client.query(`SELECT count(DISTINCT md5(to_jsonb(i)::text)) FROM generate_series(1, 100000) AS i`)
  return Math.max(0.2, (performance.now() - startedMs) / probeMs)
}
