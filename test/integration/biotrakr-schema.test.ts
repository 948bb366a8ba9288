// What BioTrakr's tables accept and refuse.
import fc from 'fast-check'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { canonicalId } from '../../src/ingest/ping.ts'
import { useBiotrakr } from '../support/biotrakr.ts'

const { query, value, refusal, asset, database } = useBiotrakr()

const enumerations: Readonly<Record<string, string>> = {
  asset_status: 'ACTIVE IN_SERVICE IN_MAINTENANCE QUARANTINED CONDEMNED RETIRED DISPOSED',
  device_category:
    'IMAGING LABORATORY SURGICAL PATIENT_MONITORING THERAPEUTIC LIFE_SUPPORT DIAGNOSTIC ANESTHESIA STERILIZATION SUPPORT_EQUIPMENT IT_MEDICAL OTHER',
  criticality_level: 'CRITICAL HIGH MEDIUM LOW',
  risk_classification: 'CLASS_I CLASS_II CLASS_III',
  recall_status: 'NONE CLASS_I CLASS_II CLASS_III',
  pm_compliance_status: 'COMPLIANT GRACE_PERIOD OVERDUE CRITICAL',
  failure_category:
    'ELECTRICAL MECHANICAL SOFTWARE HYDRAULIC PNEUMATIC SENSOR CALIBRATION USER_ERROR UNKNOWN',
  depreciation_method:
    'STRAIGHT_LINE DECLINING_BALANCE DOUBLE_DECLINING UNITS_OF_PRODUCTION SUM_OF_YEARS_DIGITS',
  work_order_status: 'PENDING ASSIGNED IN_PROGRESS AWAITING_PARTS ON_HOLD COMPLETED CANCELLED',
  work_order_type:
    'PREVENTIVE_MAINTENANCE CORRECTIVE_MAINTENANCE CALIBRATION INSPECTION EMERGENCY_REPAIR INSTALLATION DECOMMISSIONING',
  vendor_type: 'MANUFACTURER DISTRIBUTOR SERVICE_PROVIDER PARTS_SUPPLIER',
  tracking_method: 'RFID BLE QR GPS MANUAL NFC UWB WIFI',
  alert_severity: 'INFO WARNING ERROR CRITICAL',
  sync_status: 'SYNCED PENDING FAILED NOT_CONFIGURED',
  service_level: 'TWO_HOURS FOUR_HOURS EIGHT_HOURS TWENTY_FOUR_HOURS NEXT_DAY BEST_EFFORT',
  waste_handling: 'STANDARD BIOHAZARD RADIOACTIVE CHEMICAL SHARPS PHARMACEUTICAL',
}

