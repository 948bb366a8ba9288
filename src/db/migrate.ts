/**
 * Brings the database to the schema in sql/: numbered migrations once each, repeatable files when they changed.
 * Each file is one transaction; the whole run holds one advisory lock, so that replicas starting together take turns.
 * May run while services of this and the previous version write: it never waits long for a lock of a table, because whoever
 * writes would queue up behind it.
 * An applied migration whose file has changed since is an error: edit nothing that is released, add a file.
 */
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { DatabaseClient } from './client.ts'
import { UserError } from '../ops/user-error.ts'
import { version } from '../ops/version.ts'
import { refuseForeignTables } from './foreign-tables.ts'
import { type MigrationSet, type SqlFile, incompatibleBecause, readMigrations } from './migration-files.ts'
import { type MigrationPlan, readPlan } from './migration-plan.ts'
import { requireTimescale } from './timescale.ts'

export { readMigrations } from './migration-files.ts'
export type { MigrationSet } from './migration-files.ts'
export type { MigrationPlan } from './migration-plan.ts'

export interface MigrationEvents {
  onApplied?(name: string): void
  /** Somebody holds a table that the file has to change; it is tried again, without end. Once a file. */
  onWaiting?(name: string): void
}

/** Any constant will do as long as every version uses the same. */
const lockKey = 7_415_330_001

const turnMs = 200
/** Shorter than anybody notices; for this long the writers of a table wait with us. */
const lockTimeoutMs = 2000
/** In which they go on. */
const lockPauseMs = 3000

const ledgerSql = `
  CREATE TABLE IF NOT EXISTS rtls_schema_migrations (
    name       text PRIMARY KEY,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
  );
  DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'rtls_schema_migrations'::regclass AND attname = 'incompatible') THEN
      ALTER TABLE rtls_schema_migrations ADD COLUMN applied_by text, ADD COLUMN incompatible text;
      COMMENT ON COLUMN rtls_schema_migrations.applied_by IS 'the version of rtls-ingest that ran the file';
      COMMENT ON COLUMN rtls_schema_migrations.incompatible IS 'why versions that do not know the file cannot work with the schema it made; they refuse to start';
    END IF;
  END $$`

/** Applies what is pending; returns the names of the files it ran. Errors: UserError for what an operator can mend, else pg's. */
export async function migrate(
  url: string,
  events: MigrationEvents = {},
  files: MigrationSet = readMigrations(),
  signal?: AbortSignal,
): Promise<string[]> {
  return withClient(url, async (client) => {
    await refuseForeignTables(client, files.migrations)
    await requireTimescale(client, { mayCreate: true })
    await takeTurn(client, signal)
    try {
      await client.query(ledgerSql)
      const { pending } = await readPlan(client, files)
      const names: string[] = []
      for (const { file, isAgain } of pending) {
        if (!(await applyPatiently(client, file, isAgain, events, signal))) continue
        names.push(file.name)
        events.onApplied?.(file.name)
      }
      return names
    } finally {
      await client.query('SELECT pg_advisory_unlock($1)', [lockKey]).catch(() => undefined)
    }
  })
}

/** Asked again and again, not waited for: a wait for a lock cannot be given up. */
async function takeTurn(client: pg.Client, signal: AbortSignal | undefined): Promise<void> {
  for (;;) {
    signal?.throwIfAborted()
    const { rows } = await client.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1) AS held', [
      lockKey,
    ])
    if (rows[0]?.held === true) return
    await wait(turnMs, undefined, signal === undefined ? {} : { signal })
  }
}

/** What `migrate` would do. Changes nothing. */
export async function planMigrations(
  url: string,
  files: MigrationSet = readMigrations(),
): Promise<MigrationPlan> {
  return withClient(url, async (client) => {
    await refuseForeignTables(client, files.migrations)
    await requireTimescale(client, { mayCreate: false })
    return readPlan(client, files)
  })
}

/** A lock was not to be had in time, was held by one who waited for us, or a background job changed the same row of a catalog. */
const isCollision = ({ code, message }: pg.DatabaseError): boolean =>
  code === '55P03' || code === '40P01' || (code === 'XX000' && message.startsWith('tuple concurrently '))

async function applyPatiently(
  client: pg.Client,
  file: SqlFile,
  isAgain: boolean,
  events: MigrationEvents,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  for (let hasSaid = false; ; hasSaid = true) {
    try {
      return await applyFile(client, file, isAgain)
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) throw error
      if (!isCollision(error)) throw explain(file, error)
      if (!hasSaid) events.onWaiting?.(file.name)
      await wait(lockPauseMs, undefined, signal === undefined ? {} : { signal })
    }
  }
}

/** False when another process was first. The embedded database is one backend, where advisory locks exclude nobody; its transactions do. */
async function applyFile(client: pg.Client, file: SqlFile, isAgain: boolean): Promise<boolean> {
  await client.query('BEGIN')
  try {
    const applied = await client.query(
      'SELECT FROM rtls_schema_migrations WHERE name = $1 AND checksum = $2',
      [file.name, file.checksum],
    )
    if (applied.rowCount === 1 && !isAgain) {
      await client.query('ROLLBACK')
      return false
    }
    await client.query(file.text)
    await client.query(
      `INSERT INTO rtls_schema_migrations (name, checksum, applied_by, incompatible) VALUES ($1, $2, $3, $4)
       ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, applied_at = now(), applied_by = excluded.applied_by`,
      [file.name, file.checksum, version, incompatibleBecause(file)],
    )
    await client.query('COMMIT')
    return true
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

const explain = (file: SqlFile, error: pg.DatabaseError): UserError =>
  new UserError(
    `sql: ${file.name}${linePlace(file.text, error.position)}: ${error.message} (SQLSTATE ${error.code ?? '?'}). Nothing of this file was applied.`,
    1,
    { cause: error },
  )

const linePlace = (text: string, position: string | undefined): string =>
  position === undefined ? '' : ` line ${text.slice(0, Number(position)).split('\n').length}`

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new DatabaseClient({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    application_name: 'rtls-ingest migrate',
    // The files name tables without a schema; whose search_path begins with another must not get half of them there.
    options: `-c client_min_messages=warning -c search_path=public -c lock_timeout=${lockTimeoutMs}`,
  })
  // Reported by the query under way; without a listener it would end the process.
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}
