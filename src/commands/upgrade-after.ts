/** `rtls-ingest upgrade verify`, `rollback` and `finalize`: what comes after apply. */
import { createInterface } from 'node:readline/promises'
import type { Config } from '../config-schema.ts'
import { type ConfigSources, loadConfig } from '../config.ts'
import { UserError } from '../ops/user-error.ts'
import { dropV1 } from '../upgrade/finalize.ts'
import { type Fingerprints, fingerprintV1 } from '../upgrade/fingerprint.ts'
import { findNewRows } from '../upgrade/new-data.ts'
import { megabytes } from '../upgrade/plan.ts'
import { restoreDataDir, restoreDump } from '../upgrade/restore.ts'
import { type RollbackOptions, requireSame, rollBack } from '../upgrade/rollback.ts'
import { readState, withClient, withUpgradeLock } from '../upgrade/state.ts'
import { checksText, isVerified, verifyUpgrade } from '../upgrade/verify.ts'
import { withDatabase } from './database.ts'
import { requireAlone, requireDataDir } from './upgrade.ts'

export interface RollbackFlags {
  readonly fromDump?: string
  readonly export?: string
  readonly discardNewData?: boolean
  readonly pgBin?: string
}

const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

export async function verifyCommand(
  sources: ConfigSources,
  { api, json }: { readonly api?: string; readonly json?: boolean },
): Promise<void> {
  const config = loadConfig(sources)
  requireDataDir(config)
  if (api !== undefined && !/^https?:\/\//u.test(api))
    throw new UserError(`--api: expected a URL such as http://127.0.0.1:3001, got "${api}"`, 2)
  await withDatabase(config, async ({ url }) => {
    const checks = await withClient(url, async (client) => verifyUpgrade(client, api))
    say(json === true ? JSON.stringify(checks, undefined, 2) : checksText(checks))
    if (!isVerified(checks)) throw new UserError('The upgrade is not verified: see the points that failed.')
  })
}

export async function rollbackCommand(sources: ConfigSources, flags: RollbackFlags): Promise<void> {
  const config = loadConfig(sources)
  await requireAlone(config)
  const options: Omit<RollbackOptions, 'url'> = {
    mayDiscard: flags.discardNewData === true,
    ...(flags.export === undefined ? {} : { exportDir: flags.export }),
    say,
  }
  if (flags.fromDump !== undefined && config.database.url === null)
    return rollBackDirectory(config, flags.fromDump, options)
  await withDatabase(config, async ({ url }) => {
    const found =
      flags.fromDump === undefined
        ? await rollBack({ ...options, url })
        : await restoreDump({
            ...options,
            url,
            file: flags.fromDump,
            ...(flags.pgBin === undefined ? {} : { binDir: flags.pgBin }),
          })
    sayProof(found)
  })
}

async function rollBackDirectory(
  config: Config,
  backup: string,
  { mayDiscard }: Omit<RollbackOptions, 'url'>,
): Promise<void> {
  await withDatabase(config, async ({ url }) =>
    withClient(url, async (client) => {
      const state = await readState(client)
      const rows = state === null ? [] : await findNewRows(client, state)
      if (rows.length > 0 && !mayDiscard)
        throw new UserError(
          `v2 has rows that the backup does not (${rows.map(({ table, rows: n }) => `${table} ${n}`).join(', ')}); nothing was changed. Add --discard-new-data to go back all the same: the present directory is kept beside the restored one.`,
        )
    }),
  )
  const { manifest, before } = await restoreDataDir(config.database.dataDir, backup)
  if (before !== null) say(`What was there is kept in ${before}`)
  await withDatabase(config, async ({ url }) => {
    const found = await withClient(url, async (client) => fingerprintV1(client, 'public'))
    requireSame(manifest.fingerprint, found, 'in the backup')
    sayProof(found)
  })
}

function sayProof(found: Fingerprints): void {
  for (const [table, { rows, checksum }] of Object.entries(found))
    say(`  ${table.padEnd(26)}${rows.toLocaleString('en-US').padStart(12)}  ${checksum}`)
  say('✔ BioTrakr v1 is as it was: rows and checksums of every table are those taken before the upgrade')
}

export async function finalizeCommand(sources: ConfigSources, isSure: boolean): Promise<void> {
  const config = loadConfig(sources)
  await requireAlone(config)
  await withDatabase(config, async ({ url }) =>
    withUpgradeLock(url, say, async (client) => {
      if ((await readState(client))?.phase === 'finalized')
        return say('v1 was dropped before; nothing was changed.')
      const checks = await verifyUpgrade(client, undefined)
      say(checksText(checks))
      if (!isVerified(checks)) throw new UserError('v1 is kept: see the points that failed.')
      await ask(isSure)
      say(`✔ schema biotrakr_v1 dropped, ${megabytes(await dropV1(client))} given back`)
    }),
  )
}

async function ask(isSure: boolean): Promise<void> {
  if (isSure) return
  if (!process.stdin.isTTY)
    throw new UserError('finalize: schema biotrakr_v1 would be dropped for good; add --yes to do it.', 2)
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await terminal.question('Drop BioTrakr v1 for good? Only the backup remains. Type yes: ')
  terminal.close()
  if (answer.trim().toLowerCase() !== 'yes') throw new UserError('Nothing was dropped.')
}
