import { describe, expect, it } from 'vitest'
import { createHospital, roomAt, type Room } from '../../src/simulate/hospital.ts'
import { createRandom } from '../../src/simulate/random.ts'
import { createWalks, marginM } from '../../src/simulate/walk.ts'

const hospital = createHospital({ facility: 'demo', gateways: 24, tags: 300 })
const rooms = hospital.floors.flatMap((floor) => floor.rooms)
const onFloor = (level: number): readonly Room[] => hospital.floors[level]?.rooms ?? []

describe('the building', () => {
  it('tiles every floor: each point is in exactly one room', () => {
    const wrong: string[] = []
    for (const floor of hospital.floors)
      for (let x = 0.005; x < floor.widthM; x += 0.25)
        for (let y = 0.005; y < floor.depthM; y += 0.25) {
          const holding = floor.rooms.filter((r) => x >= r.x0 && x < r.x1 && y >= r.y0 && y < r.y1)
          if (holding.length !== 1) wrong.push(`${floor.name} ${x},${y}: ${holding.length}`)
        }
    expect(wrong).toEqual([])
  })

  it('gives every room a name of its own and a closed polygon of its own size', () => {
    expect(new Set(rooms.map(({ id }) => id)).size).toBe(rooms.length)
    for (const { polygon, x0, x1, y0, y1 } of rooms) {
      expect(polygon.at(0)).toEqual(polygon.at(-1))
      let twice = 0
      for (let i = 1; i < polygon.length; i++) {
        const [ax = 0, ay = 0] = polygon[i - 1] ?? []
        const [bx = 0, by = 0] = polygon[i] ?? []
        twice += ax * by - bx * ay
      }
      expect(twice / 2).toBeCloseTo((x1 - x0) * (y1 - y0), 6)
    }
  })

  it('opens every room on the corridor', () => {
    const others = rooms.filter(({ kind }) => kind !== 'corridor')
    const opensOn = others.map(({ kind, floor, door }) => {
      const along = kind === 'lift' ? { dx: 0.01, dy: 0 } : { dx: 0, dy: 0.01 }
      return [-1, 1]
        .map((side) => roomAt(onFloor(floor), door.x + side * along.dx, door.y + side * along.dy)?.id ?? '')
        .toSorted()
    })
    expect(opensOn).toEqual(others.map(({ id, floor }) => [id, `CORRIDOR-${floor}`].toSorted()))
  })

  it('hangs any number of gateways, each with its own id and place, in the room it names', () => {
    for (const count of [1, 3, 24, 500]) {
      const { gateways } = createHospital({ facility: 'demo', gateways: count, tags: 1 })
      expect(new Set(gateways.map(({ id }) => id)).size).toBe(count)
      expect(new Set(gateways.map(({ floor, x, y }) => `${floor} ${x} ${y}`)).size).toBe(count)
      for (const { floor, x, y, roomId } of gateways) expect(roomAt(onFloor(floor), x, y)?.id).toBe(roomId)
    }
  })

  it('names tags by MAC addresses that never repeat and gives each a home', () => {
    const { tags } = createHospital({ facility: 'demo', gateways: 1, tags: 50_000 })
    expect(new Set(tags.map(({ id }) => id)).size).toBe(50_000)
    for (const { id, mac, homeRoomId } of tags.slice(0, 1000)) {
      expect(mac).toMatch(/^AC:23:3F(:[0-9A-F]{2}){3}$/)
      expect(mac.replaceAll(':', '')).toBe(id)
      expect(rooms.some((room) => room.id === homeRoomId)).toBe(true)
    }
    expect(new Set(tags.slice(0, 100).map(({ kind }) => kind)).size).toBe(9)
  })

  it('keeps the first tags and their assets when there are more of them', () => {
    const more = createHospital({ facility: 'demo', gateways: 24, tags: 3500 })
    expect(more.tags.slice(0, 300)).toEqual(hospital.tags)
  })
})

