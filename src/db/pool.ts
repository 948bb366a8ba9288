/**
 * Connections to the database, and the one way to use them: a unit of work with a deadline, after whose failure
 * the connection is destroyed. A connection that failed in the middle of a COPY, or does not answer, is never used again.
 */
import type { Duplex } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { errorOf } from '../ops/user-error.ts'
import { DatabaseClient } from './client.ts'

export interface PoolOptions {
  readonly url: string
  readonly max: number
  readonly connectTimeoutMs: number
  /** For the server's statement_timeout; our own deadline for a whole unit of work lies a little behind it. */
  readonly statementTimeoutMs: number
  /** How far behind it. The server should be the first to give up, so that its reason is the one we see. */
  readonly deadlineMarginMs?: number
}

export interface Pool {
  /**
   * Runs `work` on a connection; destroys it when `work` fails, does not end in time, or `signal` aborts.
   * `timeoutMs` replaces the statement timeout for this work: for what is known to take long, and cannot be divided.
   */
  use<T>(work: (client: pg.ClientBase) => Promise<T>, signal?: AbortSignal, timeoutMs?: number): Promise<T>
  readonly statementTimeoutMs: number
  /** From now on connections are made by this URL and with the certificates as they are now; work under way is not disturbed. */
  renew(url: string): void
  close(): Promise<void>
}

const defaultMarginMs = 5000
const goodbyeMs = 2000

export function createPool(options: PoolOptions, onIdleError: (error: Error) => void): Pool {
  const pool = new pg.Pool({
    // pg's types forget the argument.
    Client: DatabaseClient as unknown as new () => pg.ClientBase,
    connectionString: options.url,
    max: options.max,
    connectionTimeoutMillis: options.connectTimeoutMs,
    statement_timeout: options.statementTimeoutMs,
    idle_in_transaction_session_timeout: options.statementTimeoutMs,
    // Kept open: a connection costs the server a process start, and the service is never idle for long.
    idleTimeoutMillis: 0,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    application_name: 'rtls-ingest',
  })
  pool.on('error', onIdleError)
  const open = new Set<pg.PoolClient>()
  pool.on('connect', (client) => open.add(client))
  pool.on('remove', (client) => open.delete(client))
  let renewedAtMs = -Infinity
  const isOutdated = (client: pg.ClientBase): boolean =>
    client instanceof DatabaseClient && client.madeAtMs < renewedAtMs
  const acquire = async (signal: AbortSignal | undefined): Promise<pg.PoolClient> => {
    for (;;) {
      const client = await connect(pool, signal)
      if (!isOutdated(client)) return client
      client.release(true)
    }
  }

  return {
    statementTimeoutMs: options.statementTimeoutMs,
    async use(work, signal, timeoutMs = options.statementTimeoutMs) {
      const client = await acquire(signal)
      const isSpecial = timeoutMs !== options.statementTimeoutMs
      const deadlineMs = timeoutMs + (options.deadlineMarginMs ?? defaultMarginMs)
      let timer: NodeJS.Timeout | undefined
      let onAbort: (() => void) | undefined
      const givenUp = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          reject(new Error(`the database did not answer: timed out after ${deadlineMs} ms`))
        }, deadlineMs)
        onAbort = () => reject(new Error('the write was given up: the connection was closed'))
        signal?.addEventListener('abort', onAbort, { once: true })
      })
      // A connection that breaks between two queries emits an error nobody awaits; the next query reports it.
      const ignore = (): void => undefined
      client.on('error', ignore)
      try {
        if (isSpecial) await Promise.race([setTimeoutTo(client, timeoutMs), givenUp])
        const result = await Promise.race([work(client), givenUp])
        if (isSpecial) await Promise.race([setTimeoutTo(client, options.statementTimeoutMs), givenUp])
        client.off('error', ignore)
        client.release(isOutdated(client))
        return result
      } catch (error) {
        destroySocket(client)
        client.release(true)
        throw error
      } finally {
        clearTimeout(timer)
        if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort)
      }
    },
    renew(url) {
      renewedAtMs = performance.now()
      pool.options.connectionString = url
      // Those that lie idle now; one that is in use goes when its work is done.
      for (let idle = pool.idleCount; idle > 0; idle -= 1)
        void acquire(undefined).then(
          (client) => client.release(),
          () => undefined,
        )
    },
    async close() {
      // A frozen peer answers no goodbye; without this its sockets would keep the process alive.
      const clients = [...open]
      await Promise.race([pool.end(), wait(goodbyeMs, undefined, { ref: false })])
      for (const client of clients) destroySocket(client)
    },
  }
}

/** Not RESET: the embedded database knows no start-up value. */
async function setTimeoutTo(client: pg.ClientBase, timeoutMs: number): Promise<void> {
  await client.query(`SET statement_timeout = ${timeoutMs}`)
}

/** A connection that is still being made cannot be cancelled; when it comes after all, it goes back to the pool. */
async function connect(pool: pg.Pool, signal: AbortSignal | undefined): Promise<pg.PoolClient> {
  signal?.throwIfAborted()
  const connecting = pool.connect()
  if (signal === undefined) return connecting
  return new Promise((resolve, reject) => {
    let isGivenUp = false
    const onAbort = (): void => {
      isGivenUp = true
      reject(new Error('the write was given up: the connection was closed'))
    }
    signal.addEventListener('abort', onAbort, { once: true })
    const settle = async (): Promise<void> => {
      try {
        const client = await connecting
        if (isGivenUp) client.release()
        else resolve(client)
      } catch (error) {
        reject(errorOf(error))
      } finally {
        signal.removeEventListener('abort', onAbort)
      }
    }
    void settle()
  })
}

/** pg's own `end` says goodbye and waits; a frozen peer never answers. The stream is not in pg's types (8.23). */
function destroySocket(client: pg.ClientBase): void {
  const { connection } = client as unknown as { connection?: { stream?: Duplex } }
  connection?.stream?.destroy()
}
