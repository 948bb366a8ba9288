/**
 * /dead-letters: what could not be stored, its payload, and the way back, for operators.
 * Guarantees: a payload is answered as JSON text and never as a page; what names a tag that a person wears is for admins.
 */
import { isUtf8 } from 'node:buffer'
import { z } from 'zod'
import {
  type DeadLetter,
  type DeadLetterHead,
  type Replay,
  countDeadLetters,
  findDeadLetters,
  lettersOfPersons,
  listDeadLetters,
  replayDeadLetters,
} from '../ingest/dead-letter-desk.ts'
import type { Caller } from './access.ts'
import { type Paged, cursorAfter, cursorParameter, cursorProblem, readCursor } from './cursor.ts'
import type { HttpDatabase } from './database.ts'
import { limitParameter } from './facilities.ts'
import { storable } from './field-kinds.ts'
import { Problem } from './problem.ts'
import { type ApiPart, type Route, defineRoute } from './route.ts'
import { spanParameters } from './span.ts'

const mostPerPage = 200
/** The writer tries for ever; somebody who waits for an answer does not. */
const replayTimeoutMs = 15_000

const headSchema = z.object({
  id: z.uuid(),
  receivedAt: z.iso.datetime(),
  topic: z.string(),
  reason: z.string().describe('one of a fixed set, such as invalid_ping'),
  detail: z.string().nullable().describe('null: withheld'),
  sqlstate: z.string().nullable().describe('where the database refused the row'),
  element: z.int().nullable().describe('which ping of its message, from 0; null: the whole message'),
  payloadBytes: z.int(),
  replayedAt: z.iso.datetime().nullable(),
  isWithheld: z
    .boolean()
    .describe('it names a tag that a person wears: its payload is for callers of the role admin'),
})
const letterSchema = headSchema.extend({
  payload: z.string().nullable().describe('as text; null: it is not UTF-8, or withheld'),
  payloadBase64: z.string().nullable().describe('where it is not UTF-8'),
  isCut: z.boolean().describe('only its beginning was kept: it cannot be replayed'),
})
const pageSchema = z.object({
  items: z.array(headSchema),
  reasons: z
    .array(z.object({ reason: z.string(), count: z.int() }))
    .nullable()
    .describe('how many of all that match, by reason; on the first page only'),
  nextCursor: z.string().nullable().describe('for ?cursor=; null: this was the last page'),
})
const outcomes = ['stored', 'duplicate', 'still bad', 'replayed before'] as const
const reportSchema = z.object({
  outcome: z.enum(outcomes),
  answer: z.string().describe('the same in a sentence'),
  stored: z.int().describe('pings that are rows now and were not before'),
  duplicates: z.int().describe('pings that were stored already'),
  stillBad: z.array(z.object({ reason: z.string(), count: z.int() })),
})

const pathSchema = z.strictObject({ id: z.uuid().describe('the id of a dead letter, a UUID') })

const querySchema = z.strictObject({
  reason: storable(1, 100).describe('a reason, such as invalid_ping').optional(),
  topic: storable(1, 1000).describe('an MQTT topic filter, with + and #').optional(),
  replayed: z
    .enum(['true', 'false'])
    .describe('true: only what was replayed; false: only what was not')
    .optional(),
  since: spanParameters.from.describe('received at or after: a time with its offset'),
  until: spanParameters.to.describe('received before: a time with its offset'),
  limit: limitParameter(mostPerPage, 50),
  cursor: cursorParameter,
})

/** `replay` gives undefined while the service starts. */
export const createDeadLetterPart = (database: HttpDatabase, replay: () => Replay | undefined): ApiPart => ({
  schemas: {
    DeadLetterHead: headSchema,
    DeadLetter: letterSchema,
    DeadLetterPage: pageSchema,
    ReplayReport: reportSchema,
  },
  routes: [listRoute(database), showRoute(database), replayRoute(database, replay)],
})

const listRoute = (database: HttpDatabase): Route =>
  defineRoute({
    method: 'GET',
    path: '/dead-letters',
    name: 'listDeadLetters',
    summary: 'What could not be stored, and why?',
    description: 'The newest first, without the payloads.',
    role: 'operator',
    takes: { query: querySchema },
    table: { row: headSchema, fileName: 'dead-letters' },
    answers: { 200: { description: 'A page of dead letters.', schema: pageSchema } },
    problems: [],
    async handle({ query, caller }) {
      const { reason, topic, replayed, since, until, limit } = query
      const rest = {
        ...(topic === undefined ? {} : { topic }),
        ...(replayed === undefined ? {} : { isReplayed: replayed === 'true' }),
        ...(typeof since === 'string' ? { since: new Date(since) } : {}),
        ...(typeof until === 'string' ? { until: new Date(until) } : {}),
      }
      const filter = { ...rest, ...(reason === undefined ? {} : { reason }) }
      const after = letterAfter(query)
      return database.lend(async (pool) => {
        const found = await listDeadLetters(pool, filter, limit + 1, after)
        const shown = found.slice(0, limit)
        const withheld = await withheldFrom(caller, shown, async (ids) => lettersOfPersons(pool, ids))
        const last = found.length > limit ? shown.at(-1) : undefined
        return {
          status: 200,
          body: {
            items: shown.map((letter) => headOf(letter, withheld.has(letter.id))),
            reasons: after === undefined ? await countDeadLetters(pool, rest) : null,
            nextCursor: last === undefined ? null : cursorAfter(query, [String(last.receivedAtUs), last.id]),
          },
        }
      })
    },
  })

