// The views of all assets at once: they say what the functions of one asset say, look only into the chunks they need, and leave
// nothing out because it is not known.
import { describe, expect, it } from 'vitest'
import { useBiotrakr } from '../support/biotrakr.ts'

const { query, value, asset } = useBiotrakr('America/New_York')

const plan = async (sql: string): Promise<string> =>
  (await query<{ 'QUERY PLAN': string }>(`EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) ${sql}`))
    .map((line) => line['QUERY PLAN'])
    .join('\n')

/** Ended, open, forgotten, overlapping and long sessions; some assets without any, one with old ones only. */
async function makeUse(): Promise<void> {
  for (let count = 0; count < 6; count += 1)
    await asset({ id: `use-${count}`, expected_hours_per_day: 12, commissioning_date: '2020-01-01' })
  await query(
    `INSERT INTO usage_logs (asset_id, session_start, session_end)
     SELECT 'use-' || i % 4, now() - i * INTERVAL '29 hours', CASE WHEN i % 5 > 0 THEN now() - i * INTERVAL '29 hours' + i * INTERVAL '1 hour' END
     FROM generate_series(0, 40) AS i
     UNION ALL SELECT 'use-1', now() - INTERVAL '50 days', now() - INTERVAL '25 days'
     UNION ALL SELECT 'use-4', now() - (300 + i) * INTERVAL '1 day', now() - (300 + i) * INTERVAL '1 day' + INTERVAL '1 hour'
     FROM generate_series(1, 700, 30) AS i`,
  )
  await query(
    `INSERT INTO maintenance_history (asset_id, work_order_type, summary, reported_at)
     SELECT 'use-' || i % 3, 'EMERGENCY_REPAIR', 'x', now() - i * INTERVAL '100 days' FROM generate_series(1, 6) AS i`,
  )
  await query(`UPDATE assets SET next_pm_due_date = facility_date('f') - 20 WHERE id = 'use-2'`)
}

describe('use and risk', () => {
  it('are the same by view and by function', async () => {
    await makeUse()
    // One moment for both: now() is that of the statement.
    const differing = await query(
      `SELECT a.id FROM assets a JOIN asset_utilization v ON v.asset_id = a.id
       CROSS JOIN LATERAL usage_summary(a, now() - INTERVAL '30 days', now()) AS s
       WHERE (v.usage_hours, v.available_hours, v.utilization_pct, v.idle_hours, v.sessions, v.average_session_minutes, v.peak_day_hours, v.peak_hour_of_day)
         IS DISTINCT FROM (s.hours, s.available_hours, s.utilization_pct, s.idle_hours, s.sessions, s.average_session_minutes, s.peak_day_hours, s.peak_hour_of_day)
         OR s.hours IS DISTINCT FROM usage_hours(a, now() - INTERVAL '30 days', now())
       UNION ALL
       SELECT a.id FROM assets a JOIN asset_risk v ON v.asset_id = a.id CROSS JOIN LATERAL failure_risk(a) AS r
       WHERE (v.rule_score, v.age_points, v.failure_points, v.overdue_points, v.usage_points, v.years_in_service, v.failures_12_months, v.days_overdue, v.utilization_pct)
         IS DISTINCT FROM (r.score, r.age_points, r.failure_points, r.overdue_points, r.usage_points, r.years_in_service, r.failures_12_months, r.days_overdue, r.utilization_pct)`,
    )
    expect(differing).toEqual([])
    expect(
      await query(
        `SELECT asset_id, utilization_level AS level FROM asset_utilization WHERE asset_id >= 'use-4' AND asset_id < 'use-9' ORDER BY 1`,
      ),
    ).toEqual([
      { asset_id: 'use-4', level: 'UNDERUTILIZED' },
      { asset_id: 'use-5', level: 'NO_DATA' },
    ])
  })

  it('of all assets need the sessions of the last two months, once', async () => {
    const lines = (await plan('SELECT count(failure_probability_score) FROM asset_risk')).split('\n')
    const chunks = lines.filter((line) => /Scan.*on _hyper_\d+_\d+_chunk u/u.test(line))
    expect(chunks.length).toBeGreaterThan(0)
    expect(chunks.filter((line) => !line.includes('never executed')).length).toBeLessThanOrEqual(4)
    expect(chunks.every((line) => /loops=[01]\b|never executed/u.test(line))).toBe(true)
  })

  it('count a session that nobody ended for a day', async () => {
    const id = await asset()
    await query(`INSERT INTO usage_logs (asset_id, session_start) VALUES ($1, now() - INTERVAL '20 days')`, [
      id,
    ])
    expect(await value('SELECT total_usage_hours(a) FROM assets a WHERE id = $1', [id])).toBe(24)
    expect(await value('SELECT last_used_at(a) < now() FROM assets a WHERE id = $1', [id])).toBe(true)
  })

  it('do not believe a model that was withdrawn', async () => {
    const id = await asset()
    await query(
      `INSERT INTO ml_models (id, model_name, model_version, model_type) VALUES ('m', 'forest', '1', 'x')`,
    )
    await query(
      `INSERT INTO predictive_scores_history (asset_id, model_id, failure_probability_score) VALUES ($1, 'm', 90)`,
      [id],
    )
    const source = 'SELECT source FROM asset_risk WHERE asset_id = $1'
    expect(await value(source, [id])).toBe('MODEL')
    await query(`UPDATE ml_models SET is_active = false WHERE id = 'm'`)
    expect(await value(source, [id])).toBe('RULES')
  })
})

