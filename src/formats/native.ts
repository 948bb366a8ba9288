/**
 * Our own format: JSON objects on `rtls/{facility}/{gateway}/pings`. Evidence: ours (design.md §4, README).
 * One object, an array of them, or one a line. Unknown keys are kept in props. `null` is the same as absent.
 * Pure and total; what it accepts can be stored.
 */
import { z } from 'zod'
import {
  type Delivery,
  type Ping,
  type RejectionReason,
  type TrackingMethod,
  canonicalId,
  maxIdLength,
  parseIsoUs,
  placeInTime,
} from '../ingest/ping.ts'

/** Metres. A building is not larger than the planet, and float4 must not overflow to infinity. */
const metres = z.number().min(-1e8).max(1e8).nullish()

const nativePing = z.looseObject({
  tagId: z.string().refine((id) => id.trim() !== '' && id.length <= maxIdLength, {
    message: `expected 1 to ${maxIdLength} characters`,
  }),
  t: z.union([z.string(), z.number()]).nullish(),
  x: metres,
  y: metres,
  z: metres,
  longitude: z.number().min(-180).max(180).nullish(),
  latitude: z.number().min(-90).max(90).nullish(),
  floor: z.number().min(-1000).max(1000).nullish(),
  accuracyM: z.number().min(0).max(1e8).nullish(),
  rssiDbm: z.number().min(-1000).max(1000).nullish(),
  batteryPct: z.number().min(0).max(100).nullish(),
  moving: z.boolean().nullish(),
  seq: z.int().nullish(),
  method: z.string().nullish(),
  zone: z.string().max(1024).nullish(),
  props: z.record(z.string(), z.unknown()).nullish(),
  // Identity comes from the topic; a payload may repeat it, never change it.
  facilityId: z.string().nullish(),
  gatewayId: z.string().nullish(),
})

type NativePing = z.output<typeof nativePing>

/** Keys that have a column, or that only repeat the topic. */
const knownKeys = new Set(Object.keys(nativePing.shape))

const methods: ReadonlySet<string> = new Set<TrackingMethod>([
  'RFID',
  'BLE',
  'QR',
  'GPS',
  'MANUAL',
  'NFC',
  'UWB',
  'WIFI',
])
const isMethod = (text: string): text is TrackingMethod => methods.has(text)

export interface Refusal {
  readonly reason: RejectionReason
  readonly detail: string
}

export interface NativeContext {
  readonly delivery: Delivery
  readonly facilityId: string
  readonly gatewayId: string
  readonly futureToleranceS: number
}

/** One JSON value → a ping, or why not. `index` is its place in the message. */
export function decodeNative(value: unknown, index: number, context: NativeContext): Ping | Refusal {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { reason: 'not_a_ping', detail: `expected an object, found ${describeType(value)}` }
  const parsed = nativePing.safeParse(value)
  if (!parsed.success) return { reason: 'invalid_ping', detail: describeIssues(parsed.error) }
  const ping = parsed.data

  const mismatch = contradiction(ping, context)
  if (mismatch !== undefined) return { reason: 'topic_mismatch', detail: mismatch }

  let claimedUs: number | undefined
  if (typeof ping.t === 'number') claimedUs = Math.round(ping.t * 1000)
  else if (typeof ping.t === 'string') {
    claimedUs = parseIsoUs(ping.t)
    if (claimedUs === undefined)
      return {
        reason: 'invalid_ping',
        detail: `t: expected ISO 8601 with an offset, or epoch milliseconds as a number, got ${JSON.stringify(ping.t.slice(0, 64))}`,
      }
  }
  const { delivery } = context
  const { tUs, timeSource } = placeInTime(claimedUs, delivery.receivedAtUs, index, context.futureToleranceS)

  const method = ping.method?.toUpperCase()
  const props = collectProps(value, ping, {
    ...(timeSource === 'replaced' ? { originalT: ping.t } : {}),
    // A method we have no name for is no reason to lose a position.
    ...(method !== undefined && !isMethod(method) ? { method: ping.method } : {}),
  })
  if (typeof props !== 'string') return props

  return {
    delivery,
    index,
    tUs,
    timeSource,
    facilityId: context.facilityId,
    gatewayId: context.gatewayId,
    tagId: canonicalId(ping.tagId),
    x: ping.x ?? null,
    y: ping.y ?? null,
    z: ping.z ?? null,
    longitude: ping.longitude ?? null,
    latitude: ping.latitude ?? null,
    floor: ping.floor ?? null,
    roomId: null,
    zone: ping.zone ?? null,
    accuracyM: ping.accuracyM ?? null,
    rssiDbm: roundOrNull(ping.rssiDbm),
    batteryPct: roundOrNull(ping.batteryPct),
    isMoving: ping.moving ?? null,
    seq: ping.seq ?? null,
    method: method !== undefined && isMethod(method) ? method : null,
    props: props === '{}' ? null : props,
  }
}

const roundOrNull = (value: number | null | undefined): number | null =>
  value === null || value === undefined ? null : Math.round(value)

const describeType = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`

const describeIssues = (error: z.ZodError): string =>
  error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.map(String).join('.')}: ${issue.message.replace(/^Invalid input: /u, '')}`)
    .join('; ')
    .slice(0, 500)

function contradiction(ping: NativePing, context: NativeContext): string | undefined {
  if (
    ping.gatewayId !== null &&
    ping.gatewayId !== undefined &&
    canonicalId(ping.gatewayId) !== canonicalId(context.gatewayId)
  )
    return `gatewayId is ${JSON.stringify(ping.gatewayId.slice(0, 128))}, the topic says ${JSON.stringify(context.gatewayId)}`
  if (ping.facilityId !== null && ping.facilityId !== undefined && ping.facilityId !== context.facilityId)
    return `facilityId is ${JSON.stringify(ping.facilityId.slice(0, 128))}, the topic says ${JSON.stringify(context.facilityId)}`
  return undefined
}

/** Far more than any vendor nests, far less than what overflows PostgreSQL's JSON parser. */
const maxPropsDepth = 64

/** JSON text of everything that has no column of its own ('{}' when there is nothing), or why it cannot be kept. */
function collectProps(value: object, ping: NativePing, marks: Record<string, unknown>): string | Refusal {
  // Without a prototype, so that a key named __proto__ is a key like any other.
  const props = Object.create(null) as Record<string, unknown>
  const keep = (from: object, isKept: (key: string) => boolean): void => {
    for (const [key, item] of Object.entries(from) as [string, unknown][]) if (isKept(key)) props[key] = item
  }
  // From the value as parsed, not as validated: a validator may drop keys such as __proto__.
  keep(value, (key) => !knownKeys.has(key))
  if (ping.props) keep((value as { props: object }).props, () => true)
  keep(marks, () => true)
  const problem = whyUnstorable(props, maxPropsDepth)
  return problem === undefined
    ? JSON.stringify(props)
    : { reason: 'invalid_ping', detail: `props: ${problem}` }
}

function whyUnstorable(value: unknown, levels: number): string | undefined {
  // 1e400 parses to Infinity, which JSON.stringify would silently turn into null.
  if (typeof value === 'number')
    return Number.isFinite(value) ? undefined : 'a number beyond the range of a double'
  if (typeof value !== 'object' || value === null) return undefined
  if (levels === 0) return `nested deeper than ${maxPropsDepth} levels`
  for (const item of Object.values(value)) {
    const problem = whyUnstorable(item, levels - 1)
    if (problem !== undefined) return problem
  }
  return undefined
}
