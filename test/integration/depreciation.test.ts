// Book values by every method: against worked examples of others, and by what must hold for any asset.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { useBiotrakr } from '../support/biotrakr.ts'

const { query, value, refusal, asset } = useBiotrakr()

type Method = 'STRAIGHT_LINE' | 'DECLINING_BALANCE' | 'DOUBLE_DECLINING' | 'SUM_OF_YEARS_DIGITS'
const methods: readonly Method[] = [
  'STRAIGHT_LINE',
  'DECLINING_BALANCE',
  'DOUBLE_DECLINING',
  'SUM_OF_YEARS_DIGITS',
]

/** Book values after 0, 1, … years of service. */
async function valuesAfter(method: Method, cost: number, salvage: number, life: number): Promise<number[]> {
  const rows = await query<{ value: string }>(
    'SELECT depreciated_value($1, $2, $3, $4, year) AS value FROM generate_series(0, $4) AS year',
    [method, cost, salvage, life],
  )
  return rows.map((row) => Number(row.value))
}

const yearly = (values: readonly number[]): number[] =>
  values.slice(1).map((after, index) => Math.round(((values[index] ?? 0) - after) * 100) / 100)

// accountingcoach.com, "Various depreciation methods": cost 100,000, salvage 10,000, 5 years or 100,000 parts, from 1 January 2012.
describe('the example of AccountingCoach', () => {
  it('comes out for the straight line: 18,000 a year', async () => {
    expect(yearly(await valuesAfter('STRAIGHT_LINE', 100_000, 10_000, 5))).toEqual(Array(5).fill(18_000))
  })

  it("comes out for the sum of the years' digits: 30,000, 24,000 and so on", async () => {
    const years = [30_000, 24_000, 18_000, 12_000, 6000]
    expect(yearly(await valuesAfter('SUM_OF_YEARS_DIGITS', 100_000, 10_000, 5))).toEqual(years)
  })

  it('comes out for the double-declining balance: 40,000, then 24,000, until 90,000 are gone', async () => {
    const years = yearly(await valuesAfter('DOUBLE_DECLINING', 100_000, 10_000, 5))
    expect(years.slice(0, 2)).toEqual([40_000, 24_000])
    expect(years.reduce((sum, year) => sum + year)).toBe(90_000)
  })

  it('comes out for units of production: 10,800 for 12,000 parts in 2012, 27,000 for 30,000 in 2013', async () => {
    const id = await asset({
      purchase_date: '2012-01-01',
      purchase_cost: 100_000,
      salvage_value: 10_000,
      useful_life_years: 5,
      depreciation_method: 'UNITS_OF_PRODUCTION',
      useful_life_units: 100_000,
    })
    const make = async (day: string, units: number): Promise<unknown> =>
      query(
        `INSERT INTO usage_logs (asset_id, session_start, session_end, units) VALUES ($1, $2::timestamptz, $2::timestamptz + INTERVAL '1 hour', $3)`,
        [id, day, units],
      )
    const bookValue = async (day: string): Promise<number> =>
      Number(await value('SELECT book_value(a, $2) FROM assets a WHERE id = $1', [id, day]))
    await make('2012-06-01', 5000)
    await make('2012-12-31T23:30:00Z', 7000)
    await make('2013-03-01', 30_000)
    expect(await bookValue('2012-12-31')).toBe(100_000 - 10_800)
    expect(await bookValue('2013-12-31')).toBe(100_000 - 10_800 - 27_000)
    await make('2014-03-01', 70_000)
    expect(await bookValue('2014-12-31')).toBe(10_000)
  })
})

describe('the double-declining balance', () => {
  // NPTEL, Construction Economics and Finance, module 3, lecture 3, example 4: 1,500,000, salvage 200,000, 10 years.
  it('switches to the straight line where that example does: in the tenth year, from 201,326.59 to 200,000', async () => {
    const values = await valuesAfter('DOUBLE_DECLINING', 1_500_000, 200_000, 10)
    expect(values.slice(9)).toEqual([201_326.59, 200_000])
    expect(yearly(values).reduce((sum, year) => sum + year)).toBeCloseTo(1_300_000, 6)
  })

  // The same course, lecture 1: 3,500,000, salvage 500,000, 10 years: 587,202.56 after eight, and then no lower than salvage.
  it('stops at salvage where it would fall below', async () => {
    const values = await valuesAfter('DOUBLE_DECLINING', 3_500_000, 500_000, 10)
    expect(values.slice(8)).toEqual([587_202.56, 500_000, 500_000])
  })

  // By its printed rule on 22,500 over 5 years without salvage: 40 % of what is left, but half of the last 4,860 in each of two years.
  it('takes the straight line over the remaining years once that is more', async () => {
    expect(yearly(await valuesAfter('DOUBLE_DECLINING', 22_500, 0, 5))).toEqual([
      9000, 5400, 3240, 2430, 2430,
    ])
  })
})

