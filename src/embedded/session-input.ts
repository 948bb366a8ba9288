/**
 * A client's bytes → pieces of work for the backend, one at a time and in order. Owns the client's side of the conversation:
 * start-up, where an extended-protocol exchange ends, and the collecting of COPY data. Knows no socket and no backend.
 *
 * Collecting is what makes COPY possible: the backend cannot wait for input, so CopyData is kept here (in memory, at most
 * MAX_MESSAGE_BYTES) until CopyDone, and a client that gives up or vanishes has changed nothing.
 */

import { CANCEL_REQUEST, GSSENC_REQUEST, MAX_MESSAGE_BYTES, ProtocolError, SSL_REQUEST } from './wire.ts'
import { createSplitter, encodeMessage, readString } from './wire.ts'
import { findCopyIn, type CopyIn } from './wire-sql.ts'

export type Work =
  /** SSLRequest or GSSENCRequest: answered with one byte, no backend needed. */
  | { readonly kind: 'refuse-encryption' }
  | { readonly kind: 'startup'; readonly version: number; readonly parameters: Map<string, string> }
  | { readonly kind: 'query'; readonly message: Buffer; readonly sql: string }
  | { readonly kind: 'copy-start'; readonly message: Buffer; readonly copy: CopyIn & { kind: 'copy' } }
  /** Query, CopyData…, CopyDone. */
  | { readonly kind: 'copy-run'; readonly messages: readonly Buffer[] }
  | {
      readonly kind: 'copy-fail'
      readonly message: Buffer
      readonly sqlstate: string
      readonly reason: string
    }
  /** Messages up to and including Sync or Flush. */
  | { readonly kind: 'extended'; readonly messages: readonly Buffer[] }
  /** An answer to a request for authentication. */
  | { readonly kind: 'password'; readonly message: Buffer }
  /** Terminate, CancelRequest, or the end of the stream: nothing follows. */
  | { readonly kind: 'leave' }

export interface SessionInput {
  push(chunk: Buffer): void
  /** The client's stream has ended: what came whole is still handed out, then `leave`. */
  end(): void
  /** The next piece of work, or undefined when more bytes are needed. Throws ProtocolError. */
  next(): Work | undefined
  /** The backend agreed to a `copy-start`: what follows is its data. */
  beginCopy(message: Buffer): void
  /** Bytes held that the client could be asked to stop adding to; COPY data is not among them. */
  readonly pendingBytes: number
}

const COPY_TOO_BIG = `one COPY may send at most ${MAX_MESSAGE_BYTES / 1024 / 1024} MiB to the embedded database; send it in several`

export function createSessionInput(): SessionInput {
  const splitter = createSplitter()
  let isStarted = false
  let isEnded = false
  let extended: Buffer[] = []
  let copy: { messages: Buffer[]; bytes: number } | undefined

  function startup(packet: Buffer): Work {
    const version = packet.readUInt32BE(4)
    if (version === SSL_REQUEST || version === GSSENC_REQUEST) return { kind: 'refuse-encryption' }
    if (version === CANCEL_REQUEST) return { kind: 'leave' }
    if (version >>> 16 !== 3)
      throw new ProtocolError(`unsupported frontend protocol ${version >>> 16}.${version & 0xffff}`)
    isStarted = true
    const parameters = new Map<string, string>()
    for (let offset = 8; offset < packet.length && packet[offset] !== 0;) {
      const name = readString(packet, offset)
      const value = readString(packet, name.end)
      parameters.set(name.value, value.value)
      offset = value.end
    }
    return { kind: 'startup', version, parameters }
  }

  function query(message: Buffer): Work {
    const sql = readString(message, 5).value
    const found = findCopyIn(sql)
    if (found.kind === 'copy') return { kind: 'copy-start', message, copy: found }
    if (found.kind === 'mixed') {
      const refusal = refuse(
        'COPY FROM STDIN must be the only statement of its query in the embedded database',
      )
      return { kind: 'query', message: encodeMessage('Q', Buffer.from(`${refusal}\0`)), sql: refusal }
    }
    return { kind: 'query', message, sql }
  }

  function copying(type: string, message: Buffer, current: NonNullable<typeof copy>): Work | undefined {
    const [first = message] = current.messages
    if (type === 'd') {
      current.messages.push(message)
      current.bytes += message.length
      if (current.bytes <= MAX_MESSAGE_BYTES) return undefined
      copy = undefined
      return { kind: 'copy-fail', message: first, sqlstate: '53200', reason: COPY_TOO_BIG }
    }
    // Sent by libpq behind an extended-protocol COPY; PostgreSQL ignores them here as well.
    if (type === 'S' || type === 'H') return undefined
    copy = undefined
    if (type === 'c') return { kind: 'copy-run', messages: [...current.messages, message] }
    if (type === 'X') return { kind: 'leave' }
    const reason = type === 'f' ? readString(message, 5).value : `unexpected message type ${type}`
    return {
      kind: 'copy-fail',
      message: first,
      sqlstate: '57014',
      reason: `COPY from stdin failed: ${reason}`,
    }
  }

  function message(type: string, message: Buffer): Work | undefined {
    switch (type) {
      case 'S':
      case 'H': {
        const messages = [...extended, message]
        extended = []
        return { kind: 'extended', messages }
      }
      case 'P':
        extended.push(refuseCopyIn(message))
        return undefined
      case 'B':
      case 'D':
      case 'E':
      case 'C':
        extended.push(message)
        return undefined
      case 'Q':
        return query(message)
      case 'X':
        return { kind: 'leave' }
      case 'F':
        throw new ProtocolError('function calls by message are not supported; use SELECT')
      case 'p':
        return { kind: 'password', message }
      default:
        // CopyData, CopyDone and CopyFail outside a COPY: still on their way after its error. To be ignored, says the protocol.
        return undefined
    }
  }

  function nextPacket(): Work | undefined {
    if (!isStarted) {
      const packet = splitter.nextStartup()
      return packet && startup(packet)
    }
    for (let bytes = splitter.next(); bytes !== undefined; bytes = splitter.next()) {
      const type = String.fromCharCode(bytes[0] ?? 0)
      const work = copy === undefined ? message(type, bytes) : copying(type, bytes, copy)
      if (work !== undefined) return work
    }
    return undefined
  }

  return {
    push(chunk) {
      splitter.push(chunk)
    },
    end() {
      isEnded = true
    },
    next() {
      return nextPacket() ?? (isEnded ? { kind: 'leave' } : undefined)
    },
    beginCopy(message) {
      copy = { messages: [message], bytes: 0 }
    },
    get pendingBytes() {
      return splitter.pendingBytes
    },
  }
}

/** A statement that fails with feature_not_supported in every protocol and transaction state. */
function refuse(reason: string): string {
  return `DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = '${reason}'; END $$`
}

/** COPY FROM STDIN as a prepared statement would make the backend wait for input, which traps it. */
function refuseCopyIn(parse: Buffer): Buffer {
  const name = readString(parse, 5)
  const sql = readString(parse, name.end)
  if (findCopyIn(sql.value).kind === 'none') return parse
  const refusal = refuse('COPY FROM STDIN needs the simple query protocol in the embedded database')
  const head = parse.subarray(5, name.end)
  return encodeMessage('P', Buffer.concat([head, Buffer.from(`${refusal}\0`), parse.subarray(sql.end)]))
}
