// Where assets are, and how they are found by name.
import { beforeAll, describe, expect, it } from 'vitest'
import { useBiotrakr } from '../support/biotrakr.ts'

const { query, value, asset } = useBiotrakr()

describe('active assets with location', () => {
  const ping = async (tag: string, ago: string, zone: string): Promise<unknown> =>
    query(
      `INSERT INTO location_history (t, facility_id, gateway_id, tag_id, x, y, floor, zone) VALUES (now() - $2::interval, 'h1', 'g', $1, 1, 2, 0, $3)`,
      [tag, ago, zone],
    )
  const wear = async (tag: string, id: string, from: string, to: string | null = null): Promise<unknown> =>
    query(
      `INSERT INTO tag_assignments (tag_id, asset_id, valid_from, valid_to) VALUES ($1, $2, now() - $3::interval, now() - $4::interval)`,
      [tag, id, from, to],
    )
  const zoneOf = async (id: string): Promise<unknown> =>
    value('SELECT room_name FROM active_assets_with_location WHERE asset_id = $1', [id])

  it('are where the latest ping of a tag they wear now was, as long as they wear it', async () => {
    const [before, after] = [await asset(), await asset()]
    await wear('LOC1', before, '10 days', '1 day')
    await wear('LOC1', after, '1 day')
    await wear('LOC2', after, '1 day')
    await ping('LOC1', '2 days', 'old')
    expect([await zoneOf(before), await zoneOf(after)]).toEqual([null, null])
    await ping('LOC1', '2 hours', 'ICU')
    await ping('LOC2', '1 hour', 'WARD')
    await ping('LOC2', '3 hours', 'ED')
    await ping('LOC2', '-2 hours', 'of a clock that runs ahead')
    expect([await zoneOf(before), await zoneOf(after)]).toEqual([null, 'WARD'])
  })

  it('are where their own columns say when that is newer', async () => {
    const id = await asset({ current_zone: 'by hand', last_seen_timestamp: new Date(Date.now() - 60_000) })
    expect(await zoneOf(id)).toBe('by hand')
    await wear('LOC3', id, '1 day')
    await ping('LOC3', '1 hour', 'STORE')
    expect(await zoneOf(id)).toBe('by hand')
    await ping('LOC3', '1 second', 'STORE')
    expect(await zoneOf(id)).toBe('STORE')
  })

  it('are those in use', async () => {
    const statuses = ['ACTIVE', 'IN_SERVICE', 'IN_MAINTENANCE', 'RETIRED', 'DISPOSED']
    const ids: string[] = []
    for (const asset_status of statuses) ids.push(await asset({ asset_status }))
    expect(
      await value('SELECT count(*)::integer FROM active_assets_with_location WHERE asset_id = ANY ($1)', [
        ids,
      ]),
    ).toBe(2)
  })

  it('are found by the key of location_history from the newest chunk backwards', async () => {
    await query(
      `INSERT INTO location_history (t, facility_id, gateway_id, tag_id, zone)
       SELECT now() - i * INTERVAL '1 day', 'h1', 'g', 'LOC9', 'z' FROM generate_series(0, 20) AS i`,
    )
    const rows = await query<{ 'QUERY PLAN': string }>(
      `EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT * FROM last_ping('LOC9')`,
    )
    const plan = rows.map((line) => line['QUERY PLAN'])
    const scans = plan.filter((line) => /(?:Index|Seq|Bitmap).*Scan/u.test(line))
    expect(scans.length).toBeGreaterThan(15)
    expect(scans.every((line) => line.includes('Index'))).toBe(true)
    expect(
      scans.filter((line) => !line.includes('never executed') && line.includes('Index')).length,
    ).toBeLessThanOrEqual(2)
  })
})

describe('search_assets', () => {
  const found = async (text: string, limit = 20): Promise<string[]> =>
    (
      await query<{ asset_tag_number: string }>('SELECT asset_tag_number FROM search_assets($1, $2)', [
        text,
        limit,
      ])
    ).map((each) => each.asset_tag_number)

  beforeAll(async () => {
    await asset({
      asset_tag_number: 'PUMP-1',
      equipment_name: 'Infusion pump',
      manufacturer: 'Vessela',
      serial_number: 'VX100',
    })
    await asset({
      asset_tag_number: 'PUMP-2',
      equipment_name: 'Feeding pump',
      manufacturer: 'Northmere',
      description: 'for infusion wards',
    })
    await asset({ asset_tag_number: 'VENT-1', equipment_name: 'Ventilator 100 %_\\', manufacturer: 'Calder' })
    await asset({ asset_tag_number: 'GONE-1', equipment_name: 'Infusion pump', deleted_at: new Date() })
  })

  it('finds words, also in another form, the better match first', async () => {
    expect(await found('infusion pumps')).toEqual(['PUMP-1', 'PUMP-2'])
    expect(await found('pumps -infusion')).toEqual([])
    expect(await found('"feeding pump"')).toEqual(['PUMP-2'])
    expect(await found('vessela')).toEqual(['PUMP-1'])
  })

  it('puts the one asset of that tag or serial number on top', async () => {
    expect((await found('pump-2'))[0]).toBe('PUMP-2')
    expect((await found('vx100'))[0]).toBe('PUMP-1')
  })

  it('finds what is cut short', async () => {
    expect(await found('ventil')).toEqual(['VENT-1'])
    expect(await found('infus', 1)).toEqual(['PUMP-1'])
  })

  it('finds what is mistyped', async () => {
    expect((await found('infuson pmp'))[0]).toBe('PUMP-1')
    expect((await found('ventilatr'))[0]).toBe('VENT-1')
  })

  it('takes any text for a question', async () => {
    for (const text of ['', '   ', '%', '_', '\\', `'"`, ':*&|!()', 'ä'.repeat(300), '<->'])
      expect(Array.isArray(await found(text))).toBe(true)
    expect(await found('')).toEqual([])
  })

  it('finds words and pieces of words, not typos, on a server without pg_trgm, and everything again once it is there', async () => {
    await query('DROP EXTENSION pg_trgm CASCADE')
    expect((await found('infusion pumps'))[0]).toBe('PUMP-1')
    expect(await found('ventil')).toEqual(['VENT-1'])
    expect(await found('entil calde')).toEqual(['VENT-1'])
    expect(await found('%_\\')).toEqual(['VENT-1'])
    expect(await found('ventilatr')).toEqual([])
    await query('CREATE EXTENSION pg_trgm')
    expect((await found('ventilatr'))[0]).toBe('VENT-1')
  })
})
