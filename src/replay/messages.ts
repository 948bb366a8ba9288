/**
 * A file of recorded traffic → the messages to publish, in its order, as they are asked for. Every row becomes a message or a
 * refusal with its line; none stops the others.
 */
import type { Publication } from '../simulate/publisher.ts'
import { UserError } from '../ops/user-error.ts'
import { createCsvReader } from './csv.ts'
import { type Line, readLines, records } from './lines.ts'
import type { ReplayOptions } from './options.ts'
import { readRecorded } from './recorded.ts'
import { isoOf } from './times.ts'

export interface ReplayEvents {
  /** What the file is taken for. */
  onFound(description: string): void
  onRefused(line: number, reason: string): void
}

export interface ReplayMessage extends Publication {
  /** Line it came from. */
  readonly line: number
}

/** Errors: UserError when the file cannot be read, or is neither of the two. */
export function* readMessages(
  file: string,
  options: ReplayOptions,
  events: ReplayEvents,
  onBytes: (bytes: number) => void = () => undefined,
): Generator<ReplayMessage, void, void> {
  const lines = readLines(file, onBytes)
  const first = firstLine(lines)
  if (first === undefined) {
    events.onFound('an empty file')
    return
  }
  const kind = options.as ?? (first.text.trimStart().startsWith('{') ? 'ndjson' : 'csv')
  const messages =
    kind === 'ndjson'
      ? recordedMessages(first, lines, options, events)
      : positions(first, lines, file, options, events)
  let startUs: number | undefined
  let lastMs = 0
  for (const { topic, payload, atUs, line } of messages) {
    if (atUs !== undefined) {
      startUs ??= atUs
      lastMs = Math.max(0, (atUs - startUs) / 1000 / options.speed)
    }
    yield { topic, payload, gateway: 0, atMs: lastMs, line }
  }
}

interface Message {
  readonly topic: string
  readonly payload: Buffer
  readonly atUs: number | undefined
  readonly line: number
}

/** The first line that is not blank. */
function firstLine(lines: Iterator<Line, void>): Line | undefined {
  for (let next = lines.next(); next.done !== true; next = lines.next())
    if (next.value.text.trim() !== '') return next.value
  return undefined
}

function* recordedMessages(
  first: Line,
  rest: Iterable<Line>,
  options: ReplayOptions,
  events: ReplayEvents,
): Generator<Message, void, void> {
  events.onFound('newline-delimited JSON')
  if (options.isShifted) throw new UserError('--shift is for CSV: the times are inside the payloads here.', 2)
  for (const { text, number } of chain(first, rest)) {
    if (text.trim() === '') continue
    const message = readRecorded(text, options)
    if (typeof message === 'string') events.onRefused(number, message)
    else yield { ...message, line: number }
  }
}

function* positions(
  header: Line,
  rest: Iterable<Line>,
  file: string,
  options: ReplayOptions,
  events: ReplayEvents,
): Generator<Message, void, void> {
  const reader = createCsvReader(header.text, options, file)
  events.onFound(`CSV: ${reader.found}`)
  const shiftUs = options.isShifted ? Date.now() * 1000 - lastTimeUs(file, options) : 0
  const topic = `rtls/${options.facility}/${options.gateway}/pings`
  for (const { text, number } of records(rest)) {
    const position = reader.read(text)
    if (typeof position === 'string') events.onRefused(number, position)
    else {
      const ping = shiftUs === 0 ? position.ping : { ...position.ping, t: isoOf(position.tUs + shiftUs) }
      yield { topic, payload: Buffer.from(JSON.stringify(ping)), atUs: position.tUs, line: number }
    }
  }
}

/** A pass of its own over the file. */
function lastTimeUs(file: string, options: ReplayOptions): number {
  if (file === '-') throw new UserError('--shift reads the file twice, which standard input cannot be.', 2)
  const lines = readLines(file)
  const header = firstLine(lines)
  if (header === undefined) return 0
  const reader = createCsvReader(header.text, options, file)
  let last = -Infinity
  for (const { text } of records(lines)) {
    const position = reader.read(text)
    if (typeof position !== 'string') last = Math.max(last, position.tUs)
  }
  return last
}

function* chain(first: Line, rest: Iterable<Line>): Generator<Line, void, void> {
  yield first
  yield* rest
}
