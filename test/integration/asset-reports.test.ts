// What is asked of all assets at once: reliability, cost, use, risk, recalls, UDI, replacement.
import { describe, expect, it } from 'vitest'
import { useBiotrakr } from '../support/biotrakr.ts'

const { query, value, asset } = useBiotrakr()

const row = async (sql: string, values: unknown[]): Promise<Record<string, unknown>> =>
  (await query<Record<string, unknown>>(sql, values))[0] ?? {}

async function work(assetId: string, columns: Readonly<Record<string, unknown>>): Promise<void> {
  const all = { asset_id: assetId, summary: 'x', work_order_type: 'CORRECTIVE_MAINTENANCE', ...columns }
  const names = Object.keys(all)
  await query(
    `INSERT INTO maintenance_history (${names.join(', ')}) VALUES (${names.map((_, index) => `$${index + 1}`).join(', ')})`,
    Object.values(all),
  )
}

const use = async (assetId: string, start: string, hours: number): Promise<unknown> =>
  query(
    `INSERT INTO usage_logs (asset_id, session_start, session_end)
     SELECT $1, s, s + $3 * INTERVAL '1 hour' FROM (SELECT ${start} AS s) AS at WHERE $2 <> ''`,
    [assetId, 'now', hours],
  )

describe('mean times', () => {
  it('count corrective work that was not cancelled, between failures without the time it was down', async () => {
    const id = await asset({ commissioning_date: '2026-01-01' })
    // Down 10 h by the record, 4 h from report to completion; repaired in 2 h and 4 h.
    await work(id, {
      work_order_status: 'COMPLETED',
      reported_at: '2026-01-11T00:00Z',
      started_at: '2026-01-11T08:00Z',
      completed_at: '2026-01-11T10:00Z',
      downtime_hours: 10,
    })
    await work(id, {
      work_order_type: 'EMERGENCY_REPAIR',
      work_order_status: 'COMPLETED',
      reported_at: '2026-01-21T00:00Z',
      completed_at: '2026-01-21T04:00Z',
    })
    await work(id, { work_order_status: 'CANCELLED', reported_at: '2026-01-25T00:00Z' })
    await work(id, { work_order_type: 'CALIBRATION', reported_at: '2026-01-26T00:00Z' })
    expect(
      await row(
        `SELECT failure_count(a, until => '2026-01-31T00:00Z')::integer AS failures, mtbf_hours(a, '2026-01-31T00:00Z') AS mtbf,
           mttr_hours(a, '2026-01-31T00:00Z') AS mttr, downtime_hours(a, '2026-01-31T00:00Z') AS down FROM assets a WHERE id = $1`,
        [id],
      ),
    ).toEqual({ failures: 2, mtbf: (30 * 24 - 14) / 2, mttr: 3, down: 14 })
  })

  it('of an asset that never failed are unknown, not zero', async () => {
    const id = await asset({ commissioning_date: '2026-01-01' })
    expect(
      await row('SELECT mtbf_hours, mttr_hours FROM asset_reliability WHERE asset_id = $1', [id]),
    ).toEqual({
      mtbf_hours: null,
      mttr_hours: null,
    })
  })
})

