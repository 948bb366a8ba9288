/**
 * What one live map has been shown, and what it must be told next. However long it does not ask, what waits for it is a set of
 * assets and never a list of events: it is told the latest of each. Pure.
 */
import { type Location, locationOf, pointOf } from './location.ts'
import type { Entry } from './positions.ts'

export interface Viewport {
  readonly facility: string
  readonly floor?: number | undefined
  /** Metres in the frame of the facility. */
  readonly box?:
    | { readonly minX: number; readonly minY: number; readonly maxX: number; readonly maxY: number }
    | undefined
}

export type LocationChange = Partial<Location> & Pick<Location, 'assetId'>

export interface Update {
  /** What is new in the viewport, whole; of what was there the fields that changed. */
  readonly items: readonly LocationChange[]
  /** What was there and is not any more. */
  readonly gone: readonly string[]
}

export interface View {
  /** All that is in the viewport. What changed before is in it. */
  snapshot(entries: Iterable<Entry>, nowMs: number): readonly Location[]
  changed(assetIds: Iterable<string>): void
  /** Undefined: nothing has changed that it can see. */
  update(entry: (assetId: string) => Entry | undefined, nowMs: number): Update | undefined
}

export function createView(viewport: Viewport): View {
  const shown = new Map<string, Entry>()
  const waiting = new Set<string>()

  return {
    snapshot(entries, nowMs) {
      shown.clear()
      waiting.clear()
      const items: Location[] = []
      for (const entry of entries) {
        if (!isVisible(viewport, entry)) continue
        shown.set(entry.facts.assetId, entry)
        items.push(locationOf(entry, nowMs))
      }
      return items
    },
    changed(assetIds) {
      for (const assetId of assetIds) waiting.add(assetId)
    },
    update(entryOf, nowMs) {
      const items: LocationChange[] = []
      const gone: string[] = []
      for (const assetId of waiting) {
        const before = shown.get(assetId)
        const entry = entryOf(assetId)
        if (entry === undefined || !isVisible(viewport, entry)) {
          if (shown.delete(assetId)) gone.push(assetId)
          continue
        }
        shown.set(assetId, entry)
        const location = locationOf(entry, nowMs)
        const change = before === undefined ? location : changeOf(locationOf(before, nowMs), location)
        if (change !== undefined) items.push(change)
      }
      waiting.clear()
      return items.length + gone.length === 0 ? undefined : { items, gone }
    },
  }
}

/** What was never located is nowhere on a map. */
function isVisible({ facility, floor, box }: Viewport, entry: Entry): boolean {
  const { place, room } = entry
  if (place === null || place.facility !== facility) return false
  const at = place.floor ?? room?.floor ?? null
  if (floor !== undefined && (at === null || Math.fround(at) !== floor)) return false
  if (box === undefined) return true
  const point = pointOf(entry)
  return (
    point !== null && point.x >= box.minX && point.x <= box.maxX && point.y >= box.minY && point.y <= box.maxY
  )
}

/** Age and confidence follow from the time and count as news only with another ping. */
function changeOf(before: Location, after: Location): LocationChange | undefined {
  const isOtherPing = before.seenAt !== after.seenAt
  const keys = (Object.keys(after) as (keyof Location)[]).filter((key) =>
    key === 'ageS' || key === 'confidence' ? isOtherPing : before[key] !== after[key],
  )
  if (keys.length === 0) return undefined
  return { ...Object.fromEntries(keys.map((key) => [key, after[key]])), assetId: after.assetId }
}
