/**
 * The database under measurement: one made for this run on the server of DATABASE_URL and dropped afterwards,
 * else the embedded one as a child process. Both sides, service and raw COPY, use the same table of it.
 */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { startHelper } from './children.ts'
import { migrate } from '../src/db/migrate.ts'
import { processCpuSeconds } from './machine.ts'
import { rawCopy } from './raw-copy.ts'

export interface BenchDatabase {
  readonly kind: 'server' | 'embedded'
  readonly url: string
  readonly versions: Readonly<Record<string, string>>
  /** Settings that decide the rate of COPY. */
  readonly settings: Readonly<Record<string, string>>
  readonly client: pg.Client
  /** Removes every row but keeps the chunks, and writes out what is dirty: both sides start from the same. */
  empty(): Promise<void>
  /** Loads rows of long ago and compresses their chunks; the number of rows. */
  compressHistory(batches: readonly Buffer[]): Promise<number>
  /** Processor seconds of its backends so far; NaN when they run on another machine. */
  cpuSeconds(): Promise<number>
  countRows(): Promise<{ rows: number; deadLetters: number }>
  stop(): Promise<void>
}

export async function openDatabase(serverUrl: string | undefined): Promise<BenchDatabase> {
  const opened = await (serverUrl === undefined ? openEmbedded() : createOnServer(serverUrl))
  try {
    return await describeDatabase(opened, serverUrl === undefined ? 'embedded' : 'server')
  } catch (error) {
    await opened.stop()
    throw error
  }
}

async function describeDatabase(opened: Opened, kind: BenchDatabase['kind']): Promise<BenchDatabase> {
  const { url } = opened
  await migrate(url)
  const client = new pg.Client({ connectionString: url, application_name: 'rtls-bench' })
  await client.connect()
  // Truncating chunks of a continuous aggregate's table is announced each time.
  await client.query('SET client_min_messages = warning')
  return {
    kind,
    url,
    client,
    versions: await readVersions(client),
    settings: await readSettings(client),
    async empty() {
      await client.query(`SELECT drop_chunks('location_history', older_than => INTERVAL '3 days')`)
      // Not TRUNCATE of the hypertable: it would drop the chunks, and the first COPY would have to make them again.
      const { rows } = await client.query<{ chunk: string }>(
        `SELECT format('%I.%I', chunk_schema, chunk_name) AS chunk FROM timescaledb_information.chunks
         WHERE hypertable_schema = 'public' AND hypertable_name = 'location_history'`,
      )
      await client.query(`TRUNCATE dead_letter${rows.map(({ chunk }) => `, ${chunk}`).join('')}`)
      await client.query('CHECKPOINT').catch(() => undefined)
    },
    async compressHistory(batches) {
      if (batches.length === 0) return 0
      await rawCopy(url, batches)
      await client.query(
        `SELECT compress_chunk(chunk) FROM show_chunks('location_history', older_than => INTERVAL '3 days') AS chunk`,
      )
      const { rows } = await client.query<{ rows: number }>(
        'SELECT count(*)::integer AS rows FROM location_history',
      )
      return rows[0]?.rows ?? 0
    },
    cpuSeconds: async () =>
      opened.pid === undefined ? backendsCpuSeconds(url, client) : processCpuSeconds(opened.pid),
    async countRows() {
      const { rows } = await client.query<{ rows: number; dead: number }>(
        `SELECT (SELECT count(*)::integer FROM location_history) AS rows,
                (SELECT count(*)::integer FROM dead_letter) AS dead`,
      )
      return { rows: rows[0]?.rows ?? -1, deadLetters: rows[0]?.dead ?? -1 }
    },
    async stop() {
      await client.end()
      await opened.stop()
    },
  }
}

interface Opened {
  readonly url: string
  /** Where one process is all of it. */
  readonly pid?: number
  stop(): Promise<void>
}

async function openEmbedded(): Promise<Opened> {
  const child = startHelper('database-process.ts')
  const url = (await child.ask('open')) as string
  return {
    url,
    pid: child.pid,
    async stop() {
      await child.ask('close')
      await child.stop()
    },
  }
}

async function createOnServer(serverUrl: string): Promise<Opened> {
  const name = `bench_${randomBytes(4).toString('hex')}`
  await administer(serverUrl, `CREATE DATABASE ${name}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return {
    url: url.href,
    stop: async () => administer(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`),
  }
}

async function administer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

async function readVersions(client: pg.Client): Promise<Record<string, string>> {
  const { rows } = await client.query<{ postgresql: string; timescaledb: string | null }>(
    `SELECT current_setting('server_version') AS postgresql,
            (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb') AS timescaledb`,
  )
  return { postgresql: rows[0]?.postgresql ?? 'unknown', timescaledb: rows[0]?.timescaledb ?? 'unknown' }
}

async function readSettings(client: pg.Client): Promise<Record<string, string>> {
  const names = ['shared_buffers', 'max_wal_size', 'synchronous_commit', 'fsync', 'wal_compression']
  const { rows } = await client.query<{ name: string; value: string }>(
    `SELECT name, current_setting(name) AS value FROM pg_settings WHERE name = ANY($1)`,
    [names],
  )
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]))
}

/** Without the server's own processes (WAL writer, checkpointer), which are not ours alone. */
async function backendsCpuSeconds(url: string, client: pg.Client): Promise<number> {
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname)) return Number.NaN
  const { rows } = await client.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'`,
  )
  return rows.reduce((sum, { pid }) => sum + processCpuSeconds(pid), 0)
}
