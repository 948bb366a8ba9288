// Questions about many assets: occupancy, use, what is missing, low, due, forbidden. Against plain counting and worked cases.
import fc from 'fast-check'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { useBiotrakr } from '../support/biotrakr.ts'
import { type Wearing, pingsOf } from '../support/brute-force.ts'
import { shifted, storeBuilding, storePings, storeWearings, worlds } from '../support/hospital-world.ts'
import { settleRollups } from '../support/rollups.ts'
import { clockChanges } from '../support/time-zone.ts'

const zone = 'America/New_York'
const { query, asset } = useBiotrakr(zone)
beforeAll(async () => {
  await storeBuilding(query)
  await asset({ id: 'a', device_category: 'IMAGING', home_room_id: 'r1' })
  await asset({ id: 'b', device_category: 'IMAGING', home_room_id: 'r1', device_subcategory: 'pump' })
})
beforeEach(async () => {
  await query(
    'TRUNCATE location_history, tag_assignments, usage_logs, restricted_area_entries, alert_history',
  )
})

const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000]
const iso = (ms: number): string => new Date(ms).toISOString()

/** Which room each asset is in, minute by minute, and until when that counts, at most a gap. */
function staysOf(
  world: Parameters<typeof pingsOf>[0],
  since: number,
  until: number,
  maxGapMs: number,
): { asset: string; room: string | null; from: number; to: number }[] {
  return ['a', 'b'].flatMap((wearer) => {
    const minutes = new Map<number, Map<string, { pings: number; last: number; room: string | null }>>()
    for (const ping of pingsOf(world, wearer, since, until)) {
      if (ping.room === null && ping.x === null) continue
      const minute = Math.floor(ping.t / minuteMs) * minuteMs
      const rooms =
        minutes.get(minute) ?? new Map<string, { pings: number; last: number; room: string | null }>()
      minutes.set(minute, rooms)
      const key = `${ping.room} ${ping.tag}`
      const { pings = 0 } = rooms.get(key) ?? {}
      rooms.set(key, { pings: pings + 1, last: ping.t, room: ping.room })
    }
    const order = [...minutes.keys()].toSorted((x, y) => x - y)
    return order.map((from, index) => {
      const [most] = [...(minutes.get(from)?.values() ?? [])].toSorted(
        (x, y) => y.pings - x.pings || y.last - x.last || ((x.room ?? '~') < (y.room ?? '~') ? -1 : 1),
      )
      const to = Math.min(order[index + 1] ?? Infinity, from + maxGapMs, until)
      return { asset: wearer, room: most?.room ?? null, from, to }
    })
  })
}