describe('the declining balance', () => {
  // tutorsglobe.com, "depreciation charge for the fifth year": 15,000, salvage 500, 10 years, 150 %: D5 = 1,175, BV5 = 6,656.
  it('takes 150 % of the straight line rate, and in the last year what is left above salvage', async () => {
    const values = await valuesAfter('DECLINING_BALANCE', 15_000, 500, 10)
    expect(Math.round(values[5] ?? 0)).toBe(6656)
    expect(Math.round((values[4] ?? 0) - (values[5] ?? 0))).toBe(1175)
    expect(values.at(-1)).toBe(500)
  })

  it('takes the rate it is given', async () => {
    expect(await value(`SELECT depreciated_value('DECLINING_BALANCE', 1000, 0, 10, 2, 0.4)::float8`)).toBe(
      360,
    )
  })
})

describe('any asset', () => {
  it('starts at its cost, never gains, ends at salvage and loses between them exactly what it cost less salvage', async () => {
    const cases = fc.sample(
      fc.record({
        method: fc.constantFrom(...methods),
        cost: fc.integer({ min: 1, max: 500_000_000 }).map((cents) => cents / 100),
        keeps: fc.double({ min: 0, max: 1, noNaN: true }),
        life: fc.integer({ min: 1, max: 100 }),
      }),
      { numRuns: 60, seed: 20_261_122 },
    )
    for (const { method, cost, keeps, life } of cases) {
      const salvage = Math.floor(cost * keeps * 100) / 100
      const values = await valuesAfter(method, cost, salvage, life)
      expect(values[0]).toBe(cost)
      expect(values.at(-1)).toBe(salvage)
      expect(Math.min(...yearly(values), 0)).toBe(0)
      expect(yearly(values).reduce((sum, year) => sum + year)).toBeCloseTo(cost - salvage, 4)
    }
  })

  it('loses value day by day, costs what it cost before its first day, and salvage ever after its life', async () => {
    for (const method of methods) {
      const id = await asset({
        purchase_date: '2023-12-01',
        commissioning_date: '2024-02-29',
        purchase_cost: 90_000,
        installation_cost: 10_000,
        salvage_value: 5000,
        useful_life_years: 4,
        depreciation_method: method,
      })
      const days = await query<{ value: string }>(
        `SELECT book_value(a, day::date) AS value FROM assets a, generate_series('2024-02-27'::date, '2028-03-02', '1 day') AS day
         WHERE a.id = $1 ORDER BY day`,
        [id],
      )
      const values = days.map((row) => Number(row.value))
      expect(values.slice(0, 2)).toEqual([100_000, 100_000])
      // The first day of service counts; so does every other, until the last of the fourth year.
      expect(values.slice(2, -3).every((after, index) => after <= (values[index + 1] ?? 0))).toBe(true)
      expect(values[2]).toBeLessThan(100_000)
      expect(values.slice(-4)).toEqual([5000, 5000, 5000, 5000])
      expect(values.at(-5)).toBeGreaterThan(5000)
    }
  })

  it('has its first calendar year in part, and the same value as if the year of service were split', async () => {
    const id = await asset({
      purchase_date: '2024-07-01',
      purchase_cost: 100_000,
      salvage_value: 10_000,
      useful_life_years: 5,
      depreciation_method: 'SUM_OF_YEARS_DIGITS',
    })
    const at = async (day: string): Promise<number> =>
      Number(await value('SELECT book_value(a, $2) FROM assets a WHERE id = $1', [id, day]))
    // 184 of the 365 days of the first year of service, which takes 30,000; then the rest of it and 184 days of 24,000.
    expect(await at('2024-12-31')).toBeCloseTo(100_000 - (30_000 * 184) / 365, 2)
    expect(await at('2025-12-31')).toBeCloseTo(70_000 - (24_000 * 184) / 365, 2)
  })

  it('without a cost or a date has no book value', async () => {
    const id = await asset({ purchase_cost: 5 })
    const other = await asset({ purchase_date: '2024-01-01' })
    expect(await query('SELECT book_value FROM assets_current WHERE id IN ($1, $2)', [id, other])).toEqual([
      { book_value: null },
      { book_value: null },
    ])
  })

  it('shows its years in a schedule', async () => {
    const id = await asset({ purchase_date: '2024-01-15', purchase_cost: 1_500_000 })
    const rows = await query<{ service_year: number; to_date: string; closing_value: string }>(
      'SELECT service_year, to_date::text, closing_value FROM depreciation_schedule($1)',
      [id],
    )
    expect(rows).toHaveLength(10)
    expect(rows[0]).toEqual({ service_year: 1, to_date: '2025-01-14', closing_value: '1350000.00' })
    expect(rows[9]).toEqual({ service_year: 10, to_date: '2034-01-14', closing_value: '0.00' })
  })
})

