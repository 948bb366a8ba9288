/**
 * Is this a TimescaleDB we can use? One clear sentence for each way in which it is not, before anything is changed.
 */
import pg from 'pg'
import { UserError } from '../ops/user-error.ts'

/** 2.18 brought add_columnstore_policy, 2.19 the refresh of rollups in batches (buckets_per_batch, sql/repeatable/policies.sql). */
const minVersion = [2, 19] as const

/** Errors: UserError with the remedy; connection errors as they come. */
export async function requireTimescale(
  client: pg.ClientBase,
  { mayCreate }: { mayCreate: boolean },
): Promise<void> {
  const { rows } = await client.query<{
    installed: string | null
    available: string | null
    server: string
    db: string
  }>(`
    SELECT (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS installed,
           (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb') AS available,
           current_setting('server_version') AS server, current_database() AS db`)
  const state = rows[0]
  if (state === undefined) throw new Error('the server answered a one-row query with no row')
  if (state.installed === null && state.available === null)
    throw new UserError(
      `TimescaleDB is not installed on this PostgreSQL ${state.server} server. ` +
        `Use the image timescale/timescaledb, or install the TimescaleDB packages and add timescaledb to shared_preload_libraries.`,
    )
  if (state.installed === null && !mayCreate)
    throw new UserError(
      `The extension timescaledb is not created in database "${state.db}". Run: rtls-ingest migrate`,
    )
  if (state.installed === null) await createExtension(client, state.db)

  const version = state.installed ?? state.available ?? ''
  const [major = 0, minor = 0] = version.split(/[.-]/u).map(Number)
  if (major < minVersion[0] || (major === minVersion[0] && minor < minVersion[1]))
    throw new UserError(
      `TimescaleDB ${version} is too old: ${minVersion.join('.')} or later is needed. Update the packages, then run: ALTER EXTENSION timescaledb UPDATE`,
    )
  const license = await client.query<{ license: string | null }>(
    `SELECT current_setting('timescaledb.license', true) AS license`,
  )
  if (license.rows[0]?.license === 'apache')
    throw new UserError(
      `This TimescaleDB ${version} is the Apache-only edition, without compression and continuous aggregates. ` +
        `Use the Community edition (image timescale/timescaledb without "-oss", or set timescaledb.license = 'timescale').`,
    )
}

async function createExtension(client: pg.ClientBase, database: string): Promise<void> {
  try {
    await client.query('CREATE EXTENSION IF NOT EXISTS timescaledb')
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error
    if (error.code === '42501')
      throw new UserError(
        `This user may not create the extension timescaledb in database "${database}". As a superuser run: CREATE EXTENSION timescaledb`,
        1,
        { cause: error },
      )
    if (/preload/iu.test(`${error.message} ${error.hint ?? ''}`))
      throw new UserError(
        `TimescaleDB is installed but not loaded: add timescaledb to shared_preload_libraries in postgresql.conf and restart the server.`,
        1,
        { cause: error },
      )
    throw error
  }
}
