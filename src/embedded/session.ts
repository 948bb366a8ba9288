/**
 * One client's connection: socket → pieces of work → the server's queue, and answers → socket. Owns the password, where one is
 * asked for: the server sees a client that has given it. Owns the socket and its backpressure: a client that sends faster than its work is done is paused, one that does not read gets no further work done.
 */

import type { Socket } from 'node:net'
import type { SessionState } from './session-state.ts'
import { createSessionInput, type Work } from './session-input.ts'
import { createScramExchange, type ScramExchange, type Verifier } from './scram.ts'
import { encodeError, encodeMessage, encodeStrings, ProtocolError } from './wire.ts'

export interface Session {
  readonly id: number
  /** Undefined until the startup packet has come. */
  state: SessionState | undefined
  /** Work that is complete and waits for its turn. */
  readonly pending: Work | undefined
  /** When the client last sent something, on the clock of performance.now(). */
  readonly lastHeardAt: number
  /** Its work is done and answered: looks for the next. */
  advance(): void
  /** What follows is COPY data for this statement. */
  beginCopy(message: Buffer): void
  send(parts: readonly Buffer[]): void
  /** Says why and closes the connection; the session then asks to leave. */
  fail(sqlstate: string, message: string): void
  end(): void
}

/** Client bytes that may wait here while its work waits for the backend; what follows stays in the kernel. */
const MAX_WAITING_BYTES = 1024 * 1024

const FAREWELL_MS = 5_000
const KEEPALIVE_MS = 60_000

/**
 * `onWork` is called whenever `pending` becomes defined. The last work of every session is `leave`.
 * Without a verifier no password is asked for.
 */
export function createSession(
  id: number,
  socket: Socket,
  verifier: Verifier | undefined,
  onWork: (session: Session) => void,
): Session {
  const input = createSessionInput()
  let pending: Work | undefined
  /** While the password is awaited: the start-up it is for. */
  let login: { readonly startup: Work & { kind: 'startup' }; readonly exchange: ScramExchange } | undefined
  let lastHeardAt = performance.now()
  let isFailed = false
  let isOver = false

  const session: Session = {
    id,
    state: undefined,
    get pending() {
      return pending
    },
    get lastHeardAt() {
      return lastHeardAt
    },
    advance() {
      pending = undefined
      if (!isOver) look()
    },
    beginCopy(message) {
      input.beginCopy(message)
    },
    send(parts) {
      if (socket.destroyed || parts.length === 0) return
      socket.cork()
      for (const part of parts) socket.write(part)
      socket.uncork()
    },
    fail(sqlstate, message) {
      if (!isFailed) {
        socket.end(encodeError('FATAL', sqlstate, message))
        // A client that does not hang up keeps neither the socket nor the thread.
        socket.setTimeout(FAREWELL_MS, () => socket.destroy())
        socket.unref()
      }
      isFailed = true
      leave()
    },
    end() {
      isOver = true
      socket.end()
    },
  }

  /** In place of whatever work was pending; the queue takes a session that is in it already once. */
  function leave(): void {
    pending = { kind: 'leave' }
    onWork(session)
  }

  function logIn(work: Work | undefined): void {
    if (work === undefined) return
    if (login === undefined || work.kind !== 'password') {
      session.fail('08P01', login === undefined ? 'no password was asked for' : 'expected a password')
      return
    }
    const answer = login.exchange.answer(work.message)
    if (answer === undefined) {
      const user = login.startup.parameters.get('user') ?? ''
      session.fail('28P01', `password authentication failed for user "${user}"`)
      return
    }
    session.send([answer.reply])
    if (!answer.isDone) {
      session.advance()
      return
    }
    pending = login.startup
    login = undefined
    onWork(session)
  }

  function look(): void {
    if (pending !== undefined || isOver) return
    // A client that does not read its answers waits; its last work, leaving, does not.
    if (socket.writableNeedDrain && !socket.destroyed) return
    try {
      pending = input.next()
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      session.fail('08P01', error.message)
      return
    }
    if (pending?.kind === 'refuse-encryption') {
      socket.write('N')
      session.advance()
    } else if (pending?.kind === 'startup' && verifier !== undefined) {
      login = { startup: pending, exchange: createScramExchange(verifier) }
      session.send([login.exchange.request])
      session.advance()
    } else if (pending?.kind === 'password' || (login !== undefined && pending?.kind !== 'leave'))
      logIn(pending)
    else if (pending !== undefined) onWork(session)
    if (socket.isPaused() && input.pendingBytes < MAX_WAITING_BYTES) socket.resume()
  }

  socket.setNoDelay(true)
  // A client whose machine is gone must not hold the backend for ever.
  socket.setKeepAlive(true, KEEPALIVE_MS)
  socket.on('data', (chunk: Buffer) => {
    if (isFailed) return
    lastHeardAt = performance.now()
    input.push(chunk)
    look()
    const isWaiting = pending !== undefined || socket.writableNeedDrain
    if (isWaiting && input.pendingBytes >= MAX_WAITING_BYTES) socket.pause()
  })
  socket.on('drain', look)
  socket.on('end', () => {
    input.end()
    look()
  })
  // A reset is as good an end as any; 'close' follows.
  socket.on('error', () => undefined)
  socket.on('close', () => {
    input.end()
    look()
  })
  return session
}

/** NegotiateProtocolVersion: 3.0 is the newest spoken here, and no `_pq_.` option is known. */
export function encodeNegotiation(options: readonly string[]): Buffer {
  const head = Buffer.alloc(8)
  head.writeUInt32BE(3 << 16, 0)
  head.writeUInt32BE(options.length, 4)
  return encodeMessage('v', Buffer.concat([head, encodeStrings(...options)]))
}

/** A startup packet's parameters as settings: `options` is taken apart, what is not a setting left out. */
export function readStartupSettings(parameters: ReadonlyMap<string, string>): Map<string, string> {
  const settings = new Map<string, string>()
  for (const [, name = '', value = ''] of (parameters.get('options') ?? '').matchAll(OPTION))
    settings.set(name.replaceAll('-', '_'), value.replaceAll(/\\(.)/g, '$1'))
  for (const [name, value] of parameters)
    if (!NOT_SETTINGS.has(name) && !name.startsWith('_pq_.')) settings.set(name, value)
  return settings
}

/** `-c name=value` and `--name=value`, with `\ ` for a space. */
const OPTION = /(?:-c\s*|--)([\w.-]+)=((?:\\.|[^\s\\])*)/g
const NOT_SETTINGS = new Set(['user', 'database', 'options', 'replication'])