describe('the schema', () => {
  it('has the enumerations of the commission, value for value', async () => {
    const rows = await query<{ name: string; labels: string }>(
      `SELECT typname AS name, string_agg(enumlabel, ' ' ORDER BY enumsortorder) AS labels
       FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid AND t.typnamespace = 'public'::regnamespace GROUP BY 1`,
    )
    expect(Object.fromEntries(rows.map(({ name, labels }) => [name, labels]))).toMatchObject(enumerations)
  })

  it('has an assets table of more than a hundred columns, none of which goes stale by itself', async () => {
    const columns = (
      await query<{ name: string }>(
        `SELECT column_name AS name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'assets'`,
      )
    ).map(({ name }) => name)
    expect(columns.length).toBeGreaterThan(100)
    for (const derived of ['pm_compliance_status', 'book_value', 'mtbf_hours', 'failure_probability_score'])
      expect(columns).not.toContain(derived)
    const current = await query<{ name: string }>(
      `SELECT column_name AS name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'assets_current'`,
    )
    expect(current.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        ...columns,
        'pm_compliance_status',
        'book_value',
        'mtbf_hours',
        'failure_probability_score',
      ]),
    )
  })

  it('says what every table, view and function of ours is for', async () => {
    expect(
      await query(
        `SELECT relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')
           AND relname <> 'rtls_schema_migrations' AND obj_description(c.oid, 'pg_class') IS NULL
         UNION ALL
         SELECT proname FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL
           AND prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c') AND proname NOT LIKE 'text_%range%'
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')`,
      ),
    ).toEqual([])
  })

  it('has the hypertables with the chunks, compression and retention of the commission', async () => {
    expect(
      await query(
        `SELECT d.hypertable_name AS name, d.column_name AS "column", extract(epoch FROM d.time_interval)::integer / 86400 AS days,
           (SELECT extract(epoch FROM (config ->> 'compress_after')::interval)::integer / 86400 FROM timescaledb_information.jobs j
            WHERE j.hypertable_name = d.hypertable_name AND proc_name = 'policy_compression') AS compressed,
           (SELECT (config ->> 'drop_after')::interval::text FROM timescaledb_information.jobs j
            WHERE j.hypertable_name = d.hypertable_name AND proc_name = 'policy_retention'
               OR proc_name = 'retire_usage_logs' AND config ->> 'hypertable' = d.hypertable_name) AS dropped
         FROM timescaledb_information.dimensions d
         WHERE d.hypertable_schema = 'public' AND d.hypertable_name IN ('usage_logs', 'iot_sensor_readings', 'predictive_scores_history')
         ORDER BY 1`,
      ),
    ).toEqual([
      { name: 'iot_sensor_readings', column: 't', days: 7, compressed: 90, dropped: '3 years' },
      { name: 'predictive_scores_history', column: 'scored_at', days: 30, compressed: null, dropped: null },
      { name: 'usage_logs', column: 'session_start', days: 30, compressed: 180, dropped: '5 years' },
    ])
  })
})

describe('an asset', () => {
  it('gets the defaults of the guide', async () => {
    const id = await asset()
    expect(
      await query(
        `SELECT asset_status, criticality_level, risk_classification, recall_status, version FROM assets WHERE id = $1`,
        [id],
      ),
    ).toEqual([
      {
        asset_status: 'ACTIVE',
        criticality_level: 'MEDIUM',
        risk_classification: 'CLASS_II',
        recall_status: 'NONE',
        version: 1,
      },
    ])
  })

  it.each([
    ['serial_number', null, '23502'],
    ['useful_life_years', null, '23502'],
    ['primary_custodian_id', null, '23502'],
    ['custodian_department_id', null, '23502'],
    ['created_by_id', null, '23502'],
    ['updated_by_id', null, '23502'],
    ['primary_custodian_id', 'nobody', 'assets_primary_custodian_id_fkey'],
    ['current_facility_id', 'nowhere', 'assets_current_facility_id_fkey'],
    ['device_category', 'TOASTER', '22P02'],
    ['useful_life_years', 0, 'assets_useful_life_years_check'],
    ['purchase_cost', -1, 'assets_purchase_cost_check'],
    ['current_latitude', 91, 'assets_current_latitude_check'],
    ['ble_mac_address', 'ac:23:3f:a1:b2:c3', 'assets_ble_mac_address_check'],
    ['depreciation_method', 'UNITS_OF_PRODUCTION', 'assets_units_for_units_of_production'],
    ['recall_status', 'CLASS_I', 'assets_recall_named'],
    ['purchase_cost', 'NaN', 'assets_purchase_cost_check'],
    ['salvage_value', 'NaN', 'assets_salvage_value_check'],
    ['purchase_date', 'infinity', 'assets_purchase_date_check'],
    ['next_pm_due_date', '-infinity', 'assets_next_pm_due_date_check'],
  ])('is refused with %s = %s', async (column, wrong, reason) => {
    await expect(asset({ [column]: wrong })).rejects.toSatisfy(
      (error) => error instanceof pg.DatabaseError && (error.constraint ?? error.code) === reason,
    )
  })

  it('is one by its tag number, and by its UDI unless it was deleted', async () => {
    await asset({ asset_tag_number: 'TWICE' })
    await expect(asset({ asset_tag_number: 'TWICE' })).rejects.toThrow(/assets_asset_tag_number_key/u)
    const udi = { udi_di: '(01)00000000000000', udi_pi: '(21)1' }
    const first = await asset(udi)
    await expect(asset(udi)).rejects.toThrow(/assets_udi/u)
    await query(`UPDATE assets SET deleted_at = now() WHERE id = $1`, [first])
    await asset(udi)
  })

  it('counts its edits, refuses one that knows an older version, and takes a move for no edit', async () => {
    const id = await asset()
    const version = async (): Promise<unknown> => value('SELECT version FROM assets WHERE id = $1', [id])
    await query(`UPDATE assets SET notes = 'a' WHERE id = $1`, [id])
    await query(`UPDATE assets SET notes = 'b', version = 2 WHERE id = $1`, [id])
    expect(await version()).toBe(3)
    expect(await refusal(`UPDATE assets SET notes = 'c', version = 2 WHERE id = $1`, [id])).toBe('RT409')
    await query(`UPDATE assets SET notes = 'd', version = version + 1 WHERE id = $1 AND version = 3`, [id])
    expect(await version()).toBe(4)
    expect(await refusal(`UPDATE assets SET notes = 'e', version = 6 WHERE id = $1`, [id])).toBe('RT409')
    await query(`UPDATE assets SET current_x = 1, last_seen_timestamp = now() WHERE id = $1`, [id])
    await query(`UPDATE assets SET notes = 'd' WHERE id = $1`, [id])
    expect(await version()).toBe(4)
  })

  it('cannot be deleted under its records, nor a user, department or facility under it', async () => {
    const id = await asset()
    await query(
      `INSERT INTO maintenance_history (asset_id, work_order_type, summary) VALUES ($1, 'INSPECTION', 'x')`,
      [id],
    )
    for (const [table, key] of [
      ['assets', id],
      ['users', 'u'],
      ['departments', 'd'],
      ['facilities', 'f'],
    ])
      expect(await refusal(`DELETE FROM ${table} WHERE id = $1`, [key])).toMatch(/_fkey$/u)
  })
})

