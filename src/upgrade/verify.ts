/**
 * `upgrade verify`: the migration guide's ten-point checklist, each point a check that can fail and tells its figure.
 * Changes nothing but the rollups it refreshes: what it inserts to try is rolled back.
 */
import type pg from 'pg'
import { UserError, messageOf } from '../ops/user-error.ts'
import { type TableComparison, compareAll } from './compare.ts'
import { readState } from './state.ts'
import {
  checkAssetCreation,
  checkCompression,
  checkHypertables,
  checkLocationTracking,
  checkRollups,
} from './verify-database.ts'

export interface Finding {
  readonly passed: boolean
  readonly figure: string
}

export interface Check {
  readonly number: number
  readonly title: string
  /** not tried is no pass: somebody has still to look. */
  readonly result: 'passed' | 'failed' | 'not tried'
  readonly figure: string
}

const number = (n: number): string => n.toLocaleString('en-US')

/** `api`: where the HTTP API answers, or undefined: that point is then not tried. Errors: UserError when there is no upgrade to verify. */
export async function verifyUpgrade(client: pg.ClientBase, api: string | undefined): Promise<Check[]> {
  const state = await readState(client)
  if (state === null)
    throw new UserError('There is no upgrade of this database to verify. Run: rtls-ingest upgrade plan')
  if (state.phase !== 'applied' && state.phase !== 'finalized')
    throw new UserError(
      `The upgrade of this database is not finished (phase "${state.phase}"). Run: rtls-ingest upgrade ${state.phase === 'rolling_back' ? 'rollback' : 'apply'}`,
    )
  const compared = await compareAll(client, state)
  const of = (...tables: string[]): TableComparison[] =>
    compared.filter(({ table }) => tables.includes(table))
  const points: [title: string, look: () => Promise<Finding | undefined>][] = [
    [
      'All existing assets are still accessible',
      async () => assets(client, of('assets', 'telemetry_ingest_events', 'asset_scan_logs')),
    ],
    [
      'Existing facilities and organizations intact',
      async () => intact(client, of('organizations', 'facilities', 'departments')),
    ],
    ['User accounts working', async () => users(client, of('users'))],
    ['API endpoints responding', async () => (api === undefined ? undefined : checkApi(api))],
    ['TimescaleDB hypertables created', async () => checkHypertables(client)],
    ['Compression policies active', async () => checkCompression(client)],
    ['Continuous aggregates working', async () => checkRollups(client)],
    ['New asset creation works with all fields', async () => checkAssetCreation(client)],
    ['Location tracking functional', async () => tracking(client, of('asset_location_pings'))],
    [
      'Maintenance history preserved',
      async () => rowsFinding(of('maintenance_tasks', 'maintenance_event_logs')),
    ],
  ]
  const checks: Check[] = []
  for (const [at, [title, look]] of points.entries()) {
    const finding = await tried(client, look)
    checks.push({
      number: at + 1,
      title,
      result: finding === undefined ? 'not tried' : finding.passed ? 'passed' : 'failed',
      figure: finding?.figure ?? 'say where it answers with --api http://127.0.0.1:3001',
    })
  }
  return checks
}

/** An error of the database is a failed check, with its message; the others are still made. */
async function tried(
  client: pg.ClientBase,
  look: () => Promise<Finding | undefined>,
): Promise<Finding | undefined> {
  try {
    return await look()
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    return { passed: false, figure: messageOf(error) }
  }
}

function rowsFinding(compared: readonly TableComparison[]): Finding {
  const passed = compared.every(({ missing, different }) => missing === 0 && different === 0)
  const figure = compared.map((table) => {
    const extra = [
      ...(table.missing > 0 ? [`${number(table.missing)} missing`] : []),
      ...(table.different > 0 ? [`${number(table.different)} different`] : []),
      ...(table.examples.length > 0 ? [table.examples.join(', ')] : []),
      ...(table.changedSince > 0 ? [`${number(table.changedSince)} changed since`] : []),
      ...(table.keptBeside > 0 ? [`${number(table.keptBeside)} values in biotrakr_upgrade.remainder`] : []),
    ]
    return `${table.table} ${number(table.rows)}${extra.length > 0 ? ` (${extra.join('; ')})` : ''}`
  })
  return { passed, figure: `every v1 row compared by content: ${figure.join(', ')}` }
}