describe('utilisation', () => {
  it('counts the union of sessions within the span, and not the hours before service began', async () => {
    const id = await asset({ expected_hours_per_day: 10 })
    await use(id, `timestamptz '2026-01-31T22:00Z'`, 4)
    await use(id, `timestamptz '2026-02-03T08:00Z'`, 6)
    await use(id, `timestamptz '2026-02-03T10:00Z'`, 6)
    expect(
      await row(
        `SELECT hours, available_hours, utilization_pct, sessions::integer, peak_day_hours, peak_hour_of_day
         FROM assets a, usage_summary(a, '2026-02-01T00:00Z', '2026-02-11T00:00Z') WHERE id = $1`,
        [id],
      ),
    ).toEqual({
      hours: 10,
      available_hours: 100,
      utilization_pct: 10,
      sessions: 2,
      peak_day_hours: 8,
      peak_hour_of_day: 8,
    })
    await query(`UPDATE assets SET commissioning_date = '2026-02-06' WHERE id = $1`, [id])
    expect(
      await value(
        `SELECT available_hours(a, '2026-02-01T00:00Z', '2026-02-11T00:00Z') FROM assets a WHERE id = $1`,
        [id],
      ),
    ).toBe(50)
  })

  it('is UNDERUTILIZED below 20 %, HIGH_DEMAND above 80 %, and unknown for what never logged use', async () => {
    expect(
      await value(
        `SELECT array_agg(utilization_level(pct) ORDER BY pct) FROM unnest(ARRAY[0, 19.9, 20, 80, 80.1, 130]::float8[]) AS pct`,
      ),
    ).toEqual(['UNDERUTILIZED', 'UNDERUTILIZED', 'NORMAL', 'NORMAL', 'HIGH_DEMAND', 'HIGH_DEMAND'])
    const id = await asset()
    const level = 'SELECT utilization_level FROM asset_utilization WHERE asset_id = $1'
    expect(await value(level, [id])).toBe('NO_DATA')
    await use(id, `now() - INTERVAL '700 hours'`, 700)
    expect(await value(level, [id])).toBe('HIGH_DEMAND')
  })

  it('is another thing than movement, which is told from the tag', async () => {
    const id = await asset()
    await query(
      `INSERT INTO tag_assignments (tag_id, asset_id, valid_from) VALUES ('MOVER', $1, '2026-03-01T00:10Z')`,
      [id],
    )
    await query(
      `INSERT INTO location_history (t, facility_id, gateway_id, tag_id, is_moving)
       SELECT timestamptz '2026-03-01T00:00Z' + i * INTERVAL '1 minute', 'h1', 'g', 'MOVER', i % 4 = 0 FROM generate_series(0, 69) AS i`,
    )
    expect(
      await row(
        `SELECT observed_hours, moving_hours, moving_pct, away_pct FROM assets a, movement_summary(a, '2026-03-01', '2026-03-02') WHERE id = $1`,
        [id],
      ),
    ).toEqual({ observed_hours: 1, moving_hours: 0.25, moving_pct: 25, away_pct: null })
  })
})

describe('the failure risk', () => {
  it('is the sum of its parts, each explained by its fact', async () => {
    const id = await asset({ commissioning_date: '2000-01-01', useful_life_years: 10 })
    await query(`UPDATE assets SET next_pm_due_date = facility_date('f') - 45 WHERE id = $1`, [id])
    for (const days of [10, 20, 400]) {
      await work(id, {
        reported_at: new Date(Date.now() - days * 86_400_000),
        completed_at: new Date(),
        work_order_status: 'COMPLETED',
      })
    }
    await use(id, `now() - INTERVAL '360 hours'`, 360)
    const risk = await row(
      `SELECT score, age_points, failure_points, overdue_points, round(usage_points::numeric, 1)::float8 AS usage_points,
         failures_12_months::integer AS failures, days_overdue FROM assets a, failure_risk(a) WHERE id = $1`,
      [id],
    )
    expect(risk).toEqual({
      score: 65,
      age_points: 30,
      failure_points: 17.5,
      overdue_points: 10,
      usage_points: 7.5,
      failures: 2,
      days_overdue: 45,
    })
  })

  it('of a new asset about which nothing is known is nothing', async () => {
    const id = await asset()
    expect(await value('SELECT failure_probability_score FROM assets_current WHERE id = $1', [id])).toBe(0)
  })

  it('gives way to the latest valid word of a model, and comes back when that has run out or is not to be believed', async () => {
    const id = await asset()
    await query(
      `INSERT INTO ml_models (id, model_name, model_version, model_type) VALUES ('m', 'forest', '1', 'classifier')`,
    )
    const say = async (score: number, hoursAgo: number, validHours: number | null): Promise<unknown> =>
      query(
        `INSERT INTO predictive_scores_history (asset_id, model_id, failure_probability_score, scored_at, valid_until)
         SELECT $1, 'm', $2, t, t + $4 * INTERVAL '1 hour' FROM (SELECT now() - $3 * INTERVAL '1 hour' AS t) AS at`,
        [id, score, hoursAgo, validHours],
      )
    const current = async (): Promise<unknown> =>
      row(
        `SELECT failure_probability_score AS score, source, (SELECT count(*)::integer FROM high_risk_assets h WHERE h.asset_id = r.asset_id) AS high
         FROM asset_risk r WHERE asset_id = $1`,
        [id],
      )
    await say(99, 31 * 24, null)
    await say(99, 2, 1)
    expect(await current()).toEqual({ score: 0, source: 'RULES', high: 0 })
    await say(69.9, 5, 100)
    expect(await current()).toEqual({ score: 69.9, source: 'MODEL', high: 0 })
    await say(70, 3, null)
    expect(await current()).toEqual({ score: 70, source: 'MODEL', high: 1 })
    await query(`UPDATE assets SET is_prediction_enabled = false WHERE id = $1`, [id])
    expect(await current()).toEqual({ score: 0, source: 'RULES', high: 0 })
  })
})

