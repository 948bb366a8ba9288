/**
 * Between sightings and the rest of the pipeline: holds messages with sightings until their windows are durable.
 *
 * Steps: a message's sightings go into their windows, each window a duty of the message (and its other pings one more); an
 * election turns a window into one derived message (presence-message.ts) that takes the way of all messages; when that is
 * durable, one duty of each source is done; a message without duties left is settled. A window that elects nobody is durable
 * as it is. So a PUBACK still follows everything its message led to.
 * Does not know batches, nor what durable means.
 */
import { type Decoded, type Delivery, type Ping, canonicalId } from './ping.ts'
import { type Election, type PresenceOptions, createPresence } from './presence.ts'
import { encodePresences, presenceTopic } from './presence-message.ts'

export interface PresencesOptions extends PresenceOptions {
  /** Where gateways are. */
  readonly gateways: readonly {
    readonly gateway: string
    /** Null: in whatever facility. */
    readonly facility: string | null
    readonly room: string | null
    readonly floor: number | null
  }[]
}

/** Why a window may have to be cut short. */
export interface Pressure {
  /** Memory is full, or the service is stopping. */
  readonly isUrgent: boolean
  readonly unacked: number
  /** How many unacknowledged messages the broker allows itself, as far as we know. */
  readonly windowSize: number
  /** Since the last message. */
  readonly quietForMs: number
}

/** A broker that has sent nothing for this long while its window is full waits for us. */
const quietMs = 20
/** The same while we do not know its window yet: a silence this long behind so many messages is hardly a coincidence. */
const unknownWindowQuietMs = 250
/** No broker's window is smaller by default; a smaller one that we observed is light load, and no reason to cut windows short. */
const leastWindow = 10

export interface Presences {
  /** Before the message's own pings and rejections, `own` of them, go on; returns how many sightings it took over. */
  take(delivery: Delivery, decoded: Decoded, own: number, nowMs: number): number
  /** Closes the windows that are due, all of them when somebody waits for it; returns in how many milliseconds to ask again. */
  close(nowMs: number, pressure: Pressure, onElection: (election: Election) => void): number | undefined
  /** What was elected, as the payload of the message that `settled` will be asked about. */
  derive(election: Election, receivedAtUs: number): Delivery
  /** One duty of a message is done: marks it as settled when it was the last. */
  isSettled(delivery: Delivery): boolean
  /** The election a durable message was derived from. */
  electionOf(delivery: Delivery): Election | undefined
  /** Payload of the messages whose sightings wait: what they are made of stays in memory as long. */
  readonly bytes: number
  /** Sightings in open windows, and in elections that are not durable yet. */
  readonly windowed: number
}

export function createPresences(options: PresencesOptions): Presences {
  const stage = createPresence(options)
  const roomOf = new Map(
    options.gateways.map((place) => [placeKey(place.facility, place.gateway), place] as const),
  )
  const duties = new Map<Delivery, { left: number; readonly bytes: number }>()
  let bytes = 0
  const derivations = new Map<Delivery, Election>()
  let electing = 0

  const encode = (elected: readonly Ping[]): Buffer =>
    encodePresences(
      elected.map((ping) => {
        const room =
          roomOf.get(placeKey(ping.facilityId, ping.gatewayId)) ?? roomOf.get(placeKey(null, ping.gatewayId))
        return { ping, roomId: room?.room ?? null, floor: room?.floor ?? null }
      }),
    )

  return {
    take(delivery, { sightings = [] }, own, nowMs) {
      if (sightings.length === 0) return 0
      const left = stage.add(delivery, sightings, nowMs) + (own > 0 ? 1 : 0)
      duties.set(delivery, { left, bytes: delivery.payload.length })
      bytes += delivery.payload.length
      return sightings.length
    },
    close(nowMs, { isUrgent, unacked, windowSize, quietForMs }, onElection) {
      if (stage.size === 0) return undefined
      const mayBrokerWait = unacked >= leastWindow
      const patienceMs = unacked >= windowSize ? quietMs : unknownWindowQuietMs
      const isCutShort = isUrgent || stage.isFull || (mayBrokerWait && quietForMs >= patienceMs)
      for (const election of isCutShort ? stage.flush() : stage.due(nowMs)) onElection(election)
      const waitMs = stage.waitMs(nowMs)
      return mayBrokerWait && waitMs !== undefined ? Math.min(waitMs, patienceMs) : waitMs
    },
    derive(election, receivedAtUs) {
      const delivery: Delivery = {
        topic: presenceTopic,
        payload: encode(election.elected),
        receivedAtUs,
        // Nobody waits for it but its sources.
        packetId: 0,
        epoch: -1,
        isSettled: false,
      }
      derivations.set(delivery, election)
      electing += election.sightings
      return delivery
    },
    isSettled(delivery) {
      const duty = duties.get(delivery)
      if (duty === undefined) return true
      duty.left -= 1
      if (duty.left > 0) return false
      duties.delete(delivery)
      bytes -= duty.bytes
      return true
    },
    electionOf(delivery) {
      const election = derivations.get(delivery)
      if (election === undefined) return undefined
      derivations.delete(delivery)
      electing -= election.sightings
      return election
    },
    get bytes() {
      return bytes
    },
    get windowed() {
      return stage.size + electing
    },
  }
}

/** In whatever notation the gateway's id stands, in the configuration or on the topic. */
const placeKey = (facility: string | null, gateway: string): string =>
  JSON.stringify([facility, canonicalId(gateway)])
