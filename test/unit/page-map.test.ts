// What the map computes before anything is drawn: which part of the floor is seen, where a dot is between two pings, what a stream of
// events says, what is said in words, and when a day begins where the hospital is.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createEventReader } from '../../src/page/api/events.ts'
import type { Location } from '../../src/page/api/types.ts'
import {
  type Camera,
  fit,
  floorX,
  floorY,
  limit,
  screenX,
  screenY,
  zoomAt,
} from '../../src/page/map/camera.ts'
import { createDots, freshness, stateOf } from '../../src/page/map/dots.ts'
import { kindOf, sureness } from '../../src/page/map/words.ts'
import { clockOf } from '../../src/page/shell/time.ts'

const size = { width: 800, height: 600 }
const bounds = { minX: 0, minY: 0, maxX: 60, maxY: 24 }
const metres = fc.double({ min: -500, max: 500, noNaN: true })
const cameras: fc.Arbitrary<Camera> = fc.record({
  x: metres,
  y: metres,
  scale: fc.double({ min: 0.5, max: 300, noNaN: true }),
})

describe('the camera', () => {
  it('goes from the floor to the screen and back', () => {
    fc.assert(
      fc.property(cameras, metres, metres, (camera, x, y) => {
        expect(floorX(camera, size, screenX(camera, size, x))).toBeCloseTo(x, 6)
        expect(floorY(camera, size, screenY(camera, size, y))).toBeCloseTo(y, 6)
      }),
    )
  })

  it('keeps the point under the pointer where it is while it zooms', () => {
    const pixels = fc.integer({ min: 0, max: 800 })
    const factors = fc.double({ min: 0.2, max: 5, noNaN: true })
    fc.assert(
      fc.property(cameras, factors, pixels, pixels, (camera, factor, px, py) => {
        const zoomed = zoomAt(camera, size, factor, px, py)
        expect(floorX(zoomed, size, px)).toBeCloseTo(floorX(camera, size, px), 6)
        expect(floorY(zoomed, size, py)).toBeCloseTo(floorY(camera, size, py), 6)
      }),
    )
  })

  it('shows a whole floor, and never loses it', () => {
    const whole = fit(bounds, size)
    expect(screenX(whole, size, 0)).toBeGreaterThan(0)
    expect(screenX(whole, size, 60)).toBeLessThan(800)
    fc.assert(
      fc.property(cameras, (camera) => {
        const { x, y, scale } = limit(camera, bounds, size)
        expect(x >= 0 && x <= 60 && y >= 0 && y <= 24).toBe(true)
        expect(scale).toBeGreaterThanOrEqual(whole.scale * 0.6)
      }),
    )
  })
})

const pump: Location = {
  assetId: 'a',
  assetTag: 'IP-001',
  name: 'Infusion pump 1',
  category: null,
  subcategory: null,
  status: 'IN_SERVICE',
  isFree: true,
  tagId: 'AC233FA1B2C3',
  facility: 'demo',
  floor: 1,
  roomId: null,
  roomName: null,
  x: 10,
  y: 10,
  accuracyM: 0.3,
  confidence: 1,
  seenAt: '2026-11-22T07:00:00.000Z',
  ageS: 1,
  isMoving: true,
  batteryPct: 80,
  isRestricted: false,
}

