/**
 * What a report is: a question, the columns of its answer and the SQL behind them. From one definition come the route with its
 * limits, its JSON and CSV, and its part of the OpenAPI description. The SQL calls the functions and views analysts have
 * (docs/analysts.md), so the numbers are theirs.
 * Guarantees: an answer is whole or says that it is not (`total`); nothing of a request gets into SQL but as a parameter.
 */
import { z } from 'zod'
import type { HttpDatabase } from './database.ts'
import { type Facilities, type Facility, facilityParameter } from './facilities.ts'
import { Problem } from './problem.ts'
import { type ApiPart, type Route, defineRoute } from './route.ts'
import { type Span, type SpanLimits, spanAsked, spanParameters } from './span.ts'

export interface Column {
  /** Gives the value as JSON has it. */
  readonly sql: string
  readonly schema: z.ZodType
}

type Schema = z.ZodType
const column = (schema: Schema) => (sql: string, description?: string) => ({
  sql,
  schema: description === undefined ? schema : schema.describe(description),
})
const optional = (schema: Schema, render: (sql: string) => string = String) =>
  Object.assign((sql: string, description?: string) => column(schema)(render(sql), description), {
    orNull: (sql: string, description?: string) => column(schema.nullable())(render(sql), description),
  })

/** Kinds of columns; `.orNull` where the answer may not know. */
export const text = optional(z.string())
/** The driver gives a Date, which JSON writes in UTC with milliseconds. */
export const instant = optional(z.iso.datetime())
export const day = optional(z.iso.date(), (sql) => `(${sql})::text`)
/** What a clock in the facility says. */
export const localTime = optional(z.string(), (sql) => `to_char(${sql}, 'YYYY-MM-DD"T"HH24:MI')`)
export const whole = optional(z.int(), (sql) => `(${sql})::float8`)
/** To a thousandth: what comes after that is noise in every one of these. */
export const figure = optional(z.number(), (sql) => `round((${sql})::numeric, 3)::float8`)
export const seconds = optional(z.number(), (sql) => `round(extract(epoch FROM ${sql})::numeric, 3)::float8`)
export const yesNo = optional(z.boolean())

type Shape = Readonly<Record<string, z.ZodType>>

interface AskedReport<Takes extends Shape> {
  readonly facility: Facility
  /** Undefined in a report about now. */
  readonly span: Span
  readonly query: { readonly [Name in keyof Takes]: z.output<Takes[Name]> }
  /** A value → its parameter in the statement. */
  readonly put: (value: unknown) => string
}

export interface ReportSpec<Takes extends Shape> {
  /** After /reports/. */
  readonly path: string
  /** Of the answer's schema: OccupancyReport. */
  readonly name: string
  readonly question: string
  readonly description: string
  readonly takes: Takes
  /** Undefined: it is about now. */
  readonly span?: (query: AskedReport<Takes>['query']) => SpanLimits
  readonly columns: Readonly<Record<string, Column>>
  /**
   * What stands after FROM, and how its rows are ordered. `each`: a view that is computed once, as `each`, before anything is joined
   * to it: the planner does not know what it costs.
   */
  sql(asked: AskedReport<Takes>): { readonly each?: string; readonly from: string; readonly order: string }
}

export interface Report {
  readonly route: (database: HttpDatabase, facilities: Facilities) => Route
  readonly schemas: ApiPart['schemas']
}

const mostRows = 20_000

const limitParameter = z
  .preprocess(
    (value) => (typeof value === 'string' && /^\d{1,9}$/u.test(value) ? Number(value) : value),
    z.int().min(1).max(mostRows),
  )
  .describe(
    `the first so many rows, a whole number from 1 to ${mostRows}; without it all, or a problem when they are more`,
  )
  .optional()

export function defineReport<Takes extends Shape>(spec: ReportSpec<Takes>): Report {
  const { path, name, question, description, takes, span, columns } = spec
  const row = z.object(Object.fromEntries(Object.entries(columns).map(([key, { schema }]) => [key, schema])))
  const answer = z
    .object({
      facility: z.string().describe('the code of the facility'),
      timezone: z.string().describe('of the facility, an IANA name'),
      at: z.iso.datetime().describe('when this was answered'),
      ...(span === undefined
        ? {}
        : { from: z.iso.datetime().describe('included'), to: z.iso.datetime().describe('not included') }),
      total: z.int().describe('rows there are; more than items where a limit was asked for'),
      items: z.array(row),
    })
    .describe(question)
  const query = z.strictObject({
    facility: facilityParameter,
    ...(span === undefined ? {} : spanParameters),
    ...takes,
    limit: limitParameter,
  })
  const selected = Object.entries(columns).map(([key, { sql }]) => `${sql} AS "${key}"`)

  const route = (database: HttpDatabase, facilities: Facilities): Route =>
    defineRoute({
      method: 'GET',
      path: `/reports/${path}`,
      name: `report${name.replace(/Report$/u, '')}`,
      summary: question,
      description,
      role: 'viewer',
      takes: { query },
      table: { row, fileName: path },
      answers: { 200: { description: 'The answer.', schema: answer } },
      problems: [],
      async handle({ query: checked }) {
        const { facility: code, limit, ...rest } = checked as { facility?: string; limit?: number } & object
        const asked = rest as AskedReport<Takes>['query'] & { from?: unknown; to?: unknown }
        // First what can be refused without asking the database.
        const asOf = span === undefined ? undefined : spanAsked(asked, span(asked))
        const facility = await facilities.resolve(code)
        const parameters: unknown[] = []
        const { each, from, order } = spec.sql({
          facility,
          span: asOf ?? { from: new Date(0), to: new Date() },
          query: asked,
          put: (value) => `$${parameters.push(value)}`,
        })
        const rows = await database.query<{ total: number }>(
          `${each === undefined ? '' : `WITH each AS MATERIALIZED (SELECT * FROM ${each})`}
           SELECT ${selected.join(', ')}, (count(*) OVER ())::integer AS total FROM ${from} ORDER BY ${order} LIMIT ${limit ?? mostRows}`,
          parameters,
        )
        const total = rows[0]?.total ?? 0
        if (limit === undefined && total > rows.length) throw tooMuch(total, span !== undefined)
        return {
          status: 200,
          body: {
            facility: facility.code,
            timezone: facility.timezone,
            at: new Date(),
            ...asOf,
            total,
            items: rows.map(({ total: _total, ...item }) => item),
          },
        }
      },
    })
  return { route, schemas: { [name]: answer } }
}

const tooMuch = (total: number, hasSpan: boolean): Problem =>
  new Problem(
    'invalid-parameter',
    `This has ${total} rows, and one answer at most ${mostRows}. Ask for less${hasSpan ? ': a shorter span, a room or a category' : ''}, or give limit for the first ones.`,
  )

export const sharedParameters = {
  /** `by` of reports about use. */
  by: z
    .enum(['log', 'away'])
    .describe(
      'log: sessions that were logged; away: the time the tag was outside its home room, a sign of use and no proof',
    )
    .default('log'),
} as const

export const number = (min: number, max: number, what: string): z.ZodType<number> =>
  z
    .preprocess(
      (value) =>
        typeof value === 'string' && /^\d{1,9}(?:\.\d{1,6})?$/u.test(value) ? Number(value) : value,
      z.number().min(min).max(max),
    )
    .describe(`${what}, a number from ${min} to ${max}`)
