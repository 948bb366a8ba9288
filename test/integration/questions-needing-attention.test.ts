// What needs somebody: assets silent or low or due, gateways and rooms gone silent, entries into restricted rooms, tags to be erased.
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { useBiotrakr } from '../support/biotrakr.ts'
import { storeBuilding, storePings, storeWearings } from '../support/hospital-world.ts'
import { rollups, settleRollups } from '../support/rollups.ts'

const zone = 'America/New_York'
const { query, value, asset } = useBiotrakr(zone)
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

const dayMs = 86_400_000
const iso = (ms: number): string => new Date(ms).toISOString()

describe('what needs attention', () => {
  const worn = async (id: string, tag: string): Promise<unknown> =>
    query(`INSERT INTO tag_assignments (tag_id, asset_id, valid_from) VALUES ($1, $2, '-infinity')`, [
      tag,
      id,
    ])
  const heard = async (tag: string, every: string, from: string, to: string): Promise<unknown> =>
    query(
      `INSERT INTO location_history (t, facility_id, gateway_id, tag_id, room_id, floor, x, y, fix)
       SELECT t, 'h1', 'g', $1, 'r2', 0, 7, 1, 'position' FROM generate_series(now() - $3::interval, now() - $4::interval, $2::interval) t`,
      [tag, every, from, to],
    )

  it('is who is silent for longer than its own habit, and not who always sleeps so long', async () => {
    await worn('a', 'CHATTY')
    await worn('b', 'SLEEPER')
    await heard('CHATTY', '1 minute', '2 days', '2 hours')
    await heard('SLEEPER', '6 hours', '10 days', '5 hours')
    const missing = async (): Promise<string[]> =>
      (await query<{ asset_id: string }>('SELECT asset_id FROM missing_assets()')).map((row) => row.asset_id)
    expect(await missing()).toEqual(['a'])
    await settleRollups(query)
    expect(await missing()).toEqual(['a'])
    await query(`DELETE FROM location_history WHERE tag_id = 'SLEEPER' AND t > now() - interval '40 hours'`)
    await settleRollups(query)
    expect((await missing()).toSorted()).toEqual(['a', 'b'])
  })

  it('is a battery that falls by two a day since it was changed, and the day it is empty', async () => {
    await worn('a', 'BATTERY')
    await query(
      `INSERT INTO location_history (t, facility_id, gateway_id, tag_id, battery_pct)
       SELECT now() - i * interval '1 day', 'h1', 'g', 'BATTERY', CASE WHEN i > 20 THEN 30 - (40 - i) ELSE 60 + 2 * i END FROM generate_series(0, 40) i`,
    )
    await settleRollups(query)
    const [row] = await query<Record<string, unknown>>(
      `SELECT tag_id, battery_pct, round(pct_a_day::numeric, 6)::float8 AS slope, round(days_left)::integer AS days, days_used::integer, is_low, round(confidence::numeric, 6)::float8 AS sure,
         empty_on = ((now() + interval '30 days') AT TIME ZONE '${zone}')::date AS is_day
       FROM battery_forecast()`,
    )
    expect(row).toEqual({
      tag_id: 'BATTERY',
      battery_pct: 60,
      slope: -2,
      days: 30,
      days_used: 21,
      is_low: false,
      sure: 1,
      is_day: true,
    })
  })

  it('is a room with too few or too many of a kind', async () => {
    await query(
      `INSERT INTO par_levels (room_id, device_category, min_count, max_count) VALUES ('r2', 'IMAGING', 2, 5), ('r1', 'IMAGING', 0, NULL)`,
    )
    await worn('a', 'PAR1')
    await worn('b', 'PAR2')
    await heard('PAR1', '1 minute', '3 minutes', '1 minute')
    const status = async (): Promise<unknown> =>
      query(
        `SELECT room_id, present::integer, lacking::integer, unsure::integer, status FROM rtls.par_status ORDER BY 1`,
      )
    expect(await status()).toEqual([
      { room_id: 'r1', present: 0, lacking: 0, unsure: 0, status: 'OK' },
      { room_id: 'r2', present: 1, lacking: 1, unsure: 0, status: 'UNDER' },
    ])
    await heard('PAR2', '1 hour', '2 hours', '1 hour')
    expect(await status()).toMatchObject([{}, { present: 2, unsure: 1, status: 'OK' }])
    await query('DELETE FROM par_levels')
  })

  it('is recalled or due equipment, with where it is now', async () => {
    await worn('a', 'DUE')
    await heard('DUE', '1 minute', '3 minutes', '1 minute')
    await query(
      `UPDATE assets SET recall_status = 'CLASS_I', recall_notice_number = 'R1', recall_notice_date = '2024-01-01' WHERE id = 'a'`,
    )
    await query(
      `UPDATE assets SET next_pm_due_date = (now() AT TIME ZONE '${zone}')::date - 3 WHERE id = 'b'`,
    )
    expect(
      await query(
        `SELECT asset_id, reason, room_name, days_overdue::integer > 0 AS late FROM rtls.equipment_to_find ORDER BY 1`,
      ),
    ).toEqual([
      { asset_id: 'a', reason: 'RECALL', room_name: 'r2', late: true },
      { asset_id: 'b', reason: 'MAINTENANCE', room_name: null, late: true },
    ])
    await query(`UPDATE assets SET recall_status = 'NONE', next_pm_due_date = NULL`)
  })

  it('is a gateway that is silent, ahead of time or late, and a room in which assets vanish', async () => {
    await query(
      `INSERT INTO location_history (t, received_at, facility_id, gateway_id, tag_id)
       SELECT t, t + ahead, 'h1', gw, 'T' FROM generate_series(now() - interval '5 hours', now() - interval '1 minute', interval '1 minute') t,
         (VALUES ('ok', interval '1 second'), ('ahead', interval '-5 seconds'), ('dead', interval '0'), ('new', interval '1 second')) g(gw, ahead)
       WHERE CASE gw WHEN 'dead' THEN t < now() - interval '2 hours' WHEN 'new' THEN t > now() - interval '10 minutes' ELSE true END`,
    )
    await settleRollups(query)
    expect(
      await query(
        `SELECT gateway_id, status, clock_skew_s, lateness_s, silent_for > interval '1 hour' AS silent FROM gateway_health() ORDER BY 1`,
      ),
    ).toEqual([
      { gateway_id: 'ahead', status: 'CLOCK', clock_skew_s: -5, lateness_s: -5, silent: false },
      { gateway_id: 'dead', status: 'SILENT', clock_skew_s: 0, lateness_s: null, silent: true },
      // Heard of for ten minutes, and not weak for the rest of the hour.
      { gateway_id: 'new', status: 'OK', clock_skew_s: 0, lateness_s: 1, silent: false },
      { gateway_id: 'ok', status: 'OK', clock_skew_s: 0, lateness_s: 1, silent: false },
    ])
    expect(
      await query(
        `SELECT gateway_id, is_open FROM gateway_silences('h1', now() - interval '6 hours', now())`,
      ),
    ).toEqual([{ gateway_id: 'dead', is_open: true }])
    await worn('a', 'HOLE')
    await heard('HOLE', '1 minute', '5 hours', '4 hours')
    await query(
      `INSERT INTO location_history (t, facility_id, gateway_id, tag_id, room_id) VALUES (now() - interval '1 hour', 'h1', 'g', 'HOLE', 'r3')`,
    )
    await settleRollups(query)
    expect(
      await query(
        `SELECT room_id, silences::integer, elsewhere_share FROM coverage_holes('h1', now() - interval '6 hours', now())`,
      ),
    ).toEqual([{ room_id: 'r2', silences: 1, elsewhere_share: 1 }])
  })
})

