/**
 * How far the upgrade of a database has come, kept in the database itself (schema biotrakr_upgrade): a process that is killed
 * leaves it true, because every change of it is in the transaction of the work it speaks of.
 * Also the lock that lets one upgrade at a time work on a server.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type pg from 'pg'
import { DatabaseClient } from '../db/client.ts'
import { UserError } from '../ops/user-error.ts'
import type { Manifest } from './backup.ts'
import type { Phase } from './facts.ts'
import type { Fingerprints } from './fingerprint.ts'

export interface UpgradeState {
  readonly phase: Phase
  readonly nextBlock: number
  readonly pingsCopied: number
  readonly fingerprint: Fingerprints
  readonly backup: Manifest | null
  readonly foreignObjects: readonly string[]
  readonly v1Objects: readonly string[]
  readonly startedAt: Date
  readonly appliedAt: Date | null
}

/** null: no upgrade of this database was begun. */
export async function readState(client: pg.ClientBase): Promise<UpgradeState | null> {
  const { rows: found } = await client.query<{ found: boolean }>(
    `SELECT to_regclass('biotrakr_upgrade.state') IS NOT NULL AS found`,
  )
  if (found[0]?.found !== true) return null
  const { rows } = await client.query<UpgradeState>(
    `SELECT phase, next_block::float8 AS "nextBlock", pings_copied::float8 AS "pingsCopied", fingerprint, backup,
            foreign_objects AS "foreignObjects", v1_objects AS "v1Objects", started_at AS "startedAt", applied_at AS "appliedAt"
     FROM biotrakr_upgrade.state`,
  )
  return rows[0] ?? null
}

export const readPhase = async (client: pg.ClientBase): Promise<Phase | null> =>
  (await readState(client))?.phase ?? null

/** To be called in the transaction of the work that it concludes. */
export async function setPhase(client: pg.ClientBase, phase: Phase): Promise<void> {
  await client.query(
    `UPDATE biotrakr_upgrade.state
     SET phase = $1, applied_at = CASE WHEN $1 = 'applied' THEN now() ELSE applied_at END`,
    [phase],
  )
}

/** One transaction; what fails in it is as if it had not been begun. */
export async function inTransaction<T>(client: pg.ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN')
  try {
    const result = await work()
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

const lockKey = 7_415_330_003
/** A killed upgrade's last statement may still run in the server, and holds the lock until it notices. */
const lockPatienceMs = 60_000
const lockPollMs = 500

/**
 * Runs `work` on a connection that holds the upgrade's lock. On the embedded database, one backend, the lock of its data directory
 * excludes others; there this one is only a formality.
 */
export async function withUpgradeLock<T>(
  url: string,
  say: (text: string) => void,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  return withClient(url, async (client) => {
    const deadlineMs = performance.now() + lockPatienceMs
    for (let isTold = false; !(await takeLock(client)); isTold = true) {
      if (performance.now() > deadlineMs)
        throw new UserError(
          'Another upgrade of this database is under way. Wait for its end, or end it; nothing was changed by this one.',
        )
      if (!isTold) say('waiting: another upgrade of this database is under way')
      await wait(lockPollMs)
    }
    return work(client)
  })
}

async function takeLock(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1) AS held', [lockKey])
  return rows[0]?.held === true
}

/** A connection without the limits of everyday work: single statements of an upgrade take minutes. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new DatabaseClient({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    application_name: 'rtls-ingest upgrade',
    options:
      '-c client_min_messages=warning -c timezone=UTC -c statement_timeout=0 -c idle_in_transaction_session_timeout=0',
  })
  // Reported by the query under way; without a listener it would end the process.
  client.on('error', () => undefined)
  await client.connect()
  try {
    // So that the server notices within a second that we were killed, and gives the lock back.
    await client.query(`SET client_connection_check_interval = '1s'`).catch(() => undefined)
    return await work(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}
