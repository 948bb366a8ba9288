// What counts by time: downtime as it can have been, and nothing after the asset's service.
import { describe, expect, it } from 'vitest'
import { useBiotrakr } from '../support/biotrakr.ts'

const { query, value, asset } = useBiotrakr()

async function failure(assetId: string, columns: Readonly<Record<string, unknown>>): Promise<void> {
  const all = { asset_id: assetId, summary: 'x', work_order_type: 'CORRECTIVE_MAINTENANCE', ...columns }
  const names = Object.keys(all)
  await query(
    `INSERT INTO maintenance_history (${names.join(', ')}) VALUES (${names.map((_, index) => `$${index + 1}`).join(', ')})`,
    Object.values(all),
  )
}

describe('downtime', () => {
  const down = async (id: string): Promise<unknown> =>
    value(`SELECT downtime_hours(a, '2026-02-01T00:00Z') FROM assets a WHERE id = $1`, [id])
  const done = { work_order_status: 'COMPLETED' }

  it('is never negative: what was reported after it was done takes no time', async () => {
    const id = await asset()
    await failure(id, { ...done, reported_at: '2026-01-02T00:00Z', completed_at: '2026-01-01T00:00Z' })
    expect(await down(id)).toBe(0)
  })

  it('ends with the work, also where nobody knows when that was', async () => {
    const id = await asset()
    await failure(id, { ...done, reported_at: '2026-01-01T00:00Z', metadata: { biotrakrV1: {} } })
    expect(await down(id)).toBe(0)
    await failure(id, { reported_at: '2026-01-31T00:00Z' })
    expect(await down(id)).toBe(24)
  })

  it('of two orders at once counts once, and what was recorded is added', async () => {
    const id = await asset()
    await failure(id, { ...done, reported_at: '2026-01-01T00:00Z', completed_at: '2026-01-02T00:00Z' })
    await failure(id, { ...done, reported_at: '2026-01-01T12:00Z', completed_at: '2026-01-02T12:00Z' })
    await failure(id, {
      ...done,
      reported_at: '2026-01-05T00:00Z',
      completed_at: '2026-01-07T00:00Z',
      downtime_hours: 3,
    })
    expect(await down(id)).toBe(39)
  })
})

describe('what is retired', () => {
  it('costs, earns and fails no more after its last day', async () => {
    const id = await asset({
      commissioning_date: '2020-01-01',
      amc_start_date: '2020-01-01',
      amc_annual_cost: 100,
      annual_operating_cost: 10,
      annual_revenue: 1000,
      downtime_cost_per_hour: 1,
      expected_hours_per_day: 10,
    })
    await failure(id, { reported_at: '2021-12-31T00:00Z' })
    const facts = async (): Promise<unknown> =>
      query(
        `SELECT contract_cost::float8 AS contracts, operating_cost::float8 AS operating, revenue::float8, downtime_cost::float8 AS downtime,
           mtbf_hours(a, '2024-01-01T00:00Z') AS mtbf, available_hours(a, '2021-12-31T00:00Z', '2022-01-10T00:00Z') AS available
         FROM assets a, total_cost_of_ownership(a, '2023-12-31') WHERE id = $1`,
        [id],
      )
    const hours = 24 * 730
    expect(await facts()).toEqual([
      { contracts: 400, operating: 40, revenue: 4000, downtime: hours + 24, mtbf: hours, available: 100 },
    ])
    await query(`UPDATE assets SET asset_status = 'RETIRED', retired_on = '2021-12-31' WHERE id = $1`, [id])
    expect(await facts()).toEqual([
      { contracts: 200, operating: 20, revenue: 2000, downtime: 24, mtbf: hours, available: 10 },
    ])
  })

  it('has its last day from the change of its status where nobody says it, and keeps it when it is disposed of', async () => {
    const id = await asset()
    const retired = async (): Promise<unknown> =>
      value('SELECT retired_on::text FROM assets WHERE id = $1', [id])
    await query(`UPDATE assets SET asset_status = 'RETIRED' WHERE id = $1`, [id])
    expect(await retired()).toBe(await value(`SELECT facility_date('f')::text`))
    await query(`UPDATE assets SET retired_on = '2026-01-01' WHERE id = $1`, [id])
    await query(`UPDATE assets SET asset_status = 'DISPOSED' WHERE id = $1`, [id])
    expect(await retired()).toBe('2026-01-01')
    await query(`UPDATE assets SET asset_status = 'ACTIVE' WHERE id = $1`, [id])
    expect(await retired()).toBeNull()
    const entered = await asset({ asset_status: 'RETIRED', status_changed_at: '2025-05-05T00:00Z' })
    expect(await value('SELECT end_of_service(a)::text FROM assets a WHERE id = $1', [entered])).toBe(
      '2025-05-05',
    )
  })
})
