/**
 * An initialised, empty database, made once at build time: a new embedded database starts as its copy, three seconds sooner.
 * Lives in the cache folder of node_modules, so that a new installation makes it anew. Without it everything works, later.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { openEmbeddedDatabase } from './database.ts'

const cacheDir = fileURLToPath(new URL('../../node_modules/.cache/rtls-ingest', import.meta.url))

/** What initialising does is decided by the engine's file, and which PostgreSQL does it by the pinned packages. */
function fingerprint(): string {
  const hash = createHash('sha256')
  for (const part of ['../../dist/embedded/database-engine.js', '../../package.json'])
    hash.update(readFileSync(new URL(part, import.meta.url)))
  return hash.digest('hex').slice(0, 16)
}

/** For `openEmbeddedDatabase`; the directory may be absent. */
export const templateDir = (): string => path.join(cacheDir, `database-${fingerprint()}`)

/** Makes the template unless it is there, and removes those of other versions. */
export async function makeTemplate(): Promise<void> {
  const target = templateDir()
  if (existsSync(target)) return
  mkdirSync(cacheDir, { recursive: true })
  for (const name of readdirSync(cacheDir))
    rmSync(path.join(cacheDir, name), { recursive: true, force: true })
  const unfinished = path.join(cacheDir, `unfinished-${process.pid}`)
  const database = await openEmbeddedDatabase({
    dataDir: unfinished,
    host: '127.0.0.1',
    port: 0,
    onCrash(error) {
      throw error
    },
  })
  await database.close()
  renameSync(unfinished, target)
}
