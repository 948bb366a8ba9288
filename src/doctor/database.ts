/**
 * The database as the service would meet it: the way to it, its versions, its schema. Reads only. Its rights and settings are
 * in database-settings.ts, whether it is as sql/ says in database-drift.ts, how it fares in database-upkeep.ts.
 */
import type { Duplex } from 'node:stream'
import type pg from 'pg'
import { DatabaseClient } from '../db/client.ts'
import type { Config } from '../config-schema.ts'
import { judge } from '../db/failure.ts'
import { type MigrationPlan, planMigrations } from '../db/migrate.ts'
import { requireTimescale } from '../db/timescale.ts'
import { UserError, messageOf } from '../ops/user-error.ts'
import { settingsChecks } from './database-settings.ts'
import { type Check, type GroupRules, type Verdict, fail, ok, skip, warn } from './finding.ts'

export interface DatabasePlace {
  readonly url: string
  /** Without a password. */
  readonly name: string
  readonly isEmbedded: boolean
}

/** One answer of the database; throws what pg throws. */
export type Ask = <Row extends pg.QueryResultRow>(sql: string, values?: unknown[]) => Promise<Row[]>

/**
 * Pairs that do not work together, as seen. The jobs of 2.23.1 fail on 15.20 with "cannot drop portal … while it is being
 * set up": no rollup is refreshed, nothing is compressed or dropped.
 */
const badPairs: readonly { readonly server: string; readonly timescale: string; readonly because: string }[] =
  [
    {
      server: '15.20',
      timescale: '2.23.1',
      because: 'its background jobs fail there ("cannot drop portal while it is being set up")',
    },
  ]

/** Clocks that differ by less are as good as the network's own delay. */
const skewS = 1
const slowMs = 50

export function databaseRules(place: DatabasePlace, deadlineMs: number): GroupRules {
  const silenceRemedy = `${place.name} is frozen or very busy, or something on the way to it drops packets: look at the load and log of the server, at locks (pg_stat_activity), and at firewalls.`
  return {
    deadlineMs,
    explain(error) {
      if (error instanceof UserError) return fail(error.message, 'As the message says.')
      // pg's word for a server that took the connection, or its packets, and said nothing.
      if (messageOf(error) === 'timeout expired')
        return fail(`${place.name} does not answer (database.connectTimeoutMs)`, silenceRemedy)
      const { because, code, message } = judge(error, 'before-commit')
      // The right itself is missed under rights, once.
      if (code === '42501' && /for (?:table|view)/u.test(message)) return skip(`not looked at: ${message}`)
      return fail(`${place.name}: ${because}: ${message}`, remedyOf(error, place))
    },
    silenceRemedy,
  }
}

function remedyOf(error: unknown, { isEmbedded }: DatabasePlace): string {
  const { code, verdict } = judge(error, 'before-commit')
  if (isEmbedded) return 'Look at the log of the running service.'
  if (code?.startsWith('28') === true || /password/iu.test(messageOf(error)))
    return 'Check user and password in DATABASE_URL (DATABASE_PASSWORD, DATABASE_PASSWORD_FILE) and pg_hba.conf.'
  if (code === '3D000') return 'Create the database, or correct its name in DATABASE_URL.'
  if (code === '53300')
    return 'Raise max_connections, or close what holds the connections (pg_stat_activity).'
  if (code === 'ENOTFOUND' || code?.startsWith('EAI') === true) return 'Correct the host in DATABASE_URL.'
  return verdict === 'fatal'
    ? 'Mend what the message names; nothing is lost meanwhile, but nothing is stored.'
    : 'Check host and port in DATABASE_URL, and that the server runs and listens there.'
}

export function databaseChecks(
  config: Config,
  place: DatabasePlace,
  upkeep: (ask: Ask) => readonly Check[],
): { checks: Check[]; close(): void } {
  const client = new DatabaseClient({
    connectionString: place.url,
    connectionTimeoutMillis: config.database.connectTimeoutMs,
    statement_timeout: config.database.statementTimeoutMs,
    application_name: 'rtls-ingest doctor',
  })
  // Reported by the question under way.
  client.on('error', () => undefined)
  const ask: Ask = async (sql, values) => (await client.query<never>(sql, values)).rows

  return {
    checks: [
      {
        name: 'connection',
        isGate: true,
        async look() {
          await client.connect()
          // One backend serves everybody: a write of the doctor's would be one of the service's way.
          await client.query('SET default_transaction_read_only = on')
          return lookAtWay(ask, place)
        },
      },
      { name: 'versions', look: async () => lookAtVersions(ask, client, place), isGate: true },
      { name: 'migrations', look: async () => lookAtMigrations(config, place), isGate: true },
      ...settingsChecks(ask, config, place),
      ...upkeep(ask),
    ],
    /** Without a goodbye: a frozen server would not hear it. */
    close() {
      const { connection } = client as unknown as { connection?: { stream?: Duplex } }
      connection?.stream?.destroy()
    },
  }
}

