/**
 * The only judge of errors that come back from the database or from the way to it.
 * Total: any value gives a verdict. Each rule carries its reason; the table is also the operators' documentation.
 */
import { messageOf } from '../ops/user-error.ts'

/**
 * retry      the same thing may work later; keep the data, back off, try again
 * duplicate  a row is there already; write the batch with ON CONFLICT DO NOTHING
 * poison     this data will never be accepted; isolate the row
 * fatal      an operator is needed; keep the data, turn readiness red, keep trying
 * ambiguous  the COMMIT may or may not have happened; write again with ON CONFLICT DO NOTHING
 */
export type Verdict = 'retry' | 'duplicate' | 'poison' | 'fatal' | 'ambiguous'

export interface Judgement {
  readonly verdict: Verdict
  /** One sentence for the operator. */
  readonly because: string
  /** SQLSTATE or errno, where there is one. */
  readonly code: string | null
  /** Nobody knows this code: try a few times, then treat the row as poison. */
  readonly isUnknown: boolean
  /** The row of the COPY the error names, counted from 1. */
  readonly line: number | undefined
  /** Said by the server, not by the way to it: only then can a row be at fault. */
  readonly isFromServer: boolean
  readonly message: string
}

interface Rule {
  /** A whole code, or a prefix of it. */
  readonly code: string
  /** Where one code means two things: what the message must hold. */
  readonly text?: string
  readonly verdict: Exclude<Verdict, 'ambiguous'>
  readonly because: string
}

/** The first rule whose code is a prefix wins, so the special ones stand before their class. */
export const rules: readonly Rule[] = [
  { code: '23505', verdict: 'duplicate', because: 'the ping is stored already' },
  { code: '23503', verdict: 'poison', because: 'the row refers to something that does not exist' },
  { code: '23', verdict: 'poison', because: 'the row violates a constraint' },
  { code: '22', verdict: 'poison', because: 'a value is not valid for its column' },
  { code: '08', verdict: 'retry', because: 'the connection to the database broke' },
  { code: '53100', verdict: 'retry', because: 'the disk of the database is full' },
  { code: '53200', verdict: 'retry', because: 'the database is out of memory' },
  { code: '53300', verdict: 'retry', because: 'the database has no connection to spare' },
  { code: '53', verdict: 'retry', because: 'the database is short of a resource' },
  { code: '57014', text: 'COPY from stdin failed', verdict: 'retry', because: 'we aborted our own COPY' },
  { code: '57014', verdict: 'retry', because: 'the statement ran into its timeout or was cancelled' },
  { code: '57P', verdict: 'retry', because: 'the database is stopping, starting or in recovery' },
  { code: '57', verdict: 'retry', because: 'somebody intervened at the database' },
  { code: '40001', verdict: 'retry', because: 'the transaction collided with another' },
  { code: '40P01', verdict: 'retry', because: 'the transaction was the victim of a deadlock' },
  { code: '40', verdict: 'retry', because: 'the transaction was rolled back' },
  { code: '55P03', verdict: 'retry', because: 'a lock could not be had in time' },
  { code: '55', verdict: 'retry', because: 'an object is in use or not ready' },
  {
    code: '25006',
    verdict: 'retry',
    because: 'the database is read-only: a standby, or a fail-over under way',
  },
  {
    code: '25',
    verdict: 'retry',
    because: 'the transaction was in a wrong state; a fresh connection starts a new one',
  },
  { code: '58', verdict: 'retry', because: 'the database met a system error, such as a failing disk' },
  { code: 'XX', verdict: 'retry', because: 'the database met an internal error' },
  { code: '28', verdict: 'fatal', because: 'the database refuses this user or password' },
  { code: '3D', verdict: 'fatal', because: 'the database named in DATABASE_URL does not exist' },
  { code: '3F', verdict: 'fatal', because: 'a schema is missing; run: rtls-ingest migrate' },
  { code: '42501', verdict: 'fatal', because: 'this user lacks a right on the table' },
  {
    code: '42',
    verdict: 'fatal',
    because: 'the tables are not what this version expects; run: rtls-ingest migrate',
  },
  { code: '0A', verdict: 'fatal', because: 'the database does not support what is asked of it' },
  { code: 'ENOENT', verdict: 'retry', because: 'the socket of the database is not there' },
  { code: 'ECONN', verdict: 'retry', because: 'the database cannot be reached' },
  { code: 'EPIPE', verdict: 'retry', because: 'the connection to the database broke' },
  { code: 'ETIMEDOUT', verdict: 'retry', because: 'the database does not answer' },
  { code: 'EHOST', verdict: 'retry', because: 'the host of the database cannot be reached' },
  { code: 'ENET', verdict: 'retry', because: 'the network of the database cannot be reached' },
  { code: 'ENOTFOUND', verdict: 'retry', because: 'the host name of the database is not known' },
  { code: 'EAI_', verdict: 'retry', because: 'the name service does not answer' },
  { code: 'ERR_STREAM', verdict: 'retry', because: 'the connection to the database broke' },
  { code: 'ERR_TLS', verdict: 'fatal', because: 'the certificate of the database is not accepted' },
  { code: 'ERR_SSL', verdict: 'fatal', because: 'TLS to the database could not be agreed' },
  { code: 'E', verdict: 'retry', because: 'this machine or the network refused the connection' },
  { code: 'CERT_', verdict: 'fatal', because: 'the certificate of the database is not accepted' },
  { code: 'SELF_SIGNED', verdict: 'fatal', because: 'the certificate of the database is not accepted' },
  { code: 'DEPTH_ZERO', verdict: 'fatal', because: 'the certificate of the database is not accepted' },
  { code: 'UNABLE_TO', verdict: 'fatal', because: 'the certificate of the database is not accepted' },
]

