/** Recorded messages: a line of newline-delimited JSON → topic, payload and time, or why not. Pure. */
import { quoteUnsafeIntegers } from '../formats/unsafe-integers.ts'
import type { ReplayOptions } from './options.ts'
import { readTime } from './times.ts'
import { messageOf } from '../ops/user-error.ts'

export interface Recorded {
  readonly topic: string
  readonly payload: Buffer
  /** Undefined: right after the one before. */
  readonly atUs: number | undefined
}

/** The `tst` of mosquitto_sub's %j is taken for `at`. */
export function readRecorded(
  text: string,
  options: Pick<ReplayOptions, 'time' | 'zone' | 'topic'>,
): Recorded | string {
  let value: unknown
  try {
    value = JSON.parse(quoteUnsafeIntegers(text))
  } catch (error) {
    return `not JSON: ${messageOf(error).slice(0, 120)}`
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'not an object'
  const { topic = options.topic, payload, encoding, at, tst } = value as Readonly<Record<string, unknown>>
  const problem = topicProblem(topic)
  if (problem !== undefined) return problem
  if (payload === undefined) return 'no payload'
  const bytes = payloadOf(payload, encoding)
  if (typeof bytes === 'string') return bytes
  const time = at ?? tst
  if (time === undefined || time === null) return { topic: topic as string, payload: bytes, atUs: undefined }
  // Our own recordings have ISO 8601 or, as native pings, epoch milliseconds; --time says it for others.
  const unit = typeof time === 'number' && options.time === 'iso' ? 'ms' : options.time
  const atUs =
    typeof time === 'number' || typeof time === 'string'
      ? readTime(String(time), unit, options.zone)
      : undefined
  if (atUs === undefined) return `at: ${JSON.stringify(time).slice(0, 64)} is not a time (--time ${unit})`
  return { topic: topic as string, payload: bytes, atUs }
}

function topicProblem(topic: unknown): string | undefined {
  if (topic === undefined) return 'no topic (--topic gives one)'
  if (typeof topic !== 'string' || topic === '') return 'the topic is not a text'
  if (/[+#\0]/u.test(topic)) return `the topic ${JSON.stringify(topic.slice(0, 64))} has a wildcard or NUL`
  return Buffer.byteLength(topic) > 65_535 ? 'the topic is longer than 65,535 bytes' : undefined
}

function payloadOf(payload: unknown, encoding: unknown): Buffer | string {
  if (encoding === undefined || encoding === 'utf8')
    return Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload))
  if (encoding !== 'base64') return `encoding: expected base64, got ${JSON.stringify(encoding).slice(0, 64)}`
  if (typeof payload !== 'string' || !/^[A-Za-z0-9+/\s]*={0,2}\s*$/u.test(payload))
    return 'the payload is not base64'
  return Buffer.from(payload, 'base64')
}