describe('a walking asset', () => {
  const walks = createWalks(hospital, createRandom(3))
  const stepMs = 100

  it('goes through doors only, changes floors only in the lift, and is never faster than a person', () => {
    const wrong: string[] = []
    let crossings = 0
    let rides = 0
    for (let n = 0; n < 40; n++) {
      const walker = walks.place('ED-BAY-1', 0)
      for (let t = stepMs; t < 3_600_000; t += stepMs) {
        const before = { x: walker.x, y: walker.y, floor: walker.floor }
        walks.advance(walker, t)
        if (walker.x === before.x && walker.y === before.y && walker.floor === before.floor) continue
        const where = `${before.floor} ${before.x},${before.y} to ${walker.floor} ${walker.x},${walker.y}`
        if (Math.hypot(walker.x - before.x, walker.y - before.y) > 0.121) wrong.push(`too fast: ${where}`)
        const from = roomAt(onFloor(before.floor), before.x, before.y)
        const to = roomAt(onFloor(walker.floor), walker.x, walker.y)
        if (before.floor !== walker.floor) {
          rides++
          if (from?.kind !== 'lift' || to?.kind !== 'lift') wrong.push(`through the ceiling: ${where}`)
        } else if (from !== to) {
          crossings++
          const near = [from, to].some(
            (room) =>
              room?.kind !== 'corridor' &&
              room !== undefined &&
              Math.hypot(room.door.x - walker.x, room.door.y - walker.y) < 0.2,
          )
          if (!near) wrong.push(`through the wall: ${where}`)
        }
      }
    }
    expect(wrong).toEqual([])
    expect(crossings).toBeGreaterThan(100)
    expect(rides).toBeGreaterThan(5)
  })

  it('stands away from the walls of its room', () => {
    for (let n = 0; n < 200; n++) {
      const walker = walks.place('ICU-2', 0)
      walks.advance(walker, 5_000_000)
      if (walker.moving) continue
      expect(roomAt(onFloor(walker.floor), walker.x, walker.y)).toBe(walker.room)
      expect(walker.x - walker.room.x0).toBeGreaterThanOrEqual(marginM)
      expect(walker.room.y1 - walker.y).toBeGreaterThanOrEqual(marginM)
    }
  })

  it('arrives at the same place whether asked often or once', () => {
    const often = createWalks(hospital, createRandom(9))
    const once = createWalks(hospital, createRandom(9))
    const a = often.place('OR-1', 0)
    const b = once.place('OR-1', 0)
    for (let t = 0; t <= 2_000_000; t += 1000) often.advance(a, t)
    once.advance(b, 2_000_000)
    expect(a.x).toBeCloseTo(b.x, 6)
    expect(a.y).toBeCloseTo(b.y, 6)
    expect(a.floor).toBe(b.floor)
  })
})

describe('the random numbers', () => {
  it('are the same everywhere and always', () => {
    const random = createRandom(1)
    expect([random.next(), random.next(), random.next()].map((u) => u * 2 ** 32)).toEqual([
      2420951833, 2513034076, 3847892949,
    ])
  })

  it('differ by seed and by stream', () => {
    const first = [createRandom(1), createRandom(2), createRandom(1, 1)].map((random) => random.next())
    expect(new Set(first).size).toBe(3)
  })

  it('are even, and normal where they should be', () => {
    const random = createRandom(5)
    const buckets = Array.from({ length: 10 }, () => 0)
    let sum = 0
    let squares = 0
    const n = 100_000
    for (let i = 0; i < n; i++) {
      const bucket = random.int(10)
      buckets[bucket] = (buckets[bucket] ?? 0) + 1
      const g = random.gauss()
      sum += g
      squares += g * g
    }
    for (const count of buckets) expect(Math.abs(count / n - 0.1)).toBeLessThan(0.005)
    expect(sum / n).toBeCloseTo(0, 1)
    expect(squares / n).toBeCloseTo(1, 1)
  })
})
