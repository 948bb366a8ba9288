/**
 * The PostgreSQL wire protocol 3.0 as bytes: cutting a client's stream into messages and a backend's answer into messages,
 * and encoding the few messages this server answers by itself. No sockets, no SQL, no state beyond an unfinished message.
 * Source: https://www.postgresql.org/docs/17/protocol-message-formats.html
 */

/** Message types a client may send after the startup packet, named as in the protocol's documentation. */
const FRONTEND_TYPES = new Set('QPBDECSHFdcfXp')

/** Largest message accepted from a client; also the bound of one COPY conversation. PostgreSQL's own limit is 1 GiB. */
export const MAX_MESSAGE_BYTES = 256 * 1024 * 1024

/** PostgreSQL's MAX_STARTUP_PACKET_LENGTH. Anything longer is not a startup packet (HTTP reads as 1.2 GiB). */
const MAX_STARTUP_BYTES = 10_000

export const SSL_REQUEST = 80_877_103
export const GSSENC_REQUEST = 80_877_104
export const CANCEL_REQUEST = 80_877_102

/** A client that does not speak the protocol; its connection cannot be used any more. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}

export interface Splitter {
  push(chunk: Buffer): void
  /** The next complete startup-style packet (length, then body without type), or undefined. Throws ProtocolError. */
  nextStartup(): Buffer | undefined
  /** The next complete message with its five bytes of header, or undefined. Throws ProtocolError. */
  next(): Buffer | undefined
  /** Bytes that arrived and were not handed out. */
  readonly pendingBytes: number
}

/** Cuts a byte stream into messages: one copy at most for a message that came in many chunks, none for one that came whole. */
export function createSplitter(): Splitter {
  let chunks: Buffer[] = []
  let pendingBytes = 0

  function take(size: number): Buffer {
    pendingBytes -= size
    const first = chunks[0]
    if (first !== undefined && first.length > size) {
      chunks[0] = first.subarray(size)
      return first.subarray(0, size)
    }
    let used = 0
    let count = 0
    for (; used < size; count++) used += chunks[count]?.length ?? 0
    const whole = count === 1 && first !== undefined ? first : Buffer.concat(chunks.slice(0, count))
    chunks = chunks.slice(count)
    if (used > size) chunks.unshift(whole.subarray(size))
    return whole.subarray(0, size)
  }

  /** The first bytes, made contiguous without consuming them. */
  function peek(size: number): Buffer {
    const first = chunks[0]
    if (first !== undefined && first.length >= size) return first
    const head = take(size)
    chunks.unshift(head)
    pendingBytes += size
    return head
  }

  return {
    push(chunk) {
      if (chunk.length === 0) return
      chunks.push(chunk)
      pendingBytes += chunk.length
    },
    nextStartup() {
      if (pendingBytes < 4) return undefined
      const length = peek(4).readUInt32BE(0)
      if (length < 8 || length > MAX_STARTUP_BYTES)
        throw new ProtocolError('invalid length of startup packet')
      return pendingBytes < length ? undefined : take(length)
    },
    next() {
      if (pendingBytes < 5) return undefined
      const head = peek(5)
      const type = String.fromCharCode(head[0] ?? 0)
      if (!FRONTEND_TYPES.has(type)) throw new ProtocolError(`invalid frontend message type ${head[0]}`)
      const length = head.readUInt32BE(1)
      if (length < 4 || length > MAX_MESSAGE_BYTES)
        throw new ProtocolError(`invalid length ${length} of message type ${type}`)
      return pendingBytes < length + 1 ? undefined : take(length + 1)
    },
    get pendingBytes() {
      return pendingBytes
    },
  }
}

/** One message of the backend's answer: its type and where it lies. */
export interface BackendMessage {
  readonly type: string
  readonly start: number
  readonly end: number
}

/** The messages of a complete answer, in order. A torn tail cannot happen: the backend flushes whole messages. */
export function* backendMessages(answer: Buffer): Generator<BackendMessage> {
  for (let start = 0; start + 5 <= answer.length;) {
    const end = start + 1 + answer.readUInt32BE(start + 1)
    yield { type: String.fromCharCode(answer[start] ?? 0), start, end }
    start = end
  }
}

export function encodeMessage(type: string, body: Buffer): Buffer {
  const message = Buffer.allocUnsafe(5 + body.length)
  message.write(type, 0, 'latin1')
  message.writeUInt32BE(4 + body.length, 1)
  body.copy(message, 5)
  return message
}

/** Zero-terminated strings, the protocol's commonest body. */
export function encodeStrings(...values: string[]): Buffer {
  return Buffer.from(values.map((value) => `${value}\0`).join(''))
}

export const encodeQuery = (sql: string): Buffer => encodeMessage('Q', encodeStrings(sql))
export const encodeSync = (): Buffer => encodeMessage('S', Buffer.alloc(0))
export const encodeCopyFail = (reason: string): Buffer => encodeMessage('f', encodeStrings(reason))
export const encodeParameterStatus = (name: string, value: string): Buffer =>
  encodeMessage('S', encodeStrings(name, value))

/** ReadyForQuery's status: idle, in a transaction block, or in a failed one. */
export type TransactionStatus = 'I' | 'T' | 'E'

export const encodeReady = (status: TransactionStatus): Buffer => encodeMessage('Z', Buffer.from(status))

export function encodeError(severity: 'ERROR' | 'FATAL', sqlstate: string, message: string): Buffer {
  return encodeMessage('E', encodeStrings(`S${severity}`, `V${severity}`, `C${sqlstate}`, `M${message}`, ''))
}

/** CopyInResponse without column formats, for the case in which the backend was not asked for its own. */
export function encodeCopyInResponse(isBinary: boolean): Buffer {
  return encodeMessage('G', Buffer.from([isBinary ? 1 : 0, 0, 0]))
}

/** The zero-terminated string at `offset` of a message, and the offset behind it. Throws ProtocolError. */
export function readString(message: Buffer, offset: number): { value: string; end: number } {
  const zero = message.indexOf(0, offset)
  if (zero === -1) throw new ProtocolError('invalid string in message')
  return { value: message.toString('utf8', offset, zero), end: zero + 1 }
}

/** The fields of an ErrorResponse or NoticeResponse by their one-letter codes. */
export function readFields(message: Buffer): Map<string, string> {
  const fields = new Map<string, string>()
  for (let offset = 5; offset < message.length && message[offset] !== 0;) {
    const { value, end } = readString(message, offset)
    fields.set(value.slice(0, 1), value.slice(1))
    offset = end
  }
  return fields
}
