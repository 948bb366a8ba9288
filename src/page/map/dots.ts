/**
 * The assets on the floor as they are seen: each glides to where it was last located, so that one update a second looks like
 * movement. What stands still is kept still: the noise of a measurement is not a journey. Knows no canvas.
 */
import type { Location } from '../api/types.ts'

export type AssetState = 'free' | 'in-use' | 'service' | 'unknown'

export interface Dot {
  location: Location
  state: AssetState
  seenAtMs: number
  /** Where it is shown now, metres. */
  x: number
  y: number
  fromX: number
  fromY: number
  toX: number
  toY: number
  startedMs: number
}

export type SpotOf = (
  roomId: string,
  assetId: string,
) => { readonly x: number; readonly y: number } | undefined

export interface Dots {
  readonly all: ReadonlyMap<string, Dot>
  /** Where something is drawn of which only the room is known. */
  setSpots(spotOf: SpotOf): void
  /** All that are in view now; those that are not named are gone. */
  replace(items: readonly Location[], nowMs: number): void
  /** Changed keys of some, and the ids of those that are gone. */
  change(items: readonly Partial<Location>[], gone: readonly string[], nowMs: number): void
  /** Moves them to where they are at this moment; true while any is under way. */
  step(nowMs: number): boolean
  clear(): void
}

/** A little more than the time between two updates, so that a walker never stops in between. */
const glideMs = 1150
/** Farther than anything is pushed in that time: it was somewhere else meanwhile, and is shown there at once. */
const jumpM = 12
/** Of a measurement of something that stands. */
const noiseM = 0.6

export function createDots(): Dots {
  const all = new Map<string, Dot>()
  const gliding = new Set<Dot>()

  /** In rooms that are not known yet. */
  const waiting = new Map<string, Location>()
  let spotOf: SpotOf = () => undefined

  const put = (location: Location, nowMs: number): void => {
    const spot =
      location.x !== null && location.y !== null
        ? { x: location.x, y: location.y }
        : spotOf(location.roomId ?? '', location.assetId)
    if (spot === undefined) {
      all.delete(location.assetId)
      waiting.set(location.assetId, location)
      return
    }
    waiting.delete(location.assetId)
    const { x, y } = spot
    const dot = all.get(location.assetId)
    if (dot === undefined) {
      all.set(location.assetId, {
        location,
        state: stateOf(location),
        seenAtMs: seenAtMs(location),
        x,
        y,
        fromX: x,
        fromY: y,
        toX: x,
        toY: y,
        startedMs: nowMs,
      })
      return
    }
    dot.location = location
    dot.state = stateOf(location)
    dot.seenAtMs = seenAtMs(location)
    const distance = Math.hypot(x - dot.toX, y - dot.toY)
    if (distance < 0.01) return
    const isNoise =
      location.isMoving === false && distance < Math.max(noiseM, (location.accuracyM ?? 0) * 1.5)
    // Noise is averaged away: the place drifts to the middle of what is measured.
    const share = isNoise ? 0.2 : 1
    dot.fromX = dot.x
    dot.fromY = dot.y
    dot.toX += (x - dot.toX) * share
    dot.toY += (y - dot.toY) * share
    dot.startedMs = distance > jumpM ? Number.NEGATIVE_INFINITY : nowMs
    gliding.add(dot)
  }

  return {
    all,
    setSpots(next) {
      spotOf = next
      for (const location of waiting.values()) put(location, Number.NEGATIVE_INFINITY)
    },
    replace(items, nowMs) {
      waiting.clear()
      const named = new Set(items.map(({ assetId }) => assetId))
      for (const id of all.keys()) if (!named.has(id)) all.delete(id)
      for (const item of items) put(item, nowMs)
    },
    change(items, gone, nowMs) {
      for (const id of gone) {
        all.delete(id)
        waiting.delete(id)
      }
      for (const item of items) {
        const id = item.assetId ?? ''
        const whole = { ...(all.get(id)?.location ?? waiting.get(id)), ...item }
        if (isWhole(whole)) put(whole, nowMs)
      }
    },
    step(nowMs) {
      if (gliding.size === 0) return false
      for (const dot of gliding) {
        const share = Math.min(1, (nowMs - dot.startedMs) / glideMs)
        dot.x = dot.fromX + (dot.toX - dot.fromX) * share
        dot.y = dot.fromY + (dot.toY - dot.fromY) * share
        if (share === 1) gliding.delete(dot)
      }
      return true
    },
    clear() {
      all.clear()
      waiting.clear()
      gliding.clear()
    },
  }
}

const seenAtMs = ({ seenAt }: Location): number => (seenAt === null ? 0 : Date.parse(seenAt))

/** A change to an asset that was never seen whole is of no use: the next snapshot has it. */
function isWhole(location: Partial<Location>): location is Location {
  const { assetId, name, x, y, seenAt } = location
  return (
    assetId !== undefined && name !== undefined && x !== undefined && y !== undefined && seenAt !== undefined
  )
}

export function stateOf({ status, isFree }: Pick<Location, 'status' | 'isFree'>): AssetState {
  if (isFree) return 'free'
  if (status === 'IN_SERVICE' || status === 'ACTIVE') return 'in-use'
  return status === '' ? 'unknown' : 'service'
}

export const stateNames: Readonly<Record<AssetState, string>> = {
  free: 'Free',
  'in-use': 'In use',
  service: 'Not usable',
  unknown: 'Unknown',
}

/** How strongly something is drawn that was last seen so long ago: full for a minute, a shadow after an hour. */
export function freshness(ageS: number): number {
  if (ageS <= 60) return 1
  return Math.max(0.3, 1 - 0.7 * (Math.log(ageS / 60) / Math.log(60)))
}
