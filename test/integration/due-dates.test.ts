// What is due on which day, in the time zone of the facility.
import { describe, expect, it } from 'vitest'
import { useBiotrakr } from '../support/biotrakr.ts'

// Fourteen hours ahead of UTC: the day there is another than here most of the time.
const { query, value, refusal, asset } = useBiotrakr('Pacific/Kiritimati')

describe('pm_compliance_status', () => {
  it('turns on the days of the definition, each of them', async () => {
    const rows = await query<{ days: number; status: string }>(
      `SELECT days, pm_compliance(DATE '2026-03-01' + days, DATE '2026-03-01')::text AS status FROM generate_series(-40, 40) AS days`,
    )
    const expected = (days: number): string =>
      days > 7 ? 'COMPLIANT' : days >= 0 ? 'GRACE_PERIOD' : days >= -30 ? 'OVERDUE' : 'CRITICAL'
    for (const { days, status } of rows) expect({ days, status }).toEqual({ days, status: expected(days) })
    // The boundaries once more as figures, so that a mistake above does not hide one below.
    const at = (days: number): string | undefined => rows.find((row) => row.days === days)?.status
    expect([8, 7, 0, -1, -30, -31].map(at)).toEqual([
      'COMPLIANT',
      'GRACE_PERIOD',
      'GRACE_PERIOD',
      'OVERDUE',
      'OVERDUE',
      'CRITICAL',
    ])
  })

  it('is that of today at the facility, though nobody touches the row', async () => {
    const id = await asset()
    const today = `(now() AT TIME ZONE 'Pacific/Kiritimati')::date`
    for (const [days, status] of [
      [8, 'COMPLIANT'],
      [7, 'GRACE_PERIOD'],
      [0, 'GRACE_PERIOD'],
      [-1, 'OVERDUE'],
      [-30, 'OVERDUE'],
      [-31, 'CRITICAL'],
    ] as const) {
      await query(`UPDATE assets SET next_pm_due_date = ${today} + $2::integer WHERE id = $1`, [id, days])
      expect(await value('SELECT pm_compliance_status::text FROM assets_current WHERE id = $1', [id])).toBe(
        status,
      )
      expect(await value('SELECT a.pm_compliance_status::text FROM assets a WHERE id = $1', [id])).toBe(
        status,
      )
    }
  })

  it('turns at midnight of the facility', async () => {
    const dates = `SELECT facility_date('f', '2026-03-01T09:59:59Z')::text AS before, facility_date('f', '2026-03-01T10:00:00Z')::text AS after`
    expect(await query(dates)).toEqual([{ before: '2026-03-01', after: '2026-03-02' }])
  })

  it('follows from the frequency where no due date was entered, and is COMPLIANT where nothing is planned', async () => {
    const planned = await asset({ last_pm_date: '2026-01-01', pm_frequency_days: 90 })
    const fresh = await asset({ commissioning_date: '2026-01-01', pm_frequency_days: 30 })
    const unplanned = await asset()
    const rows = await query(
      `SELECT pm_due_date(a)::text AS due, pm_compliance_status(a, '2026-03-31')::text AS status FROM assets a WHERE id = ANY ($1) ORDER BY asset_tag_number`,
      [[planned, fresh, unplanned]],
    )
    expect(rows).toEqual([
      { due: '2026-04-01', status: 'GRACE_PERIOD' },
      { due: '2026-01-31', status: 'CRITICAL' },
      { due: null, status: 'COMPLIANT' },
    ])
  })
})

describe('overdue maintenance', () => {
  it('lists assets in use with their custodian and the days', async () => {
    const id = await asset({ next_pm_due_date: '2026-01-01' })
    await asset({ next_pm_due_date: '2026-01-01', asset_status: 'RETIRED' })
    await asset({ next_pm_due_date: '2999-01-01' })
    const rows = await query(
      `SELECT asset_id, pm_compliance_status::text, custodian_name, custodian_email, department_name,
         days_overdue = facility_date('f') - DATE '2026-01-01' AS is_counted
       FROM overdue_maintenance WHERE pm_due_date = '2026-01-01'`,
    )
    expect(rows).toEqual([
      {
        asset_id: id,
        pm_compliance_status: 'CRITICAL',
        custodian_name: 'Ada Lovelace',
        custodian_email: 'ada@h1.example',
        department_name: 'Intensive care',
        is_counted: true,
      },
    ])
  })
})

