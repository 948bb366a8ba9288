/**
 * Where an asset is, as the API says it: made of what the register knows, the newest ping that says where, and the room.
 * Pure, and the only place where these become one, so that a list, a search and a live map never differ.
 */
import type { Fix } from '../ingest/ping.ts'

export interface AssetFacts {
  readonly assetId: string
  readonly assetTag: string
  readonly name: string
  readonly category: string
  readonly subcategory: string | null
  readonly status: string
  /** Usable and not in use now, by what the register knows. */
  readonly isFree: boolean
}

/** What one ping says of a tag's place. */
export interface Place {
  /** Microseconds since 1970. */
  readonly tUs: number
  readonly tagId: string
  readonly facility: string
  readonly floor: number | null
  readonly roomId: string | null
  readonly zone: string | null
  readonly x: number | null
  readonly y: number | null
  readonly z: number | null
  readonly accuracyM: number | null
  readonly fix: Fix | null
  readonly isMoving: boolean | null
  readonly batteryPct: number | null
}

export interface Room {
  readonly name: string
  readonly floor: number
  readonly isRestricted: boolean
  /** Its middle; null where it has no outline. */
  readonly x: number | null
  readonly y: number | null
}

export interface Located {
  readonly facts: AssetFacts
  /** The facility it belongs to, by its code: where it is as long as nothing else is known. */
  readonly homeFacility: string
  /** Null: never located. */
  readonly place: Place | null
  readonly room: Room | null
}

export interface Location extends AssetFacts, Omit<Place, 'tUs' | 'tagId'> {
  readonly tagId: string | null
  readonly roomName: string | null
  /** Of the ping that says this; ISO, UTC, milliseconds. */
  readonly seenAt: string | null
  readonly ageS: number | null
  readonly confidence: number | null
  readonly isRestricted: boolean
}

const nowhere = {
  tagId: null,
  floor: null,
  roomId: null,
  zone: null,
  x: null,
  y: null,
  z: null,
  accuracyM: null,
  fix: null,
  isMoving: null,
  batteryPct: null,
} as const

export function locationOf({ facts, homeFacility, place, room }: Located, nowMs: number): Location {
  const { tagId, floor, roomId, zone, x, y, z, accuracyM, fix, isMoving, batteryPct } = place ?? nowhere
  // A clock that runs ahead is no time machine.
  const ageS = place === null ? null : Math.max(0, nowMs / 1000 - place.tUs / 1_000_000)
  return {
    ...facts,
    tagId,
    facility: place?.facility ?? homeFacility,
    floor: floor ?? room?.floor ?? null,
    roomId,
    roomName: room?.name ?? null,
    zone,
    x,
    y,
    z,
    accuracyM,
    fix,
    confidence: ageS === null ? null : rounded(confidenceOf(fix, accuracyM, ageS), 3),
    seenAt: place === null ? null : new Date(Math.floor(place.tUs / 1000)).toISOString(),
    ageS: ageS === null ? null : rounded(ageS, 1),
    isMoving,
    batteryPct,
    isRestricted: room?.isRestricted ?? false,
  }
}

const fixWeight: Readonly<Record<Fix, number>> = {
  position: 1,
  approximate: 0.5,
  presence: 0.5,
  proximity: 0.3,
}

/** The rule of the database's function location_confidence, which a test compares it with. */
export function confidenceOf(fix: Fix | null, accuracyM: number | null, ageS: number): number {
  const byAccuracy = accuracyM === null ? 0.8 : accuracyM <= 2 ? 1 : 2 / accuracyM
  return (fix === null ? 0.7 : fixWeight[fix]) * byAccuracy * (ageS <= 300 ? 1 : 300 / ageS)
}

const rounded = (value: number, digits: number): number => Math.round(value * 10 ** digits) / 10 ** digits

/** Where to draw or measure from: its own coordinates, else the middle of its room. */
export function pointOf({ place, room }: Pick<Located, 'place' | 'room'>): {
  readonly x: number
  readonly y: number
} | null {
  if (place !== null && place.x !== null && place.y !== null) return { x: place.x, y: place.y }
  if (room !== null && room.x !== null && room.y !== null) return { x: room.x, y: room.y }
  return null
}
