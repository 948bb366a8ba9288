import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RoomOutline } from '../../src/db/rooms.ts'
import { createRoomAt, inRooms } from '../../src/ingest/place.ts'
import { createHospital } from '../../src/simulate/hospital.ts'
import { decode } from '../support/ingest.ts'
import { delivery } from '../support/pings.ts'

type Ring = RoomOutline['ring']

const rectangle = (x0: number, y0: number, x1: number, y1: number): Ring => [
  [x0, y0],
  [x1, y0],
  [x1, y1],
  [x0, y1],
  [x0, y0],
]
const outline = (roomId: string, ring: Ring, floor = 0, facilityId = 'h1'): RoomOutline => ({
  facilityId,
  floor,
  roomId,
  ring,
})

/** A star around a centre with corners at rising angles: simple, mostly not convex. */
const star = fc
  .record({
    x: fc.integer({ min: -50, max: 50 }),
    y: fc.integer({ min: -50, max: 50 }),
    radii: fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 3, maxLength: 12 }),
  })
  .map(({ x, y, radii }): Ring =>
    // The first corner again at the end.
    Array.from({ length: radii.length + 1 }, (_, index) => {
      const angle = (2 * Math.PI * (index % radii.length)) / radii.length
      const radius = radii[index % radii.length] ?? 1
      return [x + radius * Math.cos(angle), y + radius * Math.sin(angle)] as const
    }),
  )

