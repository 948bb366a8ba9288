/**
 * The words of the data path: message, delivery, ping, rejection.
 * Owns the canonical forms (tag ids, time) and nothing else; no I/O.
 */

/** The bytes as they came, and the duty to settle them. One object a message. */
export interface Delivery {
  readonly topic: string
  /** Let go of once settled: the ledger may keep the delivery much longer, behind one that waits. */
  payload: Buffer
  /** Microseconds since 1970, of our own clock; strictly rising from delivery to delivery. */
  readonly receivedAtUs: number
  /** MQTT packet identifier; 0 for QoS 0, which nobody waits for. */
  readonly packetId: number
  /** Which connection it came over: an acknowledgement is never sent over another. */
  readonly epoch: number
  /** All of this message is durable: it may be acknowledged. */
  isSettled: boolean
}

export type TrackingMethod = 'RFID' | 'BLE' | 'QR' | 'GPS' | 'MANUAL' | 'NFC' | 'UWB' | 'WIFI'
export type TimeSource = 'device' | 'received' | 'replaced'

/**
 * How a ping knows where its tag was. `proximity`: heard by this locator, whose coordinates are not the tag's;
 * `presence`: in the room of this gateway, or in this zone.
 */
export const fixes = ['position', 'approximate', 'proximity', 'presence'] as const
export type Fix = (typeof fixes)[number]

/** A validated, canonical ping. Lengths in metres, angles in degrees; `null` is "not said". */
export interface Ping {
  readonly delivery: Delivery
  /** Which ping of its message this is, counted from 0. */
  readonly index: number
  /** Microseconds since 1970. */
  readonly tUs: number
  readonly timeSource: TimeSource
  readonly facilityId: string
  readonly gatewayId: string
  readonly tagId: string
  readonly x: number | null
  readonly y: number | null
  readonly z: number | null
  readonly longitude: number | null
  readonly latitude: number | null
  readonly floor: number | null
  /** Found after decoding, by the coordinates (place.ts); a copy of each ping would cost more than finding it. */
  roomId: string | null
  readonly zone: string | null
  readonly accuracyM: number | null
  readonly rssiDbm: number | null
  readonly batteryPct: number | null
  readonly isMoving: boolean | null
  readonly seq: number | null
  readonly method: TrackingMethod | null
  readonly fix: Fix | null
  /** JSON text, or null when the ping has no further keys. */
  readonly props: string | null
}

/** Why a ping was not stored: the bounded set behind the metric's label. The keys are stable; the texts are for people. */
export const rejectionReasons = {
  too_large: 'the message is longer than limits.maxMessageBytes',
  too_many_pings: 'the message holds more pings than limits.maxPingsPerMessage',
  not_utf8: 'the bytes are not valid UTF-8',
  not_json: 'the text is not valid JSON',
  not_a_ping: 'the JSON value is not an object',
  invalid_ping: 'a field is missing, of the wrong type or out of range',
  unstorable_text: 'a string holds NUL or half of a surrogate pair, which no PostgreSQL text can hold',
  topic_mismatch: 'the payload names another gateway or facility than its topic',
  unknown_topic: 'no format is configured for the topic, or it names no facility and gateway',
  unknown_gateway: 'the gateway is not in the list of gateways of its topic in the configuration',
  refused_by_database: 'the database refused the row; see sqlstate',
} as const

export type RejectionReason = keyof typeof rejectionReasons
export const rejectionReasonNames = Object.keys(rejectionReasons) as RejectionReason[]

/** A ping (or a whole message, where no ping can be told apart) that cannot be stored. */
export interface Rejection {
  readonly delivery: Delivery
  /** Given here so that writing the same rejection twice stores it once. */
  readonly id: string
  /** Which ping of its message, from 0; -1 for a whole message. */
  readonly index: number
  /** The raw bytes of this ping, not of its whole message. */
  readonly payload: Buffer
  readonly reason: RejectionReason
  readonly detail: string
  readonly sqlstate: string | null
}

export interface Decoded {
  readonly pings: readonly Ping[]
  readonly rejections: readonly Rejection[]
  /** Not to be stored as they are: the strongest of a window is (see presence.ts). Absent: none. */
  readonly sightings?: readonly Ping[]
}

/** One more than the place of the last element that became something. */
export const elementsIn = ({ pings, rejections, sightings = [] }: Decoded): number =>
  1 + Math.max(pings.at(-1)?.index ?? -1, rejections.at(-1)?.index ?? -1, sightings.at(-1)?.index ?? -1)

/** Ids go into a btree index, whose rows hold 2,704 bytes; 128 is far more than any vendor uses. */
export const maxIdLength = 128

const delimited = /^[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}(?:(?:\1[0-9a-f]{2}){2})?$/iu
const dotted = /^[0-9a-f]{4}(?:\.[0-9a-f]{4}){2,3}$/iu
const bare = /^(?:[0-9a-f]{12}|[0-9a-f]{16})$/iu

/** Ids repeat: a site has thousands of tags, and each sends a thousand pings an hour. */
const knownIds = new Map<string, string>()
const mostKnownIds = 65_536

