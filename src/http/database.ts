/**
 * How the HTTP API asks the database: one statement at a time, over connections of its own, with a time limit of its own, so that
 * no reader takes what the writers of pings need. When it cannot answer that is a problem document, with what to do, at once.
 */
import pg from 'pg'
import { type Judgement, judge } from '../db/failure.ts'
import type { Pool, PoolOptions } from '../db/pool.ts'
import { Problem } from './problem.ts'

const retryAfterS = 5

export const httpPoolOptions = (url: string, statementTimeoutMs: number): PoolOptions => ({
  url,
  // Readers wait for each other before they wait for the database: it has better things to do.
  max: 4,
  // A wait for a connection counts like one for the answer: to the one who waits they are the same.
  connectTimeoutMs: statementTimeoutMs,
  statementTimeoutMs,
  deadlineMarginMs: 1000,
})

export interface HttpDatabase {
  /**
   * Rows of one statement. Errors: Problem 503 when the database cannot answer, 403 when its login may not read that, `pg.DatabaseError` when it refuses the data
   * (SQLSTATE classes 22 and 23).
   */
  query<Row extends pg.QueryResultRow>(sql: string, parameters: readonly unknown[]): Promise<Row[]>
  /** For work that knows how to use a pool. Errors: as query, but what the database refuses is a problem too. */
  lend<T>(work: (pool: Pool) => Promise<T>): Promise<T>
}

/** `pool` gives undefined while the service starts. */
export function createHttpDatabase(
  pool: () => Pool | undefined,
  onFailure: (judgement: Judgement) => void,
): HttpDatabase {
  const opened = (): Pool => {
    const open = pool()
    if (open === undefined) throw unavailable('the service is starting')
    return open
  }
  const explain = (error: unknown): Problem => {
    if (error instanceof Problem) return error
    const judgement = judge(error, 'before-commit')
    onFailure(judgement)
    if (judgement.code === '57014' || judgement.message.includes('timed out after'))
      return unavailable('the database did not answer in time; ask for less, or later')
    if (/timeout exceeded when trying to connect|connection timeout/u.test(judgement.message))
      return unavailable('it is busy or away')
    return unavailable(judgement.because)
  }

  return {
    async lend(work) {
      const open = opened()
      try {
        return await work(open)
      } catch (error) {
        throw explain(error)
      }
    },
    async query<Row extends pg.QueryResultRow>(sql: string, parameters: readonly unknown[]): Promise<Row[]> {
      const open = opened()
      let outcome: { rows: Row[] } | { refused: pg.DatabaseError }
      try {
        outcome = await open.use(async (client) => {
          try {
            return { rows: (await client.query<Row>(sql, [...parameters])).rows }
          } catch (error) {
            // A refusal leaves the connection as good as it was; the pool destroys those whose work throws.
            if (isRefusal(error)) return { refused: error }
            throw error
          }
        })
      } catch (error) {
        throw explain(error)
      }
      if ('refused' in outcome) throw outcome.refused.code === noRight ? mayNotRead() : outcome.refused
      return outcome.rows
    },
  }
}

function isRefusal(error: unknown): error is pg.DatabaseError {
  if (!(error instanceof pg.DatabaseError) || error.severity !== 'ERROR') return false
  return /^2[23]/u.test(error.code ?? '') || error.code === noRight
}

/** SQLSTATE insufficient_privilege. */
const noRight = '42501'

const mayNotRead = (): Problem =>
  new Problem(
    'switched-off',
    'The login with which the service asks the database may not read this. Give HTTP_DATABASE_URL (http.databaseUrl) a login that may, such as a member of rtls_admin, or of rtls_analyst for where things are.',
  )

const unavailable = (because: string): Problem =>
  new Problem(
    'unavailable',
    `No answer from the database: ${because}. Try again in ${retryAfterS} seconds.`,
    {
      headers: { 'retry-after': String(retryAfterS) },
    },
  )
