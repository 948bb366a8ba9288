/**
 * Databases made once at build time, as whose copy a new embedded database starts: `migrated`, with the schema of this version,
 * some seven seconds sooner than without, and `empty`, three seconds sooner.
 * They live in the cache folder of node_modules, so that a new installation makes them anew. Without them everything works, later.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { migrate, readMigrations } from '../db/migrate.ts'
import { openEmbeddedDatabase } from './database.ts'

const cacheDir = fileURLToPath(new URL('../../node_modules/.cache/rtls-ingest', import.meta.url))

type Kind = 'empty' | 'migrated'

/** What initialising does is decided by the engine's file, which PostgreSQL does it by the pinned packages, what is in it by sql/. */
function fingerprint(kind: Kind): string {
  const hash = createHash('sha256')
  for (const part of ['../../dist/embedded/database-engine.js', '../../package.json'])
    hash.update(readFileSync(new URL(part, import.meta.url)))
  if (kind === 'migrated') {
    const { migrations, repeatable } = readMigrations()
    for (const { name, checksum } of [...migrations, ...repeatable]) hash.update(`${name} ${checksum}\n`)
  }
  return hash.digest('hex').slice(0, 16)
}

/** For `openEmbeddedDatabase`; the directory may be absent. */
export const templateDir = (kind: Kind): string => path.join(cacheDir, `${kind}-${fingerprint(kind)}`)

/** Makes the templates that are not there, and removes those of other versions. */
export async function makeTemplates(): Promise<void> {
  const empty = templateDir('empty')
  const migrated = templateDir('migrated')
  if (existsSync(empty) && existsSync(migrated)) return
  mkdirSync(cacheDir, { recursive: true })
  for (const name of readdirSync(cacheDir))
    if (![empty, migrated].includes(path.join(cacheDir, name)))
      rmSync(path.join(cacheDir, name), { recursive: true, force: true })
  if (!existsSync(empty)) await make(empty)
  await make(migrated, empty)
}

async function make(target: string, from?: string): Promise<void> {
  const unfinished = path.join(cacheDir, `unfinished-${process.pid}`)
  const database = await openEmbeddedDatabase({
    dataDir: unfinished,
    ...(from === undefined ? {} : { templateDir: from }),
    host: '127.0.0.1',
    port: 0,
    onCrash(error) {
      throw error
    },
  })
  try {
    if (from !== undefined) await migrate(database.url)
  } finally {
    await database.close()
  }
  renameSync(unfinished, target)
}