/** MAC and EUI-64 in upper-case hex without delimiters; anything else trimmed and otherwise verbatim. */
export function canonicalId(id: string): string {
  // Longer than any that is accepted: nothing to keep.
  if (id.length > maxIdLength) return makeCanonical(id)
  const known = knownIds.get(id)
  if (known !== undefined) return known
  const canonical = makeCanonical(id)
  // A flood of made-up ids costs a new start, not memory.
  if (knownIds.size >= mostKnownIds) knownIds.clear()
  knownIds.set(id, canonical)
  return canonical
}

function makeCanonical(id: string): string {
  const trimmed = id.trim()
  if (bare.test(trimmed)) return trimmed.toUpperCase()
  if (delimited.test(trimmed) || dotted.test(trimmed)) return trimmed.replaceAll(/[:.-]/gu, '').toUpperCase()
  return trimmed
}

const isoTime =
  /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2}):(\d{2})(?:[.,](\d{1,9})\d*)?\s?(Z|[+-]\d{2}(?::?\d{2})?)$/iu

/** ISO 8601 with an offset → microseconds since 1970; undefined when it is not one. Digits beyond microseconds are cut. */
export function parseIsoUs(text: string): number | undefined {
  return parseUsualIsoUs(text) ?? parseAnyIsoUs(text)
}

const usualLength = '2026-11-22T07:00:00.123Z'.length
const zero = 0x30
let lastDay = Number.NaN
let lastDayMs = 0

/** What almost every gateway writes, read without a regular expression; undefined for anything else, also when it is valid. */
function parseUsualIsoUs(text: string): number | undefined {
  if (
    text.length !== usualLength ||
    text.charCodeAt(4) !== 0x2d ||
    text.charCodeAt(7) !== 0x2d ||
    text.charCodeAt(10) !== 0x54 ||
    text.charCodeAt(13) !== 0x3a ||
    text.charCodeAt(16) !== 0x3a ||
    text.charCodeAt(19) !== 0x2e ||
    text.charCodeAt(23) !== 0x5a
  )
    return undefined
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2)
  const month = twoDigits(text, 5)
  const date = twoDigits(text, 8)
  const hour = twoDigits(text, 11)
  const minute = twoDigits(text, 14)
  const second = twoDigits(text, 17)
  const ms = twoDigits(text, 20) * 10 + digit(text, 22)
  // Every comparison with NaN is false.
  if (!(hour < 24 && minute < 60 && second < 60 && ms < 1000)) return undefined
  const day = year * 10_000 + month * 100 + date
  if (day !== lastDay) {
    if (!(year >= 1000 && month >= 1 && month <= 12 && date >= 1 && date <= daysInMonth(year, month)))
      return undefined
    lastDayMs = Date.UTC(year, month - 1, date)
    lastDay = day
  }
  return (lastDayMs + hour * 3_600_000 + minute * 60_000 + second * 1000 + ms) * 1000
}

function digit(text: string, at: number): number {
  const value = text.charCodeAt(at) - zero
  return value >= 0 && value <= 9 ? value : Number.NaN
}

const twoDigits = (text: string, at: number): number => digit(text, at) * 10 + digit(text, at + 1)

function parseAnyIsoUs(text: string): number | undefined {
  const match = isoTime.exec(text)
  if (match === null) return undefined
  const [, year, month, day, hour, minute, second, fraction = '', zone = 'Z'] = match
  const days = [year, month, day].map(Number)
  const [y = 0, mo = 0, d = 0] = days
  const h = Number(hour)
  const mi = Number(minute)
  const s = Number(second)
  if (mo < 1 || mo > 12 || d < 1 || d > daysInMonth(y, mo) || h > 24 || mi > 59 || s > 60) return undefined
  if (h === 24 && (mi > 0 || s > 0)) return undefined
  const micros = Number(fraction.padEnd(6, '0').slice(0, 6))
  const date = new Date(0)
  // Not Date.UTC: it takes the years 0–99 for 1900–1999.
  date.setUTCFullYear(y, mo - 1, d)
  date.setUTCHours(h, mi, s)
  return (date.getTime() - offsetMs(zone)) * 1000 + micros
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

function offsetMs(zone: string): number {
  if (zone === 'Z' || zone === 'z') return 0
  const sign = zone.startsWith('-') ? -1 : 1
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(3).replace(':', '') || '0')
  return sign * (hours * 60 + minutes) * 60_000
}

const year2000Us = Date.UTC(2000, 0, 1) * 1000

/**
 * The time a ping is stored under. No time: the receive time. A time in the future (beyond the tolerance) or before 2000
 * is a broken clock: the receive time replaces it, so that it neither freezes "last known" nor opens a chunk in 2063.
 * `index` keeps several pings of one message apart when they all get the receive time.
 */
export function placeInTime(
  claimedUs: number | undefined,
  receivedAtUs: number,
  index: number,
  futureToleranceS: number,
): { tUs: number; timeSource: TimeSource } {
  if (claimedUs === undefined) return { tUs: receivedAtUs + index, timeSource: 'received' }
  if (claimedUs > receivedAtUs + futureToleranceS * 1_000_000 || claimedUs < year2000Us)
    return { tUs: receivedAtUs + index, timeSource: 'replaced' }
  return { tUs: claimedUs, timeSource: 'device' }
}
