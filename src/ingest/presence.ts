/**
 * The strongest gateway of a window gets the tag. Takes sightings (a gateway heard a tag, this strongly), gives presences.
 *
 * Windows are aligned to the sightings' own time, so that what is elected does not depend on when a message arrived; a window is
 * due `windowS` after its first sighting came. It may be asked to give what it has before that (memory is full, or the broker
 * sends nothing more until it is acknowledged): what was said then is remembered, and only a change is said again.
 *
 * Hysteresis: a tag stays with its gateway unless another is stronger by `hysteresisDb`, or its own has not heard it for a
 * whole window. Of equally strong sightings the first counts, of simultaneous ones that of the gateway whose id sorts first.
 *
 * Pure: the clock is an argument, no timer, no I/O. The same input in the same order gives the same presences.
 * Bounded: at most `maxTags` tags are remembered; of those not in an open window the longest unheard is forgotten first.
 */
import type { Delivery, Ping } from './ping.ts'

export interface PresenceOptions {
  readonly windowS: number
  readonly hysteresisDb: number
  readonly maxTags: number
}

/** What an election gave, and what it rested on. */
export interface Election {
  /** In the order of time, tag and gateway. */
  readonly elected: readonly Ping[]
  /** One for each window a message had sightings in: a message with two is named twice. */
  readonly sources: readonly Delivery[]
  /** Sightings that were in it. */
  readonly sightings: number
}

export interface PresenceStage {
  /** Returns the number of windows the message is in: as often it will be among an election's sources. */
  add(delivery: Delivery, sightings: readonly Ping[], nowMs: number): number
  /** Windows that are due, the oldest first. */
  due(nowMs: number): Election[]
  /** All windows, due or not. */
  flush(): Election[]
  /** Milliseconds until a window is due; undefined when none is open. */
  waitMs(nowMs: number): number | undefined
  /** More tags than are to be remembered are in open windows: flush. */
  readonly isFull: boolean
  /** Sightings in open windows. */
  readonly size: number
}

interface Window {
  readonly openedMs: number
  readonly sources: Set<Delivery>
  /** Tag → gateway → the strongest sighting. */
  readonly tags: Map<string, Map<string, Ping>>
  sightings: number
}

/** Which gateway has the tag, since what window, and how strongly it heard it there. */
interface Holder {
  readonly gatewayId: string
  window: number
  rssiDbm: number
  /** The last window it was said for. */
  saidIn: number
}