/** Where in its transaction a write was when it failed. */
export type Phase = 'before-commit' | 'commit'

/** pg's own errors carry no code. Texts as of pg 8.23; a contract test breaks when they change. */
const connectionTexts =
  /Connection terminated|connection timeout|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable|was closed|premature close|timed out after|given up/iu

/** Also without a code: TLS that the server does not offer, a password that is missing. */
const handshakeTexts = /SSL connection|does not support SSL|^SASL/iu

export function judge(error: unknown, phase: Phase): Judgement {
  const message = messageOf(error)
  const code = codeOf(error)
  const rule =
    code === null
      ? undefined
      : rules.find(({ code: prefix, text = '' }) => code.startsWith(prefix) && message.includes(text))
  const isConnectionLoss =
    rule === undefined
      ? connectionTexts.test(message)
      : rule.verdict === 'retry' && /^(?:08|57P|XX|E)/u.test(rule.code)
  const common = {
    code,
    message,
    line: lineOf(error),
    isUnknown: false,
    isFromServer: code !== null && /^[0-9A-Z]{5}$/u.test(code) && !/^E[A-Z]{4}$/u.test(code),
  }
  // PostgreSQL reports a failed COMMIT as an error of its own; a lost connection or a crash leaves the outcome open.
  if (isConnectionLoss && phase === 'commit')
    return { ...common, verdict: 'ambiguous', because: 'the connection was lost during COMMIT' }
  if (rule === undefined && handshakeTexts.test(message))
    return {
      ...common,
      verdict: 'fatal',
      because: 'the database refuses the way we connect: check TLS and password',
    }
  if (rule !== undefined) return { ...common, verdict: rule.verdict, because: rule.because }
  if (isConnectionLoss)
    return { ...common, verdict: 'retry', because: 'the connection to the database broke' }
  return {
    ...common,
    verdict: phase === 'commit' ? 'ambiguous' : 'retry',
    because: 'an error nobody foresaw',
    isUnknown: true,
  }
}

function codeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null) return null
  const { code, errors } = error as { code?: unknown; errors?: unknown }
  if (typeof code === 'string' && code !== '') return code
  // Node wraps the failures of several addresses of one host into an AggregateError.
  return Array.isArray(errors) && errors.length > 0 ? codeOf(errors[0]) : null
}

/** `CONTEXT: COPY location_history, line 17, column x` */
function lineOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { where } = error as { where?: unknown }
  const match = typeof where === 'string' ? /^COPY [^,]+, line (\d+)/mu.exec(where) : null
  return match === null ? undefined : Number(match[1])
}