describe('departments and users', () => {
  it('refer to each other', async () => {
    await query(`UPDATE departments SET manager_id = 'u' WHERE id = 'd'`)
    expect(await value(`SELECT u.department_id FROM departments d JOIN users u ON u.id = d.manager_id`)).toBe(
      'd',
    )
  })
})

describe('a facility and its rooms', () => {
  it('are refused with a time zone or a polygon that cannot be used', async () => {
    const facility = `INSERT INTO facilities (organization_id, facility_code, facility_name, timezone) VALUES ('o', $1, 'x', $1)`
    for (const zone of ['Mars/Olympus', 'X5', '']) expect(await refusal(facility, [zone])).toMatch(/check$/u)
    await query(facility, ['Europe/Vienna'])
    await query(
      `INSERT INTO buildings (id, facility_id, building_code, building_name) VALUES ('b', 'f', 'B', 'B')`,
    )
    await query(
      `INSERT INTO floors (id, building_id, floor_number, floor_name) VALUES ('fl', 'b', 1.5, 'Mezzanine')`,
    )
    const room = `INSERT INTO rooms (id, floor_id, room_code, room_name, geofence_polygon) VALUES ('r', 'fl', 'R', 'R', $1)`
    for (const polygon of [
      '{}',
      '[]',
      '[[0,0],[1,0],[1,1],[2,2]]',
      '[[0,0],[1,0],["1",1],[0,0]]',
      '[0,1,2,0]',
    ])
      expect(await refusal(room, [polygon])).toBe('rooms_geofence_polygon_check')
    await query(room, ['[[0,0],[4,0],[4,3],[0,0]]'])
  })
})

