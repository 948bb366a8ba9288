/**
 * Reads the configuration again while the service runs: when one of the files with secrets or certificates has changed, and when
 * asked to (SIGHUP). What is not valid changes nothing and is said; what takes effect only after a restart is named.
 * Looks by itself every few seconds instead of watching: Kubernetes swaps symbolic links, which file watchers miss.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { filesOf } from './config-files.ts'
import type { Config } from './config-schema.ts'
import { type ConfigSources, loadConfig, redactUrl } from './config.ts'
import type { Logger } from './ops/logger.ts'
import { UserError } from './ops/user-error.ts'

/** Which connections are to be made anew. */
export interface Renewal {
  readonly broker: boolean
  readonly database: boolean
}

export interface ConfigReload {
  /** At once, and all connections anew, whatever has changed. */
  now(): void
  close(): void
}

const lookEveryMs = 2000

export function openConfigReload(
  sources: ConfigSources,
  config: Config,
  log: Logger,
  apply: (next: Config, renewal: Renewal) => void,
): ConfigReload {
  let current = config
  let seen = digestOf(filesOf(config, sources.environment))
  let applied = { broker: brokerPrint(config), database: databasePrint(config) }

  const reload = (isAsked: boolean): void => {
    let next: Config
    try {
      next = loadConfig(sources)
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      // A certificate and its key are seldom replaced in one instant; what is in force stays so until they fit.
      log.error(`${error.message}\nNothing was changed: the service goes on with what it had.`)
      return
    }
    const prints = { broker: brokerPrint(next), database: databasePrint(next) }
    const renewal = {
      broker: isAsked || prints.broker !== applied.broker,
      database: isAsked || prints.database !== applied.database,
    }
    const waiting = changedKeys(current, next).filter((key) => !isReloaded(key))
    applied = prints
    // What waits for a restart is told once.
    current = next
    apply(next, renewal)
    log.info(
      { connectionsMadeAnew: Object.entries(renewal).flatMap(([name, isAnew]) => (isAnew ? [name] : [])) },
      'read the configuration again: tokens, passwords and certificates are in force',
    )
    if (waiting.length > 0)
      log.warn({ keys: waiting }, 'changed in the configuration, and in force only after a restart')
  }

  const look = (): void => {
    const now = digestOf(filesOf(current, sources.environment))
    if (now === seen) return
    seen = now
    reload(false)
  }
  const timer = setInterval(look, lookEveryMs)
  timer.unref()
  return {
    now() {
      seen = digestOf(filesOf(current, sources.environment))
      reload(true)
    },
    close: () => clearInterval(timer),
  }
}

/** Of what the files hold; one that cannot be read now counts as one that holds nothing. */
function digestOf(files: readonly string[]): string {
  const hash = createHash('sha256')
  for (const file of files) {
    hash.update(`${file}\0`)
    try {
      hash.update(readFileSync(file))
    } catch {
      hash.update('\0')
    }
  }
  return hash.digest('hex')
}

const brokerPrint = ({ mqtt }: Config): string =>
  JSON.stringify([mqtt.url, mqtt.username, mqtt.password]) + digestOf(filesOf(only({ mqtt }), {}))

const databasePrint = ({ database }: Config): string =>
  JSON.stringify(database.url) + digestOf(filesOf(only({ database }), {}))

const noFiles = { caFile: null, certFile: null, keyFile: null, users: [] }
/** The files of one section. */
const only = (
  section: Partial<Pick<Config, 'mqtt' | 'database'>>,
): Pick<Config, 'mqtt' | 'database' | 'http'> =>
  ({ mqtt: noFiles, database: { url: null }, http: { ...noFiles, tokens: [] }, ...section }) as never

/** Takes effect without a restart. The host of a URL does not: its session is at that broker. */
const isReloaded = (key: string): boolean =>
  /^(?:mqtt\.(?:username|password|users|caFile|certFile|keyFile)|database\.(?:password|caFile|certFile|keyFile)|http\.(?:writeToken|tokens|certFile|keyFile))$/u.test(
    key,
  )

/** Of a URL without what may change: another password is in force at once. */
const seenAs = (value: unknown): string =>
  JSON.stringify(typeof value === 'string' && URL.canParse(value) ? redactUrl(value) : value)

function changedKeys(before: Config, after: Config): string[] {
  return Object.entries(after).flatMap(([section, keys]) => {
    const old: unknown = before[section as keyof Config]
    if (Array.isArray(keys)) return JSON.stringify(old) === JSON.stringify(keys) ? [] : [section]
    return Object.entries(keys)
      .filter(([key, value]) => seenAs((old as Record<string, unknown>)[key]) !== seenAs(value))
      .map(([key]) => `${section}.${key}`)
  })
}
