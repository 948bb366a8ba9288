/**
 * How vendors put JSON into a message: one value, an array of them, or one a line. Shared by every JSON format.
 * Owns the split of a message into elements and the way back from an element to its raw bytes.
 * Pure and total: any bytes give elements and/or failures, never a throw.
 */
import { isUtf8 } from 'node:buffer'
import type { RejectionReason } from '../ingest/ping.ts'
import { messageOf } from '../ops/user-error.ts'

export interface Element {
  readonly value: unknown
}

export interface ElementFailure {
  readonly reason: RejectionReason
  readonly detail: string
}

export type ParsedMessage =
  /** The whole message is refused: no element of it can be told apart. */
  | { readonly kind: 'failure'; readonly failure: ElementFailure }
  | { readonly kind: 'elements'; readonly elements: readonly (Element | ElementFailure)[] }

export const isFailure = (element: Element | ElementFailure): element is ElementFailure => 'reason' in element

const fail = (reason: RejectionReason, detail: string): ParsedMessage => ({
  kind: 'failure',
  failure: { reason, detail },
})

/** A byte order mark is legal before JSON text for many writers and illegal for JSON.parse. */
const textOf = (payload: Buffer): string => {
  const text = payload.toString('utf8')
  return text.startsWith('\uFEFF') ? text.slice(1) : text
}

export function parseJsonMessage(payload: Buffer, maxElements: number): ParsedMessage {
  if (!isUtf8(payload)) return fail('not_utf8', 'the payload is not valid UTF-8')
  const text = textOf(payload)
  let whole: unknown
  try {
    whole = parseGoodLines(text) ?? JSON.parse(text)
  } catch (error) {
    return (
      parseLines(text, maxElements) ??
      fail('not_json', text.trim() === '' ? 'the payload is empty' : jsonError(error))
    )
  }
  if (!Array.isArray(whole)) return { kind: 'elements', elements: [{ value: whole }] }
  if (whole.length > maxElements) return tooMany(whole.length, maxElements)
  const elements: Element[] = []
  for (const value of whole as unknown[]) elements.push({ value })
  return { kind: 'elements', elements }
}

/** A line break between two objects, and none within: JSON allows no raw one in a string. */
const betweenLines = /\}\r?\n\{/u

/** The line breaks stay: one inside of a string, where JSON allows none, must not become part of it. */
const asArray = (lines: string): string => `[${lines.replaceAll('\n', '\n,')}]`

/** Lines that are all good, as one array: one call of the parser, and no exception for the usual case. */
function parseGoodLines(text: string): unknown[] | undefined {
  if (!text.includes('\n') || !betweenLines.test(text)) return undefined
  const lines = text.trim()
  try {
    const values = JSON.parse(asArray(lines)) as unknown[]
    // More: a line holds several values, and is not one itself.
    return values.length === lines.split('\n').length ? values : undefined
  } catch {
    return undefined
  }
}

/** Newline-delimited JSON, when at least one line is an object of its own; otherwise the message is simply broken JSON. */
function parseLines(text: string, maxElements: number): ParsedMessage | undefined {
  if (!text.trimEnd().includes('\n')) return undefined
  const lines = splitLines(text)
  if (!lines.some((line) => line.startsWith('{') && line.endsWith('}'))) return undefined
  if (lines.length > maxElements) return tooMany(lines.length, maxElements)
  const elements = lines.map((line): Element | ElementFailure => {
    try {
      return { value: JSON.parse(line) }
    } catch (error) {
      return { reason: 'not_json', detail: jsonError(error) }
    }
  })
  return elements.some((element) => !isFailure(element)) ? { kind: 'elements', elements } : undefined
}

const splitLines = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')

const tooMany = (count: number, most: number): ParsedMessage =>
  fail('too_many_pings', `${count} elements, at most ${most} are taken from one message`)

/** V8 quotes the text around the error; enough of it to find the place, not all of it. */
const jsonError = (error: unknown): string => messageOf(error).slice(0, 200)

/**
 * The raw bytes of each element, for the dead letter; a single element is the whole payload. One pass over the payload:
 * a message may hold thousands of bad elements, so ask once a message, not once an element.
 */
export function elementsBytes(payload: Buffer): (index: number) => Buffer {
  const slices = sliceElements(payload)
  return (index) => {
    const slice = slices?.[index]
    return slice === undefined ? payload : Buffer.from(slice)
  }
}

function sliceElements(payload: Buffer): string[] | undefined {
  if (!isUtf8(payload)) return undefined
  const text = textOf(payload)
  try {
    if (parseGoodLines(text) !== undefined) return topLevelElements(asArray(text.trim()))
    return Array.isArray(JSON.parse(text)) ? topLevelElements(text) : undefined
  } catch {
    return splitLines(text)
  }
}

/** The texts of a JSON array's elements. The text is known to be a valid array: only strings and brackets matter. */
function topLevelElements(text: string): string[] {
  const slices: string[] = []
  let depth = 0
  let start = 0
  let isInString = false
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at]
    if (isInString) {
      if (char === '\\') at += 1
      else if (char === '"') isInString = false
    } else if (char === '"') isInString = true
    else if (char === '[' || char === '{') {
      depth += 1
      if (depth === 1) start = at + 1
    } else if (char === ']' || char === '}') {
      depth -= 1
      if (depth === 0) slices.push(text.slice(start, at).trim())
    } else if (char === ',' && depth === 1) {
      slices.push(text.slice(start, at).trim())
      start = at + 1
    }
  }
  return slices
}
