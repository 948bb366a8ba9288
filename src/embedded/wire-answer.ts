/**
 * Reads a backend's answer to one run: what state it is in now, and what of it the client is to see.
 * Left out: the answers to messages this server put in, notifications (they go to whoever listens), and the build's own
 * chatter, which a client would print.
 */

import { backendMessages, readFields, readString, type TransactionStatus } from './wire.ts'

/** How many messages of each kind the client did not cause: its answer starts with them. */
export interface Hidden {
  readonly parsed?: number
  readonly closed?: number
  readonly copyIn?: number
}

export interface Answer {
  /** Everything, as it came. */
  readonly bytes: Buffer
  /** What the client is to see, in order. A ReadyForQuery, if any, ends the last part. */
  readonly parts: readonly Buffer[]
  /** Of the last ReadyForQuery; undefined when there was none. */
  readonly status?: TransactionStatus
  readonly tags: readonly string[]
  /** The client's own messages that were carried out. */
  readonly done: { readonly parsed: number; readonly closed: number }
  /** Fields of the first ErrorResponse. */
  readonly error?: ReadonlyMap<string, string>
  /** The first CopyInResponse. */
  readonly copyIn?: Buffer
  readonly notifications: readonly Buffer[]
}

export function readAnswer(bytes: Buffer, hidden: Hidden = {}): Answer {
  const left = { parsed: hidden.parsed ?? 0, closed: hidden.closed ?? 0, copyIn: hidden.copyIn ?? 0 }
  const parts: Buffer[] = []
  const tags: string[] = []
  const notifications: Buffer[] = []
  const done = { parsed: 0, closed: 0 }
  let status: TransactionStatus | undefined
  let error: ReadonlyMap<string, string> | undefined
  let copyIn: Buffer | undefined
  let from = 0
  for (const { type, start, end } of backendMessages(bytes)) {
    let isShown = true
    // A result has many DataRows and few of anything else.
    if (type === 'D' || type === 'd') continue
    if (type === 'C') tags.push(readString(bytes, start + 5).value)
    else if (type === 'Z') status = String.fromCharCode(bytes[start + 5] ?? 0) as TransactionStatus
    else if (type === 'E') error ??= readFields(bytes.subarray(start, end))
    else if (type === 'N') isShown = !CHATTER.test(readFields(bytes.subarray(start, end)).get('M') ?? '')
    else if (type === 'A') {
      notifications.push(bytes.subarray(start, end))
      isShown = false
    } else if (type === '1') {
      isShown = left.parsed-- <= 0
      if (isShown) done.parsed++
    } else if (type === '3') {
      isShown = left.closed-- <= 0
      if (isShown) done.closed++
    } else if (type === 'G') {
      copyIn ??= bytes.subarray(start, end)
      isShown = left.copyIn-- <= 0
    }
    if (isShown) continue
    if (start > from) parts.push(bytes.subarray(from, start))
    from = end
  }
  if (from < bytes.length) parts.push(bytes.subarray(from))
  return {
    bytes,
    parts,
    tags,
    done,
    notifications,
    ...(status !== undefined && { status }),
    ...(error !== undefined && { error }),
    ...(copyIn !== undefined && { copyIn }),
  }
}

/** Left in by the makers of the build: `# 1743: aborting transaction 739` after every error in a transaction. */
const CHATTER = /^# \d+: /

/** The rows of an answer in text format; null reads as ''. */
export function readRows(bytes: Buffer): string[][] {
  const rows: string[][] = []
  for (const { type, start } of backendMessages(bytes)) {
    if (type !== 'D') continue
    const row: string[] = []
    let offset = start + 7
    for (let column = bytes.readUInt16BE(start + 5); column > 0; column--) {
      const length = bytes.readInt32BE(offset)
      offset += 4
      row.push(length < 0 ? '' : bytes.toString('utf8', offset, offset + length))
      offset += Math.max(0, length)
    }
    rows.push(row)
  }
  return rows
}