describe('room_occupancy', () => {
  it('counts who is where, hour by hour of the facility, the same when pings come late', async () => {
    const { spring, autumn } = clockChanges(zone)
    await fc.assert(
      fc.asyncProperty(
        worlds,
        fc.constantFrom(spring, autumn),
        fc.integer({ min: 0, max: 120 }),
        fc.record({
          // Of hours, as far as they are materialised; of minutes at the ends of the span, and of a day that is still to be refreshed.
          since: fc.integer({ min: -20 * 60, max: 10 }),
          until: fc.integer({ min: 30, max: 40 * 60 }),
          isToRefresh: fc.boolean(),
          // An asset that wears one tag all along is answered from hours.
          isReassigned: fc.boolean(),
          maxGapS: fc.constantFrom(30, 30, 300, 900),
        }),
        async (world, change, before, asked) => {
          // On whole minutes a tag changes hands: a minute of two wearers counts for the last, which brute force need not know.
          const made = shifted(world, change - before * minuteMs)
          const unchanged = made.wearings
            .slice(0, 2)
            .map(({ tag, asset: wearer, from }) => ({ tag, asset: wearer, from, to: null }))
          const wearings: Wearing[] = []
          for (const [index, { tag, asset: wearer, from, to }] of (asked.isReassigned
            ? made.wearings
            : unchanged
          ).entries())
            wearings.push({
              tag,
              asset: wearer,
              from: index < 2 ? change - 9 * dayMs : Math.floor(from / minuteMs) * minuteMs,
              to: to === null ? null : Math.floor(to / minuteMs) * minuteMs,
            })
          const valid = wearings.filter(({ from, to }) => to === null || to > from)
          const moved = { pings: made.pings, wearings: valid }
          await query('TRUNCATE location_history, tag_assignments, rollup_refresh_queue')
          await storeWearings(query, valid)
          await storePings(
            query,
            moved.pings.filter((_, index) => index % 3 !== 0),
          )
          const settle = async (rollup: string): Promise<unknown> =>
            query(
              `CALL refresh_continuous_aggregate('${rollup}', '${iso(change - dayMs)}', '${iso(change + 2 * dayMs)}')`,
            )
          await settle('room_presence_1m')
          await settle('room_presence_1h')
          await storePings(query, moved.pings.filter((_, index) => index % 3 === 0).toReversed())
          await settle('room_presence_1m')
          if (asked.isToRefresh)
            await query(
              `INSERT INTO rollup_refresh_queue SELECT DISTINCT (t AT TIME ZONE 'UTC')::date FROM location_history`,
            )
          else await settle('room_presence_1h')

          const [since, until] = [change + asked.since * minuteMs, change + asked.until * minuteMs]
          const maxGapMs = asked.maxGapS * 1000
          const stays = staysOf(moved, since, until, maxGapMs).filter(({ room }) => room !== null)
          const expected: unknown[] = []
          for (let hour = Math.floor(since / hourMs) * hourMs; hour < until; hour += hourMs)
            for (const room of ['r1', 'r2', 'r3']) {
              const here = stays
                .filter((stay) => stay.room === room && stay.from < hour + hourMs && stay.to > hour)
                .map(({ asset: wearer, from, to }) => ({
                  asset: wearer,
                  minute: from,
                  from: Math.max(from, hour),
                  to: Math.min(to, hour + hourMs),
                }))
              if (here.length === 0) continue
              const presentMs = here.reduce((sum, { from, to }) => sum + to - from, 0)
              const heardMs = here.reduce(
                (sum, { from, to, minute }) => sum + Math.max(0, Math.min(to, minute + minuteMs) - from),
                0,
              )
              const widthMs = Math.min(hour + hourMs, until) - Math.max(hour, since)
              const at = (t: number): number => here.filter(({ from, to }) => from <= t && t < to).length
              expected.push({
                hour,
                room,
                average: Math.round((1e6 * presentMs) / widthMs),
                most: Math.max(...here.map(({ from }) => at(from))),
                assets: new Set(here.map((stay) => stay.asset)).size,
                heard: Math.round((1e6 * heardMs) / presentMs),
              })
            }
          const rows = await query<{
            bucket: Date
            room_id: string
            average: number
            most: number
            assets: number
            heard_share: number
          }>(
            `SELECT bucket, room_id, average, most::integer, assets::integer, heard_share
             FROM room_occupancy('h1', $1, $2, 'hour', $3 * interval '1 second')`,
            [iso(since), iso(until), asked.maxGapS],
          )
          expect(
            rows.map((row) => ({
              hour: row.bucket.getTime(),
              room: row.room_id,
              average: Math.round(1e6 * row.average),
              most: row.most,
              assets: row.assets,
              heard: Math.round(1e6 * row.heard_share),
            })),
          ).toEqual(expected)
        },
      ),
      { numRuns: 20 },
    )
  })

  it('has a day of 23 hours in spring and one of 25 in autumn', async () => {
    const { spring, autumn } = clockChanges(zone)
    for (const [change, hours] of [
      [spring, 23],
      [autumn, 25],
    ] as const) {
      await query('TRUNCATE location_history, tag_assignments')
      await storeWearings(query, [{ tag: 'TAG1', asset: 'a', from: change - 9 * dayMs, to: null }])
      const pings = Array.from({ length: 72 * 6 }, (_, index) => ({
        t: change - 36 * hourMs + index * 10 * minuteMs,
        tag: 'TAG1',
        gateway: 'g',
        room: 'r1',
        floor: 0,
        x: 1,
        y: 1,
        accuracy: null,
      }))
      await storePings(query, pings)
      await settleRollups(query)
      const span = [iso(change - 36 * hourMs), iso(change + 36 * hourMs)]
      const days = await query<{ local_bucket: Date; average: number }>(
        `SELECT local_bucket, average FROM room_occupancy('h1', $1, $2, 'day')`,
        span,
      )
      for (const { average } of days) expect(average).toBeCloseTo(1, 9)
      const dwell = await query<{ hours: number }>(
        `SELECT extract(epoch FROM sum(dwell))::integer / 3600 AS hours FROM asset_dwell(ARRAY['a'], $1, $2) GROUP BY local_day ORDER BY local_day`,
        span,
      )
      expect(dwell.slice(1, -1).map((row) => row.hours)).toContain(hours)
    }
  })
})

