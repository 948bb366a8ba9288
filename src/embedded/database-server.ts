/**
 * The embedded database's server: listens, lets one session at a time have the backend, and replaces a backend that trapped.
 *
 * A session has the backend for one exchange (until ReadyForQuery), or for a whole transaction block; others wait in the order
 * in which they asked. A session that vanishes in its block is rolled back. After a trap the session that caused it gets XX000,
 * every other connection 57P02 as after the crash of a PostgreSQL server process, and the data directory is opened again.
 * A session that holds the backend in its transaction block and sends nothing for a minute, while others wait, is ended (25P03):
 * on a server it would hold its locks, here it would hold everything.
 * A client that comes before the database is open, or while it is opened again, gets 57P03, as from any server.
 * Any user and database name is accepted (all are `postgres`, a superuser), with the one password (SCRAM-SHA-256) where there
 * is one; without, bind it to loopback.
 */

import { randomInt } from 'node:crypto'
import { createServer, type Server } from 'node:net'
import { EngineTrapped, type Engine } from './database-engine.ts'
import { BackendError, createBackend, type Backend } from './session-backend.ts'
import { createVerifier } from './scram.ts'
import { createSessionState } from './session-state.ts'
import { createSession, encodeNegotiation, readStartupSettings, type Session } from './session.ts'
import type { Work } from './session-input.ts'
import { encodeMessage, encodeReady, ProtocolError } from './wire.ts'
import { errorOf } from '../ops/user-error.ts'

export interface DatabaseServer {
  readonly port: number
  /** Gives the first backend to the clients, who may have been waiting. */
  open(engine: Engine): void
  /** Ends all connections, rolls back what was open and closes the backend. */
  close(): void
}

export interface DatabaseServerOptions {
  readonly host: string
  readonly port: number
  readonly password: string | null
  reopen(): Promise<Engine>
  /** The backend trapped with this error and runs again. */
  onReopened(cause: Error): void
  /** The backend trapped and could not be reopened. */
  onCrash(error: Error): void
}

const CHECKPOINT_CHECK_MS = 30_000

const MAX_IDLE_HOLD_MS = 60_000