describe('completed work', () => {
  it('moves the last and the next date, on the day of the facility, and never backwards', async () => {
    const id = await asset({
      pm_frequency_days: 30,
      calibration_frequency_days: 365,
      next_pm_due_date: '2026-01-01',
    })
    const done = async (type: string, at: string): Promise<unknown> =>
      query(
        `INSERT INTO maintenance_history (asset_id, work_order_type, work_order_status, summary, reported_at, completed_at)
         VALUES ($1, $2, 'COMPLETED', 'x', $3::timestamptz - INTERVAL '1 day', $3)`,
        [id, type, at],
      )
    await done('PREVENTIVE_MAINTENANCE', '2026-03-01T12:00:00Z')
    await done('PREVENTIVE_MAINTENANCE', '2026-02-01T12:00:00Z')
    await done('CALIBRATION', '2026-03-01T00:00:00Z')
    await done('INSPECTION', '2026-03-05T00:00:00Z')
    expect(
      await query(
        `SELECT last_pm_date::text, next_pm_due_date::text, last_calibration_date::text, next_calibration_date::text,
           last_safety_inspection_date::text, next_safety_inspection_date::text FROM assets WHERE id = $1`,
        [id],
      ),
    ).toEqual([
      {
        last_pm_date: '2026-03-02',
        next_pm_due_date: '2026-04-01',
        last_calibration_date: '2026-03-01',
        next_calibration_date: '2027-03-01',
        last_safety_inspection_date: '2026-03-05',
        next_safety_inspection_date: null,
      },
    ])
  })
})