describe('a dot', () => {
  it('glides from where it was to where it is, and is there before the next but one update', () => {
    const dots = createDots()
    dots.replace([pump], 0)
    dots.change([{ assetId: 'a', x: 14 }], [], 1000)
    expect(dots.step(1500)).toBe(true)
    expect(dots.all.get('a')?.x).toBeGreaterThan(10)
    expect(dots.all.get('a')?.x).toBeLessThan(14)
    dots.step(3000)
    expect(dots.all.get('a')?.x).toBe(14)
    expect(dots.step(3001)).toBe(false)
  })

  it('that stands is not moved about by the noise of its measurements, and is where it really is in the end', () => {
    const dots = createDots()
    dots.replace([{ ...pump, isMoving: false }], 0)
    dots.change([{ assetId: 'a', x: 10.3 }], [], 1000)
    dots.step(9000)
    expect(dots.all.get('a')?.x).toBeCloseTo(10.06, 6)
    dots.change([{ assetId: 'a', x: 13 }], [], 10_000)
    dots.step(19_000)
    expect(dots.all.get('a')?.x).toBe(13)
  })

  it('jumps where nobody could have pushed it', () => {
    const dots = createDots()
    dots.replace([pump], 0)
    dots.change([{ assetId: 'a', x: 50 }], [], 1000)
    dots.step(1001)
    expect(dots.all.get('a')?.x).toBe(50)
  })

  it('of which only the room is known stands in it as soon as the room is known, and leaves when it is gone', () => {
    const dots = createDots()
    dots.replace([{ ...pump, x: null, y: null, roomId: 'r' }], 0)
    expect(dots.all.size).toBe(0)
    dots.setSpots((roomId) => (roomId === 'r' ? { x: 1, y: 2 } : undefined))
    expect(dots.all.get('a')).toMatchObject({ x: 1, y: 2 })
    dots.change([{ assetId: 'stranger', x: 1 }], ['a'], 5)
    expect(dots.all.size).toBe(0)
  })

  it('fades with age, but never away', () => {
    expect([freshness(0), freshness(60)]).toEqual([1, 1])
    expect(freshness(600)).toBeLessThan(freshness(120))
    expect(freshness(1e9)).toBe(0.3)
  })

  it('has the state that the register says', () => {
    expect(stateOf({ status: 'ACTIVE', isFree: false })).toBe('in-use')
    expect(stateOf({ status: 'IN_SERVICE', isFree: true })).toBe('free')
    expect(stateOf({ status: 'QUARANTINED', isFree: false })).toBe('service')
  })
})

it('events are the same in whatever pieces they come', () => {
  const text =
    ': hello\n\nid: 1\nevent: snapshot\ndata: {"items":[]}\n\n:\n\nevent: update\r\ndata: a\r\ndata:b\r\n\r\n'
  const expected = [
    { event: 'snapshot', data: '{"items":[]}' },
    { event: 'update', data: 'a\nb' },
  ]
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: text.length - 1 }), { maxLength: 8 })
  fc.assert(
    fc.property(cuts, (at) => {
      const read = createEventReader()
      const ends = [...at.toSorted((a, b) => a - b), text.length]
      expect(ends.flatMap((end, index) => read(text.slice(ends[index - 1] ?? 0, end)))).toEqual(expected)
    }),
  )
})

it('says how sure it is in words, more carefully the longer ago it was', () => {
  expect(sureness(12, 0.4)).toBe('It is there now, within 0.4 m.')
  expect(sureness(600, null)).toBe('It was there 10 min ago, and is very likely still.')
  expect(sureness(2 * 3600, 3)).toMatch(/may have been moved/u)
  expect(sureness(10 * 86_400, 3)).toMatch(/not been heard for 10 days/u)
  expect([kindOf({ name: 'Infusion pump 12' }), kindOf({ name: '42' })]).toEqual(['Infusion pump', '42'])
})

it('begins a day at midnight of the hospital, also where the clocks were changed that day', () => {
  const clock = clockOf('America/New_York')
  const midnightOf = (at: string): string => new Date(clock.startOfDay(Date.parse(at))).toISOString()
  expect(midnightOf('2026-11-22T15:00:00.250Z')).toBe('2026-11-22T05:00:00.000Z')
  expect(midnightOf('2026-11-01T20:00:00Z')).toBe('2026-11-01T04:00:00.000Z')
  expect(midnightOf('2026-03-08T20:00:00Z')).toBe('2026-03-08T05:00:00.000Z')
  expect(clock.time(Date.parse('2026-11-22T15:05:00Z'))).toBe('10:05')
  expect(clockOf('Nowhere/Land').time(Date.parse('2026-11-22T15:05:00Z'))).toBe('15:05')
})