export async function listenForClients(options: DatabaseServerOptions): Promise<DatabaseServer> {
  const sessions = new Set<Session>()
  /** Sessions with pending work, in the order in which it became so. */
  const waiting = new Set<Session>()
  let engine: Engine | undefined
  let backend: Backend | undefined
  let owner: Session | undefined
  let isPumping = false
  let isPumpDue = false
  let isCheckpointDue = false
  let isClosing = false
  let nextId = 1

  const verifier = options.password === null ? undefined : createVerifier(options.password)
  const server = createServer((socket) => {
    const session = createSession(nextId++, socket, verifier, (session) => {
      if (engine === undefined && session.pending?.kind === 'startup') {
        session.fail('57P03', 'the embedded database is starting up')
        return
      }
      waiting.add(session)
      wake()
    })
    sessions.add(session)
  })
  await listen(server, options)
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : options.port

  const checkpoints = setInterval(() => {
    isCheckpointDue = true
    wake()
  }, CHECKPOINT_CHECK_MS)
  const holds = setInterval(endIdleHold, MAX_IDLE_HOLD_MS / 4)

  function wake(): void {
    if (!isPumping && !isPumpDue) pump()
  }

  function endIdleHold(): void {
    if (owner === undefined || owner.pending !== undefined || waiting.size === 0) return
    if (performance.now() - owner.lastHeardAt < MAX_IDLE_HOLD_MS) return
    owner.fail(
      '25P03',
      'terminating connection due to idle-in-transaction timeout: others wait for the embedded database',
    )
  }

  /** Does one session's work; what remains is done in a later turn of the loop, so that sockets are served in between. */
  function pump(): void {
    isPumpDue = false
    if (engine === undefined || backend === undefined) return
    let session: Session | undefined
    isPumping = true
    try {
      if (isCheckpointDue && owner === undefined) {
        isCheckpointDue = false
        backend.checkpoint()
      }
      ;[session] = owner === undefined ? waiting : waiting.has(owner) ? [owner] : []
      if (session === undefined) return
      waiting.delete(session)
      serve(backend, session)
    } catch (error) {
      recover(errorOf(error), session)
    } finally {
      isPumping = false
    }
    if (waiting.size === 0) return
    isPumpDue = true
    setImmediate(pump)
  }

  function serve(backend: Backend, session: Session): void {
    const work = session.pending
    if (work === undefined) return
    try {
      if (work.kind === 'leave') leave(backend, session)
      else if (work.kind === 'startup') start(backend, session, work)
      else perform(backend, session, work)
    } catch (error) {
      if (error instanceof ProtocolError) session.fail('08P01', error.message)
      else if (error instanceof BackendError) session.fail(error.sqlstate, error.message)
      else throw error
      return
    }
    session.advance()
  }

  function perform(backend: Backend, session: Session, work: Work): void {
    const { state } = session
    if (state === undefined) return
    const result = backend.perform(state, work)
    owner = state.isMidway || state.status !== 'I' ? session : undefined
    if (result.copy !== undefined) session.beginCopy(result.copy)
    session.send(result.parts)
    if (result.notifications.length > 0)
      for (const listener of sessions) if (listener.state?.isListening) listener.send(result.notifications)
  }

  function start(backend: Backend, session: Session, work: Work & { kind: 'startup' }): void {
    const state = createSessionState(readStartupSettings(work.parameters))
    const refusal = backend.begin(state)
    if (refusal !== undefined) {
      session.send([refusal])
      session.end()
      sessions.delete(session)
      return
    }
    session.state = state
    const unknown = [...work.parameters.keys()].filter((name) => name.startsWith('_pq_.'))
    const key = Buffer.alloc(8)
    key.writeUInt32BE(session.id, 0)
    key.writeUInt32BE(randomInt(2 ** 32), 4)
    session.send([
      ...((work.version & 0xffff) > 0 || unknown.length > 0 ? [encodeNegotiation(unknown)] : []),
      encodeMessage('R', Buffer.alloc(4)),
      ...backend.report(state),
      encodeMessage('K', key),
      encodeReady('I'),
    ])
  }

  function leave(backend: Backend, session: Session): void {
    session.end()
    sessions.delete(session)
    if (owner === session) owner = undefined
    if (session.state !== undefined) backend.leave(session.state)
  }

  /** The backend is gone and every session's state with it. */
  function recover(cause: Error, culprit: Session | undefined): void {
    engine?.abandon()
    engine = undefined
    backend = undefined
    owner = undefined
    const reason = cause instanceof EngineTrapped ? 'crashed' : 'failed'
    for (const session of sessions) {
      session.state = undefined
      if (session === culprit)
        session.fail(
          'XX000',
          `the embedded database ${reason} while running this statement: ${cause.message}`,
        )
      else
        session.fail(
          '57P02',
          'terminating connection because the embedded database crashed and is being reopened',
        )
    }
    void replace(cause)
  }

  async function replace(cause: Error): Promise<void> {
    try {
      const engine = await options.reopen()
      options.onReopened(cause)
      open(engine)
    } catch (error) {
      options.onCrash(errorOf(error))
    }
  }

  function open(opened: Engine): void {
    if (isClosing) {
      opened.abandon()
      return
    }
    engine = opened
    backend = createBackend(opened)
    pump()
  }

  return {
    port,
    open,
    close() {
      isClosing = true
      clearInterval(checkpoints)
      clearInterval(holds)
      server.close()
      const closing = engine
      const holder = owner?.state
      if (holder !== undefined) backend?.leave(holder)
      engine = undefined
      backend = undefined
      for (const session of sessions)
        session.fail('57P01', 'terminating connection due to administrator command')
      closing?.close()
    },
  }
}

async function listen(server: Server, { host, port }: DatabaseServerOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: 511 }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
