/**
 * Takes v2 out of schema public, in pieces: a hypertable with years of daily chunks would need more locks in one transaction than a
 * server has. v1 is safe in its schema meanwhile; killed anywhere, it can be run again.
 * Leaves alone what was in public before the upgrade and is neither v1's nor ours, and everything of extensions.
 */
import type pg from 'pg'
import type { UpgradeState } from './state.ts'
import { objectsSql } from './survey.ts'
import { quoted } from './v1-tables.ts'

const monthMs = 30 * 86_400_000

/** Outside of a transaction. After it only the empty shells are left. */
export async function removeData(client: pg.ClientBase, say: (text: string) => void): Promise<void> {
  for (;;) {
    // The coarser rollups are made from finer ones and go first: one that nothing else is made from can go.
    const { rows } = await client.query<{ name: string }>(
      `SELECT format('%I.%I', c.view_schema, c.view_name) AS name FROM timescaledb_information.continuous_aggregates c
       WHERE c.view_schema = 'public' AND NOT EXISTS (
         SELECT FROM timescaledb_information.continuous_aggregates o
         WHERE o.hypertable_schema = c.materialization_hypertable_schema AND o.hypertable_name = c.materialization_hypertable_name)
       ORDER BY 1 LIMIT 1`,
    )
    const [rollup] = rows
    if (rollup === undefined) break
    await client.query(`DROP MATERIALIZED VIEW ${rollup.name} CASCADE`)
    say(`  removed ${rollup.name}`)
  }
  const { rows: hypertables } = await client.query<{ name: string; first: Date | null; last: Date | null }>(
    `SELECT hypertable_name AS name, min(range_start) AS first, max(range_end) AS last
     FROM timescaledb_information.chunks WHERE hypertable_schema = 'public' GROUP BY 1`,
  )
  for (const { name, first, last } of hypertables) {
    if (first === null || last === null) continue
    for (let endMs = first.getTime() + monthMs; ; endMs += monthMs) {
      await client.query(`SELECT drop_chunks($1::regclass, older_than => $2::timestamptz)`, [
        `public.${quoted(name)}`,
        new Date(Math.min(endMs, last.getTime())),
      ])
      if (endMs >= last.getTime()) break
    }
    say(`  emptied ${name}`)
  }
}

/** In the caller's transaction: tables, views, functions and types of v2. */
export async function removeObjects(client: pg.ClientBase, state: UpgradeState): Promise<void> {
  for (const view of await viewsOfUpgrade(client)) await client.query(`DROP VIEW ${view}`)
  // Jobs of our own outlive the procedure they call, and would fail for ever.
  await client.query(
    `SELECT delete_job(job_id) FROM timescaledb_information.jobs
     WHERE proc_schema IN ('public', 'rtls') AND proc_name <> ALL ($1)`,
    [state.foreignObjects],
  )
  // The analysts' schema is all ours: the migration that makes it would have failed where there was one.
  await client.query('DROP SCHEMA IF EXISTS rtls CASCADE')
  const { rows } = await client.query<{ kind: string; name: string; signature: string }>(
    `SELECT kind, name, CASE WHEN class = 'pg_proc'::regclass THEN o.oid::regprocedure::text ELSE format('public.%I', name) END AS signature
     FROM (${objectsSql}) o WHERE name <> ALL ($1)`,
    [state.foreignObjects],
  )
  const ours = (...kinds: string[]): string[] =>
    rows.filter(({ kind }) => kinds.includes(kind)).map(({ signature }) => signature)
  await drop(client, 'VIEW', ours('view'))
  // TimescaleDB wants each hypertable dropped by itself; the others go in one statement, because they refer to each other in
  // circles. CASCADE takes the views and functions that hang on them.
  const { rows: hypertables } = await client.query<{ name: string }>(
    `SELECT format('public.%I', hypertable_name) AS name FROM timescaledb_information.hypertables WHERE hypertable_schema = 'public'`,
  )
  for (const { name } of hypertables) if (ours('table').includes(name)) await drop(client, 'TABLE', [name])
  await drop(client, 'TABLE', ours('table'))
  await drop(client, 'ROUTINE', ours('function'))
  await drop(client, 'TYPE', ours('type'))
  await drop(client, 'SEQUENCE', ours('sequence'))
}

async function drop(client: pg.ClientBase, kind: string, names: readonly string[]): Promise<void> {
  if (names.length > 0) await client.query(`DROP ${kind} IF EXISTS ${names.join(', ')} CASCADE`)
}

/** They read v2's tables, and stay out of the CASCADE above so that it cannot take anything else of the upgrade's. */
async function viewsOfUpgrade(client: pg.ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, viewname) AS name FROM pg_views WHERE schemaname = 'biotrakr_upgrade'`,
  )
  return rows.map(({ name }) => name)
}
