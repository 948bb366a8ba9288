/**
 * `upgrade rollback --from-dump`: v1 from the backup, where the kept schema is gone or not to be trusted. Proves by the manifest's
 * checksums that what was restored is what was saved. Restores in place only where nothing else is in the way.
 */
import { existsSync } from 'node:fs'
import { cp, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import type pg from 'pg'
import { lockDataDir } from '../embedded/database-lock.ts'
import { UserError } from '../ops/user-error.ts'
import { checkDump } from './backup.ts'
import { type Fingerprints, fingerprintV1 } from './fingerprint.ts'
import { type Manifest, readManifest, requireIntact } from './manifest.ts'
import { connectionFor, findPostgresTools, run } from './postgres-tools.ts'
import { removeObjects } from './remove-v2.ts'
import { type RollbackOptions, makeRoom, requireSame } from './rollback.ts'
import { inTransaction, readState, withUpgradeLock } from './state.ts'
import { survey } from './survey.ts'
import { v1Schema } from './v1-tables.ts'

/** Of a dump into the server's database. Errors: UserError. */
export async function restoreDump(
  options: RollbackOptions & { readonly file: string; readonly binDir?: string },
): Promise<Fingerprints> {
  const { url, file, say } = options
  const manifest = await readIntact(file, 'dump')
  return withUpgradeLock(url, say, async (client) => {
    const facts = await survey(client)
    const tools = await findPostgresTools(facts.postgres.number, options.binDir)
    await checkDump(file, tools, Object.keys(manifest.fingerprint))
    const state = await readState(client)
    const isRestored = await hasV1(client)
    if (isRestored && state?.phase !== 'rolling_back')
      throw new UserError('BioTrakr v1 is in this database already: there is nothing to restore.')
    const foreign = state?.foreignObjects ?? facts.foreignObjects.map(({ name }) => name)
    if (foreign.length > 0)
      throw new UserError(
        `Schema public has what is not of BioTrakr (${foreign.join(', ')}), and the dump has it too. Restore into an empty database: ` +
          `createdb NEW, then pg_restore --dbname=NEW ${file}; with TimescaleDB in it, between SELECT timescaledb_pre_restore() and SELECT timescaledb_post_restore().`,
      )
    if (!isRestored) {
      if (state !== null) {
        await makeRoom(client, state, options)
        await inTransaction(client, async () => removeObjects(client, state))
      }
      const { dbname, env } = connectionFor(url)
      await run(
        tools.restore,
        ['--schema=public', '--single-transaction', '--exit-on-error', `--dbname=${dbname}`, file],
        env,
      )
      say(`✔ ${file} restored`)
    }
    const found = await fingerprintV1(client, 'public')
    requireSame(manifest.fingerprint, found, 'in the backup')
    // Proved to be the same, so the kept copy has no use any more.
    await client.query(`DROP SCHEMA IF EXISTS ${v1Schema} CASCADE`)
    await client.query('DROP SCHEMA IF EXISTS biotrakr_upgrade CASCADE')
    return found
  })
}

async function hasV1(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('public.assets') AND attname = 'assetTag') AS found`,
  )
  return rows[0]?.found === true
}

async function readIntact(file: string, kind: Manifest['kind']): Promise<Manifest> {
  const manifest = await readManifest(path.resolve(file))
  if (manifest.kind !== kind)
    throw new UserError(
      kind === 'dump'
        ? `${file} is a copy of an embedded database; DATABASE_URL names a server. Unset DATABASE_URL to restore it.`
        : `${file} is a dump of a server; this is the embedded database. Set DATABASE_URL to restore it.`,
    )
  await requireIntact(manifest)
  return manifest
}

/** PostgreSQL's own directory inside the data directory: src/embedded/database-engine.ts. */
const home = 'postgres'

/**
 * Of a copy into the data directory of the embedded database, which must be closed. What was there is kept beside it and returned.
 * The caller opens the database and compares with the manifest.
 */
export async function restoreDataDir(
  dataDir: string,
  backup: string,
): Promise<{ readonly manifest: Manifest; readonly before: string | null }> {
  const manifest = await readIntact(backup, 'directory')
  const lock = await lockDataDir(dataDir)
  try {
    const target = path.join(dataDir, home)
    const restored = path.join(dataDir, `${home}.restored`)
    await rm(restored, { recursive: true, force: true })
    await cp(path.join(manifest.file, home), restored, { recursive: true, preserveTimestamps: true })
    const before = existsSync(target) ? `${target}.before-rollback-${Date.now()}` : null
    if (before !== null) await rename(target, before)
    await rename(restored, target)
    return { manifest, before }
  } finally {
    await lock.release()
  }
}
