/**
 * Our own format: JSON objects on `rtls/{facility}/{gateway}/pings`. Evidence: ours (design.md §4, README).
 * One object, an array of them, or one a line. Unknown keys are kept in props. `null` is the same as absent.
 * Pure and total; what it accepts can be stored.
 */
import { z } from 'zod'
import {
  type Delivery,
  type Fix,
  type Ping,
  type TrackingMethod,
  canonicalId,
  fixes,
  maxIdLength,
  parseIsoUs,
  placeInTime,
} from '../ingest/ping.ts'
import type { Refusal } from './format.ts'
import { collectProps } from './props.ts'

/** Metres. A building is not larger than the planet, and float4 must not overflow to infinity. */
const mostMetres = 1e8
const metres = z.number().min(-mostMetres).max(mostMetres).nullish()
const maxZoneLength = 1024

/** Exported for the test that holds decodeNative to it. */
export const nativePing = z.looseObject({
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
  accuracyM: z.number().min(0).max(mostMetres).nullish(),
  rssiDbm: z.number().min(-1000).max(1000).nullish(),
  batteryPct: z.number().min(0).max(100).nullish(),
  moving: z.boolean().nullish(),
  seq: z.int().nullish(),
  method: z.string().nullish(),
  fix: z.enum(fixes).nullish(),
  zone: z.string().max(maxZoneLength).nullish(),
  props: z.record(z.string(), z.unknown()).nullish(),
  // Identity comes from the topic; a payload may repeat it, never change it.
  facilityId: z.string().nullish(),
  gatewayId: z.string().nullish(),
})

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

export interface NativeContext {
  readonly delivery: Delivery
  readonly facilityId: string
  readonly gatewayId: string
  readonly futureToleranceS: number
}

/**
 * One JSON value → a ping, or why not. `index` is its place in the message.
 * Read key by key, in one pass; the schema above says what each must be, and explains what is refused (it costs ten times
 * as much; a property test holds the two to the same verdict).
 */
