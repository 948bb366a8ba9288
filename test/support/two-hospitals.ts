// Two organisations with a hospital each, one of them with a second site, for tests of where things are over HTTP.
import { queryOnce } from './query.ts'

const ring = (x0: number, y0: number, x1: number, y1: number): string =>
  JSON.stringify([
    [x0, y0],
    [x1, y0],
    [x1, y1],
    [x0, y1],
    [x0, y0],
  ])

/** Organisation o1: h1 (floors 0 and 1), h2 (floor 0). Organisation o2: h3. Assets by `storeAssets`. */
export async function storeHospitals(url: string): Promise<void> {
  await queryOnce(
    url,
    `INSERT INTO organizations (id, name) VALUES ('o1', 'First'), ('o2', 'Second');
    INSERT INTO facilities (id, organization_id, facility_code, facility_name, timezone) VALUES
      ('f1', 'o1', 'h1', 'Main site', 'Europe/Berlin'), ('f2', 'o1', 'h2', 'Second site', 'UTC'), ('f3', 'o2', 'h3', 'Another', 'UTC');
    INSERT INTO departments (id, facility_id, department_code, department_name) VALUES
      ('d1', 'f1', 'ED', 'Emergency'), ('d2', 'f2', 'ED', 'Emergency'), ('d3', 'f3', 'ED', 'Emergency');
    INSERT INTO users (id, organization_id, department_id, username, email, first_name, last_name, role) VALUES
      ('u1', 'o1', 'd1', 'ada', 'ada@h1.example', 'Ada', 'Lovelace', 'ADMIN'), ('u3', 'o2', 'd3', 'bob', 'bob@h3.example', 'Bob', 'Smith', 'ADMIN');
    INSERT INTO buildings (id, facility_id, building_code, building_name) VALUES
      ('b1', 'f1', 'M', 'Main'), ('b2', 'f2', 'M', 'Second'), ('b3', 'f3', 'M', 'Other');
    INSERT INTO floors (id, building_id, floor_number, floor_name, width_m, depth_m) VALUES
      ('l0', 'b1', 0, 'Ground', 40, 20), ('l1', 'b1', 1, 'First', NULL, NULL), ('l2', 'b2', 0, 'Ground', NULL, NULL), ('l3', 'b3', 0, 'Ground', NULL, NULL);
    INSERT INTO rooms (id, floor_id, department_id, room_code, room_name, room_type, is_restricted, geofence_polygon) VALUES
      ('bay', 'l0', 'd1', 'ED-3', 'ED Bay 3', 'BAY', false, '${ring(0, 0, 6, 5)}'),
      ('hall', 'l0', NULL, 'HALL', 'Hall', 'CORRIDOR', false, '${ring(0, 0, 40, 20)}'),
      ('or', 'l1', NULL, 'OR-1', 'OR 1', 'OR', true, '${ring(0, 0, 10, 10)}'),
      ('store', 'l2', NULL, 'STORE', 'Store', 'STORE', false, '${ring(0, 0, 10, 10)}')`,
  )
}

export interface TestAsset {
  readonly id: string
  readonly name?: string
  readonly facility?: 'f1' | 'f2' | 'f3'
  readonly category?: string
  readonly subcategory?: string
  readonly status?: string
  /** Worn for ever. */
  readonly tag?: string
}

/** Their tag numbers are their ids. */
export async function storeAssets(url: string, assets: readonly TestAsset[]): Promise<void> {
  const rows = assets.map(({ facility = 'f1', ...asset }) => {
    const user = facility === 'f3' ? 'u3' : 'u1'
    return {
      id: asset.id,
      organization_id: facility === 'f3' ? 'o2' : 'o1',
      asset_tag_number: asset.id,
      equipment_name: asset.name ?? 'Infusion pump',
      manufacturer: 'Braun',
      model_number: 'Space 2',
      serial_number: `SN-${asset.id}`,
      device_category: asset.category ?? 'THERAPEUTIC',
      device_subcategory: asset.subcategory ?? null,
      asset_status: asset.status ?? 'ACTIVE',
      useful_life_years: 10,
      current_facility_id: facility,
      primary_custodian_id: user,
      custodian_department_id: `d${facility.slice(1)}`,
      created_by_id: user,
      updated_by_id: user,
    }
  })
  const columns = Object.keys(rows[0] ?? {}).join(', ')
  await queryOnce(
    url,
    `INSERT INTO assets (${columns}) SELECT ${columns} FROM jsonb_populate_recordset(NULL::assets, $1::jsonb)`,
    [JSON.stringify(rows)],
  )
  const worn = assets.flatMap(({ id, tag }) => (tag === undefined ? [] : [{ asset_id: id, tag_id: tag }]))
  await queryOnce(
    url,
    `INSERT INTO tag_assignments (tag_id, asset_id, valid_from)
     SELECT tag_id, asset_id, '-infinity' FROM jsonb_to_recordset($1::jsonb) AS w(tag_id text, asset_id text)`,
    [JSON.stringify(worn)],
  )
}

export interface TestPing {
  readonly tag: string
  /** Seconds before now; negative: ahead. */
  readonly agoS: number
  readonly facility?: string
  readonly floor?: number | null
  readonly room?: string | null
  readonly x?: number | null
  readonly y?: number | null
  readonly accuracyM?: number
  readonly fix?: string
}

export async function storePings(url: string, pings: readonly TestPing[]): Promise<void> {
  await queryOnce(
    url,
    `INSERT INTO location_history (t, tag_id, gateway_id, facility_id, floor, room_id, x, y, accuracy_m, fix, battery_pct)
     SELECT now() - make_interval(secs => p."agoS"), p.tag, 'g1', coalesce(p.facility, 'h1'), p.floor, p.room, p.x, p.y, p."accuracyM",
       p.fix::fix_quality, 90
     FROM jsonb_to_recordset($1::jsonb) AS p(tag text, "agoS" double precision, facility text, floor real, room text, x double precision,
       y double precision, "accuracyM" real, fix text)`,
    [JSON.stringify(pings.map((ping) => ({ fix: 'position', ...ping })))],
  )
}
