/**
 * The native ping as text, by concatenation of prepared pieces: JSON.stringify would cost more than everything else together.
 * Guarantees: `encodePing` gives valid JSON of the native format (design §4); `spoilPing` gives what must be rejected,
 * one received ping each, whatever it is wrapped in.
 */
import { at } from './hospital.ts'
import type { Random } from './random.ts'

/** One ping in pieces of JSON: `{"tagId":"…"` + `,"t":"…"` + `,"x":…}`. */
export interface PingText {
  readonly head: string
  readonly time: string
  readonly rest: string
}

export interface PingFields {
  xCm: number
  yCm: number
  zCm: number
  floor: number
  accuracyCm: number
  rssiDbm: number
  batteryPct: number
  moving: boolean
  seq: number
  zone: string
  /** Tenths of a degree, from the tags that measure it. */
  temperature?: number | undefined
}

/** 0 to 100 m in centimetres as decimal text; formatting a float costs ten times a look-up. */
const metres = Array.from({ length: 10_001 }, (_, cm) => String(cm / 100))
const milliseconds = Array.from({ length: 1000 }, (_, ms) => `${String(ms).padStart(3, '0')}Z`)

/** How gateways write a tag id; the ingester must see one tag in all three. */
export const idStyles: readonly ((mac: string) => string)[] = [
  (mac) => mac,
  (mac) => mac.replaceAll(':', '').toLowerCase(),
  (mac) => mac.replaceAll(':', '-'),
]

export function encodeHead(tagId: string): string {
  return `{"tagId":"${tagId}"`
}

export function encodeTime(t: string): string {
  return `,"t":"${t}"`
}

export function encodeRest(ping: PingFields): string {
  const props = ping.temperature === undefined ? '' : `,"props":{"tempC":${ping.temperature / 10}}`
  return (
    `,"x":${at(metres, ping.xCm)},"y":${at(metres, ping.yCm)},"z":${at(metres, ping.zCm)},"floor":${ping.floor}` +
    `,"accuracyM":${at(metres, ping.accuracyCm)},"rssiDbm":${ping.rssiDbm},"batteryPct":${ping.batteryPct}` +
    `,"moving":${ping.moving},"seq":${ping.seq},"method":"UWB","zone":"${ping.zone}"${props}}`
  )
}

/** ISO 8601 in UTC with milliseconds; a Date is made only when the second changes. */
export function createIsoClock(): (ms: number) => string {
  let second = Number.NaN
  let prefix = ''
  return (ms) => {
    const whole = Math.floor(ms / 1000)
    if (whole !== second) {
      second = whole
      prefix = new Date(whole * 1000).toISOString().slice(0, 20)
    }
    return prefix + at(milliseconds, ms - whole * 1000)
  }
}

const spoilers: readonly ((ping: PingText) => string)[] = [
  (ping) => `{${ping.time.slice(1)}${ping.rest}`,
  (ping) => `{"tagId":""${ping.time}${ping.rest}`,
  (ping) => `{"tagId":null${ping.time}${ping.rest}`,
  (ping) => `${ping.head},"t":"yesterday"${ping.rest}`,
  (ping) => `${ping.head},"t":"2026-13-45T99:00:00Z"${ping.rest}`,
  (ping) => `${ping.head},"t":true${ping.rest}`,
  (ping) => ping.head + ping.time + ping.rest.replace(/"x":([0-9.]+)/, '"x":"$1 m"'),
  (ping) => ping.head + ping.time + ping.rest.replace(/"y":([0-9.]+)/, '"y":{"m":$1}'),
  () => 'null',
  () => '42',
  () => '"beep"',
]

const unparsable: readonly ((ping: PingText) => string)[] = [
  (ping) => `${ping.head}${ping.time},"x":`,
  (ping) => ping.head + ping.time.slice(0, -3),
  () => '%%% line noise %%%',
  () => 'tagId=AC233FA1B2C3;x=12.3;y=5.6',
]

/** A bad element that is valid JSON: it may stand in an array. */
export function spoilPing(ping: PingText, random: Random): string {
  return at(spoilers, random.int(spoilers.length))(ping)
}

/** A bad line: not JSON, so it may stand only in a newline-delimited message or alone. */
export function spoilLine(ping: PingText, random: Random): string {
  return at(unparsable, random.int(unparsable.length))(ping)
}

/** A message that as a whole is not JSON, on one line: one received ping. */
export function spoilMessage(ping: PingText, random: Random): Buffer {
  const good = ping.head + ping.time + ping.rest
  const choice = random.int(3)
  if (choice === 0) return Buffer.from(spoilLine(ping, random))
  if (choice === 1) return Buffer.from(`[${good},${good.slice(0, -9)}`)
  return Buffer.from([0xff, 0xfe, 0x00, 0x7b, 0x80, 0xc3, 0x28, 0xf5, random.int(10)])
}
