/**
 * Does the database hold tables or types that stand in the way of a migration? Asked before anything is changed, the extension included:
 * a database of BioTrakr v1 is upgraded, not migrated, and somebody else's tables are not ours to build upon.
 */
import type pg from 'pg'
import { UserError } from '../ops/user-error.ts'

interface MigrationFile {
  readonly name: string
  readonly text: string
}

/** The tables of v1 that tell it apart, by what its ORM left: columns in camelCase. */
const v1Marks = `('assets', 'assetTag'), ('facilities', 'organizationId'), ('departments', 'facilityId'), ('users', 'organizationId')`

/** Throws UserError with the remedy. */
export async function refuseForeignTables(
  client: pg.ClientBase,
  migrations: readonly MigrationFile[],
): Promise<void> {
  // One snapshot for what is applied and what is there: another process may be migrating at this moment.
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  try {
    const { rows } = await client.query<{ name: string; is_v1: boolean; database: string }>(
      `SELECT c.relname AS name, current_database() AS database, EXISTS (
         SELECT FROM pg_attribute a JOIN (VALUES ${v1Marks}) AS mark(relation, attribute)
           ON mark.relation = c.relname AND mark.attribute = a.attname
         WHERE a.attrelid = c.oid AND NOT a.attisdropped) AS is_v1
       FROM pg_class c
       WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'public') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
       UNION ALL
       SELECT t.typname, current_database(), false FROM pg_type t
       WHERE t.typnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'public') AND t.typtype IN ('e', 'd', 'r')
       ORDER BY name`,
    )
    const isLedger = rows.some(({ name }) => name === 'rtls_schema_migrations')
    const applied = isLedger
      ? await client.query<{ name: string }>('SELECT name FROM public.rtls_schema_migrations')
      : { rows: [] }
    const done = new Set(applied.rows.map(({ name }) => name))
    const madeBy = (isDone: boolean): Set<string> =>
      new Set(
        migrations.filter(({ name }) => done.has(name) === isDone).flatMap(({ text }) => namesMadeBy(text)),
      )
    const wanted = madeBy(false)
    // What a migration made, a later one may make anew.
    const ours = madeBy(true)
    const inTheWay = rows.filter(({ name }) => wanted.has(name) && !ours.has(name))
    const [first] = inTheWay
    if (first === undefined) return
    if (inTheWay.some((table) => table.is_v1))
      throw new UserError(
        `Database "${first.database}" holds BioTrakr v1, which is upgraded and not migrated: nothing was changed. ` +
          `See what would happen to it with: rtls-ingest upgrade plan`,
      )
    throw new UserError(
      `Database "${first.database}" holds ${inTheWay.map(({ name }) => `public.${name}`).join(', ')}, which rtls-ingest did not make and would have to: ` +
        `nothing was changed. Give rtls-ingest a database of its own, or rename what is in the way.`,
    )
  } finally {
    await client.query('ROLLBACK').catch(() => undefined)
  }
}

const namesMadeBy = (sql: string): string[] =>
  Array.from(
    sql.matchAll(/^CREATE (?:TABLE|MATERIALIZED VIEW|TYPE) (?:public\.)?(\w+)/gmu),
    ([, name = '']) => name,
  )
