import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { refreshDueDays } from '../../src/db/rollup-refresh.ts'
import { readStatistics } from '../../src/db/statistics.ts'
import { daysToRefresh, laneOf, lateBeforeUs } from '../../src/ingest/lanes.ts'
import { type Ingest, batchOf, openIngest } from '../support/ingest.ts'

const dayMs = 86_400_000
const now = Date.now()
const daysAgo = (days: number, plusMs = 0): string => new Date(now - days * dayMs + plusMs).toISOString()

let ingest: Ingest
beforeAll(async () => {
  ingest = await openIngest()
})
afterAll(async () => {
  await ingest.close()
})
beforeEach(async () => {
  await ingest.query('TRUNCATE location_history, rollup_refresh_queue')
})

const hot = new AbortController().signal
const receivedAtUs = now * 1000

describe('a ping', () => {
  it('is late when the policies no longer look at its day, or its chunk is compressed', () => {
    const lane = (t: string, compressedUntilMs?: number): string =>
      laneOf(batchOf({ tagId: 'T', t }, receivedAtUs), lateBeforeUs(now, compressedUntilMs))
    expect(lane(daysAgo(0))).toBe('hot')
    expect(lane(daysAgo(2))).toBe('hot')
    expect(lane(daysAgo(3))).toBe('late')
    expect(lane(daysAgo(1), now)).toBe('late')
  })

  it('takes the other pings of its message along', () => {
    const batch = batchOf(
      [
        { tagId: 'A', t: daysAgo(0) },
        { tagId: 'B', t: daysAgo(9) },
      ],
      receivedAtUs,
    )
    expect(laneOf(batch, lateBeforeUs(now, undefined))).toBe('late')
    expect(daysToRefresh(batch, now)).toEqual([daysAgo(9).slice(0, 10)])
  })
})

describe('late pings', () => {
  it('go into compressed chunks, more of them than the limit on unpacking allows, without doubling what is there', async () => {
    // One tag, one segment: 120,000 tuples must be unpacked where the default limit is 100,000.
    await ingest.query(
      `INSERT INTO location_history (t, facility_id, gateway_id, tag_id)
       SELECT $1::timestamptz + i * interval '0.5 second', 'h1', 'gw-1', 'T' FROM generate_series(1, 120000) i`,
      [`${daysAgo(10).slice(0, 10)}T00:00:00Z`],
    )
    await ingest.query(`SELECT compress_chunk(c) FROM show_chunks('location_history') c`)
    expect((await readStatistics(ingest.pool)).compressedUntilMs).toBeGreaterThan(now - 10 * dayMs)

    const start = Date.parse(`${daysAgo(10).slice(0, 10)}T00:00:00Z`)
    // Half of them fall on stored pings, half between them.
    const late = Array.from({ length: 1000 }, (_, index) => ({
      tagId: 'T',
      t: new Date(start + (index + 1) * 30_250).toISOString(),
    }))
    const batch = batchOf(late, receivedAtUs)
    const outcome = await ingest.writer.write(batch, { lane: 'late' }, hot)
    expect(outcome).toMatchObject({ committed: 500, duplicates: 500 })
    expect(await ingest.query('SELECT count(*)::int AS n FROM location_history')).toEqual([{ n: 120_500 }])
    expect(ingest.failures).toEqual([])
  })

  it('are in the rollup after their day was refreshed, once a day and not a ping', async () => {
    const day = daysAgo(20).slice(0, 10)
    // Something recent, so that what is materialised reaches past the late day.
    await ingest.writer.write(
      batchOf({ tagId: 'R', t: new Date(now - 600_000).toISOString() }, receivedAtUs),
      { lane: 'hot' },
      hot,
    )
    await ingest.query(`CALL refresh_continuous_aggregate('location_1m', NULL, now() - interval '1 minute')`)
    const late = Array.from({ length: 300 }, (_, index) => ({
      tagId: `L${index % 3}`,
      t: new Date(Date.parse(`${day}T08:00:00Z`) + index).toISOString(),
    }))
    await ingest.writer.write(batchOf(late.slice(0, 150), receivedAtUs), { lane: 'late' }, hot)
    await ingest.writer.write(batchOf(late.slice(150), receivedAtUs + 1000), { lane: 'late' }, hot)
    expect(await ingest.query('SELECT day::text FROM rollup_refresh_queue')).toEqual([{ day }])

    const inRollup = `SELECT coalesce(sum(pings), 0)::int AS pings FROM location_1m WHERE tag_id LIKE 'L%'`
    expect(await ingest.query(inRollup)).toEqual([{ pings: 0 }])
    expect(await refreshDueDays(ingest.pool, 0)).toBe(1)
    expect(await ingest.query(inRollup)).toEqual([{ pings: 300 }])
    expect(await ingest.query('SELECT count(*)::int AS n FROM rollup_refresh_queue')).toEqual([{ n: 0 }])
    expect(await refreshDueDays(ingest.pool, 0)).toBe(0)
  })

  it('of hundreds of different days, from a broken clock, are stored in transactions of a few days each', async () => {
    const days = Array.from({ length: 300 }, (_, index) => ({ tagId: 'B', t: daysAgo(400 + index) }))
    expect(await ingest.writer.write(batchOf(days, receivedAtUs), { lane: 'late' }, hot)).toMatchObject({
      committed: 300,
    })
    // xmin tells the transactions apart.
    const rows = await ingest.query<{ n: number }>(
      'SELECT count(DISTINCT xmin::text)::int AS n FROM location_history',
    )
    expect(rows).toEqual([{ n: 6 }])
    expect(ingest.failures).toEqual([])
  })

  it('of a day that still receives some are left until it is quiet', async () => {
    await ingest.writer.write(batchOf({ tagId: 'Q', t: daysAgo(5) }, receivedAtUs), { lane: 'late' }, hot)
    expect(await refreshDueDays(ingest.pool, 3600)).toBe(0)
    expect(await refreshDueDays(ingest.pool, 0)).toBe(1)
  })
})
