/**
 * The backup `upgrade apply` insists on: made, checked by reading all of it, and noted in a manifest, before anything is changed.
 * Guarantees that a file without ".partial" in its name is whole and on the disk.
 */
import { cp, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import path from 'node:path'
import { UserError, messageOf } from '../ops/user-error.ts'
import type { Fingerprints } from './fingerprint.ts'
import { type Manifest, checksumOf, writeManifest } from './manifest.ts'
import { type PostgresTools, connectionFor, run } from './postgres-tools.ts'

export type { Manifest } from './manifest.ts'

export interface BackupSource {
  readonly database: string
  readonly postgres: string
  readonly timescaledb: string | null
}

/** Made if absent; must be writable. Errors: UserError. */
export async function prepareBackupDir(directory: string): Promise<string> {
  const absolute = path.resolve(directory)
  try {
    await mkdir(absolute, { recursive: true, mode: 0o700 })
    const probe = await open(path.join(absolute, `.probe-${process.pid}`), 'w')
    await probe.close()
    await rm(path.join(absolute, `.probe-${process.pid}`))
  } catch (error) {
    throw new UserError(`The backup directory ${absolute} cannot be written to: ${messageOf(error)}`, 1, {
      cause: error,
    })
  }
  return absolute
}

const stamp = (): string => new Date().toISOString().replaceAll(/[-:]|\.\d+/gu, '')

/**
 * pg_dump -Fc of the whole database. The caller keeps writers out until it is done, so that `fingerprint` and the dump speak of
 * one state.
 */
export async function makeDump(
  url: string,
  directory: string,
  tools: PostgresTools,
  source: BackupSource,
  fingerprint: Fingerprints,
): Promise<Manifest> {
  const file = path.join(directory, `biotrakr-v1-${stamp()}.dump`)
  const unfinished = `${file}.partial`
  const { dbname, env } = connectionFor(url)
  try {
    await run(tools.dump, ['-Fc', `--file=${unfinished}`, `--dbname=${dbname}`], env)
    await checkDump(unfinished, tools, Object.keys(fingerprint))
    await syncFile(unfinished)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
  await rename(unfinished, file)
  return finish(file, 'dump', source, tools.version, fingerprint)
}

/** Its list must name the data of every v1 table, and all of its data must be readable. */
export async function checkDump(
  file: string,
  tools: PostgresTools,
  tables: readonly string[],
): Promise<void> {
  const { stdout } = await run(tools.restore, ['--list', file], {})
  const missing = tables.filter((table) => !stdout.includes(` TABLE DATA public ${table} `))
  if (missing.length > 0)
    throw new UserError(
      `The backup ${file} lacks the data of: ${missing.join(', ')}. It must not be relied on.`,
    )
  // The list stands at the beginning of the file; only reading everything finds one that was cut off.
  await run(tools.restore, ['--file=/dev/null', file], {})
}

/** A copy of the data directory of an embedded database that is closed and kept closed by the caller. The manifest is to follow. */
export async function copyDataDir(dataDir: string, directory: string): Promise<string> {
  const target = path.join(directory, `biotrakr-v1-${stamp()}`)
  const unfinished = `${target}.partial`
  const size = (await checksumOf(dataDir, 'directory')).bytes
  const { bavail, bsize } = await statfs(directory)
  if (bavail * bsize < size)
    throw new UserError(
      `The backup needs ${Math.ceil(size / 2 ** 20)} MB, and ${directory} has ${Math.floor((bavail * bsize) / 2 ** 20)} MB free. Free some, or name another with --backup-dir.`,
    )
  try {
    await cp(dataDir, unfinished, { recursive: true, preserveTimestamps: true })
    const entries = await readdir(unfinished, { recursive: true, withFileTypes: true })
    for (const entry of entries) if (entry.isFile()) await syncFile(path.join(entry.parentPath, entry.name))
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    throw error
  }
  await rename(unfinished, target)
  return target
}

export async function finish(
  file: string,
  kind: Manifest['kind'],
  source: BackupSource,
  pgDump: string | null,
  fingerprint: Fingerprints,
): Promise<Manifest> {
  const manifest: Manifest = {
    kind,
    file,
    ...(await checksumOf(file, kind)),
    ...source,
    pgDump,
    createdAt: (await stat(file)).mtime.toISOString(),
    fingerprint,
  }
  await writeManifest(manifest)
  return manifest
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
