// What BioTrakr's tables refuse so that no report can be silently wrong: recalls that look resolved, history without its people,
// figures that are none.
import { describe, expect, it } from 'vitest'
import { useBiotrakr } from '../support/biotrakr.ts'

const { query, value, refusal, asset } = useBiotrakr()

describe('a recall', () => {
  const recalled = { recall_status: 'CLASS_I', recall_notice_number: 'Z-1', recall_notice_date: '2025-01-01' }
  const isListed = async (id: string): Promise<unknown> =>
    value('SELECT count(*)::integer FROM recalled_assets WHERE asset_id = $1', [id])

  it('is not hidden by the resolution of an earlier one', async () => {
    const id = await asset({ ...recalled, recall_resolved_on: '2025-02-01' })
    expect(await isListed(id)).toBe(0)
    const again = `UPDATE assets SET recall_notice_number = 'Z-2', recall_notice_date = $2, recall_resolved_on = $3 WHERE id = $1`
    expect(await refusal(again, [id, '2026-01-01', '2025-02-01'])).toBe('assets_recall_in_order')
    expect(await refusal(again, [id, null, '2025-02-01'])).toBe('assets_recall_resolution_of_notice')
    await query(again, [id, '2026-01-01', null])
    expect(await isListed(id)).toBe(1)
  })

  it('has a number that says something', async () => {
    await expect(asset({ ...recalled, recall_notice_number: '' })).rejects.toThrow(/assets_recall_named/u)
  })
})

describe('history', () => {
  it('keeps the people it names', async () => {
    const id = await asset()
    await query(
      `INSERT INTO users (id, organization_id, username, email, first_name, last_name)
       SELECT w, 'o', w, w, w, w FROM unnest(ARRAY['technician', 'scanner', 'uploader', 'tagger', 'borrower', 'second']) AS w`,
    )
    const work = await value(
      `INSERT INTO maintenance_history (asset_id, work_order_type, summary, assigned_to_id) VALUES ($1, 'INSPECTION', 'x', 'technician') RETURNING id`,
      [id],
    )
    await query(
      `INSERT INTO maintenance_event_logs (maintenance_id, asset_id, event_type) VALUES ($1, $2, 'x')`,
      [work, id],
    )
    await query(
      `INSERT INTO asset_scan_logs (asset_id, qr_payload, scanned_by_id) VALUES ($1, 'x', 'scanner')`,
      [id],
    )
    await query(
      `INSERT INTO media_attachments (asset_id, media_type, url, uploaded_by_id) VALUES ($1, 'x', 'x', 'uploader')`,
      [id],
    )
    await query(`INSERT INTO tag_assignments (tag_id, asset_id, assigned_by_id) VALUES ('X', $1, 'tagger')`, [
      id,
    ])
    await query(
      `UPDATE assets SET assigned_user_id = 'borrower', secondary_custodian_id = 'second' WHERE id = $1`,
      [id],
    )
    for (const person of ['technician', 'scanner', 'uploader', 'tagger', 'borrower', 'second'])
      expect(await refusal('DELETE FROM users WHERE id = $1', [person])).toMatch(/_fkey$/u)
    expect(await refusal('DELETE FROM maintenance_history WHERE id = $1', [work])).toBe(
      'maintenance_event_logs_maintenance_id_fkey',
    )
  })

  it('keeps the rooms it names, and with them their building', async () => {
    await query(
      `INSERT INTO buildings (id, facility_id, building_code, building_name) VALUES ('b', 'f', 'B', 'B')`,
    )
    await query(
      `INSERT INTO floors (id, building_id, floor_number, floor_name) VALUES ('fl', 'b', 0, 'Ground')`,
    )
    await query(
      `INSERT INTO rooms (id, floor_id, room_code, room_name) SELECT r, 'fl', r, r FROM unnest(ARRAY['home', 'given', 'left']) AS r`,
    )
    const id = await asset({ home_room_id: 'home' })
    await query(`INSERT INTO assignment_history (asset_id, user_id, room_id) VALUES ($1, 'u', 'given')`, [id])
    await query(
      `INSERT INTO transfer_history (asset_id, to_facility_id, from_room_id) VALUES ($1, 'f', 'left')`,
      [id],
    )
    for (const room of ['home', 'given', 'left'])
      expect(await refusal('DELETE FROM rooms WHERE id = $1', [room])).toMatch(/_fkey$/u)
    expect(await refusal(`DELETE FROM buildings WHERE id = 'b'`)).toMatch(/_fkey$/u)
  })
})

describe('a UDI', () => {
  it('names one device of an organization only with a serial number in it', async () => {
    const lot = { udi_di: '(01)00000000000017', udi_pi: '(10)LOT(17)300101' }
    await asset(lot)
    await asset(lot)
    const serial = { ...lot, udi_pi: '(10)LOT(21)7' }
    await asset(serial)
    await expect(asset(serial)).rejects.toThrow(/assets_udi/u)
    await query(`INSERT INTO organizations (id, name) VALUES ('o2', 'Buyer')`)
    await asset({ ...serial, organization_id: 'o2' })
  })
})

describe('what nobody said', () => {
  it('is no change of a work order, and no unit of production', async () => {
    const id = await asset()
    const work = await value(
      `INSERT INTO maintenance_history (asset_id, work_order_type, summary, labor_cost, updated_at)
       VALUES ($1, 'INSPECTION', 'x', 5, '2026-01-01') RETURNING id`,
      [id],
    )
    const touched = async (): Promise<unknown> =>
      value(`SELECT updated_at > '2026-01-02' FROM maintenance_history WHERE id = $1`, [work])
    await query(`UPDATE maintenance_history SET summary = 'x' WHERE id = $1`, [work])
    expect(await touched()).toBe(false)
    await query(`UPDATE maintenance_history SET labor_cost = 6 WHERE id = $1`, [work])
    expect(await touched()).toBe(true)
    expect(await value(`SELECT depreciated_value('UNITS_OF_PRODUCTION', 100, 10, 5, 1)`)).toBeNull()
  })
})

describe('a session that looks into another schema first', () => {
  it('changes our assets by our triggers, not namesakes', async () => {
    const id = await asset({ pm_frequency_days: 30 })
    await query(`CREATE SCHEMA other`)
    await query(`CREATE TABLE other.assets (LIKE public.assets)`)
    await query(`CREATE TABLE other.facilities (LIKE public.facilities)`)
    await query(`SET search_path = other, public`)
    try {
      await query(
        `INSERT INTO public.maintenance_history (asset_id, work_order_type, work_order_status, summary, completed_at)
         VALUES ($1, 'PREVENTIVE_MAINTENANCE', 'COMPLETED', 'x', '2026-03-01')`,
        [id],
      )
      await query(`UPDATE public.assets SET asset_status = 'RETIRED' WHERE id = $1`, [id])
    } finally {
      await query('RESET search_path')
      await query('DROP SCHEMA other CASCADE')
    }
    expect(
      await query(`SELECT last_pm_date::text, retired_on IS NOT NULL AS has_end FROM assets WHERE id = $1`, [
        id,
      ]),
    ).toEqual([{ last_pm_date: '2026-03-01', has_end: true }])
  })
})
