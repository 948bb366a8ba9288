/**
 * The demo building as plain data: floors, rooms that tile them, gateways on the ceilings, tags and the kind of asset that wears each.
 * Guarantees: pure; depends on nothing but its options (no seed), so a database can be seeded with the same building;
 * the rooms of a floor overlap nowhere and leave no gap; every room but the corridor has one door, on the corridor's edge.
 * Not here: where a tag is at a given moment (`walk.ts`).
 */

export type AssetKind =
  | 'infusion pump'
  | 'patient monitor'
  | 'wheelchair'
  | 'bed'
  | 'ventilator'
  | 'defibrillator'
  | 'ultrasound'
  | 'ECG cart'
  | 'blood fridge'

export interface Point {
  readonly x: number
  readonly y: number
}

export interface Room {
  /** Unique in the building, also the ping's `zone`: 'ED-BAY-3', 'CORRIDOR-2'. */
  readonly id: string
  readonly floor: number
  readonly kind: 'room' | 'corridor' | 'lift'
  /** Metres in the facility's local frame: the room holds x in [x0, x1) and y in [y0, y1). */
  readonly x0: number
  readonly y0: number
  readonly x1: number
  readonly y1: number
  /** The same rectangle as a closed ring of [x, y], counter-clockwise as GeoJSON wants it. */
  readonly polygon: readonly (readonly [number, number])[]
  /** On the edge shared with the corridor; in the corridor itself, its middle. */
  readonly door: Point
}

export interface Floor {
  /** 0 is the ground. */
  readonly level: number
  readonly name: string
  readonly widthM: number
  readonly depthM: number
  readonly rooms: readonly Room[]
}

export interface Gateway extends Point {
  readonly id: string
  readonly floor: number
  readonly z: number
  readonly roomId: string
}

export interface Tag {
  /** Canonical, as `location_history.tag_id` has it: 'AC233FA1B2C3'. */
  readonly id: string
  /** As printed on the tag: 'AC:23:3F:A1:B2:C3'. */
  readonly mac: string
  readonly kind: AssetKind
  /** 'infusion pump 12'. */
  readonly assetName: string
  readonly homeRoomId: string
}

export interface Hospital {
  readonly facilityId: string
  readonly name: string
  readonly floors: readonly Floor[]
  readonly gateways: readonly Gateway[]
  readonly tags: readonly Tag[]
}

export interface HospitalOptions {
  facility: string
  gateways: number
  tags: number
}

/** Metres. A ward block as built: rooms on both sides of a corridor wide enough for two beds to pass. */
const widthM = 60
const depthM = 24
const corridorY0 = 10
const corridorY1 = 14
const liftWidthM = 4
/** As many ids as the maker's prefix leaves. */
export const maxTags = 0x1000000
/** Between two floors; also how strongly a gateway on another floor is disadvantaged. */
export const storeyM = 4
const ceilingM = 2.8

interface FloorSketch {
  name: string
  /** Rooms below and above the corridor from west to east: name and relative width. */
  south: readonly (readonly [string, number])[]
  north: readonly (readonly [string, number])[]
}

const numbered = (prefix: string, from: number, to: number, width = 1): (readonly [string, number])[] =>
  Array.from({ length: to - from + 1 }, (_, index) => [`${prefix}-${from + index}`, width] as const)

const sketches: readonly FloorSketch[] = [
  {
    name: 'Emergency',
    south: [['ED-ENTRANCE', 2], ['ED-TRIAGE', 2], ...numbered('ED-BAY', 1, 6)],
    north: [
      ['ED-RESUS', 2],
      ...numbered('XRAY', 1, 2, 2),
      ['CT-1', 2],
      ['STORE-0', 1],
      ['BIOMED-WORKSHOP', 3],
    ],
  },
  {
    name: 'Surgery',
    south: [...numbered('OR', 1, 4, 2), ['STERILE-SUPPLY', 2]],
    north: [...numbered('PACU', 1, 6), ['ANAESTHESIA', 2], ['STORE-1', 2]],
  },
  {
    name: 'Intensive care',
    south: numbered('ICU', 1, 8),
    north: [...numbered('ICU', 9, 12), ['ICU-STATION', 2], ['BLOOD-BANK', 1], ['STORE-2', 2]],
  },
  {
    name: 'Ward',
    south: numbered('WARD', 301, 308),
    north: [...numbered('WARD', 309, 314), ['NURSE-STATION', 2], ['STORE-3', 2]],
  },
]

/** Share of the assets in per cent and the rooms they belong to, by the beginning of the room's name. */
const assetMix: readonly (readonly [AssetKind, number, readonly string[]])[] = [
  ['infusion pump', 34, ['ICU', 'WARD', 'ED-BAY', 'PACU', 'STORE']],
  ['patient monitor', 16, ['ICU', 'PACU', 'OR', 'ED-RESUS']],
  ['wheelchair', 14, ['ED-ENTRANCE', 'WARD', 'XRAY', 'STORE']],
  ['bed', 14, ['WARD', 'ICU', 'PACU']],
  ['ventilator', 7, ['ICU', 'ANAESTHESIA', 'OR', 'STORE']],
  ['defibrillator', 5, ['ED-RESUS', 'ICU-STATION', 'NURSE-STATION', 'OR']],
  ['ultrasound', 5, ['ED-BAY', 'CT', 'OR', 'STORE']],
  ['ECG cart', 4, ['ED-TRIAGE', 'WARD', 'ICU-STATION', 'BIOMED']],
  ['blood fridge', 1, ['BLOOD-BANK']],
]