describe('fleet_use and right_size', () => {
  it('are what asking every second would say', async () => {
    const start = Math.floor(Date.now() / dayMs - 20) * dayMs
    const sessions = fc.array(
      fc.record({
        asset: fc.constantFrom('a', 'b'),
        from: fc.integer({ min: -600, max: 4000 }),
        length: fc.integer({ min: 0, max: 2500 }),
      }),
      { maxLength: 8 },
    )
    await fc.assert(
      fc.asyncProperty(sessions, async (log) => {
        await query('TRUNCATE usage_logs')
        for (const { asset: id, from, length } of log)
          await query('INSERT INTO usage_logs (asset_id, session_start, session_end) VALUES ($1, $2, $3)', [
            id,
            iso(start + from * 1000),
            iso(start + (from + length) * 1000),
          ])
        const total = 3600
        const usedAt = (id: string, second: number): boolean =>
          log.some(
            (session) =>
              session.asset === id && session.from <= second && second < session.from + session.length,
          )
        const seconds = Array.from({ length: total }, (_, second) => second)
        const rows = await query<{ asset_id: string; used: number; longest_idle: number }>(
          `SELECT asset_id, extract(epoch FROM used)::integer AS used, extract(epoch FROM longest_idle)::integer AS longest_idle
           FROM fleet_use('h1', $1, $2) WHERE asset_id IN ('a', 'b') ORDER BY asset_id`,
          [iso(start), iso(start + total * 1000)],
        )
        const idleOf = (id: string): number => {
          let [longest, idle] = [0, 0]
          for (const second of seconds) {
            idle = usedAt(id, second) ? 0 : idle + 1
            longest = Math.max(longest, idle)
          }
          return longest
        }
        expect(rows).toEqual(
          ['a', 'b'].map((id) => ({
            asset_id: id,
            used: seconds.filter((second) => usedAt(id, second)).length,
            longest_idle: idleOf(id),
          })),
        )
        await query(`UPDATE assets SET device_subcategory = 'pump' WHERE id IN ('a', 'b')`)
        const levels = seconds
          .map((second) => Number(usedAt('a', second)) + Number(usedAt('b', second)))
          .toSorted((x, y) => x - y)
        const [size] = await query<{
          owned: number
          enough: number
          most_used: number
          average_used: number
        }>(
          `SELECT owned::integer, enough::integer, most_used::integer, average_used FROM right_size('h1', $1, $2) WHERE device_subcategory = 'pump'`,
          [iso(start), iso(start + total * 1000)],
        )
        expect(size).toMatchObject({ owned: 2, enough: levels[total * 0.95 - 1], most_used: levels.at(-1) })
        expect(size?.average_used).toBeCloseTo(levels.reduce((sum, level) => sum + level, 0) / total, 6)
      }),
      { numRuns: 20 },
    )
  })
})

describe('heat_map', () => {
  it('counts each minute of an asset once in the square it was in', async () => {
    const start = Math.floor(Date.now() / dayMs - 5) * dayMs
    await storeWearings(query, [{ tag: 'TAG1', asset: 'a', from: start, to: null }])
    const ping = { tag: 'TAG1', gateway: 'g', room: 'r1', floor: 0, accuracy: 1 }
    // A chatty minute in one square counts as much as a quiet one in another; another floor not at all.
    await storePings(query, [
      ...Array.from({ length: 50 }, (_, index) => ({ ...ping, t: start + index * 1000, x: 1, y: 1 })),
      { ...ping, t: start + minuteMs, x: 4.5, y: 1 },
      { ...ping, t: start + 2 * minuteMs, x: 4.9, y: 1.2 },
      { ...ping, t: start + 3 * minuteMs, x: 1, y: 1, floor: 1 },
    ])
    await settleRollups(query)
    expect(
      await query(`SELECT cell_x, cell_y, minutes::integer, pings::integer FROM heat_map('h1', 0, $1, $2)`, [
        iso(start),
        iso(start + dayMs),
      ]),
    ).toEqual([
      { cell_x: 4, cell_y: 0, minutes: 2, pings: 2 },
      { cell_x: 0, cell_y: 0, minutes: 1, pings: 50 },
    ])
  })
})