describe('tag assignments', () => {
  const insert = `INSERT INTO tag_assignments (tag_id, asset_id, valid_from, valid_to) VALUES ($1, $2, $3, $4)`

  it('let a tag be on one asset at a time, from the moment it starts until before the moment it ends', async () => {
    const [one, two] = [await asset(), await asset()]
    await query(insert, ['TAG', one, '2026-01-01', '2026-02-01'])
    await query(insert, ['TAG', two, '2026-02-01', null])
    await query(insert, ['TAG2', two, '-infinity', null])
    const exclusion = 'tag_assignments_one_asset_at_a_time'
    expect(await refusal(insert, ['TAG', two, '2026-01-31', '2026-02-01'])).toBe(exclusion)
    expect(await refusal(insert, ['TAG', one, '2027-01-01', null])).toBe(exclusion)
    expect(await refusal(insert, ['TAG', two, '2025-01-01', '2026-01-02'])).toBe(exclusion)
    expect(await refusal(insert, ['TAG', one, '2025-01-01', '2025-01-01'])).toBe('tag_assignments_in_order')
    await query(insert, ['TAG', two, '2025-01-01', '2026-01-01'])
  })

  it('keep that between transactions that do not see each other', async () => {
    const assets: string[] = []
    for (let count = 0; count < 8; count += 1) assets.push(await asset())
    const outcomes = await Promise.all(
      assets.map(async (id) => {
        const client = new pg.Client(database.url)
        await client.connect()
        try {
          await client.query(insert, ['CONTESTED', id, '2026-01-01', null])
          return 'worn'
        } catch (error) {
          return error instanceof pg.DatabaseError ? error.constraint : String(error)
        } finally {
          await client.end()
        }
      }),
    )
    expect(outcomes.filter((outcome) => outcome === 'worn')).toHaveLength(1)
    expect(new Set(outcomes)).toEqual(new Set(['worn', 'tag_assignments_one_asset_at_a_time']))
  })

  it('take tags in their canonical form only', async () => {
    const id = await asset()
    for (const tag of ['ac:23:3f:a1:b2:c3', 'ac233fa1b2c3', ' x', ''])
      expect(await refusal(insert, [tag, id, '2026-01-01', null])).toMatch(/canonical|tag_id_check/u)
    await query(insert, ['AC233FA1B2C3', id, '2026-01-01', null])
  })

  it('agree with the ingester on what is canonical', async () => {
    const hex = fc.constantFrom(...Array.from('0123456789abcdefABCDEF'))
    const hexes = (length: number): fc.Arbitrary<string> =>
      fc.string({ unit: hex, minLength: length, maxLength: length })
    const separator = fc.constantFrom(':', '-', '.', '')
    const space = fc.constantFrom(
      '',
      ' ',
      '\t',
      '\n',
      '\u000b',
      '\u00a0',
      '\u2003',
      '\u3000',
      '\ufeff',
      '\u200b',
      '\u0085',
    )
    const grouped = fc
      .tuple(fc.constantFrom(2, 4), fc.integer({ min: 2, max: 9 }), separator, separator, space, space)
      .chain(([size, groups, inner, odd, before, after]) =>
        fc
          .array(hexes(size), { minLength: groups, maxLength: groups })
          .map((parts) => before + parts.slice(0, -1).join(inner) + odd + (parts.at(-1) ?? '') + after),
      )
    const text = fc
      .string({ unit: 'binary', maxLength: 20 })
      .filter((id) => id.isWellFormed() && !id.includes('\0'))
    const ids = fc.sample(fc.oneof({ weight: 3, arbitrary: grouped }, text), { numRuns: 3000 })
    const rows = await query<{ canonical: string }>(
      'SELECT canonical_tag_id(id) AS canonical FROM unnest($1::text[]) WITH ORDINALITY AS given(id, n) ORDER BY n',
      [ids],
    )
    const differing = ids.filter((id, index) => canonicalId(id) !== rows[index]?.canonical)
    expect(differing).toEqual([])
    expect(ids.filter((id) => canonicalId(id) !== id).length).toBeGreaterThan(300)
  })
})