export function createPresence(options: PresenceOptions): PresenceStage {
  const { windowS, hysteresisDb, maxTags } = options
  const windowUs = windowS * 1_000_000
  /** In the order in which they were opened, and so will be due. */
  const windows = new Map<number, Window>()
  /** In the order of when they were last heard. */
  const holders = new Map<string, Holder>()
  let size = 0
  let openTags = 0

  const windowAt = (index: number, nowMs: number): Window => {
    const known = windows.get(index)
    if (known !== undefined) return known
    const opened: Window = { openedMs: nowMs, sources: new Set(), tags: new Map(), sightings: 0 }
    windows.set(index, opened)
    return opened
  }

  const remember = (tag: string, holder: Holder): void => {
    holders.delete(tag)
    holders.set(tag, holder)
    if (holders.size <= maxTags) return
    const [oldest] = holders.keys()
    if (oldest !== undefined) holders.delete(oldest)
  }

  /** The sighting to be said, if any. `isWhole`: the window's time is over, who has not heard the tag by now did not. */
  const elect = (
    tag: string,
    index: number,
    heard: ReadonlyMap<string, Ping>,
    isWhole: boolean,
  ): Ping | undefined => {
    const strongest = strongestOf(heard)
    const holder = holders.get(tag)
    // What comes late says nothing about who has the tag now: a straggler of the window before nothing at all, what a gateway
    // had in store is said for its own time.
    if (holder !== undefined && index < holder.window)
      return index === holder.window - 1 ? undefined : strongest
    const ofHolder = holder === undefined ? undefined : heard.get(holder.gatewayId)
    if (holder !== undefined && strongest !== undefined) {
      if (ofHolder !== undefined && (index > holder.window || strengthOf(ofHolder) > holder.rssiDbm)) {
        holder.window = index
        holder.rssiDbm = strengthOf(ofHolder)
      }
      const isHeard = holder.window === index || (!isWhole && holder.window === index - 1)
      if (isHeard && (strongest === ofHolder || strengthOf(strongest) < holder.rssiDbm + hysteresisDb)) {
        remember(tag, holder)
        if (holder.saidIn === index || ofHolder === undefined) return undefined
        holder.saidIn = index
        return ofHolder
      }
    }
    if (strongest === undefined) return undefined
    const { gatewayId } = strongest
    remember(tag, { gatewayId, window: index, rssiDbm: strengthOf(strongest), saidIn: index })
    return strongest
  }

  const close = (index: number, window: Window, isWhole: boolean): Election => {
    windows.delete(index)
    size -= window.sightings
    openTags -= window.tags.size
    const elected: Ping[] = []
    for (const [tag, heard] of window.tags) {
      const ping = elect(tag, index, heard, isWhole)
      if (ping !== undefined) elected.push(ping)
    }
    return { elected: elected.toSorted(inOrder), sources: [...window.sources], sightings: window.sightings }
  }

  const inTime = (): [number, Window][] => [...windows].toSorted(([a], [b]) => a - b)

  return {
    get size() {
      return size
    },
    get isFull() {
      return openTags >= maxTags
    },
    add(delivery, sightings, nowMs) {
      const touched = new Set<Window>()
      for (const ping of sightings) {
        const window = windowAt(Math.floor(ping.tUs / windowUs), nowMs)
        touched.add(window)
        window.sources.add(delivery)
        window.sightings += 1
        size += 1
        const tag = `${ping.facilityId}\0${ping.tagId}`
        const heard = window.tags.get(tag)
        if (heard === undefined) {
          window.tags.set(tag, new Map([[ping.gatewayId, ping]]))
          openTags += 1
        } else {
          const before = heard.get(ping.gatewayId)
          if (before === undefined || isStronger(ping, before)) heard.set(ping.gatewayId, ping)
        }
      }
      return touched.size
    },
    due(nowMs) {
      const ripe: [number, Window][] = []
      // A gateway that sends its store of a day opens thousands: only the first of them are looked at.
      for (const [index, window] of windows) {
        if (nowMs - window.openedMs < windowS * 1000) break
        ripe.push([index, window])
      }
      return ripe.toSorted(([a], [b]) => a - b).map(([index, window]) => close(index, window, true))
    },
    flush() {
      return inTime().map(([index, window]) => close(index, window, false))
    },
    waitMs(nowMs) {
      const [first] = windows.values()
      return first === undefined ? undefined : Math.max(0, first.openedMs + windowS * 1000 - nowMs)
    },
  }
}

const strengthOf = (ping: Ping): number => ping.rssiDbm ?? -Infinity

/** Whatever the order of arrival, the same one: strength, then time, then the gateway's id. */
const isStronger = (one: Ping, other: Ping): boolean =>
  strengthOf(one) !== strengthOf(other)
    ? strengthOf(one) > strengthOf(other)
    : one.tUs !== other.tUs
      ? one.tUs < other.tUs
      : one.gatewayId < other.gatewayId

function strongestOf(heard: ReadonlyMap<string, Ping>): Ping | undefined {
  let strongest: Ping | undefined
  for (const ping of heard.values())
    if (strongest === undefined || isStronger(ping, strongest)) strongest = ping
  return strongest
}

const inOrder = (a: Ping, b: Ping): number =>
  a.tUs - b.tUs || compare(a.tagId, b.tagId) || compare(a.gatewayId, b.gatewayId)

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
