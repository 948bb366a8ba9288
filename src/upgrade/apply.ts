/**
 * `upgrade apply`, step by step. Each step ends with a COMMIT that also notes that it is done:
 *
 *   v1 ──move──▶ moved ──migrate, convert──▶ converted ──copy pings──▶ copied ──rollups, jobs──▶ applied
 *
 * Killed before `moved`, v1 is as it was; killed later, v1 waits untouched in its schema, and running it again goes on from the
 * last step that was noted. The migrations have a ledger of their own, pings the number of the next block, rollups a queue.
 */
import type pg from 'pg'
import { migrate } from '../db/migrate.ts'
import { UserError } from '../ops/user-error.ts'
import { type Manifest, finish, makeDump } from './backup.ts'
import { convertMasterData, copyPings } from './convert.ts'
import { expectedOutput } from './expected-output.ts'
import type { Facts } from './facts.ts'
import { type Fingerprints, fingerprintV1 } from './fingerprint.ts'
import type { Mapping } from './mapping.ts'
import { lockV1, moveAway } from './move.ts'
import { makePlan } from './plan.ts'
import { pauseJobs, resumeJobs } from './policies.ts'
import { findPostgresTools } from './postgres-tools.ts'
import { refreshRollups } from './rollups.ts'
import { inTransaction, readPhase, setPhase, withUpgradeLock } from './state.ts'
import { surveyHere } from './survey.ts'

/** How the backup comes about. copied: of the embedded database's directory, made before it was opened. */
export type BackupWish =
  | { readonly kind: 'dump'; readonly directory: string; readonly binDir?: string }
  | { readonly kind: 'copied'; readonly path: string }
  | { readonly kind: 'own' }

export interface ApplyOptions {
  readonly url: string
  readonly mapping: Mapping
  readonly orphansTo?: string
  readonly backup: BackupWish
  readonly say: (text: string) => void
}

/** False: it had been applied before, nothing was done. Errors: UserError with every reason for which it refuses. */
export async function applyUpgrade(options: ApplyOptions): Promise<boolean> {
  const { url, say } = options
  return withUpgradeLock(url, say, async (client) => {
    const begun = await readPhase(client)
    if (begun === 'applied' || begun === 'finalized') return false
    if (begun === 'rolling_back')
      throw new UserError(
        'A rollback of this database was begun and not finished. Run: rtls-ingest upgrade rollback',
      )
    if (begun === null) await step(say, 'v1 moved to schema biotrakr_v1', async () => moveV1(client, options))
    else say(`going on from phase "${begun}"`)

    await step(say, 'v2 created', async () => {
      await migrate(url, { onApplied: (name) => say(`  applied ${name}`) })
    })
    await pauseJobs(client)
    if ((await readPhase(client)) === 'moved')
      await step(say, 'master data, assets and maintenance converted', async () => convertMasterData(client))
    if ((await readPhase(client)) === 'converted')
      await step(say, 'location pings copied', async () => copyPings(client, progressOf(say)))
    say('✔ v2 holds all of v1 and may be used from here on; what follows makes its reports complete and fast')
    await step(say, 'rollups refreshed', async () => refreshRollups(client))
    await step(say, 'planner statistics gathered', async () => {
      for (const table of tablesToAnalyze) await client.query(`ANALYZE public.${table}`)
    })
    await inTransaction(client, async () => {
      await resumeJobs(client)
      await setPhase(client, 'applied')
    })
    for (const line of await expectedOutput(client)) say(line)
    return true
  })
}

/** Those that got rows; the others the server does by itself. */
const tablesToAnalyze =
  `organizations facilities departments users assets maintenance_history maintenance_event_logs
  telemetry_ingest_events asset_scan_logs tag_assignments location_history`.split(/\s+/u)

async function step(say: (text: string) => void, name: string, work: () => Promise<void>): Promise<void> {
  const startedMs = performance.now()
  await work()
  say(`✔ ${name} (${((performance.now() - startedMs) / 1000).toFixed(1)} s)`)
}

/** Writers are kept out from the look at v1 to its move: what was judged, what was backed up and what is moved are one state. */
async function moveV1(client: pg.ClientBase, options: ApplyOptions): Promise<void> {
  const { mapping, orphansTo, say } = options
  await inTransaction(client, async () => {
    await keepWritersOut(client)
    const facts = await surveyHere(client, orphansTo === undefined ? {} : { orphansTo })
    refuseIfNeeded(facts, mapping)
    const fingerprint = await fingerprintV1(client, 'public')
    const backup = await makeBackup(options, facts, fingerprint)
    if (backup !== null) say(`✔ backup ${backup.file} (${backup.bytes} bytes, SHA-256 ${backup.sha256})`)
    await moveAway(client, { facts, mapping, fingerprint, backup })
  })
}

async function keepWritersOut(client: pg.ClientBase): Promise<void> {
  await client.query('SAVEPOINT before_lock')
  try {
    await lockV1(client)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === '55P03')
      throw new UserError(
        'BioTrakr is writing to this database: its tables could not be locked in 20 s. Stop the application and run it again; nothing was changed.',
        1,
        { cause: error },
      )
    // Without the right to lock there is none to move either: the plan says so, with the remedy.
    if (code !== '42501') throw error
    await client.query('ROLLBACK TO SAVEPOINT before_lock')
  }
}

export function refuseIfNeeded(facts: Facts, mapping: Mapping): void {
  const { refusals } = makePlan(facts, mapping)
  if (refusals.length > 0)
    throw new UserError(
      `The upgrade cannot be applied; nothing was changed:\n${refusals.map((refusal) => `  - ${refusal}`).join('\n')}`,
    )
}

async function makeBackup(
  { url, backup }: ApplyOptions,
  facts: Facts,
  fingerprint: Fingerprints,
): Promise<Manifest | null> {
  const source = {
    database: facts.database,
    postgres: facts.postgres.version,
    timescaledb: facts.timescale.installed,
  }
  if (backup.kind === 'own') return null
  if (backup.kind === 'copied') return finish(backup.path, 'directory', source, null, fingerprint)
  const tools = await findPostgresTools(facts.postgres.number, backup.binDir)
  return makeDump(url, backup.directory, tools, source, fingerprint)
}

const progressEveryMs = 1000

function progressOf(say: (text: string) => void): Parameters<typeof copyPings>[1] {
  let toldMs = 0
  return ({ copied, blocks, nextBlock }) => {
    if (performance.now() - toldMs < progressEveryMs && nextBlock < blocks) return
    toldMs = performance.now()
    say(`  ${copied.toLocaleString('en-US')} pings, ${Math.floor((100 * nextBlock) / blocks)} %`)
  }
}