describe('assets_current', () => {
  it('computes what is asked for, and that once', async () => {
    expect(await plan('SELECT id, book_value FROM assets_current')).not.toMatch(
      /usage_summary|predictive_scores|Aggregate/u,
    )
    const usage = await plan(
      'SELECT average_session_minutes, peak_day_hours, peak_hour_of_day FROM assets_current',
    )
    expect(usage.match(/usage_summary/gu)).toHaveLength(1)
    expect(usage).not.toContain('maintenance_history')
  })
})

describe('the last ping', () => {
  it('of a tag heard this week costs no look into older chunks; of one that is silent it is found in them', async () => {
    await query(
      `INSERT INTO location_history (t, facility_id, gateway_id, tag_id, zone)
       SELECT now() - i * INTERVAL '1 day', 'h1', 'g', tag, i::text
       FROM generate_series(3, 30) AS i, unnest(ARRAY['WEEK', 'SILENT']) AS tag WHERE tag = 'WEEK' OR i >= 20`,
    )
    const executed = (await plan(`SELECT zone FROM last_ping('WEEK')`))
      .split('\n')
      .filter((line) => /Scan.*chunk/u.test(line) && !line.includes('never executed'))
    expect(executed.length).toBeLessThanOrEqual(9)
    expect(await value(`SELECT zone FROM last_ping('WEEK')`)).toBe('3')
    expect(await value(`SELECT zone FROM last_ping('SILENT')`)).toBe('20')
    expect(await value(`SELECT zone FROM last_ping('WEEK', until => now() - INTERVAL '9 days 1 hour')`)).toBe(
      '10',
    )
    expect(
      await value(`SELECT zone FROM last_ping('WEEK', since => now() - INTERVAL '1 hour')`),
    ).toBeUndefined()
  })
})

describe('what is not known', () => {
  it('is not taken for done: maintenance is due from the day the row was made', async () => {
    const id = await asset({ pm_frequency_days: 30, created_at: '2026-01-01T12:00Z' })
    expect(await value('SELECT pm_due_date(a)::text FROM assets a WHERE id = $1', [id])).toBe('2026-01-31')
  })

  it('is listed: calibrations and inspections by their frequency, NEVER where nobody knows of one', async () => {
    const id = await asset({
      is_calibration_required: true,
      safety_inspection_frequency_days: 30,
      last_safety_inspection_date: '2026-01-01',
    })
    const expiry =
      'SELECT kind, status, expires_on::text FROM certification_expiry WHERE asset_id = $1 ORDER BY kind'
    expect(await query(expiry, [id])).toEqual([
      { kind: 'CALIBRATION', status: 'NEVER', expires_on: null },
      { kind: 'SAFETY_INSPECTION', status: 'EXPIRED', expires_on: '2026-01-31' },
    ])
    expect(await query(expiry, [await asset()])).toEqual([])
  })

  it('keeps an asset in the forecast of replacements, in no year', async () => {
    await asset({ device_category: 'SURGICAL', replacement_cost: 5 })
    expect(
      await query(
        `SELECT replacement_year, assets::integer, replacement_cost FROM replacement_forecast WHERE device_category = 'SURGICAL'`,
      ),
    ).toEqual([{ replacement_year: null, assets: 1, replacement_cost: '5.00' }])
  })

  it('makes no asset at home, nor away', async () => {
    const id = await asset()
    const where =
      'SELECT is_at_home, seen_in_facility_code FROM active_assets_with_location WHERE asset_id = $1'
    expect(await query(where, [id])).toEqual([{ is_at_home: null, seen_in_facility_code: null }])
    await query(
      `INSERT INTO buildings (id, facility_id, building_code, building_name) VALUES ('b', 'f', 'B', 'B')`,
    )
    await query(
      `INSERT INTO floors (id, building_id, floor_number, floor_name) VALUES ('fl', 'b', 0, 'Ground')`,
    )
    await query(
      `INSERT INTO rooms (id, floor_id, room_code, room_name) VALUES ('home', 'fl', 'H', 'H'), ('hall', 'fl', 'I', 'I')`,
    )
    await query(`UPDATE assets SET home_room_id = 'home' WHERE id = $1`, [id])
    await query(
      `INSERT INTO tag_assignments (tag_id, asset_id, valid_from) VALUES ('AWAY', $1, '-infinity')`,
      [id],
    )
    await query(
      `INSERT INTO location_history (t, facility_id, gateway_id, tag_id, room_id)
       VALUES (now() - INTERVAL '3 minutes', 'h1', 'g', 'AWAY', 'home'), (now() - INTERVAL '2 minutes', 'h1', 'g', 'AWAY', NULL),
         (now() - INTERVAL '1 minute', 'elsewhere', 'g', 'AWAY', 'hall')`,
    )
    expect(await query(where, [id])).toEqual([{ is_at_home: false, seen_in_facility_code: 'elsewhere' }])
    expect(
      await value(
        `SELECT round(away_hours * 60)::integer FROM assets a, movement_summary(a, now() - INTERVAL '1 hour', now() + INTERVAL '1 hour') WHERE id = $1`,
        [id],
      ),
    ).toBe(1)
  })
})
