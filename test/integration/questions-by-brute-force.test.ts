// The analysts' questions about one asset equal what plain code finds ping by ping, on random ways through a small hospital:
// with tags that change hands, pings that come late, over both changes of the clock.
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { useBiotrakr } from '../support/biotrakr.ts'
import {
  type VisitRule,
  type World,
  deviation,
  distanceOf,
  dwellOf,
  nearestOf,
  pingsOf,
  visitsOf,
} from '../support/brute-force.ts'
import {
  polygons,
  shifted,
  storeBuilding,
  storePings,
  storeWearings,
  worlds,
} from '../support/hospital-world.ts'
import { clockChanges } from '../support/time-zone.ts'

const zone = 'America/New_York'
const { query, asset } = useBiotrakr(zone)
beforeAll(async () => {
  await storeBuilding(query)
  await asset({ id: 'a' })
  await asset({ id: 'b' })
})

const dayMs = 86_400_000
/** Few a run of the suite, and other ones each time: what they find is printed with its seed. */
const numRuns = 12
const rounded = (metres: number | null): number | null => (metres === null ? null : Math.round(metres * 1e6))
const iso = (ms: number): string => new Date(ms).toISOString()

/** Stores a world around a change of the clock: the older half of its tags' pings first, then, as late ones, the rest. */
async function store(world: World, order: number): Promise<void> {
  await query('TRUNCATE location_history, tag_assignments')
  await storeWearings(query, world.wearings)
  await storePings(
    query,
    world.pings.filter((_, index) => index % 2 === order),
  )
  await storePings(query, world.pings.filter((_, index) => index % 2 !== order).toReversed())
}

/** Runs a property on many worlds, around both changes of the clock. */
async function forEveryWorld(
  holds: (world: World, since: number, until: number) => Promise<void>,
): Promise<void> {
  const { spring, autumn } = clockChanges(zone)
  await fc.assert(
    fc.asyncProperty(
      worlds,
      fc.constantFrom(spring, autumn),
      fc.integer({ min: 0, max: 7_200_000 }),
      fc.constantFrom(0, 1),
      async (world, change, before, order) => {
        const moved = shifted(world, change - before)
        await store(moved, order)
        await holds(moved, change - dayMs, change + 4 * dayMs)
      },
    ),
    { numRuns },
  )
}

describe('asset_location_at', () => {
  it('is the latest ping until then of any tag the asset wore when it was heard', async () => {
    await forEveryWorld(async (world, since, until) => {
      for (const wearer of ['a', 'b']) {
        const heard = pingsOf(world, wearer, since, until)
        const times = [since, until, ...heard.slice(0, 4).flatMap(({ t }) => [t - 1, t, t + 1])]
        for (const time of times) {
          const latest = heard.findLast(({ t }) => t <= time)
          const rows = await query<{ t: Date; room_id: string | null; gateway_id: string; tag_id: string }>(
            'SELECT t, room_id, gateway_id, tag_id FROM asset_location_at($1, $2)',
            [wearer, iso(time)],
          )
          const expected = latest === undefined ? [] : [[latest.t, latest.room, latest.gateway, latest.tag]]
          expect(rows.map((row) => [row.t.getTime(), row.room_id, row.gateway_id, row.tag_id])).toEqual(
            expected,
          )
        }
      }
    })
  })
})

describe('asset_visits and asset_dwell', () => {
  const rules: readonly VisitRule[] = [
    { minDwellMs: 30_000, maxGapMs: 900_000, marginM: 0 },
    { minDwellMs: 5000, maxGapMs: 300_000, marginM: 0.7 },
    { minDwellMs: 0, maxGapMs: 60_000, marginM: 0 },
  ]
  it('are what a machine with one state finds', async () => {
    await forEveryWorld(async (world, since, until) => {
      for (const wearer of ['a', 'b'])
        for (const rule of rules) {
          const expected = visitsOf(pingsOf(world, wearer, since, until), rule, until, polygons)
          const settings = [wearer, iso(since), iso(until), rule.minDwellMs, rule.marginM, rule.maxGapMs]
          const given = `$2, $3, $4 * interval '1 ms', $5, $6 * interval '1 ms'`
          const rows = await query<
            Record<'entered_at' | 'left_at' | 'last_seen', Date> & {
              entered_after: Date | null
              room_id: string
              pings: number
              confidence: number
            }
          >(
            `SELECT room_id, entered_at, left_at, entered_after, last_seen, pings::integer, confidence FROM asset_visits($1, ${given})`,
            settings,
          )
          expect(
            rows.map((row) => ({
              room: row.room_id,
              enteredAt: row.entered_at.getTime(),
              enteredAfter: row.entered_after?.getTime() ?? null,
              lastSeen: row.last_seen.getTime(),
              leftAt: row.left_at.getTime(),
              pings: row.pings,
              confidence: row.confidence,
            })),
          ).toEqual(expected)
          const hours = await query<{ room_id: string; hour: Date; ms: number }>(
            `SELECT room_id, hour, (extract(epoch FROM dwell) * 1000)::float8 AS ms FROM asset_dwell(ARRAY[$1], ${given})`,
            settings,
          )
          expect(new Map(hours.map(({ room_id, hour, ms }) => [`${room_id} ${hour.getTime()}`, ms]))).toEqual(
            dwellOf(expected),
          )
        }
    })
  })
})

