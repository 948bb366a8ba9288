/**
 * What a route of the API is: its path, who may call it, what it takes and what it answers. From one definition come the checks of
 * a request, the handler, and the route's part of the OpenAPI description.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import { z } from 'zod'
import type { Caller, Role } from './access.ts'
import { type ExplainUnknown, type ObjectSchema, validate } from './validate.ts'

export interface Answer {
  readonly status: number
  /** JSON; or text or a stream of the type of its content-type header. */
  readonly body: object | string | Readable
  readonly headers?: Readonly<Record<string, string>>
}

export interface AnswerSpec {
  readonly description: string
  readonly schema: z.ZodType
  /** Name → what it says. */
  readonly headers?: Readonly<Record<string, string>>
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

/** A parameter that does nothing would look as if it did. */
const noQuery = z.strictObject({})

export function defineRoute<Path extends ObjectSchema, Query extends ObjectSchema, Body extends ObjectSchema>(
  spec: RouteSpec<Path, Query, Body>,
): Route {
  const { path, query, body, explainUnknown } = spec.takes
  const none = {} as never
  return {
    ...spec,
    async answer(asked) {
      return spec.handle({
        path: path === undefined ? none : validate(path, asked.path, 'path'),
        query: validate(query ?? noQuery, asked.query, 'query') as z.output<Query>,
        body: body === undefined ? none : validate(body, asked.body, 'body', explainUnknown),
        headers: asked.headers,
        caller: asked.caller,
      })
    },
  }
}