async function lookAtWay(ask: Ask, { name }: DatabasePlace): Promise<Verdict[]> {
  const rounds: { ms: number; skewMs: number }[] = []
  for (let round = 0; round < 5; round += 1) {
    const sentMs = Date.now()
    const started = performance.now()
    const [row] = await ask<{ ms: number }>(
      'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms',
    )
    const ms = performance.now() - started
    rounds.push({ ms, skewMs: (row?.ms ?? sentMs) - (sentMs + ms / 2) })
  }
  // The quickest round knows the most about the clock: its own delay blurs it the least.
  const best = rounds.reduce((a, b) => (b.ms < a.ms ? b : a))
  const said = `${name} answers in ${best.ms.toFixed(1)} ms`
  const skew = best.skewMs / 1000
  return [
    best.ms < slowMs
      ? ok(said)
      : warn(
          said,
          'Every COMMIT waits this long: bring service and database closer, or raise copy.concurrency.',
        ),
    Math.abs(skew) <= skewS + best.ms / 2000
      ? ok(`its clock and ours differ by ${Math.abs(skew).toFixed(2)} s`)
      : warn(
          `its clock is ${Math.abs(skew).toFixed(1)} s ${skew > 0 ? 'ahead of' : 'behind'} ours`,
          'Let both hosts keep time (chrony, systemd-timesyncd): received_at is our clock, rollups and policies go by its.',
        ),
  ]
}

async function lookAtVersions(ask: Ask, client: pg.Client, place: DatabasePlace): Promise<Verdict[]> {
  await requireTimescale(client, { mayCreate: false })
  const [row] = await ask<{ server: string; timescale: string; license: string; superuser: boolean }>(
    `SELECT current_setting('server_version') AS server,
            (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescale,
            coalesce(current_setting('timescaledb.license', true), '') AS license`,
  )
  const [server = ''] = (row?.server ?? '').split(' ')
  const timescale = row?.timescale ?? ''
  const said = `PostgreSQL ${server}, TimescaleDB ${timescale}, ${row?.license === 'timescale' ? 'Community edition' : `licence "${row?.license}"`}${place.isEmbedded ? ', embedded' : ''}`
  const bad = badPairs.find((pair) => pair.server === server && pair.timescale === timescale)
  return [
    bad === undefined
      ? ok(said)
      : fail(`${said}: ${bad.because}`, 'Use another minor release of PostgreSQL, or a newer TimescaleDB.'),
  ]
}

async function lookAtMigrations({ database }: Config, { url }: DatabasePlace): Promise<Verdict[]> {
  let plan: MigrationPlan
  try {
    plan = await planMigrations(url)
  } catch (error) {
    // What else it lacks is said under rights.
    if (judge(error, 'before-commit').code !== '42501') throw error
    return [
      warn(
        'whether migrations are pending is not known: this user may not read rtls_schema_migrations',
        'As owner: GRANT SELECT ON rtls_schema_migrations TO this user.',
      ),
    ]
  }
  const { pending, applied, unknown, isNewer } = plan
  const verdicts: Verdict[] = []
  if (applied.length === 0) {
    const said = 'the database is empty'
    return database.migrate
      ? [skip(`${said}: the service makes its tables at its first start; run doctor again then`)]
      : [fail(`${said}, and database.migrate is false`, 'Run: rtls-ingest migrate')]
  }
  const names = pending.map(({ file }) => file.name).join(', ')
  if (pending.length > 0)
    verdicts.push(
      database.migrate
        ? warn(
            `${pending.length} pending: ${names}`,
            'The service applies them at its next start; sooner: rtls-ingest migrate',
          )
        : fail(
            `${pending.length} pending, and database.migrate is false: ${names}`,
            'Run: rtls-ingest migrate',
          ),
    )
  if (isNewer || unknown.length > 0)
    verdicts.push(
      warn(
        `the schema is that of a newer version${unknown.length > 0 ? `: ${unknown.join(', ')}` : ''}`,
        'This one works with it, and changes nothing of it. Finish the upgrade: start the newer version everywhere.',
      ),
    )
  return verdicts.length > 0 ? verdicts : [ok('the schema is that of this version')]
}