export function decodeNative(value: unknown, index: number, context: NativeContext): Ping | Refusal {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { reason: 'not_a_ping', detail: `expected an object, found ${describeType(value)}` }
  let tagId: string | undefined
  let claimedUs: number | undefined
  let x: number | null = null
  let y: number | null = null
  let z: number | null = null
  let longitude: number | null = null
  let latitude: number | null = null
  let floor: number | null = null
  let accuracyM: number | null = null
  let rssiDbm: number | null = null
  let batteryPct: number | null = null
  let isMoving: boolean | null = null
  let seq: number | null = null
  let method: TrackingMethod | null = null
  let fix: Fix | null = null
  let zone: string | null = null
  let hasMore = false

  // Own keys only: the value comes from JSON.parse, whose objects inherit nothing that can be enumerated.
  for (const key in value) {
    const item: unknown = (value as Readonly<Record<string, unknown>>)[key]
    // Not said. What has no column keeps even that.
    if (item === null || item === undefined) {
      if (!knownKeys.has(key)) hasMore = true
      continue
    }
    switch (key) {
      case 'tagId':
        if (typeof item !== 'string' || item.length > maxIdLength || item.trim() === '')
          return explain(value, context)
        tagId = canonicalId(item)
        break
      case 't':
        if (typeof item === 'string') {
          claimedUs = parseIsoUs(item)
          if (claimedUs === undefined) return explain(value, context)
        } else if (typeof item === 'number' && Number.isFinite(item)) claimedUs = Math.round(item * 1000)
        else return explain(value, context)
        break
      case 'x':
        if (isWithin(item, -mostMetres, mostMetres)) x = item
        else return explain(value, context)
        break
      case 'y':
        if (isWithin(item, -mostMetres, mostMetres)) y = item
        else return explain(value, context)
        break
      case 'z':
        if (isWithin(item, -mostMetres, mostMetres)) z = item
        else return explain(value, context)
        break
      case 'longitude':
        if (isWithin(item, -180, 180)) longitude = item
        else return explain(value, context)
        break
      case 'latitude':
        if (isWithin(item, -90, 90)) latitude = item
        else return explain(value, context)
        break
      case 'floor':
        if (isWithin(item, -1000, 1000)) floor = item
        else return explain(value, context)
        break
      case 'accuracyM':
        if (isWithin(item, 0, mostMetres)) accuracyM = item
        else return explain(value, context)
        break
      case 'rssiDbm':
        if (isWithin(item, -1000, 1000)) rssiDbm = Math.round(item)
        else return explain(value, context)
        break
      case 'batteryPct':
        if (isWithin(item, 0, 100)) batteryPct = Math.round(item)
        else return explain(value, context)
        break
      case 'moving':
        if (typeof item === 'boolean') isMoving = item
        else return explain(value, context)
        break
      case 'seq':
        if (Number.isSafeInteger(item)) seq = item as number
        else return explain(value, context)
        break
      case 'method':
        if (typeof item === 'string') {
          const known = item.toUpperCase()
          if (isMethod(known)) method = known
          // A method we have no name for is no reason to lose a position.
          else hasMore = true
        } else return explain(value, context)
        break
      case 'fix':
        if (isFix(item)) fix = item
        else return explain(value, context)
        break
      case 'zone':
        if (typeof item === 'string' && item.length <= maxZoneLength) zone = item
        else return explain(value, context)
        break
      case 'props':
        if (typeof item === 'object' && !Array.isArray(item)) hasMore = true
        else return explain(value, context)
        break
      case 'facilityId':
      case 'gatewayId':
        if (typeof item !== 'string' || contradiction(key, item, context) !== undefined)
          return explain(value, context)
        break
      default:
        hasMore = true
    }
  }
  if (tagId === undefined) return explain(value, context)

  const { delivery } = context
  const { tUs, timeSource } = placeInTime(claimedUs, delivery.receivedAtUs, index, context.futureToleranceS)
  let props: string | null = null
  if (hasMore || timeSource === 'replaced') {
    const collected = collectProps(value, knownKeys, method !== null, timeSource === 'replaced')
    if (typeof collected !== 'string') return collected
    props = collected === '{}' ? null : collected
  }
  return {
    delivery,
    index,
    tUs,
    timeSource,
    facilityId: context.facilityId,
    gatewayId: context.gatewayId,
    tagId,
    x,
    y,
    z,
    longitude,
    latitude,
    floor,
    roomId: null,
    zone,
    accuracyM,
    rssiDbm,
    batteryPct,
    isMoving,
    seq,
    method,
    fix,
    props,
  }
}

const isFix = (item: unknown): item is Fix => (fixes as readonly unknown[]).includes(item)

const isWithin = (item: unknown, least: number, most: number): item is number =>
  typeof item === 'number' && item >= least && item <= most

/** What is wrong with a value that was refused: in the order schema, identity, time, whatever the order of its keys. */
function explain(value: object, context: NativeContext): Refusal {
  const parsed = nativePing.safeParse(value)
  if (!parsed.success) return { reason: 'invalid_ping', detail: describeIssues(parsed.error) }
  for (const key of ['gatewayId', 'facilityId'] as const) {
    const mismatch = contradiction(key, parsed.data[key] ?? context[key], context)
    if (mismatch !== undefined) return { reason: 'topic_mismatch', detail: mismatch }
  }
  return {
    reason: 'invalid_ping',
    detail: `t: expected ISO 8601 with an offset, or epoch milliseconds as a number, got ${JSON.stringify(parsed.data.t).slice(0, 64)}`,
  }
}

const describeType = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`

const describeIssues = (error: z.ZodError): string =>
  error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.map(String).join('.')}: ${issue.message.replace(/^Invalid input: /u, '')}`)
    .join('; ')
    .slice(0, 500)

function contradiction(
  key: 'facilityId' | 'gatewayId',
  claimed: string,
  context: NativeContext,
): string | undefined {
  const ours = context[key]
  const isSame =
    claimed === ours || (key === 'gatewayId' && canonicalId(claimed) === canonicalId(context.gatewayId))
  return isSame
    ? undefined
    : `${key} is ${JSON.stringify(claimed.slice(0, 128))}, the topic says ${JSON.stringify(ours)}`
}
