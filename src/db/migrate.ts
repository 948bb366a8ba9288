/**
 * Brings the database to the schema in sql/: numbered migrations once each, repeatable files when they changed.
 * Each file is one transaction; the whole run holds one advisory lock, so that replicas starting together take turns.
 * An applied migration whose file has changed since is an error: edit nothing that is released, add a file.
 */
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { DatabaseClient } from './client.ts'
import { UserError } from '../ops/user-error.ts'
import { refuseForeignTables } from './foreign-tables.ts'
import { requireTimescale } from './timescale.ts'

export interface SqlFile {
  readonly name: string
  readonly text: string
  readonly checksum: string
}

export interface MigrationSet {
  readonly migrations: readonly SqlFile[]
  readonly repeatable: readonly SqlFile[]
}

/** The repository's or the package's own sql/, from src/ as well as from dist/. */
const sqlFolder = fileURLToPath(new URL('../../sql/', import.meta.url))

export function readMigrations(folder: string = sqlFolder): MigrationSet {
  const read = (kind: string): SqlFile[] =>
    readdirSync(`${folder}/${kind}`)
      .filter((name) => name.endsWith('.sql'))
      .toSorted()
      .map((name) => {
        // A checkout with CRLF must not look like a changed file.
        const text = readFileSync(`${folder}/${kind}/${name}`, 'utf8').replaceAll('\r\n', '\n')
        return { name, text, checksum: createHash('sha256').update(text).digest('hex') }
      })
  return { migrations: read('migrations'), repeatable: read('repeatable') }
}

interface PendingFile {
  readonly file: SqlFile
  readonly isRepeatable: boolean
  /** It is applied as it is, and runs once more. */
  readonly isAgain: boolean
}

export interface MigrationPlan {
  /** Files to run, in order. */
  readonly pending: readonly PendingFile[]
  readonly applied: readonly string[]
  /** Applied by another, newer version of rtls-ingest. */
  readonly unknown: readonly string[]
}

/** Any constant will do as long as every version uses the same. */
const lockKey = 7_415_330_001

const turnMs = 200

const ledgerSql = `
  CREATE TABLE IF NOT EXISTS rtls_schema_migrations (
    name       text PRIMARY KEY,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
  )`

/** Applies what is pending; returns the names of the files it ran. Errors: UserError for what an operator can mend, else pg's. */
export async function migrate(
  url: string,
  onApplied: (name: string) => void = () => undefined,
  files: MigrationSet = readMigrations(),
  signal?: AbortSignal,
): Promise<string[]> {
  return withClient(url, async (client) => {
    await refuseForeignTables(client, files.migrations)
    await requireTimescale(client, { mayCreate: true })
    await takeTurn(client, signal)
    try {
      await client.query(ledgerSql)
      const { pending } = await plan(client, files)
      const names: string[] = []
      for (const { file, isAgain } of pending) {
        if (!(await applyFile(client, file, isAgain))) continue
        names.push(file.name)
        onApplied(file.name)
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
    return plan(client, files)
  })
}

async function plan(client: pg.Client, files: MigrationSet): Promise<MigrationPlan> {
  const found = await client.query<{ name: string | null }>(
    `SELECT to_regclass('public.rtls_schema_migrations')::text AS name`,
  )
  const rows =
    found.rows[0]?.name === null
      ? []
      : (
          await client.query<{ name: string; checksum: string }>(
            'SELECT name, checksum FROM rtls_schema_migrations',
          )
        ).rows
  const applied = new Map(rows.map((row) => [row.name, row.checksum]))
  const known = new Set([...files.migrations, ...files.repeatable].map((file) => file.name))

  for (const file of files.migrations) {
    const checksum = applied.get(file.name)
    if (checksum !== undefined && checksum !== file.checksum)
      throw new UserError(
        `sql/migrations/${file.name} was changed after it had been applied to this database ` +
          `(applied: ${checksum.slice(0, 12)}…, file: ${file.checksum.slice(0, 12)}…). ` +
          `Restore the file as it was released and put the change into a new migration.`,
      )
  }
  const migrations = files.migrations.filter((file) => !applied.has(file.name))
  return {
    pending: [
      ...migrations.map((file) => ({ file, isRepeatable: false, isAgain: false })),
      // After a migration all of them: a view that says a.* has the columns of the day it was made.
      ...files.repeatable
        .filter((file) => migrations.length > 0 || applied.get(file.name) !== file.checksum)
        .map((file) => ({
          file,
          isRepeatable: true,
          isAgain: applied.get(file.name) === file.checksum,
        })),
    ],
    applied: [...applied.keys()].toSorted(),
    unknown: [...applied.keys()].filter((name) => !known.has(name)).toSorted(),
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
      `INSERT INTO rtls_schema_migrations (name, checksum) VALUES ($1, $2)
       ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, applied_at = now()`,
      [file.name, file.checksum],
    )
    await client.query('COMMIT')
    return true
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    if (error instanceof pg.DatabaseError)
      throw new UserError(
        `sql: ${file.name}${linePlace(file.text, error.position)}: ${error.message} (SQLSTATE ${error.code ?? '?'}). Nothing of this file was applied.`,
        1,
        {
          cause: error,
        },
      )
    throw error
  }
}

const linePlace = (text: string, position: string | undefined): string =>
  position === undefined ? '' : ` line ${text.slice(0, Number(position)).split('\n').length}`

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new DatabaseClient({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    application_name: 'rtls-ingest migrate',
    // The files name tables without a schema; whose search_path begins with another must not get half of them there.
    options: '-c client_min_messages=warning -c search_path=public',
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