/** By the angle the outline winds around the point: another method than the one under test. Undefined: too near a side to say. */
function windsAround(ring: Ring, px: number, py: number): boolean | undefined {
  let turned = 0
  for (let at = 0; at + 1 < ring.length; at += 1) {
    const [ax = 0, ay = 0] = ring[at] ?? []
    const [bx = 0, by = 0] = ring[at + 1] ?? []
    const length = Math.hypot(bx - ax, by - ay)
    const along = Math.min(
      1,
      Math.max(0, ((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / (length * length)),
    )
    if (Math.hypot(ax + along * (bx - ax) - px, ay + along * (by - ay) - py) < 1e-6) return undefined
    const cross = (ax - px) * (by - py) - (ay - py) * (bx - px)
    turned += Math.atan2(cross, (ax - px) * (bx - px) + (ay - py) * (by - py))
  }
  return Math.abs(turned) > Math.PI
}

const areaOf = (ring: Ring): number =>
  Math.abs(
    ring.reduce((sum, [x, y], at) => {
      const [nx, ny] = ring[(at + 1) % ring.length] ?? [x, y]
      return sum + x * ny - nx * y
    }, 0),
  ) / 2

describe('the room of a point', () => {
  it('is, of those whose outline winds around it, the smallest', () => {
    fc.assert(
      fc.property(
        fc.array(star, { minLength: 1, maxLength: 8 }),
        fc.array(
          fc.tuple(
            fc.double({ min: -60, max: 60, noNaN: true }),
            fc.double({ min: -60, max: 60, noNaN: true }),
          ),
          {
            minLength: 1,
            maxLength: 20,
          },
        ),
        (rings, points) => {
          const roomAt = createRoomAt(rings.map((ring, index) => outline(`r${index}`, ring)))
          for (const [x, y] of points) {
            const around = rings.map((ring) => windsAround(ring, x, y))
            if (around.includes(undefined)) continue
            const candidates = rings
              .map((ring, index) => ({ id: `r${index}`, area: areaOf(ring) }))
              .filter((_, index) => around[index])
              .toSorted((a, b) => a.area - b.area || (a.id < b.id ? -1 : 1))
            expect(roomAt?.('h1', 0, x, y)).toBe(candidates[0]?.id ?? null)
          }
        },
      ),
      { numRuns: 200 },
    )
  })

  it('on a wall between rooms is exactly one of them, whichever way round their outlines were drawn', () => {
    const corner = fc.integer({ min: -1000, max: 1000 }).map((n) => n / 7)
    fc.assert(
      fc.property(
        corner,
        corner,
        corner,
        corner,
        fc.integer({ min: 1, max: 99 }).map((percent) => percent / 100),
        fc.boolean(),
        (ax, ay, bx, by, share, isReversed) => {
          fc.pre(ax !== bx || ay !== by)
          // One triangle on each side of the wall from a to b.
          const left: Ring = [
            [ax, ay],
            [bx, by],
            [(ax + bx) / 2 - (by - ay), (ay + by) / 2 + (bx - ax)],
            [ax, ay],
          ]
          const right: Ring = [
            [ax, ay],
            [bx, by],
            [(ax + bx) / 2 + (by - ay), (ay + by) / 2 - (bx - ax)],
            [ax, ay],
          ]
          const one = createRoomAt([outline('left', isReversed ? left.toReversed() : left)])
          const other = createRoomAt([outline('right', right)])
          const x = ax + share * (bx - ax)
          const y = ay + share * (by - ay)
          expect([one?.('h1', 0, x, y), other?.('h1', 0, x, y)].filter((room) => room !== null)).toHaveLength(
            1,
          )
        },
      ),
    )
  })

  it('is one room everywhere in the demo hospital, on its walls and corners too, as the walker knows it', () => {
    const hospital = createHospital({ facility: 'h1', gateways: 1, tags: 1 })
    const rooms = hospital.floors.flatMap((floor) => floor.rooms)
    const roomAt = createRoomAt(rooms.map((room) => outline(room.id, room.polygon, room.floor)))
    const wrong: string[] = []
    for (const { level, widthM, depthM, rooms: onFloor } of hospital.floors)
      for (let x = 0; x < widthM; x += 0.1)
        for (let y = 0; y < depthM; y += 0.5) {
          const inside = onFloor.filter((room) => x >= room.x0 && x < room.x1 && y >= room.y0 && y < room.y1)
          if (inside.length !== 1 || roomAt?.('h1', level, x, y) !== inside[0]?.id)
            wrong.push(`(${x}, ${y}) on floor ${level}`)
        }
    expect(wrong).toEqual([])
  })

  it('is none in another facility, on another floor, and where nobody drew a room', () => {
    const roomAt = createRoomAt([
      outline('R', rectangle(0, 0, 4, 4)),
      outline('M', rectangle(0, 0, 4, 4), 1.1),
    ])
    expect(roomAt?.('h1', 0, 1, 1)).toBe('R')
    // A float4 in the database, a double in the ping.
    expect(roomAt?.('h1', Math.fround(1.1), 1, 1)).toBe('M')
    expect(roomAt?.('h2', 0, 1, 1)).toBeNull()
    expect(roomAt?.('h1', 2, 1, 1)).toBeNull()
    expect(roomAt?.('h1', 0, 5, 1)).toBeNull()
    expect(createRoomAt([])).toBeUndefined()
    expect(
      createRoomAt([
        outline('flat', [
          [0, 0],
          [1, 0],
          [0, 0],
        ]),
      ]),
    ).toBeUndefined()
  })
})

describe('a ping', () => {
  const roomAt = createRoomAt([outline('R', rectangle(0, 0, 4, 4))])
  const roomOf = (ping: object): string | null | undefined =>
    inRooms(decode, () => roomAt)(delivery([{ tagId: 'T', t: 1_700_000_000_000, ...ping }])).pings[0]?.roomId

  it('gets the room of its coordinates and floor, and none without either', () => {
    expect(roomOf({ x: 1, y: 1, floor: 0 })).toBe('R')
    expect(roomOf({ x: 9, y: 1, floor: 0 })).toBeNull()
    expect(roomOf({ x: 1, y: 1 })).toBeNull()
    expect(roomOf({ x: 1, floor: 0 })).toBeNull()
    expect(roomOf({ floor: 0, zone: 'R' })).toBeNull()
  })

  it('keeps the room it came with', () => {
    const keeping = inRooms(
      (message) => {
        const decoded = decode(message)
        for (const ping of decoded.pings) ping.roomId = 'own'
        return decoded
      },
      () => roomAt,
    )
    expect(keeping(delivery([{ tagId: 'T', x: 1, y: 1, floor: 0 }])).pings[0]?.roomId).toBe('own')
  })
})
