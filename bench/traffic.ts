/**
 * What is sent: seeded pings of the simulated hospital, grouped into messages, in the two forms the two sides need:
 * MQTT packets for the publisher, and COPY batches of the very same rows for the baseline. Made before any clock runs.
 */
import { encodeCopy } from '../src/ingest/copy-format.ts'
import { createDecode } from '../src/ingest/decode.ts'
import type { Delivery, Ping } from '../src/ingest/ping.ts'
import { createHospital } from '../src/simulate/hospital.ts'
import { createRandom } from '../src/simulate/random.ts'
import { type TrafficMessage, createTraffic } from '../src/simulate/traffic.ts'
import { encodePublish, maxPacketId } from './mqtt-wire.ts'

/** The packets of one connection, one after the other. */
export interface LinkPackets {
  readonly bytes: Buffer
  /** Where each packet ends. */
  readonly ends: Uint32Array
}

/** How many pings the first so many messages hold. */
export interface Extent {
  readonly pings: number
  /** Without those that repeat another one. */
  readonly rows: number
}

export interface Traffic {
  readonly messages: number
  readonly qos: 0 | 1
  /** No ping is older, but for those that are late on purpose. Milliseconds since 1970. */
  readonly fromMs: number
  readonly links: readonly LinkPackets[]
  /** Message → its connection, in the order of the schedule. */
  readonly linkOf: Uint8Array
  extentOf(messages: number): Extent
  /** The rows of the first n messages in order of arrival, as COPY data of at most `copyBatchRows` rows each. */
  copyBatches(messages: number): readonly Buffer[]
  /** What is in the old chunk before `lateShare` of the pings comes; empty without. */
  readonly history: readonly Buffer[]
}

export interface TrafficOptions {
  readonly pings: number
  readonly pingsPerMessage: number
  readonly seed: number
  readonly gateways?: number
  readonly tags?: number
  readonly qos?: 0 | 1
  readonly duplicateShare?: number
  /** Share of the messages whose pings are `lateDays` old. */
  readonly lateShare?: number
  /** Messages in any order, instead of that of their time. */
  readonly isShuffled?: boolean
}

/** A real large site: 10,000 tags would be the largest (design §1); 3,500 are 500 beds. */
const usualTags = 3500
const usualGateways = 64
/** Behind the horizon of compression (sql/repeatable/policies.sql). */
export const lateDays = 40
/** Raw sightings of a large site a second: t runs this fast, so that a gateway fills a message well within its second. */
const virtualRate = 50_000
/** Gateways have a connection each; a few are enough to keep a broker's loop as busy as many. */
const connections = 8
export const copyBatchRows = 10_000

const decode = createDecode({
  maxMessageBytes: 1_048_576,
  maxPingsPerMessage: 10_000,
  futureToleranceS: 60,
})

export function prepareTraffic(options: TrafficOptions): Traffic {
  const { pings: count, qos = 1, lateShare = 0, seed } = options
  const lateCount = Math.round(count * lateShare)
  const fromMs = startOf(count - lateCount, 0)
  const late = makeMessages(options, lateCount, seed + 1, lateDays)
  const messages = mixed(makeMessages(options, count - lateCount, seed, 0), late)
  if (options.isShuffled === true) shuffle(messages, seed)

  const packets: Buffer[][] = Array.from({ length: connections }, () => [])
  const linkOf = new Uint8Array(messages.length)
  const pingsUntil = new Uint32Array(messages.length)
  const rowsUntil = new Uint32Array(messages.length)
  const rows: Ping[] = []
  const keys = new Set<string>()
  let pings = 0
  for (const [index, { topic, payload, gateway }] of messages.entries()) {
    const link = gateway % connections
    const sent = packets[link]
    if (sent === undefined) throw new RangeError('no such connection')
    linkOf[index] = link
    sent.push(encodePublish(topic, payload, qos === 0 ? 0 : (sent.length % maxPacketId) + 1))
    for (const ping of decoded(topic, payload)) {
      pings += 1
      const key = `${ping.tagId} ${ping.tUs} ${ping.gatewayId}`
      if (!keys.has(key)) rows.push(ping)
      keys.add(key)
    }
    pingsUntil[index] = pings
    rowsUntil[index] = rows.length
  }
  const extentOf = (many: number): Extent => ({
    pings: pingsUntil[many - 1] ?? 0,
    rows: rowsUntil[many - 1] ?? 0,
  })
  const batchesOf = new Map<number, readonly Buffer[]>()
  return {
    messages: messages.length,
    qos,
    fromMs,
    links: packets.map((sent) => joinPackets(sent)),
    linkOf,
    extentOf,
    copyBatches(many) {
      const made = batchesOf.get(many) ?? encodeBatches(rows.slice(0, extentOf(many).rows))
      batchesOf.set(many, made)
      return made
    },
    history:
      lateCount === 0
        ? []
        : encodeBatches(
            makeMessages(options, count, seed + 2, lateDays).flatMap(({ topic, payload }) =>
              decoded(topic, payload),
            ),
          ),
  }
}

function makeMessages(
  { pingsPerMessage, gateways = usualGateways, tags = usualTags, duplicateShare = 0 }: TrafficOptions,
  count: number,
  seed: number,
  daysAgo: number,
): TrafficMessage[] {
  if (count === 0) return []
  return [
    ...createTraffic({
      hospital: createHospital({ facility: 'bench', gateways, tags }),
      seed,
      startMs: startOf(count, daysAgo),
      rate: virtualRate,
      pingsPerMessage,
      count,
      badShare: 0,
      duplicateShare,
      lateShare: 0,
    }),
  ]
}

/** All of it lies in the past, so that no ping counts as one from the future. */
const startOf = (count: number, daysAgo: number): number =>
  Date.now() - daysAgo * 86_400_000 - Math.ceil((count * 1000) / virtualRate) - 1000

function decoded(topic: string, payload: Buffer): readonly Ping[] {
  const delivery: Delivery = {
    topic,
    payload,
    receivedAtUs: Date.now() * 1000,
    packetId: 1,
    epoch: 0,
    isSettled: false,
  }
  const { pings, rejections } = decode(delivery)
  if (rejections.length > 0) throw new Error(`the bench made a bad ping: ${payload.toString()}`)
  return pings
}

/** The few spread evenly among the many. */
function mixed(many: readonly TrafficMessage[], few: readonly TrafficMessage[]): TrafficMessage[] {
  const step = (many.length + few.length) / Math.max(1, few.length)
  const all: TrafficMessage[] = []
  let taken = 0
  for (const message of many) {
    for (let one = few[taken]; one !== undefined && all.length >= taken * step; one = few[taken]) {
      all.push(one)
      taken += 1
    }
    all.push(message)
  }
  return [...all, ...few.slice(taken)]
}

function shuffle(messages: TrafficMessage[], seed: number): void {
  const random = createRandom(seed)
  for (let index = messages.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random.next() * (index + 1))
    const [a, b] = [messages[index], messages[other]]
    if (a === undefined || b === undefined) throw new RangeError('no such message')
    messages[index] = b
    messages[other] = a
  }
}

function joinPackets(packets: readonly Buffer[]): LinkPackets {
  const ends = new Uint32Array(packets.length)
  let end = 0
  for (const [index, packet] of packets.entries()) ends[index] = end += packet.length
  return { bytes: Buffer.concat(packets), ends }
}

function encodeBatches(rows: readonly Ping[]): Buffer[] {
  const batches: Buffer[] = []
  for (let from = 0; from < rows.length; from += copyBatchRows)
    batches.push(encodeCopy(rows.slice(from, from + copyBatchRows)))
  return batches
}
