/**
 * Runs sessions' work on the one engine and says what to answer. Owns what the backend must not mix up between sessions:
 * prepared statements, settings, temporary objects, notifications. Who may run when is the server's business.
 *
 * What sessions still share, because they are one backend: session-level advisory locks (taken twice, they exclude nobody —
 * use pg_advisory_xact_lock), names of temporary tables and of SQL's PREPARE, LISTEN channels, pg_backend_pid().
 */

import type { Engine } from './database-engine.ts'
import { BASELINE } from './database-engine.ts'
import type { Work } from './session-input.ts'
import { createSettingsTable } from './session-settings.ts'
import { createStatementTable } from './session-statements.ts'
import { readAnswer, readRows, type Answer } from './wire-answer.ts'
import { encodeCopyFail, encodeCopyInResponse, encodeError, encodeParameterStatus } from './wire.ts'
import { encodeQuery, encodeReady, encodeSync, readString } from './wire.ts'
import { deallocatedName, noteTags, noteText, type SessionState } from './session-state.ts'

export interface Result {
  /** Bytes for the client. */
  readonly parts: readonly Buffer[]
  /** The backend waits for this COPY's data. */
  readonly copy?: Buffer
  /** NotificationResponses, for every session that listens. */
  readonly notifications: readonly Buffer[]
}

export interface Backend {
  /** Runs one piece of work. Throws EngineTrapped, after which the backend is gone. */
  perform(session: SessionState, work: Work): Result
  /** Applies the start-up settings; returns the ErrorResponse that refuses them, if any. */
  begin(session: SessionState): Buffer | undefined
  /** The ParameterStatus messages whose value the client does not know yet. */
  report(session: SessionState): Buffer[]
  /** Takes back everything a session left behind. */
  leave(session: SessionState): void
  /** Writes a checkpoint when one is due: nobody else does in a single backend, and the log would grow for ever. */
  checkpoint(): void
}

/** What PostgreSQL reports at start-up and after every change. */
const REPORTED =
  `server_version server_encoding client_encoding application_name DateStyle IntervalStyle TimeZone
  integer_datetimes standard_conforming_strings is_superuser session_authorization in_hot_standby
  default_transaction_read_only search_path`.split(/\s+/)

/** Between two checkpoints; a site's half-minute, and a second's worth of recovery after a crash. */
const CHECKPOINT_BYTES = 64 * 1024 * 1024