describe('the total cost of ownership', () => {
  it('adds up purchase, maintenance, contracts, operation and downtime until a day', async () => {
    const id = await asset({
      commissioning_date: '2024-01-01',
      purchase_cost: 10_000,
      installation_cost: 500,
      amc_start_date: '2024-01-01',
      amc_end_date: '2024-12-31',
      amc_annual_cost: 1200,
      annual_operating_cost: 300,
      annual_revenue: 10_000,
      downtime_cost_per_hour: 50,
      lifetime_maintenance_cost_before_records: 100,
    })
    await work(id, {
      reported_at: '2024-05-01T00:00Z',
      completed_at: '2024-05-01T02:00Z',
      work_order_status: 'COMPLETED',
      labor_cost: 200,
      parts_cost: 50,
      external_cost: 25.5,
    })
    expect(
      await row(
        `SELECT acquisition_cost, maintenance_cost, contract_cost, operating_cost, downtime_cost, total_cost, roi_pct
         FROM assets a, total_cost_of_ownership(a, '2025-12-31') WHERE id = $1`,
        [id],
      ),
    ).toEqual({
      acquisition_cost: '10500.00',
      maintenance_cost: '375.50',
      contract_cost: '1200.00',
      operating_cost: '600.00',
      downtime_cost: '100.00',
      total_cost: '12775.50',
      roi_pct: '56.5',
    })
  })
})

describe('the reports', () => {
  it('forecast replacement by year: the end of the useful life, this year for what is past it or condemned', async () => {
    const only = { device_category: 'STERILIZATION', purchase_cost: 1000 }
    const thisYear = new Date().getUTCFullYear()
    await asset({ ...only, purchase_date: `${thisYear - 8}-06-01`, replacement_cost: 1500 })
    await asset({ ...only, purchase_date: '2001-01-01' })
    await asset({ ...only, purchase_date: `${thisYear - 2}-01-01`, asset_status: 'CONDEMNED' })
    await asset({ ...only, purchase_date: '2001-01-01', asset_status: 'DISPOSED' })
    await asset({ ...only, purchase_date: `${thisYear - 8}-01-01`, purchase_cost: null })
    expect(
      await query(
        `SELECT replacement_year - $1 AS in_years, assets::integer, past_useful_life::integer AS past, replacement_cost, assets_without_cost::integer AS without
         FROM replacement_forecast WHERE device_category = 'STERILIZATION' ORDER BY 1`,
        [thisYear],
      ),
    ).toEqual([
      { in_years: 0, assets: 2, past: 1, replacement_cost: '2000.00', without: 0 },
      { in_years: 2, assets: 2, past: 0, replacement_cost: '1500.00', without: 1 },
    ])
  })

  it('list open recalls, and whether the asset is still in use', async () => {
    const recalled = { recall_status: 'CLASS_I', recall_notice_number: 'Z-1' }
    const used = await asset(recalled)
    const held = await asset({ ...recalled, asset_status: 'QUARANTINED' })
    await asset({ ...recalled, recall_notice_date: '2025-12-01', recall_resolved_on: '2026-01-01' })
    expect(
      await query('SELECT asset_id, is_still_in_use FROM recalled_assets ORDER BY asset_tag_number'),
    ).toEqual([
      { asset_id: used, is_still_in_use: true },
      { asset_id: held, is_still_in_use: false },
    ])
  })

  it('count how complete the UDI is', async () => {
    const surgical = { device_category: 'SURGICAL' }
    await asset({ ...surgical, udi_di: '(01)1', udi_pi: '(21)1', gmdn_code: '12345' })
    await asset({ ...surgical, udi_di: '(01)1' })
    await asset(surgical)
    expect(
      await row(
        `SELECT assets::integer, with_udi_di::integer AS di, with_full_udi::integer AS both, with_gmdn::integer AS gmdn, complete_pct
         FROM udi_completeness WHERE device_category = 'SURGICAL'`,
        [],
      ),
    ).toEqual({ assets: 3, di: 2, both: 1, gmdn: 1, complete_pct: '33.3' })
  })
})
