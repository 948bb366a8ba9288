/**
 * A hospital group's pings, made by the database itself: many times faster than through a client, the same for the same number of
 * tags. Every tag lies still 95 % of the day and pings every five minutes; four times a day it is carried to another room for
 * eighteen minutes and pings every 5 s. Some tags have been silent for a week. The newest day is made first, so that a smaller
 * number of pings means fewer days and not a thinner one.
 */
import type pg from 'pg'

export interface HospitalPlan {
  readonly pings: number
  readonly tags: number
  readonly say: (line: string) => void
}

/** Eight facilities of two floors of a hundred rooms of 6 × 5 m. */
const facilities = 8
const minuteRollups = ['location_1m', 'room_presence_1m', 'gateway_1m']

/** Who and where: run once. `$1` tags. */
const masterSql = [
  `INSERT INTO organizations (id, name) VALUES ('o', 'Group')`,
  `INSERT INTO facilities (id, organization_id, facility_code, facility_name, timezone)
   SELECT 'f' || n, 'o', 'h' || n, 'Hospital ' || n, 'America/New_York' FROM generate_series(1, ${facilities}) n`,
  `INSERT INTO buildings (id, facility_id, building_code, building_name)
   SELECT 'b' || n, 'f' || n, 'M', 'Main' FROM generate_series(1, ${facilities}) n`,
  `INSERT INTO floors (id, building_id, floor_number, floor_name)
   SELECT 'l' || n || '-' || l, 'b' || n, l, 'floor ' || l FROM generate_series(1, ${facilities}) n, generate_series(0, 1) l`,
  `INSERT INTO departments (id, facility_id, department_code, department_name)
   SELECT 'd' || n, 'f' || n, 'ICU', 'Intensive care' FROM generate_series(1, ${facilities}) n`,
  `INSERT INTO users (id, organization_id, department_id, username, email, first_name, last_name, role)
   VALUES ('u', 'o', 'd1', 'ada', 'ada@example.org', 'Ada', 'Lovelace', 'ADMIN')`,
  `INSERT INTO rooms (id, floor_id, department_id, room_code, room_name, is_restricted, geofence_polygon)
   SELECT format('h%s-%s-%s-%s', n, l, i, j), format('l%s-%s', n, l), 'd' || n, format('%s-%s', i, j), format('Room %s.%s%s', l, i, j), i = 9 AND j = 9,
     format('[[%1$s,%2$s],[%3$s,%2$s],[%3$s,%4$s],[%1$s,%4$s],[%1$s,%2$s]]', i * 6, j * 5, i * 6 + 6, j * 5 + 5)::jsonb
   FROM generate_series(1, ${facilities}) n, generate_series(0, 1) l, generate_series(0, 9) i, generate_series(0, 9) j`,
  `INSERT INTO assets (id, organization_id, asset_tag_number, equipment_name, manufacturer, model_number, serial_number, device_category,
     device_subcategory, useful_life_years, current_facility_id, home_room_id, primary_custodian_id, custodian_department_id,
     created_by_id, updated_by_id, next_calibration_date)
   SELECT 'a' || n, 'o', 'A-' || n, 'Device ' || n, 'Maker', 'M1', 'S' || n, (enum_range(NULL::device_category))[1 + n % 4], 'kind ' || n % 10,
     10, 'f' || 1 + n % ${facilities},
     format('h%s-%s-%s-%s', 1 + n % ${facilities}, n / 8 % 2, (n::bigint * 7919) % 10, (n::bigint * 104729 / 10) % 10), 'u', 'd' || 1 + n % ${facilities}, 'u', 'u',
     CASE WHEN n % 500 = 1 THEN current_date - 5 END
   FROM generate_series(1, $1) n`,
  `INSERT INTO tag_assignments (tag_id, asset_id, valid_from)
   SELECT 'T' || lpad(n::text, 6, '0'), 'a' || n, '-infinity' FROM generate_series(1, $1) n`,
  `INSERT INTO par_levels (room_id, device_category, min_count, max_count)
   SELECT r.id, 'IMAGING', 1, 3 FROM rooms r WHERE r.id LIKE 'h1-0-%' ORDER BY r.id LIMIT 20`,
]

/** One day of every tag: `$1` the day, `$2` how many days ago, `$3` tags. Places are the middles of rooms; trips begin in every quarter of the day. */
const daySql = `
  CREATE TEMPORARY TABLE tag_day AS
  SELECT n, 1 + n % ${facilities} AS site, (n / 8 % 2)::real AS floor, 'T' || lpad(n::text, 6, '0') AS tag,
    ARRAY(SELECT $1::timestamptz + k * interval '6 hours' + (((n * 7919 + $2 * 104729 + k * 1299709) * 48271) % 20400) * interval '1 second'
          FROM generate_series(0, 3) k) AS starts,
    ARRAY(SELECT CASE WHEN k IN (0, 4) THEN (n * 7919) % 10 ELSE ((n * 31 + $2 * 17 + k * 13) * 48271) % 10 END * 6 + 3.0 FROM generate_series(0, 4) k) AS xs,
    ARRAY(SELECT CASE WHEN k IN (0, 4) THEN (n * 104729 / 10) % 10 ELSE ((n * 37 + $2 * 11 + k * 19) * 69621) % 10 END * 5 + 2.5 FROM generate_series(0, 4) k) AS ys
  FROM generate_series(1, $3::bigint) n WHERE n % 250 > 0 OR $2 >= 7`

