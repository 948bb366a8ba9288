/**
 * Cursors: a place in the order of a query, so that pages neither repeat nor leave out what was there all the time.
 * Opaque to whoever holds one; not secret, and worth nothing to forge: what it says is only compared with.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { storable } from './field-kinds.ts'
import { fieldProblem } from './problem.ts'

/** What a page is asked for by. The limit may change on the way, and what it is written as. */
export interface Paged {
  readonly limit?: number
  readonly cursor?: string | undefined
}

export const cursorParameter = z
  .string()
  .min(1)
  .max(2000)
  .describe('nextCursor of the page before')
  .optional()

/** Which query a cursor belongs to. */
function fingerprintOf({ limit: _limit, cursor: _cursor, ...query }: Paged): string {
  const sorted = Object.entries(query).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(sorted)).digest('base64url').slice(0, 12)
}

/** `keys`: the place of the last one shown. */
export const cursorAfter = (query: Paged, keys: readonly string[]): string =>
  Buffer.from(JSON.stringify([fingerprintOf(query), ...keys])).toString('base64url')

const cursorSchema = z.tuple([z.string()], storable(0, 1000))

/** The keys of the query's cursor, `count` of them. Errors: Problem 400. */
export function readCursor(query: Paged, count: number): readonly string[] {
  let content: unknown
  try {
    content = JSON.parse(Buffer.from(query.cursor ?? '', 'base64url').toString())
  } catch {
    throw cursorProblem('is not one that this service gave')
  }
  const parsed = cursorSchema.safeParse(content)
  if (!parsed.success) throw cursorProblem('is not one that this service gave')
  const [fingerprint, ...values] = parsed.data
  if (fingerprint !== fingerprintOf(query) || values.length !== count)
    throw cursorProblem('belongs to another query: keep the filters and the order, or begin without a cursor')
  return values
}

export const cursorProblem = (detail: string): Error =>
  fieldProblem('invalid-parameter', [{ field: 'cursor', in: 'query', detail }])
