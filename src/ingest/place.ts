/**
 * Which room contains (x, y) on that floor of that facility? Pure over a snapshot of the rooms' outlines.
 *
 * A point is in exactly one room, or in none: of an outline's sides the lower and the left belong to it, the upper and the right
 * do not, so that a point of a shared wall is in one of the two; of rooms that overlap (a bay in its ward) the smallest has it, of equals
 * the one whose id sorts first. Outlines were checked when they were entered (sql/migrations/0021_rooms.sql).
 */
import Flatbush from 'flatbush'
import type { RoomOutline } from '../db/rooms.ts'
import type { Decode } from './decode.ts'

/** The id of the room; null: in none. Metres in the facility's frame. */
export type RoomAt = (facilityId: string, floor: number, x: number, y: number) => string | null

interface Room {
  readonly id: string
  readonly areaM2: number
  readonly minX: number
  readonly minY: number
  readonly maxX: number
  readonly maxY: number
  /** x and y of the lower, then of the upper end of each side that is not level. */
  readonly sides: Float64Array
}

interface FloorRooms {
  /** The one that has a point before the others. */
  readonly rooms: readonly Room[]
  readonly index: Flatbush
}

/** Undefined where there are no rooms. */
export function createRoomAt(outlines: readonly RoomOutline[]): RoomAt | undefined {
  const facilities = new Map<string, Map<number, Room[]>>()
  for (const outline of outlines) {
    const room = measure(outline)
    if (room.sides.length === 0) continue
    const floors = facilities.get(outline.facilityId) ?? new Map<number, Room[]>()
    facilities.set(outline.facilityId, floors)
    const floor = Math.fround(outline.floor)
    const rooms = floors.get(floor)
    if (rooms === undefined) floors.set(floor, [room])
    else rooms.push(room)
  }
  if (facilities.size === 0) return undefined
  const indexed = new Map(
    Array.from(facilities, ([facility, floors]) => [
      facility,
      new Map(Array.from(floors, ([floor, rooms]) => [floor, indexRooms(rooms)])),
    ]),
  )
  return (facilityId, floor, x, y) => {
    const onFloor = indexed.get(facilityId)?.get(Math.fround(floor))
    if (onFloor === undefined) return null
    let first = Infinity
    for (const place of onFloor.index.search(x, y, x, y)) {
      if (place >= first) continue
      const room = onFloor.rooms[place]
      if (room !== undefined && isInside(room.sides, x, y)) first = place
    }
    return onFloor.rooms[first]?.id ?? null
  }
}

/**
 * Gives pings their room. One that came with a room keeps it; one without coordinates of its own, or without a floor, gets none.
 * `roomAt` is asked for once a message, so that a message is placed by one snapshot.
 */
export function inRooms(decode: Decode, roomAt: () => RoomAt | undefined): Decode {
  return (delivery) => {
    const decoded = decode(delivery)
    const find = roomAt()
    if (find === undefined) return decoded
    for (const ping of decoded.pings) {
      const { facilityId, floor, x, y } = ping
      if (ping.roomId === null && x !== null && y !== null && floor !== null)
        ping.roomId = find(facilityId, floor, x, y)
    }
    return decoded
  }
}

function measure({ roomId, ring }: RoomOutline): Room {
  const sides: number[] = []
  let doubledArea = 0
  const box = { minX: Infinity, minY: Infinity, maxX: -Infinity, maxY: -Infinity }
  for (const [index, [x, y]] of ring.entries()) {
    const [nextX, nextY] = ring[(index + 1) % ring.length] ?? [x, y]
    doubledArea += x * nextY - nextX * y
    box.minX = Math.min(box.minX, x)
    box.minY = Math.min(box.minY, y)
    box.maxX = Math.max(box.maxX, x)
    box.maxY = Math.max(box.maxY, y)
    // The same way round for both rooms of a wall: rounding must not put a point on neither side.
    if (y < nextY) sides.push(x, y, nextX, nextY)
    else if (nextY < y) sides.push(nextX, nextY, x, y)
  }
  return { id: roomId, areaM2: Math.abs(doubledArea) / 2, ...box, sides: Float64Array.from(sides) }
}

function indexRooms(unsorted: readonly Room[]): FloorRooms {
  const rooms = unsorted.toSorted((a, b) => a.areaM2 - b.areaM2 || (a.id < b.id ? -1 : 1))
  const index = new Flatbush(rooms.length)
  for (const { minX, minY, maxX, maxY } of rooms) index.add(minX, minY, maxX, maxY)
  index.finish()
  return { rooms, index }
}

/** Does a ray to the right meet an odd number of sides? A side holds its lower end and not its upper, and a point on it is not left of it. */
function isInside(sides: Float64Array, x: number, y: number): boolean {
  let inside = false
  for (let at = 0; at < sides.length; at += 4) {
    const lowY = sides[at + 1] ?? 0
    const highY = sides[at + 3] ?? 0
    if (y < lowY || y >= highY) continue
    const lowX = sides[at] ?? 0
    const highX = sides[at + 2] ?? 0
    if ((highX - lowX) * (y - lowY) > (x - lowX) * (highY - lowY)) inside = !inside
  }
  return inside
}
