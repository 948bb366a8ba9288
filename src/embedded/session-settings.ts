/**
 * Settings (SET, start-up parameters, roles) of many sessions in one backend: what one session set is taken back before another
 * runs and put again before its own next statement. Costs nothing while sessions agree, ~0.1 ms per differing setting otherwise,
 * ~2 ms once after each SET. Not covered: custom settings (`app.user`), which are lost at the next switch.
 */

import { BASELINE } from './database-engine.ts'
import { quoteLiteral } from './wire-sql.ts'

export type Settings = ReadonlyMap<string, string>

/** Runs SQL in the backend and returns its rows as text; throws BackendError when it fails. */
export type Ask = (sql: string) => string[][]

export interface SettingsTable {
  /** Makes the backend's settings those of a session. */
  apply(settings: Settings): void
  /** The running session's settings after it changed them; puts back the baseline of what it reset. */
  read(): Settings
  /** The session that changed them is gone: nobody knows what is set. */
  forget(): void
}

/** Order matters: a role may not be allowed to set the rest. */
const ROLES = ['session_authorization', 'role']

/** Not RESET: a backend that started without a login has nothing to reset it to, and stays who it became. */
const OWN_USER = 'SET SESSION AUTHORIZATION postgres'

export function createSettingsTable(ask: Ask): SettingsTable {
  let current: Settings | undefined

  return {
    apply(settings) {
      if (current === settings) return
      const changes: string[] = []
      if (current === undefined) {
        changes.push(OWN_USER, 'RESET ALL')
        for (const entry of inOrder(settings)) changes.push(set(entry))
      } else if (isEqual(current, settings)) {
        current = settings
        return
      } else {
        const from = current
        const differ = ROLES.some((role) => from.get(role) !== settings.get(role))
        if (differ) changes.push(OWN_USER, 'RESET ROLE')
        for (const name of from.keys())
          if (!settings.has(name) && !ROLES.includes(name)) changes.push(`RESET "${name}"`)
        for (const entry of inOrder(settings)) {
          const isRole = ROLES.includes(entry[0])
          if (isRole ? differ : from.get(entry[0]) !== entry[1]) changes.push(set(entry))
        }
      }
      // Until it has worked, nobody knows.
      current = undefined
      ask(changes.join(';'))
      current = settings
    },

    read() {
      const settings = new Map<string, string>()
      for (const [name, value] of ask(READ))
        if (name !== undefined && value !== undefined) settings.set(name, value)
      const missing = [...BASELINE].filter(([name]) => !settings.has(name))
      if (missing.length > 0) ask(missing.map(set).join(';'))
      for (const [name, value] of missing) settings.set(name, value)
      current = settings
      return settings
    },

    forget() {
      current = undefined
    },
  }
}

const READ = `SELECT name, current_setting(name) FROM pg_settings WHERE source = 'session'
UNION ALL SELECT 'session_authorization', session_user::text WHERE session_user <> 'postgres'
UNION ALL SELECT 'role', current_setting('role') WHERE current_setting('role') <> 'none'`

const set = ([name, value]: [string, string]): string =>
  `SELECT set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, false)`

function inOrder(settings: Settings): [string, string][] {
  const last = (name: string) => ROLES.indexOf(name)
  return [...settings].toSorted(([a], [b]) => last(a) - last(b))
}

function isEqual(a: Settings, b: Settings): boolean {
  if (a.size !== b.size) return false
  for (const [name, value] of a) if (b.get(name) !== value) return false
  return true
}