describe('the retention of usage_logs', () => {
  const job = `SELECT job_id, config FROM timescaledb_information.jobs WHERE proc_name = 'retire_usage_logs'`

  it('drops old sessions, and leaves book value, meter and counter as they were, without an edit of the asset', async () => {
    const id = await asset({
      purchase_date: '2010-01-01',
      purchase_cost: 100_000,
      useful_life_years: 5,
      depreciation_method: 'UNITS_OF_PRODUCTION',
      useful_life_units: 1000,
      usage_hours_before_logs: 7,
    })
    // Long ago two sessions that overlap, and one of today.
    await query(
      `INSERT INTO usage_logs (asset_id, session_start, session_end, cycles, units) VALUES
         ($1, '2011-01-01T00:00Z', '2011-01-01T04:00Z', 1, 100), ($1, '2011-01-01T02:00Z', '2011-01-01T06:00Z', 2, 50),
         ($1, now() - INTERVAL '2 hours', now() - INTERVAL '1 hour', 3, 25)`,
      [id],
    )
    const facts = async (): Promise<unknown> =>
      query(
        `SELECT book_value(a) AS value, round(total_usage_hours(a)::numeric, 6)::float8 AS hours, total_usage_cycles(a)::integer AS cycles, version
         FROM assets a WHERE id = $1`,
        [id],
      )
    const logged = async (): Promise<unknown> =>
      value('SELECT count(*)::integer FROM usage_logs WHERE asset_id = $1', [id])
    const before = [{ value: '82500.00', hours: 14, cycles: 6, version: 1 }]
    expect(await facts()).toEqual(before)
    expect(await value(`SELECT config ->> 'drop_after' FROM (${job}) AS job`)).toBe('5 years')
    const [found] = await query<{ job_id: number; config: unknown }>(job)
    for (let run = 0; run < 2; run += 1) {
      await query('CALL retire_usage_logs($1, $2)', [found?.job_id, found?.config])
      expect(await logged()).toBe(1)
      expect(await facts()).toEqual(before)
    }
    expect(
      await query('SELECT usage_hours_before_logs::float8 AS hours FROM assets WHERE id = $1', [id]),
    ).toEqual([{ hours: 13 }])
  })

  it('counts a session that reaches beyond what is dropped once', async () => {
    const id = await asset()
    await query(
      `INSERT INTO usage_logs (asset_id, session_start, session_end) VALUES ($1, '2011-01-01T00:00Z', '2011-01-01T01:00Z')`,
      [id],
    )
    const ends = await value(
      `SELECT max(range_end) FROM timescaledb_information.chunks WHERE hypertable_name = 'usage_logs' AND range_end < '2012-01-01'`,
    )
    // From 4 h before to 4 h after the end of the chunk, and from 2 h after it to 6 h after: 10 h in all.
    await query(
      `INSERT INTO usage_logs (asset_id, session_start, session_end)
       SELECT $1, $2::timestamptz + s * INTERVAL '1 hour', $2::timestamptz + (s + l) * INTERVAL '1 hour'
       FROM (VALUES (-4, 8), (2, 4)) AS session(s, l)`,
      [id, ends],
    )
    const hours = 'SELECT total_usage_hours(a) FROM assets a WHERE id = $1'
    expect(await value(hours, [id])).toBe(11)
    await query(
      `CALL retire_usage_logs(0, jsonb_build_object('drop_after', now() - $1::timestamptz - INTERVAL '1 hour'))`,
      [ends],
    )
    expect(await value('SELECT count(*)::integer FROM usage_logs WHERE asset_id = $1', [id])).toBe(1)
    expect(await value(hours, [id])).toBe(11)
  })

  it('is told of sessions of any plausible length, and refuses others', async () => {
    const id = await asset()
    const session = `INSERT INTO usage_logs (asset_id, session_start, session_end) VALUES ($1, '2026-01-01', $2)`
    await query(session, [id, '2026-02-01'])
    expect(await refusal(session, [id, '2026-02-02'])).toMatch(/usage_logs_at_most_31_days/u)
  })
})
