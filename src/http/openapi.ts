/**
 * The OpenAPI 3.1 description of the API, from the same schemas that check the requests. Pure: routes in, document out.
 */
import { z } from 'zod'
import { type ProblemDocument, problemKinds, problemType, titleOf } from './problem.ts'
import type { AnswerSpec, Route } from './route.ts'
import type { ObjectSchema } from './validate.ts'

type Json = z.core.JSONSchema.JSONSchema

const problemSchema: z.ZodType<ProblemDocument> = z
  .object({
    type: z
      .enum(problemKinds as [string, ...string[]])
      .describe('which kind of problem; programs may compare it'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('what is wrong and what to do, in a sentence'),
    instance: z.string().describe('the path of the request'),
    errors: z
      .array(
        z.object({
          field: z.string(),
          in: z.enum(['body', 'query', 'path', 'header']),
          detail: z.string().describe('what is expected there'),
        }),
      )
      .optional(),
    currentVersion: z.int().optional().describe('the version the asset has now'),
  })
  .describe('RFC 9457: what is wrong, in which field, and what to do.') as never

export interface OpenApiInfo {
  readonly version: string
  /** Name → schema: those that are referred to by name. */
  readonly schemas: Readonly<Record<string, z.ZodType>>
}

export function describeApi(routes: readonly Route[], info: OpenApiInfo): object {
  const { schemaOf, components } = createComponents({ Problem: problemSchema, ...info.schemas }, routes)
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes)
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route, schemaOf) }
  return {
    openapi: '3.1.1',
    info: {
      title: 'rtls-ingest',
      version: info.version,
      description:
        'The assets of a hospital. Times are UTC, lengths metres, amounts in the currency of the asset. Every error is a problem document (RFC 9457).',
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: components,
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'A token of http.tokens or http.writeToken.' },
      },
    },
  }
}

function operationOf(route: Route, schemaOf: (schema: z.ZodType) => Json): object {
  const { takes, role } = route
  const parameters = [
    ...parametersOf(takes.path, 'path'),
    ...parametersOf(takes.query, 'query'),
    ...Object.entries(takes.headers ?? {}).map(([name, description]) => ({
      name,
      in: 'header',
      description,
      schema: { type: 'string' },
    })),
  ]
  const answers = Object.entries(route.answers).map(([status, answer]) => [
    status,
    answerOf(answer, schemaOf),
  ])
  const problems = problemsOf(route).map((status) => [
    String(status),
    {
      description: titleOf(status),
      content: { [problemType]: { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  ])
  return {
    operationId: route.name,
    summary: route.summary,
    description: `${route.description} Needs the role ${role}${role === 'viewer' ? '; on the machine itself no token' : ''}.`,
    security: role === 'viewer' ? [{ token: [] }, {}] : [{ token: [] }],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(takes.body === undefined
      ? {}
      : {
          requestBody: { required: true, content: { 'application/json': { schema: schemaOf(takes.body) } } },
        }),
    responses: Object.fromEntries([...answers, ...problems]) as object,
  }
}

/** What any route of its kind can answer, and what it says itself. */
function problemsOf({ takes, problems }: Route): number[] {
  const hasParameters = takes.path !== undefined || takes.query !== undefined
  return [
    400,
    401,
    403,
    ...(takes.body === undefined ? [] : [413, 415, 422]),
    ...(hasParameters ? [414] : []),
    429,
    500,
    503,
    ...problems,
  ].toSorted((a, b) => a - b)
}

function answerOf(
  { description, schema, texts = {}, headers }: AnswerSpec,
  schemaOf: (schema: z.ZodType) => Json,
): object {
  return {
    description,
    ...(schema === undefined && Object.keys(texts).length === 0
      ? {}
      : {
          content: {
            ...(schema === undefined ? {} : { 'application/json': { schema: schemaOf(schema) } }),
            ...Object.fromEntries(
              Object.entries(texts).map(([type, holds]) => [
                type,
                { schema: { type: 'string', description: holds } },
              ]),
            ),
          },
        }),
    ...(headers === undefined
      ? {}
      : {
          headers: Object.fromEntries(
            Object.entries(headers).map(([name, text]) => [
              name,
              { description: text, schema: { type: 'string' } },
            ]),
          ),
        }),
  }
}

function parametersOf(schema: ObjectSchema | undefined, place: 'path' | 'query'): object[] {
  if (schema === undefined) return []
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input' })
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = property as Json
    const parameter = { name, in: place, required: place === 'path', description, schema: rest }
    // Several values are separated by commas.
    return rest.type === 'array' ? Object.assign(parameter, { style: 'form', explode: false }) : parameter
  })
}

function createComponents(
  named: Readonly<Record<string, z.ZodType>>,
  routes: readonly Route[],
): { schemaOf: (schema: z.ZodType) => Json; components: Record<string, Json> } {
  const taken = new Set<z.ZodType>(routes.flatMap(({ takes }) => takes.body ?? []))
  const refTo = (name: string): string => `#/components/schemas/${name}`
  const components: Record<string, Json> = {}
  for (const io of ['input', 'output'] as const) {
    const registry = z.registry<{ id: string }>()
    for (const [id, schema] of Object.entries(named))
      if (taken.has(schema) === (io === 'input')) registry.add(schema, { id })
    const { schemas } = z.toJSONSchema(registry, { uri: refTo, io })
    for (const [id, { $id: _id, $schema: _dialect, ...schema }] of Object.entries(schemas))
      components[id] = schema
  }
  const names = new Map(Object.entries(named).map(([name, schema]) => [schema, name]))
  return {
    components,
    schemaOf(schema) {
      const name = names.get(schema)
      if (name === undefined) throw new Error('a body or answer whose schema has no name')
      return { $ref: refTo(name) }
    },
  }
}