describe('record_restricted_entries', () => {
  const start = Math.floor(Date.now() / dayMs - 3) * dayMs
  const ping = (second: number, room: string): Parameters<typeof storePings>[1][number] => ({
    t: start + second * 1000,
    tag: 'TAG1',
    gateway: 'g',
    room,
    floor: 0,
    x: 7,
    y: 1,
    accuracy: null,
  })
  const record = async (): Promise<unknown> => {
    await settleRollups(query)
    return query('SELECT entered::integer, withdrawn::integer FROM record_restricted_entries($1, $2)', [
      iso(start),
      iso(start + dayMs),
    ])
  }
  const state = async (): Promise<unknown> =>
    query(
      `SELECT (SELECT geofence_violations FROM assets WHERE id = 'a') AS counted, (SELECT count(*)::integer FROM alert_history) AS alerts,
         (SELECT count(*)::integer FROM alert_history WHERE resolved_at IS NULL) AS open, (SELECT count(*)::integer FROM restricted_area_entries) AS entries`,
    )

  it('counts and alerts each entry once, however often it is asked, and no jump through the wall', async () => {
    await query(`UPDATE rooms SET is_restricted = id = 'r2'`)
    await storeWearings(query, [{ tag: 'TAG1', asset: 'a', from: start, to: null }])
    const seconds = (from: number, to: number): number[] =>
      Array.from({ length: (to - from) / 10 }, (_, index) => from + index * 10)
    await storePings(query, [
      ...seconds(0, 600).map((second) => ping(second, second === 300 ? 'r2' : 'r1')),
      ...seconds(600, 900).map((second) => ping(second, 'r2')),
      ...seconds(900, 1200).map((second) => ping(second, 'r1')),
      ...seconds(1200, 1500).map((second) => ping(second, 'r2')),
    ])
    expect(await record()).toEqual([{ entered: 2, withdrawn: 0 }])
    expect(await record()).toEqual([{ entered: 0, withdrawn: 0 }])
    expect(await state()).toEqual([{ counted: 2, alerts: 2, open: 2, entries: 2 }])

    // Late pings: it came sooner than thought, which is the same entry.
    await storePings(
      query,
      seconds(565, 600).map((second) => ping(second + 1, 'r2')),
    )
    expect(await record()).toEqual([{ entered: 0, withdrawn: 0 }])
    expect(await state()).toEqual([{ counted: 2, alerts: 2, open: 2, entries: 2 }])

    // The tag was on the other asset then: what was counted is taken back, and counted there.
    await query('TRUNCATE tag_assignments')
    await storeWearings(query, [
      { tag: 'TAG1', asset: 'a', from: start, to: start + 1000 * 1000 },
      { tag: 'TAG1', asset: 'b', from: start + 1000 * 1000, to: null },
    ])
    expect(await record()).toEqual([{ entered: 1, withdrawn: 1 }])
    expect(await state()).toEqual([{ counted: 1, alerts: 3, open: 2, entries: 2 }])
    expect(await value(`SELECT geofence_violations FROM assets WHERE id = 'b'`)).toBe(1)
  })
})