describe('asset_distance', () => {
  it('adds up the legs on one floor and over no silence', async () => {
    await forEveryWorld(async (world, since, until) => {
      for (const wearer of ['a', 'b']) {
        const [row] = await query<{ metres: number }>('SELECT metres FROM asset_distance($1, $2, $3)', [
          wearer,
          iso(since),
          iso(until),
        ])
        expect(row?.metres).toBeCloseTo(distanceOf(pingsOf(world, wearer, since, until), 300_000), 6)
      }
    })
  })
})

describe('asset_contacts', () => {
  it('are where the visits of two assets overlap, and the least distance between them', async () => {
    const rule = { minDwellMs: 30_000, maxGapMs: 900_000, marginM: 0 }
    await forEveryWorld(async (world, since, until) => {
      const [a, b] = [pingsOf(world, 'a', since, until), pingsOf(world, 'b', since, until)]
      const expected = visitsOf(a, rule, until, polygons)
        .flatMap((one) =>
          visitsOf(b, rule, until, polygons)
            .filter(({ room }) => room === one.room)
            .map((other) => ({
              room: one.room,
              from: Math.max(one.enteredAt, other.enteredAt),
              to: Math.min(one.leftAt, other.leftAt),
            })),
        )
        .filter(({ from, to }) => from < to)
        .toSorted((x, y) => x.from - y.from)
      const rows = await query<{ room_id: string; began_at: Date; ended_at: Date; nearest_m: number | null }>(
        `SELECT room_id, began_at, ended_at, nearest_m FROM asset_contacts('a', 'b', $1, $2)`,
        [iso(since), iso(until)],
      )
      expect(
        rows.map((row) => ({ room: row.room_id, from: row.began_at.getTime(), to: row.ended_at.getTime() })),
      ).toEqual(expected)
      for (const [index, { from, to }] of expected.entries()) {
        const nearest = nearestOf(a, b, from, to)
        // To a micrometre; NULL where they were not both positioned.
        expect(rounded(rows[index]?.nearest_m ?? null)).toBe(rounded(nearest))
      }
      const met = await query<{ other_id: string; ms: number }>(
        `SELECT other_id, (extract(epoch FROM together) * 1000)::float8 AS ms FROM assets_met('a', $1, $2)`,
        [iso(since), iso(until)],
      )
      const together = expected.reduce((sum, { from, to }) => sum + to - from, 0)
      expect(met).toEqual(expected.length === 0 ? [] : [{ other_id: 'b', ms: together }])
    })
  })
})

describe('asset_trail', () => {
  it('keeps the ends and what bends most, and says truly how far the rest lies off', async () => {
    await forEveryWorld(async (world, since, until) => {
      const all = pingsOf(world, 'b', since, until).flatMap(({ t, x, y, floor }) =>
        x === null || y === null ? [] : [{ t, x, y, floor }],
      )
      for (const points of [2, 5, 500]) {
        const rows = await query<{ t: Date; x: number; y: number; left_out: number; deviation_m: number }>(
          'SELECT t, x, y, left_out, deviation_m FROM asset_trail($1, $2, $3, $4)',
          ['b', iso(since), iso(until), points],
        )
        expect(rows.length).toBeLessThanOrEqual(points)
        let place = 0
        let worst = 0
        for (const row of rows) {
          const here = all[place]
          expect([row.t.getTime(), row.x, row.y]).toEqual([here?.t, here?.x, here?.y])
          const next = all[place + row.left_out + 1]
          const off = all
            .slice(place + 1, place + 1 + row.left_out)
            .map((point) => deviation(here ?? point, next ?? point, point))
          expect(row.deviation_m).toBeCloseTo(Math.max(0, ...off), 5)
          worst = Math.max(worst, row.deviation_m)
          place += row.left_out + 1
        }
        expect(place).toBe(all.length)
        // Nothing that bends is left out while there is room for it.
        expect(rows.length === points || worst < 1e-6).toBe(true)
      }
    })
  })

  it('is a corner for a way around one, however many pings lie on its sides', async () => {
    const { autumn } = clockChanges(zone)
    const way = Array.from({ length: 101 }, (_, index) => ({
      t: autumn + index * 1000,
      tag: 'TAG1',
      gateway: 'g1',
      room: 'r1',
      floor: 0,
      x: Math.min(index, 70),
      y: Math.max(0, index - 70),
      accuracy: null,
    }))
    await store({ pings: way, wearings: [{ tag: 'TAG1', asset: 'a', from: autumn, to: null }] }, 0)
    const rows = await query<{ x: number; y: number; left_out: number }>(
      `SELECT x, y, left_out FROM asset_trail('a', $1, $2, 100)`,
      [iso(autumn), iso(autumn + dayMs)],
    )
    expect(rows).toEqual([
      { x: 0, y: 0, left_out: 69 },
      { x: 70, y: 0, left_out: 29 },
      { x: 70, y: 30, left_out: 0 },
    ])
  })
})