describe('completed work that turns out to be a mistake', () => {
  const order = async (id: string, type: string, at: string): Promise<string> => {
    const [row] = await query<{ id: string }>(
      `INSERT INTO maintenance_history (asset_id, work_order_type, work_order_status, summary, reported_at, completed_at)
       VALUES ($1, $2, 'COMPLETED', 'x', $3::timestamptz - INTERVAL '1 day', $3) RETURNING id`,
      [id, type, at],
    )
    return row?.id ?? ''
  }
  const pm = async (id: string): Promise<unknown> =>
    query(`SELECT last_pm_date::text AS last, next_pm_due_date::text AS next FROM assets WHERE id = $1`, [id])
  const march = [{ last: '2026-03-01', next: '2026-03-31' }]

  it.each([
    ['is corrected', `UPDATE maintenance_history SET completed_at = '2026-02-01T00:00Z' WHERE id = $1`],
    ['is cancelled', `UPDATE maintenance_history SET work_order_status = 'CANCELLED' WHERE id = $1`],
    ['was of another kind', `UPDATE maintenance_history SET work_order_type = 'INSTALLATION' WHERE id = $1`],
    ['is deleted', `DELETE FROM maintenance_history WHERE id = $1`],
  ])('goes back to the latest that is left when it %s', async (_, mistake) => {
    const id = await asset({ pm_frequency_days: 30 })
    await order(id, 'PREVENTIVE_MAINTENANCE', '2026-03-01T00:00Z')
    const wrong = await order(id, 'PREVENTIVE_MAINTENANCE', '2026-05-01T00:00Z')
    expect(await pm(id)).toEqual([{ last: '2026-05-01', next: '2026-05-31' }])
    await query(mistake, [wrong])
    expect(await pm(id)).toEqual(march)
  })

  it('counts as what it is corrected to, for the asset it is corrected to', async () => {
    const [one, two] = [await asset({ pm_frequency_days: 30 }), await asset({ pm_frequency_days: 30 })]
    const id = await order(one, 'INSPECTION', '2026-03-01T00:00Z')
    await query(`UPDATE maintenance_history SET work_order_type = 'PREVENTIVE_MAINTENANCE' WHERE id = $1`, [
      id,
    ])
    expect(await pm(one)).toEqual(march)
    expect(await value(`SELECT last_safety_inspection_date FROM assets WHERE id = $1`, [one])).toBeNull()
    await query(`UPDATE maintenance_history SET asset_id = $2 WHERE id = $1`, [id, two])
    expect(await pm(one)).toEqual([{ last: null, next: null }])
    expect(await pm(two)).toEqual(march)
  })

  it('leaves a date that somebody entered by hand', async () => {
    const id = await asset({
      pm_frequency_days: 30,
      last_pm_date: '2026-04-01',
      next_pm_due_date: '2026-05-01',
    })
    const old = await order(id, 'PREVENTIVE_MAINTENANCE', '2026-03-01T00:00Z')
    await query(`DELETE FROM maintenance_history WHERE id = $1`, [old])
    expect(await pm(id)).toEqual([{ last: '2026-04-01', next: '2026-05-01' }])
  })

  it('cannot have been completed in the future, nor at no time', async () => {
    const id = await asset()
    const insert = `INSERT INTO maintenance_history (asset_id, work_order_type, work_order_status, summary, completed_at, metadata)
      VALUES ($1, 'PREVENTIVE_MAINTENANCE', 'COMPLETED', 'x', $2, $3)`
    expect(await refusal(insert, [id, '2062-01-01', null])).toBe('maintenance_history_not_in_the_future')
    expect(await refusal(insert, [id, null, null])).toBe('maintenance_history_completed_when')
    // Rows of v1 are kept as they are; they move nothing.
    await query(insert, [id, '2062-01-01', { biotrakrV1: {} }])
    await query(insert, [id, null, { biotrakrV1: {} }])
    expect(await pm(id)).toEqual([{ last: null, next: null }])
  })

  it('without a frequency leaves what is planned for later, and plans nothing more', async () => {
    const id = await asset({ next_pm_due_date: '2027-01-01', next_calibration_date: '2026-02-01' })
    await order(id, 'PREVENTIVE_MAINTENANCE', '2026-03-01T00:00Z')
    await order(id, 'CALIBRATION', '2026-03-01T00:00Z')
    expect(await pm(id)).toEqual([{ last: '2026-03-01', next: '2027-01-01' }])
    expect(await value('SELECT next_calibration_date FROM assets WHERE id = $1', [id])).toBeNull()
  })
})

describe('certificates and contracts', () => {
  it('are listed when they run out within 90 days', async () => {
    const id = await asset()
    await query(
      `UPDATE assets SET ce_certificate_expires_on = facility_date('f') - 1, iso_certificate_expires_on = facility_date('f') + 90,
         next_calibration_date = facility_date('f') + 91, warranty_end_date = facility_date('f') - 10 WHERE id = $1`,
      [id],
    )
    await query(
      `INSERT INTO training_records (user_id, training_type, completed_on, expires_on)
       VALUES ('u', 'MRI safety', '2020-01-01', '2021-01-01'), ('u', 'MRI safety', '2021-01-01', '2999-01-01')`,
    )
    expect(
      await query(
        `SELECT kind, days_left, status FROM certification_expiry WHERE asset_id = $1 OR user_id = 'u' ORDER BY expires_on`,
        [id],
      ),
    ).toEqual([
      { kind: 'CE', days_left: -1, status: 'EXPIRED' },
      { kind: 'ISO', days_left: 90, status: 'EXPIRES_SOON' },
      { kind: 'CALIBRATION', days_left: 91, status: 'VALID' },
      { kind: 'OPERATOR_TRAINING', days_left: expect.any(Number) as number, status: 'VALID' },
    ])
    expect(await query('SELECT kind, days_left FROM contract_expiry WHERE asset_id = $1', [id])).toEqual([
      { kind: 'WARRANTY', days_left: -10 },
    ])
  })
})
