/**
 * What the gateways of the demo hospital say: a sequence of MQTT messages of native pings, faults included.
 * Guarantees: the same options give the same bytes; every good ping that is not a duplicate has its own (tag, t, gateway);
 * ping n belongs to the moment start + n/rate of a virtual clock, and a message is due when its last ping is.
 * Memory does not grow with the length of the run. Does no I/O: `publisher.ts` sends.
 */
import { addDigests } from './digest.ts'
import { at, type Gateway, type Hospital } from './hospital.ts'
import { spoilLine, spoilMessage, spoilPing } from './ping-text.ts'
import { createPings, digestOf, type Ping } from './pings.ts'
import { createRandom } from './random.ts'

export interface TrafficOptions {
  hospital: Hospital
  seed: number
  /** Epoch milliseconds at which the virtual clock starts. */
  startMs: number
  /** Pings a second of the virtual clock, everything counted; above 0. */
  rate: number
  /** At most; a message with fewer leaves when its first ping has waited `maxWaitMs`. */
  pingsPerMessage: number
  /** Exactly so many pings, bad ones and duplicates included; Infinity: endless. */
  count: number
  /** Shares of all pings, each from 0 to 1, together at most 1. */
  badShare: number
  duplicateShare: number
  lateShare: number
}

/** What became of a message's pings: `pings = unique + duplicates + bad`; `late` are among the unique. */
export interface Kinds {
  readonly unique: number
  readonly duplicates: number
  readonly bad: number
  readonly late: number
}

export interface TrafficMessage {
  readonly topic: string
  readonly payload: Buffer
  /** As the ingester counts them received. */
  readonly pings: number
  readonly kinds: Kinds
  /** Index into `hospital.gateways`: who sends it. */
  readonly gateway: number
  /** Milliseconds after the start of the virtual clock at which it is due. */
  readonly atMs: number
  /** The unique pings' part in the digest. */
  readonly digest: number
}

/** Virtual milliseconds a gateway collects pings for one message: it posts at least once a second. */
export const maxWaitMs = 1000
/** Recent messages of which one may be sent again. */
const resendable = 32
/** Of the bad pings: alone as a whole message, the rest inside otherwise good ones. */
const wholeMessageShare = 0.2
/** Of the duplicates: in messages sent again, the rest one by one. */
const resentShare = 0.5

interface Batch {
  readonly station: Station
  readonly openedMs: number
  readonly parts: string[]
  unique: number
  duplicates: number
  bad: number
  late: number
  digest: number
}

interface Station {
  readonly index: number
  readonly gatewayId: string
  readonly topic: string
  /** Every fourth gateway writes newline-delimited objects, the others arrays. */
  readonly writesLines: boolean
  /** The last good pings as they were written, oldest overwritten first. */
  readonly recent: string[]
  recentNext: number
  batch: Batch | undefined
}