const columns = `t, received_at, facility_id, gateway_id, tag_id, x, y, floor, room_id, accuracy_m, tracking_method, fix, rssi_dbm, battery_pct, is_moving`
/** Of rows tag_day.*, t, x, y, moves: the ping. */
const pingSql = `
  SELECT t, t + interval '200 ms', 'h' || site, format('g%s-%s-%s%s', site, floor, floor(x / 20), floor(y / 25)), tag, x, y, floor,
    format('h%s-%s-%s-%s', site, floor, floor(x / 6), floor(y / 5)), 0.5 + (n % 4) / 2.0, 'BLE', 'position', -60 - (n % 20)::integer,
    30 + (n % 20)::integer + $1::integer, moves`
const staySql = `
  INSERT INTO location_history (${columns}) ${pingSql}
  FROM (SELECT d.*, s.t, xs[p.i + 1] + random() - 0.5 AS x, ys[p.i + 1] + random() - 0.5 AS y, false AS moves
    FROM tag_day d CROSS JOIN generate_series(0, 287) i
    CROSS JOIN LATERAL (SELECT $2::timestamptz + i * interval '5 minutes' + (n * 37 % 300) * interval '1 second' AS t) s
    CROSS JOIN LATERAL (SELECT width_bucket(s.t, d.starts) AS i) p
    WHERE (p.i = 0 OR s.t >= d.starts[p.i] + interval '18 minutes') AND s.t < $3) AS ping`
const tripSql = `
  INSERT INTO location_history (${columns}) ${pingSql}
  FROM (SELECT d.*, d.starts[k] + i * interval '5 seconds' AS t, xs[k] + (xs[k + 1] - xs[k]) * i / 216.0 + (random() - 0.5) / 2 AS x,
      ys[k] + (ys[k + 1] - ys[k]) * i / 216.0 + (random() - 0.5) / 2 AS y, true AS moves
    FROM tag_day d CROSS JOIN generate_series(1, 4) k CROSS JOIN generate_series(0, 215) i
    WHERE d.starts[k] + i * interval '5 seconds' < $2) AS ping`

/** Fills an empty migrated database: so many pings or a little more, the rollups refreshed, the pings compressed. */
export async function fillHospital(client: pg.Client, plan: HospitalPlan): Promise<number> {
  // No policy shall work beside the measurement.
  await client.query(
    'SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs WHERE job_id >= 1000',
  )
  await client.query('SET synchronous_commit = off')
  await client.query('SET jit = off')
  await client.query(`SET work_mem = '256MB'`)
  await client.query('SELECT setseed(0.5)')
  for (const sql of masterSql) await client.query(sql, sql.includes('$1') ? [plan.tags] : [])
  const { rows } = await client.query<{ end: Date }>(`SELECT date_trunc('minute', now()) AS end`)
  const end = rows[0]?.end ?? new Date()
  let pings = 0
  for (let ago = 0; pings < plan.pings; ago += 1) {
    const day = new Date(Math.floor(end.getTime() / 86_400_000 - ago) * 86_400_000)
    // A parameter in CREATE TABLE AS is refused.
    await client.query(
      daySql
        .replaceAll('$1', `'${day.toISOString()}'`)
        .replaceAll('$2', `${ago}`)
        .replaceAll('$3', `${plan.tags}`),
    )
    const stays = await client.query(staySql, [ago, day, end])
    const trips = await client.query(tripSql, [ago, end])
    await client.query('DROP TABLE tag_day')
    pings += (stays.rowCount ?? 0) + (trips.rowCount ?? 0)
    const next = new Date(day.getTime() + 86_400_000)
    for (const rollup of minuteRollups)
      await client.query(
        `CALL refresh_continuous_aggregate('${rollup}', '${day.toISOString()}', '${next.toISOString()}')`,
      )
    await client.query(
      `SELECT compress_chunk(c) FROM show_chunks('location_history', newer_than => $1::timestamptz, older_than => $2::timestamptz) c`,
      [day, next],
    )
    plan.say(`${pings.toLocaleString('en')} pings, ${ago + 1} days`)
  }
  return pings
}

/** What is made of the minutes: hours, days. */
export async function settleCoarseRollups(client: pg.Client): Promise<void> {
  for (const rollup of ['location_1h', 'location_1d', 'room_presence_1h'])
    await client.query(`CALL refresh_continuous_aggregate('${rollup}', NULL, NULL)`)
  await client.query('ANALYZE')
}
