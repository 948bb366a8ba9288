/**
 * The latest place of each asset, kept up to date by the pings this process commits and put right by what the database says.
 * Guarantees: at most one place is held for an asset; a late ping, or one more than a minute ahead of now, moves nothing.
 * Pure: no timers, no I/O.
 */
import type { Ping } from '../ingest/ping.ts'
import type { Located, Place, Room } from './location.ts'

/** Which asset wears a tag now, and since when. */
export interface Wearing {
  readonly tagId: string
  readonly assetId: string
  /** Microseconds since 1970; -Infinity: for as long as there are pings. */
  readonly fromUs: number
}

/** All that the database knows, of one moment. */
export interface Survey {
  readonly assets: readonly Located[]
  readonly wearings: readonly Wearing[]
  readonly rooms: ReadonlyMap<string, Room>
}

/** Never changed once it is here: who holds one may compare it by identity. */
export interface Entry extends Located {
  /** When it was taken from a ping of ours: the number of the `take`; 0: the database said it. */
  readonly takenAt: number
}

export interface Positions {
  /** Pings that are committed. */
  take(pings: readonly Ping[], nowMs: number): void
  /** Call before the database is asked; what it answers goes with it into `load`. */
  readonly now: number
  /** What was taken after `asOf` and is newer stays; of the rest the database knows better. */
  load(survey: Survey, asOf: number): void
  entry(assetId: string): Entry | undefined
  entries(): Iterable<Entry>
  /** The assets that changed since the last call. */
  takeChanged(): ReadonlySet<string>
}

const aheadUs = 60_000_000
/** Before the first survey any tag may be one of ours. A flood of made-up ids is not kept; the next survey has what is true. */
const mostUnknown = 100_000

export function createPositions(): Positions {
  let wearings: ReadonlyMap<string, Wearing> | undefined
  let rooms: ReadonlyMap<string, Room> = new Map()
  const entries = new Map<string, Entry>()
  /** Until the first survey: the newest place of each tag. */
  const early = new Map<string, Place>()
  let changed = new Set<string>()
  let takes = 1

  const put = (entry: Entry): void => {
    entries.set(entry.facts.assetId, entry)
    changed.add(entry.facts.assetId)
  }

  const move = (wearing: Wearing, place: Place): void => {
    const entry = entries.get(wearing.assetId)
    if (entry === undefined || place.tUs < wearing.fromUs) return
    if (entry.place !== null && entry.place.tUs >= place.tUs) return
    const room = place.roomId === null ? null : (rooms.get(place.roomId) ?? null)
    put({ ...entry, place, room, takenAt: takes })
  }

  return {
    get now() {
      return takes
    },
    take(pings, nowMs) {
      takes += 1
      const latestUs = nowMs * 1000 + aheadUs
      for (const ping of pings) {
        if (ping.tUs > latestUs || !isPlaced(ping)) continue
        if (wearings === undefined) {
          const known = early.get(ping.tagId)
          if (
            (known === undefined && early.size < mostUnknown) ||
            (known !== undefined && known.tUs < ping.tUs)
          )
            early.set(ping.tagId, placeOf(ping))
          continue
        }
        const wearing = wearings.get(ping.tagId)
        if (wearing === undefined) continue
        const current = entries.get(wearing.assetId)?.place
        if (current === undefined || (current !== null && current.tUs >= ping.tUs)) continue
        move(wearing, placeOf(ping))
      }
    },
    load(survey, asOf) {
      wearings = new Map(survey.wearings.map((wearing) => [wearing.tagId, wearing]))
      rooms = survey.rooms
      const gone = new Set(entries.keys())
      for (const located of survey.assets) {
        const { assetId } = located.facts
        gone.delete(assetId)
        const held = entries.get(assetId)
        const isOurs =
          held !== undefined &&
          held.place !== null &&
          held.takenAt > asOf &&
          held.place.tUs > (located.place?.tUs ?? -Infinity) &&
          wearings.get(held.place.tagId)?.assetId === assetId
        // The same ping: kept as we had it, lest a rounded figure looks like news.
        const isSame = held?.place?.tUs === located.place?.tUs && held?.place?.tagId === located.place?.tagId
        const place = isOurs || (isSame && held !== undefined) ? held.place : located.place
        const room = isOurs ? roomOf(held.place) : located.room
        const next: Entry = { ...located, place, room, takenAt: isOurs ? held.takenAt : 0 }
        if (held === undefined || !isEqual(held, next)) put(next)
      }
      for (const assetId of gone) {
        entries.delete(assetId)
        changed.add(assetId)
      }
      for (const [tagId, place] of early) {
        const wearing = wearings.get(tagId)
        if (wearing !== undefined) move(wearing, place)
      }
      early.clear()
    },
    entry: (assetId) => entries.get(assetId),
    entries: () => entries.values(),
    takeChanged() {
      const taken = changed
      changed = new Set()
      return taken
    },
  }

  function roomOf(place: Place | null): Room | null {
    return place === null || place.roomId === null ? null : (rooms.get(place.roomId) ?? null)
  }
}

const isPlaced = ({ roomId, zone, x, longitude }: Ping): boolean =>
  roomId !== null || zone !== null || x !== null || longitude !== null

/** A copy: a ping holds its whole message. */
const placeOf = (ping: Ping): Place => ({
  tUs: ping.tUs,
  tagId: ping.tagId,
  facility: ping.facilityId,
  floor: ping.floor,
  roomId: ping.roomId,
  zone: ping.zone,
  x: ping.x,
  y: ping.y,
  z: ping.z,
  accuracyM: ping.accuracyM,
  fix: ping.fix,
  isMoving: ping.isMoving,
  batteryPct: ping.batteryPct,
})

const isEqual = (a: Located, b: Located): boolean =>
  a.homeFacility === b.homeFacility &&
  isShallowEqual(a.facts, b.facts) &&
  isShallowEqual(a.place, b.place) &&
  isShallowEqual(a.room, b.room)

function isShallowEqual(a: object | null, b: object | null): boolean {
  if (a === null || b === null) return a === b
  const other = b as Readonly<Record<string, unknown>>
  return Object.entries(a).every(([key, value]) => other[key] === value)
}
