/**
 * The database that runs when none is configured: a real TimescaleDB 2.23 (PostgreSQL 17.5 in WebAssembly) in a worker thread,
 * served over the PostgreSQL wire protocol, so that pg, psql and Grafana connect to it as to any server.
 * For trying, developing, testing, and one small site; production is a TimescaleDB server.
 *
 * Guarantees: a committed row survives the death of the process and of the machine; one process at a time has a data directory;
 * a crash of the backend costs connections, not data.
 * Limits, all from being one backend: statements run one at a time, and a transaction block makes all others wait for its end;
 * a statement cannot be cancelled and statement_timeout does not fire; results and COPY data are held in memory whole (COPY FROM
 * at most 256 MiB); no background workers, so nobody runs policies or autovacuum; see session-backend.ts for what sessions share.
 *
 * The server lives in the worker beside the backend: no hop between threads and no copying on the way of a query, and the
 * service's event loop stays free. While a statement runs new connections wait in the kernel's backlog.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { errorOf, explainListenError } from '../ops/user-error.ts'
import { lockDataDir } from './database-lock.ts'
import type { DatabaseWorkerData, DatabaseWorkerMessage } from './database-worker.ts'

export interface EmbeddedDatabase {
  /** postgres://postgres@127.0.0.1:PORT/postgres, with the password where there is one */
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

export interface EmbeddedDatabaseOptions {
  /** Created if absent. `memory://` is a temporary directory, removed on close. */
  readonly dataDir: string
  /** The data directory of an embedded database that was closed: a new one starts as its copy, three seconds sooner. Ignored if absent. */
  readonly templateDir?: string
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** What clients must give; null or absent: nothing. */
  readonly password?: string | null
  /** The worker died, or its backend trapped and could not be reopened. The database is gone. */
  onCrash(error: Error): void
  /** The backend trapped with this error and was reopened: connections were lost, data were not. Worth a warning in the log. */
  onReopen?(cause: Error): void
}

/** A clean shutdown writes at most 128 MB of buffers; a statement that runs on must not hold up the process for ever. */
const CLOSE_TIMEOUT_MS = 10_000

/** Throws UserError when the port is busy or the directory in use. */
export async function openEmbeddedDatabase(options: EmbeddedDatabaseOptions): Promise<EmbeddedDatabase> {
  const isTemporary = options.dataDir.startsWith('memory://')
  const dataDir = isTemporary ? await mkdtemp(join(tmpdir(), 'rtls-ingest-')) : resolve(options.dataDir)
  const lock = await lockDataDir(dataDir)
  async function giveBack(): Promise<void> {
    await lock.release()
    if (isTemporary) await rm(dataDir, { recursive: true, force: true })
  }
  try {
    const { worker, port } = await startWorker(dataDir, options)
    return {
      url: embeddedUrl({ ...options, port }),
      port,
      async close() {
        await stopWorker(worker)
        await giveBack()
      },
    }
  } catch (error) {
    await giveBack()
    throw error
  }
}

async function startWorker(
  dataDir: string,
  options: EmbeddedDatabaseOptions,
): Promise<{ worker: Worker; port: number }> {
  // Under vitest this file runs from src/, where a Worker cannot load .ts on Node 20; the compiled one is right from src/ and dist/.
  const file = new URL('../../dist/embedded/database-worker.js', import.meta.url)
  const { host, templateDir, password = null } = options
  const workerData: DatabaseWorkerData = { dataDir, templateDir, host, port: options.port, password }
  // Without the flags of this process: loaders and --input-type are for its own modules.
  const worker = new Worker(file, { workerData, name: 'embedded database', execArgv: [] })
  return new Promise((resolve, reject) => {
    let port = options.port
    let isOpen = false
    const fail = (cause: unknown) => {
      stopping.add(worker)
      const error = errorOf(cause)
      // Only when the thread has ended is the directory nobody's.
      worker
        .terminate()
        .then(() => (isOpen ? options.onCrash(error) : reject(error)))
        .catch(reject)
    }
    worker.on('error', fail)
    worker.on('exit', (code) => {
      if (!stopping.has(worker)) fail(new Error(`the embedded database's thread ended with code ${code}`))
    })
    worker.on('message', (message: DatabaseWorkerMessage) => {
      if (message.kind === 'listening') ({ port } = message)
      else if (message.kind === 'open') {
        isOpen = true
        resolve({ worker, port })
      } else if (message.kind === 'reopened') options.onReopen?.(message.error)
      else if (message.kind === 'crashed') fail(message.error)
      else if (message.kind === 'open-failed')
        fail(
          new Error(`the embedded database in ${dataDir} cannot be opened: ${message.error.message}`, {
            cause: message.error,
          }),
        )
      else if (message.kind === 'listen-failed') {
        const error = Object.assign(message.error, message.code !== undefined && { code: message.code })
        fail(explainListenError(error, 'The embedded database', host, port, 'DATABASE_PORT'))
      }
    })
  })
}

/** Workers whose end is no surprise. */
const stopping = new WeakSet<Worker>()

async function stopWorker(worker: Worker): Promise<void> {
  if (stopping.has(worker)) return
  stopping.add(worker)
  const ended = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      resolve()
    })
  })
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's has none
  worker.postMessage('close')
  const timer = setTimeout(() => {
    void worker.terminate()
  }, CLOSE_TIMEOUT_MS)
  await ended
  clearTimeout(timer)
}

/** How a client reaches an embedded database with these options. */
export function embeddedUrl({
  host,
  port,
  password = null,
}: Pick<EmbeddedDatabaseOptions, 'host' | 'port' | 'password'>): string {
  const login = password === null ? 'postgres' : `postgres:${encodeURIComponent(password)}`
  return `postgres://${login}@${reachableHost(host)}:${port}/postgres`
}

/** A wildcard address is for listening; a client needs a real one. */
function reachableHost(host: string): string {
  if (host === '0.0.0.0' || host === '') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
