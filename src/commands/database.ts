/**
 * The database a command works on: the configured one; else the embedded one, as the service that runs serves it,
 * or opened for as long as the command takes.
 */
import net from 'node:net'
import type { Config } from '../config-schema.ts'
import { redactUrl } from '../config.ts'
import { judge } from '../db/failure.ts'
import { embeddedUrl, openEmbeddedDatabase } from '../embedded/database.ts'
import { templateDir } from '../embedded/template.ts'
import { UserError } from '../ops/user-error.ts'

export interface CommandDatabase {
  readonly url: string
  /** For people: without a password. */
  readonly name: string
}

/** Errors of the way to the database become one sentence with its name. */
export async function withDatabase<T>(
  config: Config,
  work: (database: CommandDatabase) => Promise<T>,
): Promise<T> {
  const { url, dataDir } = config.database
  const embedded =
    url === null && !(await isServed(config))
      ? await openEmbeddedDatabase({
          ...config.database,
          templateDir: templateDir('migrated'),
          onCrash(error) {
            throw error
          },
        })
      : undefined
  const database: CommandDatabase =
    url === null
      ? {
          url: embedded?.url ?? embeddedUrl(config.database),
          name: `the embedded database in ${dataDir}`,
        }
      : { url, name: redactUrl(url) }
  try {
    return await work(database)
  } catch (error) {
    if (error instanceof UserError || !isFromDatabase(error)) throw error
    const { because, message } = judge(error, 'before-commit')
    throw new UserError(`${database.name}: ${because}: ${message}`, 1, { cause: error })
  } finally {
    await embedded?.close()
  }
}

/** Whether a service that runs serves the embedded database. */
export async function isServed({ database: { url, host, port } }: Config): Promise<boolean> {
  return url === null && (await answers(host, port))
}

/** A bug of ours keeps its stack. */
const isFromDatabase = (error: unknown): boolean => !judge(error, 'before-commit').isUnknown

async function answers(host: string, port: number): Promise<boolean> {
  if (port === 0) return false
  return new Promise((resolve) => {
    const socket = net.connect({ host, port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