/** The traffic, lazily: a message is made when it is asked for. */
export function* createTraffic(options: TrafficOptions): Generator<TrafficMessage, void, void> {
  const { count, startMs, rate } = options
  const random = createRandom(options.seed)
  const pings = createPings(options.hospital, options.seed, startMs)
  const stations = options.hospital.gateways.map((gateway, index) =>
    openStation(options.hospital, gateway, index),
  )
  const recentSize = Math.max(32, 2 * options.pingsPerMessage)
  const chances = drawChances(options)
  /** Oldest first: a Set keeps the order of insertion. */
  const openBatches = new Set<Batch>()
  const sentMessages: TrafficMessage[] = []
  let sent = 0
  let lastStation: Station | undefined
  let made = 0
  let resendCredit = 0

  const atMs = (): number => (made * 1000) / rate

  const batchOf = (station: Station): Batch => {
    if (station.batch === undefined) {
      station.batch = openBatch(station, atMs())
      openBatches.add(station.batch)
    }
    return station.batch
  }

  const close = (batch: Batch): TrafficMessage => {
    openBatches.delete(batch)
    batch.station.batch = undefined
    const message = encodeBatch(batch, options.pingsPerMessage, atMs())
    if (batch.unique > 0) sentMessages[sent++ % resendable] = message
    return message
  }

  const addGood = (ping: Ping, isLate: boolean): Batch => {
    const station = at(stations, ping.gateway)
    const batch = batchOf(station)
    const text = ping.text.head + ping.text.time + ping.text.rest
    batch.parts.push(text)
    batch.unique++
    if (isLate) batch.late++
    batch.digest = addDigests(batch.digest, digestOf(ping, station.gatewayId))
    station.recent[station.recentNext] = text
    station.recentNext = (station.recentNext + 1) % recentSize
    lastStation = station
    return batch
  }

  const addDuplicate = (station: Station): Batch => {
    const batch = batchOf(station)
    batch.parts.push(at(station.recent, random.int(station.recent.length)))
    batch.duplicates++
    return batch
  }

  const addBad = (ping: Ping): Batch => {
    const station = at(stations, ping.gateway)
    const batch = batchOf(station)
    const asLine = station.writesLines && random.next() < 0.5
    batch.parts.push(asLine ? spoilLine(ping.text, random) : spoilPing(ping.text, random))
    batch.bad++
    return batch
  }

  /** Makes one ping; the message, if that completes one. */
  const makePing = (): TrafficMessage | undefined => {
    const clockMs = startMs + Math.floor(atMs())
    const chance = random.next()
    resendCredit += options.duplicateShare * resentShare
    let batch: Batch
    if (chance < chances.bad) {
      const ping = pings.raw(clockMs)
      if (random.next() < wholeMessageShare) {
        made++
        return badMessage(at(stations, ping.gateway), spoilMessage(ping.text, random), atMs())
      }
      batch = addBad(ping)
    } else if (chance < chances.duplicate && lastStation !== undefined) batch = addDuplicate(lastStation)
    else if (chance < chances.late && chance >= chances.duplicate) batch = addGood(pings.late(clockMs), true)
    else batch = addGood(pings.fresh(clockMs), false)
    made++
    return batch.parts.length >= options.pingsPerMessage ? close(batch) : undefined
  }

  /** A recent message once more, if its turn has come and it does not exceed the count. */
  const makeAgain = (): TrafficMessage | undefined => {
    if (resendCredit < options.pingsPerMessage || sentMessages.length === 0) return undefined
    const again = at(sentMessages, random.int(sentMessages.length))
    if (again.pings > count - made) return undefined
    made += again.pings
    resendCredit += again.pings * options.duplicateShare * resentShare
    resendCredit -= again.kinds.unique + again.kinds.duplicates
    return resend(again, atMs())
  }

  const isComplete = (): boolean => made >= count

  while (!isComplete()) {
    const message = makePing()
    if (message !== undefined) yield message
    for (const oldest of openBatches) {
      if (atMs() - oldest.openedMs < maxWaitMs) break
      yield close(oldest)
    }
    const again = makeAgain()
    if (again !== undefined) yield again
  }
  for (const batch of openBatches) yield close(batch)
}

/** Upper bounds in [0, 1] for one random number, in the order bad, duplicate, late; above the last it is a fresh ping. */
function drawChances(options: TrafficOptions): { bad: number; duplicate: number; late: number } {
  const { badShare, duplicateShare, lateShare } = options
  // What is sent again with a whole message is not drawn, and brings its bad pings along.
  const resent = badShare < 1 ? (duplicateShare * resentShare) / (1 - badShare) : 0
  const duplicate = badShare + (duplicateShare * (1 - resentShare)) / (1 - resent)
  return { bad: badShare, duplicate, late: duplicate + lateShare / (1 - resent) }
}

function openStation(hospital: Hospital, gateway: Gateway, index: number): Station {
  const topic = `rtls/${hospital.facilityId}/${gateway.id}/pings`
  const writesLines = index % 4 === 3
  return { index, gatewayId: gateway.id, topic, writesLines, recent: [], recentNext: 0, batch: undefined }
}

function openBatch(station: Station, openedMs: number): Batch {
  return { station, openedMs, parts: [], unique: 0, duplicates: 0, bad: 0, late: 0, digest: 0 }
}

function encodeBatch(batch: Batch, pingsPerMessage: number, atMs: number): TrafficMessage {
  const { station, parts, unique, duplicates, bad, late, digest } = batch
  let text: string
  if (station.writesLines) text = `${parts.join('\n')}\n`
  else text = pingsPerMessage === 1 ? at(parts, 0) : `[${parts.join(',')}]`
  return {
    topic: station.topic,
    payload: Buffer.from(text),
    pings: parts.length,
    kinds: { unique, duplicates, bad, late },
    gateway: station.index,
    atMs,
    digest,
  }
}

function badMessage(station: Station, payload: Buffer, atMs: number): TrafficMessage {
  const kinds = { unique: 0, duplicates: 0, bad: 1, late: 0 }
  return { topic: station.topic, payload, pings: 1, kinds, gateway: station.index, atMs, digest: 0 }
}

function resend(message: TrafficMessage, atMs: number): TrafficMessage {
  const { unique, duplicates, bad } = message.kinds
  const kinds = { unique: 0, duplicates: unique + duplicates, bad, late: 0 }
  return { ...message, kinds, atMs, digest: 0 }
}
