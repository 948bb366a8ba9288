// How long equipment stays, to the minute: the SQL over the rollup against a machine that walks the minutes one by one.
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { useBiotrakr } from '../support/biotrakr.ts'
import { type TracePing, visitsOf } from '../support/brute-force.ts'
import { shifted, storeBuilding, storePings, storeWearings, worlds } from '../support/hospital-world.ts'

const { query, asset } = useBiotrakr('America/New_York')
const [minuteMs, dayMs] = [60_000, 86_400_000]
const iso = (ms: number): string => new Date(ms).toISOString()

beforeAll(async () => {
  await storeBuilding(query)
  await asset({ id: 'a', device_category: 'IMAGING' })
  await asset({ id: 'b', device_category: 'LABORATORY' })
})

interface Minute extends Record<string, unknown> {
  asset_id: string
  room_id: string | null
  from_t: Date
  heard: string
}
/** The minutes of stays, as if each were one ping. What a stay is, its own tests prove. */
const minutesOf = (stays: readonly Minute[], of: string): TracePing[] =>
  stays
    .filter(({ asset_id }) => asset_id === of)
    .flatMap(({ room_id, from_t, heard }) =>
      Array.from({ length: 60 }, (_, minute) => minute)
        .filter((minute) => ((BigInt(heard) >> BigInt(minute)) & 1n) === 1n)
        .map((minute) => ({
          t: from_t.getTime() + minute * minuteMs,
          tag: 'T',
          gateway: 'g',
          room: room_id,
          floor: 0,
          x: 0,
          y: 0,
          accuracy: null,
        })),
    )
    .toSorted((x, y) => x.t - y.t)

describe('dwell', () => {
  it('counts the visits that a walk through the minutes finds', async () => {
    const start = Math.floor((Date.now() - 3 * dayMs) / dayMs) * dayMs
    await fc.assert(
      fc.asyncProperty(worlds, fc.integer({ min: 0, max: 90 }), async (world, later) => {
        const made = shifted(world, start + later * minuteMs)
        await query('TRUNCATE location_history, tag_assignments')
        await storeWearings(
          query,
          made.wearings.filter(({ from, to }) => to === null || to > from),
        )
        await storePings(query, made.pings)
        const [since, until] = [start, start + dayMs]
        for (const rollup of ['room_presence_1m', 'room_presence_1h'])
          await query(`CALL refresh_continuous_aggregate('${rollup}', '${iso(since)}', '${iso(until)}')`)
        const span = [iso(since), iso(until)]
        const stays = await query<Minute>(
          `SELECT asset_id, room_id, from_t, heard::text FROM rtls.facility_stays('h1', $1, $2, interval '15 minutes')`,
          span,
        )
        const expected = ['a', 'b'].flatMap((of) =>
          visitsOf(
            minutesOf(stays, of),
            { minDwellMs: 1, maxGapMs: 15 * minuteMs, marginM: 0 },
            until,
            new Map(),
          ).map(({ room, enteredAt, leftAt }) => [of, room, iso(enteredAt), iso(leftAt)]),
        )
        const visits = await query<{ asset_id: string; room_id: string; entered_at: Date; left_at: Date }>(
          `SELECT * FROM rtls.minute_visits('h1', $1, $2) ORDER BY asset_id, entered_at`,
          span,
        )
        expect(
          visits.map((visit) => [
            visit.asset_id,
            visit.room_id,
            visit.entered_at.toISOString(),
            visit.left_at.toISOString(),
          ]),
        ).toEqual(expected)

        const rooms = await query<{ group_id: string; visits: string; seconds: number }>(
          `SELECT group_id, visits, extract(epoch FROM dwell)::float8 AS seconds FROM dwell_distribution('h1', $1, $2) ORDER BY 1`,
          span,
        )
        const sums = new Map<string, { visits: number; seconds: number }>()
        for (const [, room, from, to] of expected) {
          const sum = sums.get(room ?? '') ?? { visits: 0, seconds: 0 }
          sums.set(room ?? '', {
            visits: sum.visits + 1,
            seconds: sum.seconds + (Date.parse(to ?? '') - Date.parse(from ?? '')) / 1000,
          })
        }
        expect(rooms.map(({ group_id, visits: n, seconds }) => [group_id, Number(n), seconds])).toEqual(
          [...sums]
            .toSorted(([x], [y]) => (x < y ? -1 : 1))
            .map(([room, sum]) => [room, sum.visits, sum.seconds]),
        )
      }),
      { numRuns: 25 },
    )
  })

  it('puts each visit into one bin, and groups by what is asked', async () => {
    await query('TRUNCATE location_history, tag_assignments')
    const start = Math.floor((Date.now() - 3 * dayMs) / dayMs) * dayMs
    await query(
      `INSERT INTO tag_assignments (tag_id, asset_id, valid_from) VALUES ('TAG1', 'a', '2020-01-01'), ('TAG2', 'b', '2020-01-01')`,
    )
    const stay = async (tag: string, room: string, from: number, minutes: number): Promise<unknown> =>
      query(
        `INSERT INTO location_history (t, tag_id, gateway_id, facility_id, room_id, floor, x, y, fix)
         SELECT $1::timestamptz + n * interval '1 minute', $2, 'g', 'h1', $3, 0, 1, 1, 'position' FROM generate_series(0, $4::integer - 1) n`,
        [iso(start + from * minuteMs), tag, room, minutes],
      )
    await stay('TAG1', 'r1', 0, 5)
    await stay('TAG1', 'r2', 5, 30)
    await stay('TAG1', 'r1', 35, 300)
    await stay('TAG2', 'r2', 0, 90)
    await query(
      `CALL refresh_continuous_aggregate('room_presence_1m', '${iso(start)}', '${iso(start + dayMs)}')`,
    )
    await query(
      `CALL refresh_continuous_aggregate('room_presence_1h', '${iso(start)}', '${iso(start + dayMs)}')`,
    )
    const by = async (what: string): Promise<unknown> =>
      query(
        `SELECT group_id, group_name, visits::int, assets::int, extract(epoch FROM median)::int / 60 AS median, extract(epoch FROM longest)::int / 60 AS longest,
           ARRAY[to_5_min, to_15_min, to_1_h, to_4_h, to_12_h, to_24_h, longer]::int[] AS bins
         FROM dwell_distribution('h1', $1, $2, $3)`,
        [iso(start), iso(start + dayMs), what],
      )
    // The last visit of each ends with 15 minutes of silence, which count.
    expect(await by('ROOM')).toEqual([
      {
        group_id: 'r1',
        group_name: 'r1',
        visits: 2,
        assets: 1,
        median: 5,
        longest: 314,
        bins: [1, 0, 0, 0, 1, 0, 0],
      },
      {
        group_id: 'r2',
        group_name: 'r2',
        visits: 2,
        assets: 2,
        median: 30,
        longest: 104,
        bins: [0, 0, 1, 1, 0, 0, 0],
      },
    ])
    expect(await by('CATEGORY')).toMatchObject([
      { group_id: 'IMAGING', visits: 3, assets: 1 },
      { group_id: 'LABORATORY', visits: 1, assets: 1 },
    ])
    expect(await by('DEPARTMENT')).toMatchObject([
      { group_id: 'd', group_name: 'Intensive care', visits: 4, assets: 2 },
    ])
  })
})
