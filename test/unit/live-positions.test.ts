// Live positions: whatever is committed in whatever order, coalesced or not, a map ends up showing what a naive model says.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Ping } from '../../src/ingest/ping.ts'
import type { Located, Location, Place, Room } from '../../src/live/location.ts'
import { type Survey, createPositions } from '../../src/live/positions.ts'
import { type Update, type Viewport, createView } from '../../src/live/view.ts'
import { pingLike } from '../support/pings.ts'

const nowMs = Date.UTC(2026, 10, 22, 12)
const nowUs = nowMs * 1000

const rooms: ReadonlyMap<string, Room> = new Map([
  ['r0', { name: 'Room 0', floor: 0, isRestricted: false, x: 5, y: 5 }],
  ['r1', { name: 'Room 1', floor: 1, isRestricted: true, x: 50, y: 50 }],
])

const located = (assetId: string, place: Place | null = null): Located => ({
  facts: {
    assetId,
    assetTag: assetId,
    name: assetId,
    category: 'OTHER',
    subcategory: null,
    status: 'ACTIVE',
    isFree: true,
  },
  homeFacility: 'h1',
  place,
  room: rooms.get(place?.roomId ?? '') ?? null,
})

const place = (tagId: string, tUs: number, more: Partial<Place> = {}): Place => ({
  tUs,
  tagId,
  facility: 'h1',
  floor: 0,
  roomId: null,
  zone: null,
  x: 1,
  y: 1,
  z: null,
  accuracyM: null,
  fix: null,
  isMoving: null,
  batteryPct: null,
  ...more,
})

const pingOf = ({ facility, ...rest }: Place): Ping => pingLike({ facilityId: facility, ...rest })

/** T0 and T1 on asset a, T2 on b, T3 on c since an hour. */
const survey = (assets: readonly Located[]): Survey => ({
  assets,
  rooms,
  wearings: [
    { tagId: 'T0', assetId: 'a', fromUs: -Infinity },
    { tagId: 'T1', assetId: 'a', fromUs: -Infinity },
    { tagId: 'T2', assetId: 'b', fromUs: -Infinity },
    { tagId: 'T3', assetId: 'c', fromUs: nowUs - 3_600_000_000 },
  ],
})
const assetOf: Readonly<Record<string, string>> = { T0: 'a', T1: 'a', T2: 'b', T3: 'c' }
const nowhere = [located('a'), located('b'), located('c')]

const places: fc.Arbitrary<Place> = fc
  .record({
    tagId: fc.constantFrom('T0', 'T1', 'T2', 'T3', 'STRANGER'),
    secondsAgo: fc.oneof(fc.integer({ min: -90, max: 60 }), fc.integer({ min: -90, max: 7200 })),
    where: fc.constantFrom('r0', 'r1', 'corridor', 'other site', 'nowhere'),
    x: fc.integer({ min: 0, max: 60 }),
  })
  .map(({ tagId, secondsAgo, where, x }) =>
    place(tagId, nowUs - secondsAgo * 1_000_000, {
      floor: where === 'r1' ? 1 : 0,
      roomId: where.startsWith('r') ? where : null,
      facility: where === 'other site' ? 'h2' : 'h1',
      x: where === 'nowhere' ? null : x,
      y: where === 'nowhere' ? null : x,
    }),
  )

/** By the definition: of what may count the newest; of equals the first that came. */
function naive(all: readonly Place[]): Map<string, Place> {
  const newest = new Map<string, Place>()
  for (const one of all) {
    const asset = assetOf[one.tagId]
    if (asset === undefined || (one.x === null && one.roomId === null) || one.tUs > nowUs + 60_000_000)
      continue
    if (one.tagId === 'T3' && one.tUs < nowUs - 3_600_000_000) continue
    const known = newest.get(asset)
    if (known === undefined || one.tUs > known.tUs) newest.set(asset, one)
  }
  return newest
}

const viewports: readonly Viewport[] = [
  { facility: 'h1' },
  { facility: 'h1', floor: 1 },
  { facility: 'h1', floor: 0, box: { minX: 0, minY: 0, maxX: 20, maxY: 20 } },
  { facility: 'h2' },
]

const isIn = ({ facility, floor, box }: Viewport, at: Place): boolean =>
  at.facility === facility &&
  (floor === undefined || at.floor === floor) &&
  (box === undefined || (at.x ?? (at.roomId === 'r1' ? 50 : 5)) <= box.maxX)

/** What a map has after it was told all that. */
function apply(shown: Map<string, Location>, { items, gone }: Update): void {
  for (const assetId of gone) shown.delete(assetId)
  for (const item of items) shown.set(item.assetId, { ...shown.get(item.assetId), ...item } as Location)
}

