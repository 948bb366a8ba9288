/**
 * `rtls-ingest upgrade plan` and `apply`: from the command line to src/upgrade, on a server or on the embedded database.
 * The embedded one must not be served by another process, and is copied while it is closed.
 */
import { existsSync } from 'node:fs'
import type { Config } from '../config-schema.ts'
import { type ConfigSources, loadConfig } from '../config.ts'
import { lockDataDir } from '../embedded/database-lock.ts'
import { UserError } from '../ops/user-error.ts'
import { type BackupWish, applyUpgrade, refuseIfNeeded } from '../upgrade/apply.ts'
import { copyDataDir, prepareBackupDir } from '../upgrade/backup.ts'
import { type Mapping, readMapping } from '../upgrade/mapping.ts'
import { planText } from '../upgrade/plan-text.ts'
import { makePlan } from '../upgrade/plan.ts'
import { reportSummary, writeReport } from '../upgrade/report.ts'
import { withClient } from '../upgrade/state.ts'
import { survey } from '../upgrade/survey.ts'
import { isServed, withDatabase } from './database.ts'

interface RepairFlags {
  readonly mapping?: string
  readonly assignOrphansTo?: string
}

export interface ApplyFlags extends RepairFlags {
  readonly backupDir: string
  readonly pgBin?: string
  readonly iHaveABackup?: boolean
}

const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

const orphansOf = ({ assignOrphansTo }: RepairFlags): { orphansTo?: string } =>
  assignOrphansTo === undefined ? {} : { orphansTo: assignOrphansTo }

export async function planCommand(
  sources: ConfigSources,
  flags: RepairFlags & { readonly json?: boolean },
): Promise<void> {
  const config = loadConfig(sources)
  const mapping = readMapping(flags.mapping)
  requireDataDir(config)
  await withDatabase(config, async ({ url, name }) => {
    const facts = await withClient(url, async (client) => survey(client, orphansOf(flags)))
    const plan = makePlan(facts, mapping)
    say(flags.json === true ? JSON.stringify({ facts, plan }, undefined, 2) : planText(facts, plan))
    if (plan.refusals.length > 0)
      throw new UserError(
        `${name}: apply would refuse for ${plan.refusals.length === 1 ? 'one reason' : `${plan.refusals.length} reasons`}.`,
      )
    if (facts.phase === 'applied' || facts.phase === 'finalized') say('The upgrade is done already.')
  })
}

export async function applyCommand(sources: ConfigSources, flags: ApplyFlags): Promise<void> {
  const config = loadConfig(sources)
  const mapping = readMapping(flags.mapping)
  await requireAlone(config)
  const directory = await prepareBackupDir(flags.backupDir)
  const backup = await chooseBackup(config, mapping, flags, directory)
  await withDatabase(config, async ({ url }) => {
    const isDone = await applyUpgrade({ url, mapping, ...orphansOf(flags), backup, say })
    if (!isDone) return say('The upgrade is done already; nothing was changed.')
    await withClient(url, async (client) => {
      const file = await writeReport(client, directory)
      say('')
      say(`Report: ${file} (and table biotrakr_upgrade.report)`)
      for (const line of await reportSummary(client)) say(`  ${line}`)
      say(
        'Next: rtls-ingest upgrade verify. v1 is kept untouched in schema biotrakr_v1 until rtls-ingest upgrade finalize.',
      )
    })
  })
}

/** A copy of the embedded database's directory is made only where the upgrade is not begun and would not be refused. */
async function chooseBackup(
  config: Config,
  mapping: Mapping,
  flags: ApplyFlags,
  directory: string,
): Promise<BackupWish> {
  if (flags.iHaveABackup === true) return { kind: 'own' }
  if (config.database.url !== null)
    return { kind: 'dump', directory, ...(flags.pgBin === undefined ? {} : { binDir: flags.pgBin }) }
  const phase = await withDatabase(config, async ({ url }) =>
    withClient(url, async (client) => {
      const facts = await survey(client, orphansOf(flags))
      refuseIfNeeded(facts, mapping)
      return facts.phase
    }),
  )
  if (phase !== null) return { kind: 'own' }
  const lock = await lockDataDir(config.database.dataDir)
  try {
    return { kind: 'copied', path: await copyDataDir(config.database.dataDir, directory) }
  } finally {
    await lock.release()
  }
}

/** Looking for v1 must not make an empty embedded database where there is none. */
export function requireDataDir({ database }: Config): void {
  if (database.url === null && !existsSync(database.dataDir))
    throw new UserError(
      `There is no database to upgrade: DATABASE_URL is not set, and the embedded database's directory ${database.dataDir} does not exist. Set DATABASE_URL to that of BioTrakr.`,
      2,
    )
}

/** Nobody else may work on the embedded database: its one backend would mix their transactions with the upgrade's. */
export async function requireAlone(config: Config): Promise<void> {
  requireDataDir(config)
  if (await isServed(config))
    throw new UserError(
      `The embedded database in ${config.database.dataDir} is in use: something listens on port ${config.database.port}. Stop rtls-ingest first.`,
    )
}
