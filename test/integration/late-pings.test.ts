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

  it('of a day that takes longer than the statement timeout are refreshed in pieces, and what was cut off with more time', async () => {
    const [rollup] = await ingest.query<{ held: string }>(`
      SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) AS held
      FROM timescaledb_information.continuous_aggregates WHERE view_name = 'location_1m'`)
    // The database's own refresh and its own error: writing buckets more than three hours apart takes longer than a minute.
    await ingest.query(`CREATE FUNCTION too_slow() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE first text := coalesce(nullif(current_setting('test.first', true), ''), NEW.bucket::text);
      BEGIN
        PERFORM set_config('test.first', first, true);
        IF NEW.bucket NOT BETWEEN first::timestamptz - interval '3 hours' AND first::timestamptz + interval '3 hours'
          AND current_setting('statement_timeout')::interval <= interval '1 minute' THEN
          RAISE EXCEPTION 'canceling statement due to statement timeout' USING ERRCODE = '57014';
        END IF;
        RETURN NEW;
      END $$`)
    await ingest.query(
      `CREATE TRIGGER too_slow BEFORE INSERT ON ${rollup?.held} FOR EACH ROW EXECUTE FUNCTION too_slow()`,
    )
    try {
      const start = Date.parse(`${daysAgo(25).slice(0, 10)}T00:00:00Z`)
      const hourly = Array.from({ length: 24 }, (_, hour) => ({
        tagId: 'H',
        t: new Date(start + hour * 3_600_000 + 1_800_000).toISOString(),
      }))
      await ingest.writer.write(batchOf(hourly, receivedAtUs), { lane: 'late' }, hot)
      const spans = new Map<string, number>()
      expect(await refreshDueDays(ingest.pool, 0, undefined, spans)).toBe(1)
      const held = `SELECT count(*)::int AS n FROM ${rollup?.held} WHERE tag_id = 'H'`
      expect(await ingest.query(held)).toEqual([{ n: 24 }])
      expect(await ingest.query('SHOW statement_timeout')).toEqual([{ statement_timeout: '1min' }])
    } finally {
      await ingest.query('DROP FUNCTION too_slow CASCADE')
    }
  })

  it('of a day that another process is refreshing are left to it, until its claim has run out', async () => {
    await ingest.writer.write(batchOf({ tagId: 'C', t: daysAgo(6) }, receivedAtUs), { lane: 'late' }, hot)
    await ingest.query("UPDATE rollup_refresh_queue SET claimed_until = now() + interval '1 minute'")
    expect(await refreshDueDays(ingest.pool, 0)).toBe(0)
    await ingest.query("UPDATE rollup_refresh_queue SET claimed_until = now() - interval '1 second'")
    expect(await refreshDueDays(ingest.pool, 0)).toBe(1)
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
