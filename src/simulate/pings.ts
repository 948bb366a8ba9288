/**
 * The pings of all tags, one tag after the other in a shuffled round: where it is, what it measures, which gateway hears it.
 * Guarantees: (tag, t) never repeats, over fresh and late pings together; a tag's fresh times only rise; a reported point of a
 * standing tag lies in the room it names. The state is a few numbers a tag.
 */
import { createCoverage } from './coverage.ts'
import { digestPing } from './digest.ts'
import { at, roomAt, type Hospital, type Room, type Tag } from './hospital.ts'
import {
  createIsoClock,
  encodeHead,
  encodeRest,
  encodeTime,
  idStyles,
  type PingFields,
  type PingText,
} from './ping-text.ts'
import { createRandom, type Random } from './random.ts'
import { createWalks, type Walker } from './walk.ts'

export interface Ping {
  /** Index into `hospital.gateways`. */
  readonly gateway: number
  readonly text: PingText
  /** The same in numbers. */
  readonly fields: PingFields
  readonly tagId: string
  /** As in the text: ISO 8601, UTC, milliseconds. */
  readonly t: string
}

export interface PingSource {
  /** The next tag's ping at a moment of the virtual clock. */
  fresh(clockMs: number): Ping
  /** The next tag's ping as a gateway had it in store for minutes or hours. */
  late(clockMs: number): Ping
  /** A ping to be spoilt: it uses up no time of its tag. */
  raw(clockMs: number): Ping
}

/**
 * Late pings have times that end in this digit, fresh ones never, so they cannot meet. It leaves a tag 900 fresh pings a second.
 * A tag is always late by the same span: then two late pings of it differ, because the moments they are sent at do.
 */
const lateDigit = 7
/** Pings a second and tag at which the clock stays ahead of the tags' own times: below 900, so that rounding never matters. */
export const maxFreshPerTag = 500
const lateMinMs = 120_000
const lateMaxMs = 6 * 3_600_000
/** A UWB tag's cell lasts a month. */
const msPerBatteryPct = 7.2 * 3_600_000
/** Metres; standard deviation of the position of a tag at rest and of one that moves. The first keeps it within `marginM` of its spot. */
const jitterStill = 0.1
const jitterMoving = 0.15

interface TagState {
  readonly tag: Tag
  /** By style of writing the id. */
  readonly heads: readonly string[]
  readonly walker: Walker
  readonly latenessMs: number
  readonly batteryStart: number
  readonly hasThermometer: boolean
  lastFreshMs: number
  lastLateSlotMs: number
  seq: number
}

export function createPings(hospital: Hospital, seed: number, startMs: number): PingSource {
  const random = createRandom(seed, 1)
  const coverage = createCoverage(hospital)
  const walks = createWalks(hospital, createRandom(seed, 2))
  const isoFresh = createIsoClock()
  const isoLate = createIsoClock()
  const rooms: readonly (readonly Room[])[] = hospital.floors.map((floor) => floor.rooms)
  // Made in the order of their turns: neighbours in memory, which the caches reward.
  const states = shuffle([...hospital.tags], random).map((tag) => createState(tag))
  let turn = 0

  function createState(tag: Tag): TagState {
    const u = random.next()
    return {
      tag,
      heads: idStyles.map((style) => encodeHead(style(tag.mac))),
      walker: walks.place(tag.homeRoomId, startMs),
      // Cubed: mostly minutes, now and then hours.
      latenessMs: Math.floor((lateMinMs + u * u * u * (lateMaxMs - lateMinMs)) / 10) * 10 + (10 - lateDigit),
      batteryStart: 20 + random.int(81),
      hasThermometer: tag.kind === 'blood fridge',
      lastFreshMs: -Infinity,
      lastLateSlotMs: -Infinity,
      seq: 0,
    }
  }

  const nextState = (): TagState => {
    const state = at(states, turn)
    turn = turn + 1 === states.length ? 0 : turn + 1
    return state
  }

  const measure = (state: TagState, clockMs: number, t: string): Ping => {
    const { walker } = state
    walks.advance(walker, clockMs)
    const floor = at(hospital.floors, walker.floor)
    const jitter = walker.moving ? jitterMoving : jitterStill
    const xCm = centimetres(walker.x + jitter * random.gauss(), floor.widthM)
    const yCm = centimetres(walker.y + jitter * random.gauss(), floor.depthM)
    const zone = walker.moving
      ? (roomAt(at(rooms, walker.floor), xCm / 100, yCm / 100) ?? walker.room)
      : walker.room
    const gateway = coverage.nearest(walker.floor, xCm / 100, yCm / 100)
    const distanceM = coverage.distanceM(gateway, walker.floor, walker.x, walker.y)
    const fields: PingFields = {
      xCm,
      yCm,
      zCm: 95 + random.int(20),
      floor: walker.floor,
      accuracyCm: walker.moving ? 20 + random.int(40) : 10 + random.int(20),
      rssiDbm: Math.max(-94, Math.round(-46 - 1.4 * distanceM + 2 * random.gauss())),
      batteryPct: battery(state.batteryStart, clockMs - startMs),
      moving: walker.moving,
      seq: state.seq,
      zone: zone.id,
      temperature: state.hasThermometer ? 35 + random.int(20) : undefined,
    }
    const head = at(state.heads, gateway % state.heads.length)
    return {
      gateway,
      text: { head, time: encodeTime(t), rest: encodeRest(fields) },
      fields,
      tagId: state.tag.id,
      t,
    }
  }

  return {
    fresh: (clockMs) => {
      const state = nextState()
      let t = Math.max(clockMs, state.lastFreshMs + 1)
      if (t % 10 === lateDigit) t++
      state.lastFreshMs = t
      state.seq++
      return measure(state, t, isoFresh(t))
    },
    late: (clockMs) => {
      const state = nextState()
      state.lastLateSlotMs = Math.max(clockMs - (clockMs % 10), state.lastLateSlotMs + 10)
      state.seq++
      return measure(state, clockMs, isoLate(state.lastLateSlotMs - state.latenessMs))
    },
    raw: (clockMs) => measure(nextState(), clockMs, isoFresh(clockMs)),
  }
}

/** The share of a good ping in the digest (see `digest.ts`). */
export function digestOf(ping: Ping, gatewayId: string): number {
  return digestPing(ping.tagId, ping.t, gatewayId)
}

/** Whole centimetres inside the building, the far walls excluded. */
function centimetres(metres: number, limitM: number): number {
  return Math.min(limitM * 100 - 1, Math.max(0, Math.round(metres * 100)))
}

/** Falls from `start` to 3 and is then changed for a full one. */
function battery(start: number, elapsedMs: number): number {
  const left = start - 3 - Math.floor(elapsedMs / msPerBatteryPct)
  return 3 + (((left % 98) + 98) % 98)
}

/** Fisher–Yates, so that tags of one kind or room do not ping in a row. */
function shuffle<T>(list: T[], random: Random): T[] {
  for (let last = list.length - 1; last > 0; last--) {
    const other = random.int(last + 1)
    const moved = at(list, last)
    list[last] = at(list, other)
    list[other] = moved
  }
  return list
}