export function createBackend(engine: Engine): Backend {
  const statements = createStatementTable()
  /** Temporary objects → the session that made them. */
  const temporary = new Map<string, SessionState>()
  let active: SessionState | undefined

  function ask(sql: string): string[][] {
    statements.recordQuery()
    const answer = readAnswer(engine.run([encodeQuery(sql)]))
    if (answer.error !== undefined) throw new BackendError(answer.error)
    return readRows(answer.bytes)
  }
  const settings = createSettingsTable(ask)

  function readSettings(session: SessionState): void {
    session.settings = settings.read()
    session.hasChangedSettings = false
    session.hasReset = false
  }

  /** Before another session runs: what this one left is noted under its name. */
  function noteTraces(session: SessionState): void {
    if (session.hasChangedSettings) readSettings(session)
    if (session.hasUsedTemp) {
      const present = new Set(ask(TEMPORARY).map(([name = '']) => name))
      for (const name of temporary.keys()) if (!present.has(name)) temporary.delete(name)
      for (const name of present) if (!temporary.has(name)) temporary.set(name, session)
      session.hasUsedTemp = [...temporary.values()].includes(session)
    }
  }

  function activate(session: SessionState): void {
    if (active === session || session.isMidway || session.status !== 'I') return
    if (active !== undefined) noteTraces(active)
    active = session
    settings.apply(session.settings)
  }

  /** With the rights and settings the database was opened with, whatever the sessions set. */
  function actAsServer(): void {
    if (active !== undefined) noteTraces(active)
    active = undefined
    settings.apply(BASELINE)
  }

  /** Everything an answer says about the session's state, and the answer as the client is to see it. */
  function conclude(session: SessionState, answer: Answer, sql: string): Result {
    session.isMidway = answer.status === undefined
    if (answer.status !== undefined) session.status = answer.status
    const isReportDue =
      noteTags(session, answer.tags, sql) || (session.hasChangedSettings && answer.tags.includes('ROLLBACK'))
    if (isReportDue) session.hasChangedSettings = true
    const deallocated = deallocatedName(answer.tags, sql)
    if (deallocated !== undefined) statements.deallocate(session.statements, deallocated)
    if (session.hasReset && answer.status === 'I') readSettings(session)
    const parts = [...answer.parts]
    if (isReportDue && answer.status !== undefined && session.status !== 'E') {
      const ready = parts.pop() ?? Buffer.alloc(0)
      parts.push(ready.subarray(0, -READY_BYTES), ...report(session), ready.subarray(-READY_BYTES))
    }
    return { parts, notifications: answer.notifications }
  }

  function runQuery(session: SessionState, messages: readonly Buffer[], sql: string): Result {
    const answer = readAnswer(engine.run(messages), { copyIn: 1 })
    statements.recordQuery(session.statements)
    noteText(session, sql)
    return conclude(session, answer, sql)
  }

  function runExtended(session: SessionState, messages: readonly Buffer[]): Result {
    const { messages: before, hidden } = statements.prepare(session.statements, messages)
    const answer = readAnswer(engine.run([...before, ...messages]), hidden)
    statements.record(session.statements, messages, answer.done)
    const sql = messages
      .filter((message) => message[0] === 0x50)
      .map((parse) => readString(parse, readString(parse, 5).end).value)
      .join(';')
    noteText(session, sql)
    return conclude(session, answer, sql)
  }

  /** Asks the backend itself for CopyInResponse or its error, by a COPY that is called off at once. */
  function startCopy(session: SessionState, work: Work & { kind: 'copy-start' }): Result {
    const abort = encodeCopyFail('probe')
    if (session.status === 'T' && work.copy.isFreeze)
      return { parts: [encodeCopyInResponse(work.copy.isBinary)], copy: work.message, notifications: [] }
    const isNested = session.status === 'T'
    const probe = isNested
      ? [
          encodeQuery('SAVEPOINT "copy probe"'),
          work.message,
          abort,
          encodeQuery('ROLLBACK TO "copy probe"'),
          encodeQuery('RELEASE "copy probe"'),
        ]
      : [work.message, abort]
    const answer = readAnswer(engine.run(probe))
    statements.recordQuery(session.statements)
    if (answer.copyIn !== undefined) return { parts: [answer.copyIn], copy: work.message, notifications: [] }
    // Refused: in a transaction block it must be refused once more, outside the savepoint, for the block to be failed.
    return isNested ? runQuery(session, [work.message, abort], '') : conclude(session, answer, '')
  }

  function failCopy(session: SessionState, work: Work & { kind: 'copy-fail' }): Result {
    if (session.status !== 'I') runQuery(session, [work.message, encodeCopyFail('')], '')
    return {
      parts: [encodeError('ERROR', work.sqlstate, work.reason), encodeReady(session.status)],
      notifications: [],
    }
  }

  function report(session: SessionState): Buffer[] {
    const rows = ask(REPORTED.map((name) => `SHOW ${name}`).join(';'))
    const changed: Buffer[] = []
    for (const [index, name] of REPORTED.entries()) {
      const value = rows[index]?.[0] ?? ''
      if (session.reported.get(name) === value) continue
      session.reported.set(name, value)
      changed.push(encodeParameterStatus(name, value))
    }
    return changed
  }

  return {
    perform(session, work) {
      activate(session)
      switch (work.kind) {
        case 'query':
          return runQuery(session, [work.message], work.sql)
        case 'extended':
          return runExtended(session, work.messages)
        case 'copy-start':
          return startCopy(session, work)
        case 'copy-run':
          return runQuery(session, work.messages, '')
        case 'copy-fail':
          return failCopy(session, work)
        case 'startup':
        case 'password':
        case 'refuse-encryption':
        case 'leave':
          throw new Error(`${work.kind} is the server's business`)
      }
      return work satisfies never
    },

    begin(session) {
      try {
        activate(session)
        return undefined
      } catch (error) {
        if (!(error instanceof BackendError)) throw error
        active = undefined
        return encodeError('FATAL', error.sqlstate, error.message)
      }
    },

    report,

    leave(session) {
      if (session.isMidway) session.status = readAnswer(engine.run([encodeSync()])).status ?? 'E'
      if (session.status !== 'I') ask('ROLLBACK')
      if (active === session && session.hasChangedSettings) {
        session.hasChangedSettings = false
        settings.forget()
      }
      actAsServer()
      const mine = [...temporary].filter(([, owner]) => owner === session).map(([name]) => name)
      for (const name of mine) {
        temporary.delete(name)
        ask(`DROP TABLE IF EXISTS ${name} CASCADE`)
      }
      if (session.hasLocked) ask('SELECT pg_advisory_unlock_all()')
      const closes = statements.closeAll(session.statements)
      if (closes.length > 0) engine.run([...closes, encodeSync()])
    },

    checkpoint() {
      actAsServer()
      const [row] = ask('SELECT pg_current_wal_lsn() - redo_lsn FROM pg_control_checkpoint()')
      if (Number(row?.[0]) > CHECKPOINT_BYTES) ask('CHECKPOINT')
    },
  }
}

/** The backend refused what this server asked of it for a session. */
export class BackendError extends Error {
  override readonly name = 'BackendError'
  readonly sqlstate: string

  constructor(fields: ReadonlyMap<string, string>) {
    super(fields.get('M') ?? 'unknown error')
    this.sqlstate = fields.get('C') ?? 'XX000'
  }
}

const READY_BYTES = 6
const TEMPORARY = `SELECT format('pg_temp.%I', relname) FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind IN ('r', 'p')`