describe('erase_tag', () => {
  it('leaves no trace of a tag in pings, rollups or dead letters, compressed or not, and all of the others', async () => {
    await query(
      `INSERT INTO location_history (t, facility_id, gateway_id, tag_id, room_id, x, y)
       SELECT now() - i * interval '6 hours', 'h1', 'g', tag, 'r1', 1, 1 FROM generate_series(1, 160) i, (VALUES ('AABBCCDDEEFF'), ('OTHER')) t(tag)`,
    )
    for (const rollup of rollups)
      await query(`CALL refresh_continuous_aggregate('${rollup}', NULL, now() - interval '2 days')`)
    const held = await query<{ view_name: string; name: string }>(
      `SELECT view_name, format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) AS name
       FROM timescaledb_information.continuous_aggregates WHERE view_schema = 'public'`,
    )
    await query(
      `SELECT compress_chunk(c, true) FROM show_chunks('location_history', older_than => interval '3 days') c`,
    )
    for (const { view_name } of held)
      await query(`SELECT compress_chunk(c, true) FROM show_chunks('${view_name}') c`)
    await query(
      `INSERT INTO dead_letter (topic, payload, payload_bytes, reason) SELECT 'rtls/h1/g/pings', convert_to(p, 'UTF8'), length(p), 'x'
       FROM (VALUES ('{"tagId":"aa:bb:cc:dd:ee:ff","t":1}'), ('{"tagId":"OTHER"}')) d(p)`,
    )
    const places = ['location_history', ...rollups.filter((rollup) => rollup !== 'gateway_1m')]
    // Everything, not only what the views show: the materialised rows themselves.
    const everywhere = [
      ...places,
      ...held.filter(({ view_name }) => view_name !== 'gateway_1m').map(({ name }) => name),
    ]
    const traces = async (tag: string): Promise<number[]> => {
      const rows: number[] = []
      for (const place of everywhere)
        rows.push(Number(await value(`SELECT count(*) FROM ${place} WHERE tag_id = $1`, [tag])))
      return rows
    }
    const others = await traces('OTHER')
    expect((await traces('AABBCCDDEEFF')).every((rows) => rows > 0)).toBe(true)
    const erased = await query<{ place: string; erased: number }>(
      `SELECT place, erased::integer FROM erase_tag('aa:bb:cc:dd:ee:ff', now() - interval '10 days')`,
    )
    expect(erased.find(({ place }) => place === 'location_history')).toMatchObject({ erased: 121 })
    await query(`SELECT erase_tag('aa:bb:cc:dd:ee:ff')`)
    expect((await traces('AABBCCDDEEFF')).every((rows) => rows === 0)).toBe(true)
    expect(await traces('OTHER')).toEqual(others)
    expect(await query(`SELECT convert_from(payload, 'UTF8') AS text FROM dead_letter`)).toEqual([
      { text: '{"tagId":"OTHER"}' },
    ])
    expect(Number(await value('SELECT count(*) FROM rollup_refresh_queue'))).toBeGreaterThan(35)
    // What gateways heard is counted again without the tag.
    await query(
      `DELETE FROM rollup_refresh_queue WHERE day > (SELECT min(day) + 1 FROM rollup_refresh_queue)`,
    )
    await query(`UPDATE rollup_refresh_queue SET requested_at = now() - interval '1 hour'`)
    const heardOn = `SELECT sum(pings)::integer FROM gateway_1m WHERE bucket::date = (now() - interval '39 days')::date`
    expect(await value(heardOn)).toBe(8)
    await query('CALL refresh_late_rollups()')
    expect(await value(heardOn)).toBe(4)
    await query('TRUNCATE rollup_refresh_queue, dead_letter')
  })

  it('is what happens to the pings of people’s tags when their time is over', async () => {
    await query(`INSERT INTO person_tags (tag_id, keep) VALUES ('NURSE', '2 days')`)
    await query(
      `INSERT INTO location_history (t, facility_id, gateway_id, tag_id) SELECT now() - i * interval '1 day', 'h1', 'g', tag
       FROM generate_series(0, 5) i, (VALUES ('NURSE'), ('PUMP')) t(tag)`,
    )
    await query('CALL erase_expired_person_pings()')
    expect(
      await query(`SELECT tag_id, count(*)::integer AS n FROM location_history GROUP BY 1 ORDER BY 1`),
    ).toEqual([
      { tag_id: 'NURSE', n: 2 },
      { tag_id: 'PUMP', n: 6 },
    ])
  })
})