/** The building for a facility id, a number of gateways and a number of tags (both at least 1). */
export function createHospital(options: HospitalOptions): Hospital {
  const floors = sketches.map(drawFloor)
  const rooms = floors.flatMap((floor) => floor.rooms)
  return {
    facilityId: options.facility,
    name: 'Demo General Hospital',
    floors,
    gateways: placeGateways(floors, options.gateways),
    tags: nameTags(rooms, options.tags),
  }
}

function drawFloor(sketch: FloorSketch, level: number): Floor {
  const rooms: Room[] = [
    room(`LIFT-${level}`, level, 'lift', 0, corridorY0, liftWidthM, corridorY1),
    room(`CORRIDOR-${level}`, level, 'corridor', liftWidthM, corridorY0, widthM, corridorY1),
    ...drawRow(sketch.south, level, 0, corridorY0),
    ...drawRow(sketch.north, level, corridorY1, depthM),
  ]
  return { level, name: sketch.name, widthM, depthM, rooms }
}

function drawRow(row: FloorSketch['south'], level: number, y0: number, y1: number): Room[] {
  const total = row.reduce((sum, [, width]) => sum + width, 0)
  let before = 0
  return row.map(([id, width]) => {
    // Walls on whole decimetres, so that a coordinate in centimetres is never ambiguous.
    const x0 = Math.round((widthM * before * 10) / total) / 10
    before += width
    const x1 = Math.round((widthM * before * 10) / total) / 10
    return room(id, level, 'room', x0, y0, x1, y1)
  })
}

function room(
  id: string,
  floor: number,
  kind: Room['kind'],
  x0: number,
  y0: number,
  x1: number,
  y1: number,
): Room {
  const polygon = [
    [x0, y0],
    [x1, y0],
    [x1, y1],
    [x0, y1],
    [x0, y0],
  ] as const
  return { id, floor, kind, x0, y0, x1, y1, polygon, door: doorOf(kind, x0, y0, x1, y1) }
}

function doorOf(kind: Room['kind'], x0: number, y0: number, x1: number, y1: number): Point {
  const middle = { x: (x0 + x1) / 2, y: (y0 + y1) / 2 }
  if (kind === 'corridor') return middle
  if (kind === 'lift') return { x: x1, y: middle.y }
  // The first room lies beside the lift: its door must still open on the corridor.
  return { x: Math.max(middle.x, liftWidthM + 1), y: y0 < corridorY0 ? y1 : y0 }
}

function placeGateways(floors: readonly Floor[], count: number): Gateway[] {
  const digits = Math.max(2, String(Math.ceil(count / floors.length)).length)
  return Array.from({ length: count }, (_, index) => {
    const floor = at(floors, index % floors.length)
    const onFloor = Math.ceil((count - floor.level) / floors.length)
    const rank = Math.floor(index / floors.length)
    // Every second one serves the rooms to the south, the others those to the north.
    const x = Math.round((widthM * (rank + 0.5) * 100) / onFloor) / 100
    const y = rank % 2 === 0 ? 5 : 19
    const roomId = roomAt(floor.rooms, x, y)?.id ?? ''
    const id = `gw-${floor.level}-${String(rank + 1).padStart(digits, '0')}`
    return { id, floor: floor.level, x, y, z: ceilingM, roomId }
  })
}

function nameTags(rooms: readonly Room[], count: number): Tag[] {
  const homes = assetMix.map(([, , prefixes]) =>
    rooms.filter((candidate) => prefixes.some((prefix) => candidate.id.startsWith(prefix))),
  )
  const kinds = assetMix.flatMap(([, share], kind) => Array.from({ length: share }, () => kind))
  const made = assetMix.map(() => 0)
  return Array.from({ length: count }, (_, index) => {
    // 37 is coprime with 100, so every hundred tags have exactly the mix, well shuffled.
    const kind = at(kinds, (index * 37) % kinds.length)
    const serial = (made[kind] = (made[kind] ?? 0) + 1)
    const id = tagId(index)
    return {
      id,
      mac: id.replace(/(..)(?=.)/g, '$1:'),
      kind: at(assetMix, kind)[0],
      assetName: `${at(assetMix, kind)[0]} ${serial}`,
      homeRoomId: at(at(homes, kind), (serial * 7) % at(homes, kind).length).id,
    }
  })
}

/** AC:23:3F is a maker of RTLS tags; an odd multiplier permutes the 24 bits below, so ids look issued, not counted, and never repeat. */
function tagId(index: number): string {
  const low = (Math.imul(index, 0x9e3779) + 0xa1b2c3) & 0xffffff
  return `AC233F${low.toString(16).toUpperCase().padStart(6, '0')}`
}

/** The room of one floor that holds the point, if any. */
export function roomAt(rooms: readonly Room[], x: number, y: number): Room | undefined {
  return rooms.find((room) => x >= room.x0 && x < room.x1 && y >= room.y0 && y < room.y1)
}

/** The element at an index known to exist: a miss is a bug and crashes. */
export function at<T>(list: ArrayLike<T>, index: number): T {
  const value = list[index]
  if (value === undefined) throw new RangeError(`no element ${index} in a list of ${list.length}`)
  return value
}
