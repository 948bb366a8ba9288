/**
 * How vendors write numbers, times and ids, and how they write "no sample": each function gives a value or undefined.
 * Pure and total. What unit or notation a field is in, the format knows; nothing here guesses from magnitude.
 */
import { parseIsoUs } from '../ingest/ping.ts'
import type { Refusal } from './format.ts'

export type Fields = Readonly<Record<string, unknown>>

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const notAPing = (value: unknown): Refusal => ({
  reason: 'not_a_ping',
  detail: `expected an object, found ${value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`}`,
})

export const invalid = (detail: string): Refusal => ({ reason: 'invalid_ping', detail })

export const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {})

/** A JSON number; anything else, "NaN" included, is no sample. */
export const numberOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined

/** A JSON number or one written as text, blanks around it allowed. */
export function numberIn(value: unknown): number | undefined {
  if (typeof value !== 'string') return numberOf(value)
  const text = value.trim()
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/iu.test(text) ? numberOf(Number(text)) : undefined
}

export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value.trim() !== '' ? value : undefined

/** Ids are text; vendors that count write them as numbers. */
export const idOf = (value: unknown): string | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : textOf(value)

/** Bluetooth's range ends at −127 and +20 dBm; +127 is its own "not available", −200 that of several gateways. */
export function rssiOf(value: unknown): number | undefined {
  const dbm = numberIn(value)
  return dbm !== undefined && dbm >= -127 && dbm <= 20 ? dbm : undefined
}

/** Per cent, also as "77%". 0 is what a tag without a battery sensor sends; an empty battery sends nothing. */
export function batteryOf(value: unknown): number | undefined {
  const percent = numberIn(typeof value === 'string' ? value.trim().replace(/\s*%$/u, '') : value)
  return percent !== undefined && percent > 0 && percent <= 100 ? percent : undefined
}

export const wholeOf = (value: unknown): number | undefined => {
  const number = numberIn(value)
  return number !== undefined && Number.isSafeInteger(number) ? number : undefined
}

/** Epoch milliseconds of ISO 8601 text. Without an offset it is UTC where the vendor's documents say so. */
export function isoMs(value: unknown, isZonelessUtc: boolean): number | undefined {
  if (typeof value !== 'string') return undefined
  const us = parseIsoUs(value) ?? (isZonelessUtc ? parseIsoUs(`${value.trim()}Z`) : undefined)
  return us === undefined ? undefined : us / 1000
}

/**
 * A time that must be readable where there is one: null, absent and empty mean "no time", other text that is none is an error,
 * because the receive time in its place would look right.
 */
export function timeOf(
  field: string,
  value: unknown,
  expected: string,
  read: (value: unknown) => number | undefined,
): { readonly ms: number | undefined } | Refusal {
  if (value === null || value === undefined || value === '' || value === 'NaN') return { ms: undefined }
  const ms = read(value)
  return ms === undefined
    ? invalid(`${field}: expected ${expected}, got ${JSON.stringify(value).slice(0, 64)}`)
    : { ms }
}

export const isRefusal = (value: object): value is Refusal => 'reason' in value

/** All other keys, under their own names: `__proto__` is a key like any other. */
export function restOf(fields: Fields, taken: ReadonlySet<string>): Record<string, unknown> {
  const rest: Record<string, unknown> = {}
  for (const key of Object.keys(fields)) if (!taken.has(key)) keep(rest, key, fields[key])
  return rest
}

/** An object without a prototype would need no exception, and is several times slower. */
export function keep(props: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(props, key, { value, enumerable: true, configurable: true, writable: true })
  else props[key] = value
}

/** Adds what is known; undefined is left out. */
export function addTo(props: Record<string, unknown>, more: Fields): Record<string, unknown> {
  for (const key of Object.keys(more)) if (more[key] !== undefined) keep(props, key, more[key])
  return props
}

/** A position needs both: half of one is none. */
export const isPosition = (x: number | undefined, y: number | undefined): boolean =>
  x !== undefined && y !== undefined
