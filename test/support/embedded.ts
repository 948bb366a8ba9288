/**
 * An embedded database for one test file: a copy of a template that the build initialised, so that
 * opening costs a second instead of five.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedDatabase, type EmbeddedDatabase } from '../../src/embedded/database.ts'
import { makeTemplates, templateDir as pathOf } from '../../src/embedded/template.ts'

/** Opens a fresh database on a free port; closing it removes its directory. A crash fails the test run. */
export async function openTestEmbedded(
  kind: 'empty' | 'migrated' = 'empty',
): Promise<EmbeddedDatabase & { readonly dataDir: string }> {
  const templateDir = await prepareTemplate(kind)
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

/** The directory of the template, made by the build. Not to be opened: to be given as `templateDir`. */
export async function prepareTemplate(kind: 'empty' | 'migrated' = 'empty'): Promise<string> {
  await makeTemplates()
  return pathOf(kind)
}