const showRoute = (database: HttpDatabase): Route =>
  defineRoute({
    method: 'GET',
    path: '/dead-letters/{id}',
    name: 'getDeadLetter',
    summary: 'One of them with its payload',
    description: 'The bytes as they came: text where they are UTF-8, else base64.',
    role: 'operator',
    takes: { path: pathSchema },
    answers: { 200: { description: 'The dead letter.', schema: letterSchema } },
    problems: [404],
    handle: async ({ path, caller }) =>
      database.lend(async (pool) => {
        const [letter] = await findDeadLetters(pool, { id: path.id }, 1)
        if (letter === undefined) throw noSuchLetter(path.id)
        const withheld = await withheldFrom(caller, [letter], async (ids) => lettersOfPersons(pool, ids))
        return { status: 200, body: letterOf(letter, withheld.has(letter.id)) }
      }),
  })

const replayRoute = (database: HttpDatabase, replay: () => Replay | undefined): Route =>
  defineRoute({
    method: 'POST',
    path: '/dead-letters/{id}/replay',
    name: 'replayDeadLetter',
    summary: 'Decode and store one of them again',
    description:
      'As if it came from the broker now, with the configuration of now. What is stored already stays one row; what is still bad stays a dead letter.',
    role: 'operator',
    takes: { path: pathSchema },
    answers: { 200: { description: 'What became of it.', schema: reportSchema } },
    problems: [404],
    handle: async ({ path }) =>
      database.lend(async (pool) => {
        const parts = replay()
        if (parts === undefined)
          throw new Problem('unavailable', 'The service is starting. Try again in a moment.')
        const [letter] = await findDeadLetters(pool, { id: path.id }, 1)
        if (letter === undefined) throw noSuchLetter(path.id)
        const { decode, writer } = parts
        const signal = AbortSignal.timeout(replayTimeoutMs)
        const report = await replayDeadLetters(pool, decode, writer, { id: path.id }, undefined, signal)
        const { stored, duplicates } = report
        const stillBad = [...report.stillBad].map(([reason, count]) => ({ reason, count }))
        const outcome: (typeof outcomes)[number] =
          report.tried === 0
            ? 'replayed before'
            : stillBad.length > 0
              ? 'still bad'
              : stored > 0
                ? 'stored'
                : 'duplicate'
        return {
          status: 200,
          body: { outcome, answer: sentences[outcome], stored, duplicates, stillBad },
        }
      }),
  })

const sentences: Readonly<Record<(typeof outcomes)[number], string>> = {
  stored: 'It is stored now.',
  duplicate: 'What it says was stored already; nothing was added.',
  'still bad': 'It is still bad, and stays a dead letter: mend the cause first.',
  'replayed before': 'It was replayed before; nothing was done.',
}

const noSuchLetter = (id: string): Problem =>
  new Problem('not-found', `There is no dead letter ${id}: it may have been purged, or replaced by a replay.`)

async function withheldFrom(
  { role }: Caller,
  letters: readonly DeadLetterHead[],
  ofPersons: (ids: readonly string[]) => Promise<ReadonlySet<string>>,
): Promise<ReadonlySet<string>> {
  return role === 'admin' || letters.length === 0 ? new Set() : ofPersons(letters.map(({ id }) => id))
}

const headOf = (letter: DeadLetterHead, isWithheld: boolean): z.output<typeof headSchema> => ({
  id: letter.id,
  receivedAt: letter.receivedAt.toISOString(),
  topic: letter.topic,
  reason: letter.reason,
  detail: isWithheld ? null : letter.detail,
  sqlstate: letter.sqlstate,
  element: letter.element === -1 ? null : letter.element,
  payloadBytes: letter.payloadBytes,
  replayedAt: letter.replayedAt?.toISOString() ?? null,
  isWithheld,
})

function letterOf(letter: DeadLetter, isWithheld: boolean): z.output<typeof letterSchema> {
  const { payload, payloadBytes } = letter
  const isText = isUtf8(payload)
  return {
    ...headOf(letter, isWithheld),
    payload: isWithheld || !isText ? null : payload.toString(),
    payloadBase64: isWithheld || isText ? null : payload.toString('base64'),
    isCut: payload.length < payloadBytes,
  }
}

/** Where a page ended: keys of the query's cursor → the letter. */
function letterAfter(query: Paged): Pick<DeadLetterHead, 'receivedAtUs' | 'id'> | undefined {
  if (query.cursor === undefined) return undefined
  const [receivedAt = '', id = ''] = readCursor(query, 2)
  const parsed = placeSchema.safeParse({ receivedAtUs: Number(receivedAt), id })
  if (!parsed.success) throw cursorProblem('is not one that this service gave')
  return parsed.data
}

const placeSchema = z.object({ receivedAtUs: z.int().min(0), id: z.uuid() })
