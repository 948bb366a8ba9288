/**
 * What the database lets the service do, and the settings a PUBACK's promise rests on: rights, durability, connections.
 * Reads only.
 */
import type { Config } from '../config-schema.ts'
import type { Ask, DatabasePlace } from './database.ts'
import { type Check, type Verdict, fail, ok, skip, warn } from './finding.ts'

/** Of the pool in app.ts, beside the COPYs. */
const sideConnections = 6
const replicaConnections = 4

export function settingsChecks(ask: Ask, config: Config, place: DatabasePlace): Check[] {
  return [
    { name: 'rights', look: async () => lookAtRights(ask, config) },
    { name: 'durability', look: async () => lookAtDurability(ask, place) },
    { name: 'connections', look: async () => lookAtConnections(ask, config, place) },
  ]
}

async function lookAtRights(ask: Ask, { database }: Config): Promise<Verdict[]> {
  const needed: readonly (readonly [string, string])[] = [
    ['location_history', 'INSERT'],
    ['location_history', 'SELECT'],
    ['dead_letter', 'INSERT'],
    ['dead_letter', 'SELECT'],
    ['rollup_refresh_queue', 'INSERT'],
    ['rollup_refresh_queue', 'UPDATE'],
    ['rollup_refresh_queue', 'DELETE'],
    ['ingest_replicas', 'INSERT'],
  ]
  const [row] = await ask<{
    user: string
    missing: string[] | null
    temp: boolean
    create: boolean
    super: boolean
  }>(
    `SELECT current_user AS "user", has_database_privilege(current_database(), 'TEMP') AS temp,
            has_schema_privilege('public', 'CREATE') AS create,
            (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS super,
            (SELECT array_agg(n.right || ' on ' || n.relation)
             FROM jsonb_to_recordset($1::jsonb) AS n(relation text, "right" text)
             WHERE NOT coalesce(has_table_privilege(to_regclass('public.' || n.relation)::oid, n.right), false)) AS missing`,
    [JSON.stringify(needed.map(([relation, right]) => ({ relation, right })))],
  )
  if (row === undefined) return []
  const missing = [
    ...(row.missing ?? []),
    ...(row.temp ? [] : ['TEMP on the database']),
    ...(database.migrate && !row.create ? ['CREATE on schema public (database.migrate is true)'] : []),
  ]
  if (missing.length > 0)
    return [
      fail(
        `user "${row.user}" lacks ${missing.join(', ')}`,
        `As owner: GRANT what is missing TO "${row.user}"`,
      ),
    ]
  return [ok(`user "${row.user}" may do what the service does${row.super ? '; it is a superuser' : ''}`)]
}

async function lookAtDurability(ask: Ask, { isEmbedded }: DatabasePlace): Promise<Verdict[]> {
  if (isEmbedded) return [skip('embedded: written through at every commit, whatever its settings say')]
  const [row] = await ask<{
    recovery: boolean
    commit: string
    fsync: string
    pages: string
    standbys: string
  }>(
    `SELECT pg_is_in_recovery() AS recovery, current_setting('synchronous_commit') AS commit,
            current_setting('fsync') AS fsync, current_setting('full_page_writes') AS pages,
            current_setting('synchronous_standby_names') AS standbys`,
  )
  if (row === undefined) return []
  const verdicts: Verdict[] = []
  if (row.recovery)
    verdicts.push(
      fail('this server is a standby: nothing can be written', 'Point DATABASE_URL at the primary.'),
    )
  if (row.commit === 'off')
    verdicts.push(
      fail(
        'synchronous_commit is off: what was acknowledged as committed is lost when the server crashes',
        'Set synchronous_commit = on, for this user or database at least: ALTER ROLE … SET synchronous_commit = on',
      ),
    )
  if (row.commit === 'local' && row.standbys !== '')
    verdicts.push(
      warn(
        'synchronous_commit is local: a fail-over may lose what was acknowledged',
        'Set synchronous_commit = on, so that the standby has it too.',
      ),
    )
  for (const [setting, value] of [
    ['fsync', row.fsync],
    ['full_page_writes', row.pages],
  ] as const)
    if (value === 'off')
      verdicts.push(
        fail(
          `${setting} is off: a power cut may destroy the database`,
          `Set ${setting} = on and restart the server.`,
        ),
      )
  return verdicts.length > 0
    ? verdicts
    : [ok(`synchronous_commit is ${row.commit}, fsync on: a commit is on disk`)]
}

async function lookAtConnections(
  ask: Ask,
  { copy, mqtt }: Config,
  { isEmbedded }: DatabasePlace,
): Promise<Verdict[]> {
  if (isEmbedded) return []
  const [row] = await ask<{ most: number; used: number; ours: number }>(
    `SELECT current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer AS most,
            count(*)::integer AS used, count(*) FILTER (WHERE application_name = 'rtls-ingest')::integer AS ours
     -- Of others' connections a plain user does not see the type.
     FROM pg_stat_activity WHERE coalesce(backend_type, 'client backend') = 'client backend' AND datid IS NOT NULL`,
  )
  if (row === undefined) return []
  const wanted = copy.concurrency + sideConnections + (mqtt.shareGroup === null ? 0 : replicaConnections)
  const free = row.most - row.used
  const said = `${row.used} of ${row.most} connections in use, ${row.ours} by rtls-ingest; one service takes up to ${wanted}`
  return free + row.ours >= wanted
    ? [ok(said)]
    : [fail(said, 'Raise max_connections, or find who holds them: SELECT * FROM pg_stat_activity')]
}
