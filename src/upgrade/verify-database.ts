/**
 * The points of the checklist that try something: a chunk compressed, a rollup refreshed, an asset made, a ping stored.
 * Each in a transaction that is rolled back, but the refresh, which cannot run in one and is harmless.
 */
import type pg from 'pg'
import type { Finding } from './verify.ts'

const hypertables = ['location_history', 'usage_logs', 'iot_sensor_readings', 'predictive_scores_history']

async function rolledBack<T>(client: pg.ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN')
  try {
    return await work()
  } finally {
    await client.query('ROLLBACK')
  }
}

export async function checkHypertables(client: pg.ClientBase): Promise<Finding> {
  const { rows } = await client.query<{ name: string; column: string; chunks: number }>(
    `SELECT h.hypertable_name AS name, d.column_name AS column, h.num_chunks::float8 AS chunks
     FROM timescaledb_information.hypertables h
     JOIN timescaledb_information.dimensions d USING (hypertable_schema, hypertable_name)
     WHERE h.hypertable_schema = 'public' AND d.dimension_number = 1 ORDER BY 1`,
  )
  const missing = hypertables.filter((name) => !rows.some((row) => row.name === name))
  return {
    passed: missing.length === 0,
    figure:
      missing.length > 0
        ? `not hypertables: ${missing.join(', ')}`
        : rows.map(({ name, column, chunks }) => `${name} on ${column} (${chunks} chunks)`).join(', '),
  }
}

/** There, scheduled, not failing, and really able to compress: tried on the newest full chunk, which the policy is not at. */
export async function checkCompression(client: pg.ClientBase): Promise<Finding> {
  const { rows } = await client.query<{ table: string; scheduled: boolean; failures: number }>(
    `SELECT j.hypertable_name AS table, j.scheduled, coalesce(s.last_run_status = 'Failed', false)::integer AS failures
     FROM timescaledb_information.jobs j LEFT JOIN timescaledb_information.job_stats s USING (job_id)
     WHERE j.proc_name = 'policy_compression' AND j.hypertable_schema = 'public' ORDER BY 1`,
  )
  const idle = rows.filter(({ scheduled, failures }) => !scheduled || failures > 0).map(({ table }) => table)
  const isThere = rows.some(({ table }) => table === 'location_history')
  const compressed = await rolledBack(client, async () => {
    const chunk = await client.query<{ name: string }>(
      `SELECT format('%I.%I', chunk_schema, chunk_name) AS name FROM timescaledb_information.chunks
       WHERE hypertable_schema = 'public' AND hypertable_name = 'location_history' AND NOT is_compressed
         AND range_end < now() ORDER BY range_start DESC LIMIT 1`,
    )
    const [newest] = chunk.rows
    if (newest === undefined) return 'no chunk left to try it on'
    await client.query('SELECT compress_chunk($1::regclass)', [newest.name])
    return 'a chunk could be compressed (taken back)'
  })
  return {
    passed: isThere && idle.length === 0,
    figure: `${rows.map(({ table }) => table).join(', ') || 'none'}; ${idle.length > 0 ? `not running: ${idle.join(', ')}` : 'all scheduled'}; ${compressed}`,
  }
}

/** Refreshes each over the newest day of v1's pings, and counts: a rollup by tag must know every v1 ping there is. */
export async function checkRollups(client: pg.ClientBase): Promise<Finding> {
  const { rows: rollups } = await client.query<{ name: string; countsTags: boolean }>(
    `SELECT format('%I.%I', view_schema, view_name) AS name, 2 = (
       SELECT count(*) FROM information_schema.columns c
       WHERE c.table_schema = view_schema AND c.table_name = view_name AND c.column_name IN ('pings', 'tag_id'))
       -- v1 knows no rooms: none of its pings has a presence in one.
       AND view_name NOT IN ('room_presence_1m', 'room_presence_1h') AS "countsTags"
     FROM timescaledb_information.continuous_aggregates
     WHERE view_schema = 'public' ORDER BY hypertable_name <> 'location_history', view_name`,
  )
  // Of the synthetic tags alone: pings of gateways come and are rolled up all the time.
  const { rows: days } = await client.query<{ day: string | null; pings: number }>(
    `SELECT to_char(max(t) AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, count(*)::float8 AS pings
     FROM public.location_history WHERE gateway_id LIKE 'biotrakr-v1%'`,
  )
  const { day, pings } = days[0] ?? { day: null, pings: 0 }
  const wrong: string[] = []
  for (const { name, countsTags } of rollups) {
    if (day !== null)
      await client.query(
        `CALL refresh_continuous_aggregate('${name}', timestamptz '${day} 00:00:00+00' - interval '1 day', timestamptz '${day} 00:00:00+00' + interval '1 day')`,
      )
    if (!countsTags) continue
    const { rows } = await client.query<{ pings: number }>(
      `SELECT coalesce(sum(pings), 0)::float8 AS pings FROM ${name} WHERE tag_id LIKE 'asset:%'`,
    )
    if (rows[0]?.pings !== pings) wrong.push(`${name} counts ${rows[0]?.pings ?? 0} of ${pings} pings`)
  }
  return {
    passed: rollups.length > 0 && wrong.length === 0,
    figure: `${rollups.map(({ name }) => name).join(', ') || 'none'} refreshed; ${wrong.length > 0 ? wrong.join(', ') : `all ${pings.toLocaleString('en-US')} pings of v1 are in those by tag`}`,
  }
}

