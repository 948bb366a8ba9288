/**
 * What a route of the API is: its path, who may call it, what it takes and what it answers. From one definition come the checks of
 * a request, the handler, and the route's part of the OpenAPI description.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import { z } from 'zod'
import type { Caller, Role } from './access.ts'
import { type Format, csvType, encodeCsv, preferredFormat } from './csv.ts'
import { type ExplainUnknown, type ObjectSchema, validate } from './validate.ts'

export interface Answer {
  readonly status: number
  /** JSON; or text or a stream of the type of its content-type header; or nothing. */
  readonly body?: object | string | Readable
  readonly headers?: Readonly<Record<string, string>>
}

export interface AnswerSpec {
  readonly description: string
  /** Of a JSON body; without one the answer is what `texts` say, or empty. */
  readonly schema?: z.ZodType
  /** Content types other than JSON → what stands in them. */
  readonly texts?: Readonly<Record<string, string>>
  /** Name → what it says. */
  readonly headers?: Readonly<Record<string, string>>
}

/** A table that may also be had as CSV: `?format=csv` or `Accept: text/csv`. Its JSON answer has the rows as `items`. */
export interface TableSpec {
  /** Of a row. The names of its fields are the columns. */
  readonly row: ObjectSchema
  /** Of the download, without ".csv". */
  readonly fileName: string
}

export interface RouteSpec<
  Path extends ObjectSchema = ObjectSchema,
  Query extends ObjectSchema = ObjectSchema,
  Body extends ObjectSchema = ObjectSchema,
> {
  readonly method: 'GET' | 'POST' | 'PATCH'
  /** As OpenAPI writes it: /assets/{id}. */
  readonly path: string
  readonly name: string
  readonly summary: string
  readonly description: string
  readonly role: Role
  readonly takes: {
    readonly path?: Path
    readonly query?: Query
    readonly body?: Body
    /** Name → what it is for. All are optional here; the handler says when one is missing. */
    readonly headers?: Readonly<Record<string, string>>
    readonly explainUnknown?: ExplainUnknown
  }
  readonly table?: TableSpec
  /** Its answer does not end by itself: nobody asks for the headers alone. */
  readonly isStream?: true
  /** Status → answer. */
  readonly answers: Readonly<Record<number, AnswerSpec>>
  /** Statuses of problems beyond those that any route with such takes can answer. */
  readonly problems: readonly number[]
  handle(asked: {
    readonly path: z.output<Path>
    readonly query: z.output<Query>
    readonly body: z.output<Body>
    readonly headers: IncomingHttpHeaders
    readonly caller: Caller
    /** What a table is asked for as; it is made of `items` here, not by the handler. */
    readonly format: Format
  }): Promise<Answer>
}

export interface Asked {
  readonly path: unknown
  readonly query: unknown
  readonly body: unknown
  readonly headers: IncomingHttpHeaders
  readonly caller: Caller
}

/** A route whose checks and handler are one function. */
export interface Route extends Omit<RouteSpec, 'handle'> {
  /** Throws a Problem for whatever the caller can mend. */
  answer(asked: Asked): Promise<Answer>
}

/** Routes that belong together, and the schemas of their bodies and answers by name. */
export interface ApiPart {
  readonly routes: readonly Route[]
  readonly schemas: Readonly<Record<string, z.ZodType>>
}

/** A parameter that does nothing would look as if it did. */
const noQuery = z.strictObject({})

const format = z
  .enum(['json', 'csv'])
  .describe('json or csv; without it what the Accept header would rather have, else JSON')
  .optional()

export function defineRoute<Path extends ObjectSchema, Query extends ObjectSchema, Body extends ObjectSchema>(
  spec: RouteSpec<Path, Query, Body>,
): Route {
  const { table } = spec
  const { path, body, explainUnknown } = spec.takes
  const query: ObjectSchema | undefined =
    table === undefined ? spec.takes.query : (spec.takes.query ?? noQuery).extend({ format })
  const none = {} as never
  return {
    ...spec,
    takes: { ...spec.takes, ...(query === undefined ? {} : { query }) },
    answers: table === undefined ? spec.answers : alsoAsCsv(spec.answers),
    async answer(asked) {
      const { format: wanted, ...parameters } = validate(query ?? noQuery, asked.query, 'query')
      const as =
        table === undefined ? 'json' : ((wanted as Format | undefined) ?? preferredFormat(asked.headers))
      const answer = await spec.handle({
        path: path === undefined ? none : validate(path, asked.path, 'path'),
        query: parameters as z.output<Query>,
        body: body === undefined ? none : validate(body, asked.body, 'body', explainUnknown),
        headers: asked.headers,
        caller: asked.caller,
        format: as,
      })
      return table === undefined ? answer : asTable(answer, table, as, asked.query)
    },
  }
}

function asTable(answer: Answer, { row, fileName }: TableSpec, as: Format, asked: unknown): Answer {
  const headers = { vary: 'accept', ...answer.headers }
  if (as === 'json') return { ...answer, headers }
  const { items, nextCursor } = answer.body as { items: readonly object[]; nextCursor?: string | null }
  const next = new URLSearchParams({
    ...(asked as Record<string, string>),
    format: 'csv',
    cursor: nextCursor ?? '',
  })
  return {
    ...answer,
    body: encodeCsv(Object.keys(row.shape), items),
    headers: {
      'content-type': csvType,
      'content-disposition': `attachment; filename="${fileName}.csv"`,
      ...(typeof nextCursor === 'string' ? { link: `<?${next.toString()}>; rel="next"` } : {}),
      ...headers,
    },
  }
}

const alsoAsCsv = (answers: RouteSpec['answers']): RouteSpec['answers'] => ({
  ...answers,
  ...(answers[200] === undefined
    ? {}
    : {
        200: {
          ...answers[200],
          texts: {
            'text/csv':
              'The items as RFC 4180 has tables, the first row the names of the fields; text that begins like a formula has an apostrophe before it. A Link header with rel="next" leads to the next page.',
          },
        },
      }),
})
