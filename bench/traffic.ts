/**
 * What is sent: seeded pings of the simulated hospital, grouped into messages, in the two forms the two sides need:
 * MQTT packets for the publisher, and COPY batches of the very same rows for the baseline. Made before any clock runs.
 */
import { encodeCopy } from '../src/ingest/copy-format.ts'
import { createDecode } from '../src/ingest/decode.ts'
import type { Delivery, Ping } from '../src/ingest/ping.ts'
import { createHospital } from '../src/simulate/hospital.ts'
import { createTraffic } from '../src/simulate/traffic.ts'
import { encodePublish, maxPacketId } from './mqtt-wire.ts'

/** The packets of one connection, one after the other. */
export interface LinkPackets {
  readonly bytes: Buffer
  /** Where each packet ends. */
  readonly ends: Uint32Array
}

export interface Traffic {
  readonly messages: number
  readonly pings: number
  readonly links: readonly LinkPackets[]
  /** Message → its connection, in the order of the schedule. */
  readonly linkOf: Uint8Array
  /** Pings in the first n messages. */
  pingsIn(messages: number): number
  /** The rows of the first n messages in order of arrival, as COPY data of at most `copyBatchRows` rows each. */
  copyBatches(messages: number): readonly Buffer[]
}

export interface TrafficOptions {
  readonly pings: number
  readonly pingsPerMessage: number
  readonly seed: number
}

/** A real large site: 10,000 tags would be the largest (design §1); 3,500 are 500 beds. */
const tags = 3500
const gateways = 64
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
  const { pings: count, pingsPerMessage, seed } = options
  const messages = [
    ...createTraffic({
      hospital: createHospital({ facility: 'bench', gateways, tags }),
      seed,
      // All of it lies in the past, so that no ping counts as one from the future.
      startMs: Date.now() - Math.ceil((count * 1000) / virtualRate) - 1000,
      rate: virtualRate,
      pingsPerMessage,
      count,
      badShare: 0,
      duplicateShare: 0,
      lateShare: 0,
    }),
  ]
  const packets: Buffer[][] = Array.from({ length: connections }, () => [])
  const linkOf = new Uint8Array(messages.length)
  const endOfMessage = new Uint32Array(messages.length)
  const rows: Ping[] = []
  for (const [index, { topic, payload, gateway }] of messages.entries()) {
    const link = gateway % connections
    const sent = packets[link]
    if (sent === undefined) throw new RangeError('no such connection')
    linkOf[index] = link
    sent.push(encodePublish(topic, payload, (sent.length % maxPacketId) + 1))
    const delivery: Delivery = {
      topic,
      payload,
      receivedAtUs: Date.now() * 1000,
      packetId: 1,
      epoch: 0,
      isSettled: false,
    }
    const decoded = decode(delivery)
    if (decoded.rejections.length > 0) throw new Error(`the bench made a bad ping: ${payload.toString()}`)
    for (const ping of decoded.pings) rows.push(ping)
    endOfMessage[index] = rows.length
  }
  const pingsIn = (many: number): number => endOfMessage[many - 1] ?? 0
  const batchesOf = new Map<number, readonly Buffer[]>()
  return {
    messages: messages.length,
    pings: rows.length,
    links: packets.map((sent) => joinPackets(sent)),
    linkOf,
    pingsIn,
    copyBatches(many) {
      const made = batchesOf.get(many) ?? encodeBatches(rows.slice(0, pingsIn(many)))
      batchesOf.set(many, made)
      return made
    },
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