describe('what a map shows at the end', () => {
  it('is what the pings say, however they were batched, shown in between, or surveyed', () => {
    const event = fc.oneof(
      { weight: 6, arbitrary: fc.array(places, { minLength: 1, maxLength: 8 }).map((taken) => ({ taken })) },
      { weight: 3, arbitrary: fc.constant('show' as const) },
      // The database has all that was committed before it was asked.
      { weight: 1, arbitrary: fc.array(places, { maxLength: 3 }).map((meanwhile) => ({ meanwhile })) },
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 25 }), fc.boolean(), (events, isEarly) => {
        const positions = createPositions()
        const committed: Place[] = []
        const maps = viewports.map((viewport) => ({
          viewport,
          view: createView(viewport),
          shown: new Map<string, Location>(),
        }))
        let loads = 0
        const load = (meanwhile: readonly Place[]): void => {
          loads += 1
          const asOf = positions.now
          const known = naive(committed)
          const answer = survey(
            nowhere.map(({ facts }) => located(facts.assetId, known.get(facts.assetId) ?? null)),
          )
          if (meanwhile.length > 0) take(meanwhile)
          positions.load(answer, asOf)
        }
        const take = (taken: readonly Place[]): void => {
          committed.push(...taken)
          positions.take(taken.map(pingOf), nowMs)
        }
        const show = (): void => {
          const changed = positions.takeChanged()
          for (const { view, shown } of maps) {
            view.changed(changed)
            const update = view.update((assetId) => positions.entry(assetId), nowMs)
            if (update !== undefined) apply(shown, update)
          }
        }
        if (!isEarly) load([])
        for (const { view, shown } of maps)
          for (const item of view.snapshot(positions.entries(), nowMs)) shown.set(item.assetId, item)
        for (const one of events) {
          if (one === 'show') show()
          else if ('taken' in one) take(one.taken)
          else load(one.meanwhile)
        }
        if (loads === 0) load([])
        show()

        const expected = naive(committed)
        for (const { viewport, shown } of maps) {
          const visible = [...expected].filter(([, at]) => isIn(viewport, at))
          const drawn = Array.from(
            shown.values(),
            ({ assetId, tagId, seenAt, x, floor, roomId, facility }) => [
              assetId,
              { tagId, seenAt, x, floor, roomId, facility },
            ],
          )
          const right = visible.map(([assetId, { tagId, tUs, x, floor, roomId, facility }]) => [
            assetId,
            { tagId, seenAt: new Date(tUs / 1000).toISOString(), x, floor, roomId, facility },
          ])
          expect(Object.fromEntries(drawn)).toEqual(Object.fromEntries(right))
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('the database knows better', () => {
  const us = (agoS: number): number => nowUs - agoS * 1_000_000

  it('when a ping of ours is not there any more, or the tag was given to another', () => {
    const positions = createPositions()
    positions.load(survey(nowhere), positions.now)
    positions.take([pingOf(place('T0', us(10))), pingOf(place('T2', us(10)))], nowMs)
    const older = place('T1', us(500))
    // Asked after the take: T0 was erased meanwhile.
    positions.load(survey([located('a', older), located('b', place('T2', us(10)))]), positions.now)
    expect(positions.entry('a')?.place).toEqual(older)
    expect(positions.entry('b')?.place?.tUs).toBe(us(10))
    expect(positions.entry('c')).toBeUndefined()

    const asOf = positions.now
    positions.take([pingOf(place('T2', us(5)))], nowMs)
    const { rooms: known, wearings } = survey([])
    positions.load(
      {
        rooms: known,
        wearings: wearings.map(({ tagId, assetId, fromUs }) => ({
          tagId,
          assetId: tagId === 'T2' ? 'a' : assetId,
          fromUs,
        })),
        assets: [located('a', older), located('b')],
      },
      asOf,
    )
    expect(positions.entry('b')?.place).toBeNull()
  })

  it('and what it says again is no news', () => {
    const positions = createPositions()
    const rounded = place('T0', us(10), { accuracyM: 0.1 })
    positions.load(survey(nowhere), positions.now)
    positions.take([pingOf({ ...rounded, accuracyM: 0.100_000_001 })], nowMs)
    positions.takeChanged()
    positions.load(survey([located('a', rounded), located('b'), located('c')]), positions.now)
    expect([...positions.takeChanged()]).toEqual([])
  })
})

it('an update has what changed, and age only with another ping', () => {
  const positions = createPositions()
  const view = createView({ facility: 'h1' })
  const first = place('T2', nowUs - 10_000_000)
  positions.load(survey([located('b', first)]), positions.now)
  expect(view.snapshot(positions.entries(), nowMs)).toHaveLength(1)
  const next = (): Update | undefined => {
    view.changed(positions.takeChanged())
    return view.update((assetId) => positions.entry(assetId), nowMs)
  }
  expect(next()).toBeUndefined()
  positions.take([pingOf({ ...first, tUs: nowUs, x: 2 })], nowMs)
  expect(next()).toEqual({
    items: [{ assetId: 'b', x: 2, seenAt: new Date(nowMs).toISOString(), ageS: 0, confidence: 0.56 }],
    gone: [],
  })
  const busy = located('b', { ...first, tUs: nowUs, x: 2 })
  positions.load(survey([{ ...busy, facts: { ...busy.facts, isFree: false } }]), positions.now)
  expect(next()).toEqual({ items: [{ assetId: 'b', isFree: false }], gone: [] })
  positions.load(survey([]), positions.now)
  expect(next()).toEqual({ items: [], gone: ['b'] })
})