async function assets(client: pg.ClientBase, compared: readonly TableComparison[]): Promise<Finding> {
  const rows = rowsFinding(compared)
  // The status is carried over by a mapping, so it is compared by the mapping and not by giving the old word back.
  const { rows: found } = await client.query<{ wrong: number }>(
    `SELECT count(*)::float8 AS wrong FROM public.assets a
     WHERE a.version = 1 AND a.custom_fields -> 'biotrakrV1' ->> 'status' IS NOT NULL
       AND a.asset_status::text IS DISTINCT FROM biotrakr_upgrade.translate('statuses', a.custom_fields -> 'biotrakrV1' ->> 'status')`,
  )
  const wrong = found[0]?.wrong ?? 0
  return {
    passed: rows.passed && wrong === 0,
    figure: `${rows.figure}; ${wrong === 0 ? 'all with the status the mapping gives' : `${number(wrong)} with another status than the mapping gives`}`,
  }
}

async function intact(client: pg.ClientBase, compared: readonly TableComparison[]): Promise<Finding> {
  const rows = rowsFinding(compared)
  const { rows: keys } = await client.query<{ all: number; invalid: string[] | null }>(
    `SELECT count(*)::float8 AS all, array_agg(conname::text) FILTER (WHERE NOT convalidated) AS invalid
     FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace`,
  )
  const invalid = keys[0]?.invalid ?? []
  return {
    passed: rows.passed && invalid.length === 0,
    figure: `${rows.figure}; ${number(keys[0]?.all ?? 0)} foreign keys, ${invalid.length === 0 ? 'all valid' : `not valid: ${invalid.join(', ')}`}`,
  }
}

async function users(client: pg.ClientBase, compared: readonly TableComparison[]): Promise<Finding> {
  const rows = rowsFinding(compared)
  const { rows: found } = await client.query<{ active: number; passwords: number; locked: number }>(
    `SELECT count(*) FILTER (WHERE is_active)::float8 AS active,
            count(*) FILTER (WHERE is_active AND password_hash IS NOT NULL)::float8 AS passwords,
            count(*) FILTER (WHERE locked_until > now())::float8 AS locked FROM public.users`,
  )
  const { active, passwords, locked } = found[0] ?? { active: 0, passwords: 0, locked: 0 }
  return {
    passed: rows.passed,
    figure: `${rows.figure}; ${number(active)} active, ${number(passwords)} of them with their password, ${number(locked)} locked`,
  }
}

async function tracking(client: pg.ClientBase, compared: readonly TableComparison[]): Promise<Finding> {
  const rows = rowsFinding(compared)
  const tried = await checkLocationTracking(client)
  return { passed: rows.passed && tried.passed, figure: `${rows.figure}; ${tried.figure}` }
}

const apiTimeoutMs = 10_000

async function checkApi(api: string): Promise<Finding> {
  const answers: string[] = []
  let passed = true
  for (const path of ['/health/db', '/assets']) {
    const status = await statusOf(new URL(path, api))
    answers.push(`GET ${path} ${status}`)
    passed &&= status === '200'
  }
  return { passed, figure: answers.join(', ') }
}

async function statusOf(url: URL): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(apiTimeoutMs) })
    await response.body?.cancel()
    return String(response.status)
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    return `no answer (${cause instanceof Error ? cause.message : String(cause)})`
  }
}

/** For people. */
export function checksText(checks: readonly Check[]): string {
  const marks = { passed: '✔', failed: '✘', 'not tried': '–' } as const
  const count = (result: Check['result']): number => checks.filter((check) => check.result === result).length
  return [
    ...checks.map(
      (check) =>
        `${marks[check.result]} ${String(check.number).padStart(2)}. ${check.title}: ${check.figure}`,
    ),
    '',
    `${count('passed')} passed, ${count('failed')} failed, ${count('not tried')} not tried`,
  ].join('\n')
}

/** v1 is to be dropped only when nothing speaks against it. */
export const isVerified = (checks: readonly Check[]): boolean =>
  checks.every(({ result }) => result !== 'failed')
