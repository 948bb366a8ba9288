/**
 * The thread in which the embedded database runs: server and backend together, so that a query's bytes go from socket to
 * backend without leaving the thread, and the service's own event loop never waits for a query.
 * The port is claimed first; only then is the database opened, and clients that are early wait.
 */

import { parentPort, workerData } from 'node:worker_threads'
import { openEngine } from './database-engine.ts'
import { listenForClients } from './database-server.ts'
import { errorOf } from '../ops/user-error.ts'

export interface DatabaseWorkerData {
  readonly dataDir: string
  readonly templateDir: string | undefined
  readonly host: string
  readonly port: number
  readonly password: string | null
}

/** What the thread tells its owner. Errors lose their class and code on the way, so the code goes beside. */
export type DatabaseWorkerMessage =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'open' }
  | {
      readonly kind: 'listen-failed' | 'open-failed' | 'crashed' | 'reopened'
      readonly error: Error
      readonly code: string | undefined
    }
  | { readonly kind: 'closed' }

const port = parentPort
if (port === null) throw new Error('database-worker.ts is a worker thread, not a program')
const data = workerData as DatabaseWorkerData

function tell(message: DatabaseWorkerMessage): void {
  port?.postMessage(message)
}

function tellError(kind: 'listen-failed' | 'open-failed' | 'crashed' | 'reopened', error: unknown): void {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
  tell({ kind, error: errorOf(error), code })
}

try {
  const server = await listenForClients({
    host: data.host,
    port: data.port,
    password: data.password,
    reopen: async () => openEngine(data.dataDir),
    onReopened: (error) => {
      tellError('reopened', error)
    },
    onCrash: (error) => {
      tellError('crashed', error)
    },
  })
  tell({ kind: 'listening', port: server.port })
  port.on('message', () => {
    try {
      server.close()
      tell({ kind: 'closed' })
      port.close()
    } catch (error) {
      tellError('crashed', error)
    }
  })
  try {
    const engine = await openEngine(data.dataDir, data.templateDir)
    server.open(engine)
    tell({ kind: 'open' })
  } catch (error) {
    tellError('open-failed', error)
  }
} catch (error) {
  tellError('listen-failed', error)
}
