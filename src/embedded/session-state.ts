/**
 * What the backend must remember of one session between its turns, and how a statement's text and its command tags tell
 * what the session may have left behind.
 */

import { BASELINE } from './database-engine.ts'
import type { Settings } from './session-settings.ts'
import type { Statements } from './session-statements.ts'
import { mayLockAdvisory, maySetConfig, mayUseTemp } from './wire-sql.ts'
import type { TransactionStatus } from './wire.ts'

export interface SessionState {
  status: TransactionStatus
  /** Between the first message of an exchange and its ReadyForQuery: the backend is this session's. */
  isMidway: boolean
  settings: Settings
  readonly statements: Statements
  /** ParameterStatus as last told to the client. */
  readonly reported: Map<string, string>
  hasChangedSettings: boolean
  /** After RESET: the defaults of the build are not ours. */
  hasReset: boolean
  hasUsedTemp: boolean
  hasLocked: boolean
  isListening: boolean
}

export function createSessionState(parameters: ReadonlyMap<string, string>): SessionState {
  return {
    status: 'I',
    isMidway: false,
    settings: new Map([...BASELINE, ...parameters]),
    statements: new Map(),
    reported: new Map(),
    hasChangedSettings: false,
    hasReset: false,
    hasUsedTemp: false,
    hasLocked: false,
    isListening: false,
  }
}

/** Before the tags are known: what the text alone gives away. */
export function noteText(session: SessionState, sql: string): void {
  if (maySetConfig(sql)) session.hasChangedSettings = true
  if (mayUseTemp(sql)) session.hasUsedTemp = true
  if (mayLockAdvisory(sql)) session.hasLocked = true
}

/** Notes what completed statements did; returns whether settings may have changed. */
export function noteTags(session: SessionState, tags: readonly string[], sql: string): boolean {
  let isChanged = false
  for (const tag of tags) {
    if (tag === 'SET' || tag === 'RESET' || tag === 'DISCARD ALL') isChanged ||= !IS_LOCAL.test(sql)
    if (tag === 'RESET' || tag === 'DISCARD ALL') session.hasReset = true
    if (tag === 'LISTEN') session.isListening = true
    if (tag === 'UNLISTEN' || tag === 'DISCARD ALL') session.isListening = false
  }
  return isChanged
}

/** The statement that DEALLOCATE took away; 'all', which cannot be a statement's name unquoted, for every one of them. */
export function deallocatedName(tags: readonly string[], sql: string): string | undefined {
  if (tags.includes('DISCARD ALL') || tags.includes('DEALLOCATE ALL')) return 'all'
  const match = tags.includes('DEALLOCATE') ? DEALLOCATE.exec(sql) : null
  return match?.[1] ?? match?.[2]?.toLowerCase()
}

const IS_LOCAL = /^\s*set\s+(local|transaction)\b[^;]*;?\s*$/i
const DEALLOCATE = /deallocate\s+(?:prepare\s+)?(?:"((?:[^"]|"")*)"|([\w$]+))/i
