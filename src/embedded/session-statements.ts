/**
 * Prepared statements of many sessions in one backend. Each session keeps the Parse messages of its statements; the backend
 * has one statement per name. Before a session's messages run, what they refer to and another session has replaced is parsed
 * again, so that two clients may use one name, and a client's DISCARD ALL takes nothing from the others.
 * Not covered: PREPARE and EXECUTE in SQL, whose names all sessions share.
 */

import { encodeMessage, encodeStrings, readString } from './wire.ts'

/** A session's statements: name ('' is the unnamed one) → the Parse message that made it. */
export type Statements = Map<string, Buffer>

export interface Preparation {
  /** To be run before the session's own messages: a Close and perhaps a Parse for each name. */
  readonly messages: readonly Buffer[]
  /** How many answers of each kind are not the client's. */
  readonly hidden: { readonly closed: number; readonly parsed: number }
}

export interface StatementTable {
  prepare(session: Statements, messages: readonly Buffer[]): Preparation
  /** Notes what `messages` did: the first so many of each kind were carried out, the rest skipped behind an error. */
  record(session: Statements, messages: readonly Buffer[], done: { parsed: number; closed: number }): void
  /** A simple Query drops the unnamed statement; the server's own query drops it for nobody. */
  recordQuery(session?: Statements): void
  /** After DEALLOCATE; 'all' after DEALLOCATE ALL and DISCARD ALL. */
  deallocate(session: Statements, name: string): void
  /** Messages that close what only this session had, when it leaves. */
  closeAll(session: Statements): Buffer[]
}

export function createStatementTable(): StatementTable {
  /** What the backend holds now. */
  const held: Statements = new Map()

  return {
    prepare(session, messages) {
      const parsedHere = new Set<string>()
      const wanted = new Map<string, Buffer | undefined>()
      for (const message of messages) {
        const use = statementOf(message)
        if (use === undefined) continue
        if (use.isParse) {
          // A named Parse must not meet another session's statement; if it is a second one of ours, the backend is to say so.
          if (use.name !== '' && !parsedHere.has(use.name) && !wanted.has(use.name))
            wanted.set(use.name, session.get(use.name))
          parsedHere.add(use.name)
        } else if (!parsedHere.has(use.name) && session.has(use.name))
          wanted.set(use.name, session.get(use.name))
      }
      const before: Buffer[] = []
      const hidden = { closed: 0, parsed: 0 }
      for (const [name, parse] of wanted) {
        const present = held.get(name)
        if (parse !== undefined && present?.equals(parse)) continue
        if (present !== undefined && name !== '') {
          before.push(encodeMessage('C', encodeStrings(`S${name}`)))
          hidden.closed++
        }
        held.delete(name)
        if (parse === undefined) continue
        before.push(parse)
        hidden.parsed++
        held.set(name, parse)
      }
      return { messages: before, hidden }
    },

    record(session, messages, done) {
      let { parsed, closed } = done
      for (const message of messages) {
        const type = String.fromCharCode(message[0] ?? 0)
        const use = statementOf(message)
        if (type === 'P' && use && parsed-- > 0) {
          session.set(use.name, message)
          held.set(use.name, message)
        } else if (type === 'C' && closed-- > 0 && use) {
          session.delete(use.name)
          held.delete(use.name)
        }
      }
    },

    recordQuery(session) {
      session?.delete('')
      held.delete('')
    },

    deallocate(session, name) {
      if (name === 'all') {
        session.clear()
        held.clear()
      } else {
        session.delete(name)
        held.delete(name)
      }
    },

    closeAll(session) {
      const closes: Buffer[] = []
      for (const [name, parse] of session) {
        if (held.get(name) !== parse) continue
        held.delete(name)
        closes.push(encodeMessage('C', encodeStrings(`S${name}`)))
      }
      return closes
    },
  }
}

/** The statement a message names: Parse, Bind, and Describe or Close of a statement (not of a portal). */
function statementOf(message: Buffer): { name: string; isParse: boolean } | undefined {
  const type = String.fromCharCode(message[0] ?? 0)
  if (type === 'P') return { name: readString(message, 5).value, isParse: true }
  if (type === 'B') return { name: readString(message, readString(message, 5).end).value, isParse: false }
  if ((type === 'D' || type === 'C') && message[5] === 0x53)
    return { name: readString(message, 6).value, isParse: false }
  return undefined
}
