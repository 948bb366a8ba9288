// An empty TimescaleDB of its own for a test file: a fresh database on the server of RTLS_TEST_DATABASE_URL or of the
// container (RTLS_TEST_CONTAINERS=1), and otherwise an embedded one. What is in it is dropped when it is closed.
import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { inject } from 'vitest'
import { migrate } from '../../src/db/migrate.ts'
import { openTestEmbedded } from './embedded.ts'

export interface TestDatabase {
  readonly url: string
  /** Drops it, also under connections that are still open. */
  close(): Promise<void>
}

/** Opens an empty database with the extension timescaledb; the user of its URL may do everything. It must be closed. */
export async function openTestDatabase(): Promise<TestDatabase> {
  if (serverUrl() === undefined) return openTestEmbedded()
  const database = await openEmptyDatabase()
  await runSql(database.url, 'CREATE EXTENSION IF NOT EXISTS timescaledb')
  return database
}

/** Without the extension, on the server of RTLS_TEST_DATABASE_URL: as somebody else made it. */
export async function openEmptyDatabase(): Promise<TestDatabase> {
  const server = serverUrl()
  if (server === undefined) throw new Error('there is no server: RTLS_TEST_DATABASE_URL is not set')
  const name = `rtls_test_${randomBytes(8).toString('hex')}`
  // template1 may be held by TimescaleDB's own background workers; template0 never is.
  await runSql(server, `CREATE DATABASE ${name} TEMPLATE template0`)
  const url = new URL(server)
  url.pathname = `/${name}`
  let isClosed = false
  return {
    url: url.href,
    close: async () => {
      if (isClosed) return
      isClosed = true
      await runSql(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    },
  }
}

/** With the extension and the schema of this version, which the embedded one is born with: seconds cheaper than to migrate it. */
export async function openMigratedDatabase(): Promise<TestDatabase> {
  const database = serverUrl() === undefined ? await openTestEmbedded('migrated') : await openTestDatabase()
  await migrate(database.url)
  return database
}

/** One backend: what needs two at a time cannot be tried with it. */
export const isEmbedded = (): boolean => serverUrl() === undefined

const serverUrl = (): string | undefined =>
  process.env['RTLS_TEST_DATABASE_URL'] || inject('containerDatabaseUrl')

async function runSql(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