/** The guide's asset, on top of every column of one that is there. */
export async function checkAssetCreation(client: pg.ClientBase): Promise<Finding> {
  return rolledBack(client, async () => {
    const id = 'upgrade-verify'
    const made = await client.query<{ columns: number }>(
      `WITH place AS (
         SELECT d.id AS department, f.id AS facility, u.id AS person, f.organization_id AS organization
         FROM public.departments d JOIN public.facilities f ON f.id = d.facility_id
         JOIN public.users u ON u.organization_id = f.organization_id LIMIT 1
       ), made AS (
         INSERT INTO public.assets
         SELECT r.* FROM (SELECT * FROM public.assets LIMIT 1) a CROSS JOIN place p
         CROSS JOIN LATERAL jsonb_populate_record(NULL::public.assets, to_jsonb(a) || jsonb_build_object('id', $1::text, 'organization_id', p.organization,
           'asset_tag_number', $1::text, 'equipment_name', 'MRI Scanner', 'manufacturer', 'GE', 'model_number', 'Optima MR360',
           'serial_number', 'SN123456', 'device_category', 'IMAGING', 'asset_status', 'ACTIVE', 'criticality_level', 'HIGH',
           'risk_classification', 'CLASS_II', 'purchase_date', now()::date, 'purchase_cost', 1500000, 'useful_life_years', 10,
           'depreciation_method', 'STRAIGHT_LINE', 'current_facility_id', p.facility, 'primary_custodian_id', p.person,
           'custodian_department_id', p.department, 'created_by_id', p.person, 'updated_by_id', p.person, 'version', 1,
           'deleted_at', NULL, 'deleted_by_id', NULL, 'udi_di', NULL, 'udi_pi', NULL)) r
         RETURNING *)
       SELECT (SELECT count(*)::float8 FROM jsonb_object_keys(to_jsonb(made))) AS columns FROM made`,
      [id],
    )
    const { rows } = await client.query<{ version: number }>(
      `UPDATE public.assets SET equipment_name = 'MRI Scanner 2' WHERE id = $1 RETURNING version`,
      [id],
    )
    const [asset] = made.rows
    if (asset === undefined)
      return {
        passed: false,
        figure: 'there is no asset, or no facility with a department and a user, to try it with',
      }
    return {
      passed: (rows[0]?.version ?? 0) > 1,
      figure: `one with all ${asset.columns} columns made, changed (version ${rows[0]?.version ?? 0}) and taken back`,
    }
  })
}

/** A ping of a tag that an asset wears: stored, in the rollup, and the asset's. */
export async function checkLocationTracking(client: pg.ClientBase): Promise<Finding> {
  return rolledBack(client, async () => {
    await client.query(
      `INSERT INTO public.tag_assignments (tag_id, asset_id, valid_from)
       SELECT 'upgrade-verify', id, now() - interval '1 day' FROM public.assets LIMIT 1`,
    )
    await client.query(
      `INSERT INTO public.location_history (t, facility_id, gateway_id, tag_id, x, y, floor)
       VALUES (now(), 'upgrade-verify', 'upgrade-verify', 'upgrade-verify', 1, 2, 0)`,
    )
    const { rows } = await client.query<{ assets: number; rolled: number }>(
      `SELECT (SELECT count(*)::float8 FROM public.location_history l JOIN public.tag_assignments a USING (tag_id)
               WHERE l.tag_id = 'upgrade-verify' AND l.t >= a.valid_from AND (a.valid_to IS NULL OR l.t < a.valid_to)) AS assets,
              (SELECT coalesce(sum(pings), 0)::float8 FROM public.location_1m WHERE tag_id = 'upgrade-verify') AS rolled`,
    )
    const { assets, rolled } = rows[0] ?? { assets: 0, rolled: 0 }
    return {
      passed: assets === 1 && rolled === 1,
      figure: `a ping stored now ${assets === 1 ? 'belongs to its asset' : 'belongs to no asset'} and is ${rolled === 1 ? '' : 'not '}in location_1m (taken back)`,
    }
  })
}
