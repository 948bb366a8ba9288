// The HTTP API on a real port over a real database, asked as a client would. Every answer is held against the OpenAPI description
// that the service itself gives: a status, header, content type or field that it does not describe fails the test.
import Ajv, { type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { Registry } from 'prom-client'
import { configSchema } from '../../src/config-schema.ts'
import { type HttpOptions, type HttpServer, type HttpSources, openHttpServer } from '../../src/http/server.ts'
import { createHealth } from '../../src/ops/health.ts'
import { openRecent } from '../../src/ops/recent.ts'
import { statusOf } from '../../src/ops/status.ts'

export const writeToken = 'write-token-of-the-tests'

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
  readonly text: string
}

export interface Ask {
  readonly method?: string
  readonly path: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Sent with the request; the write token unless told otherwise. */
  readonly token?: string | null
}

export interface HttpApi {
  readonly port: number
  readonly description: OpenApi
  readonly live: HttpServer['live']
  ask(request: Ask | string): Promise<Reply>
  /** Fails when anything was told to the log as a mistake of ours. */
  close(): Promise<void>
}

interface Operation {
  readonly responses: Readonly<
    Record<string, { content?: Record<string, { schema: object }>; headers?: Record<string, object> }>
  >
}
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, object>> }
}

/** `databaseUrl` undefined: the service is still starting. */
export async function openHttpApi(
  databaseUrl: string | undefined,
  options: Partial<HttpOptions> = {},
  sources: Partial<Pick<HttpSources, 'status' | 'replay'>> = {},
): Promise<HttpApi> {
  const bugs: unknown[] = []
  const recent = openRecent(() => undefined)
  const nothing = (): undefined => undefined
  const zero = (): number => 0
  const server = await openHttpServer(
    {
      ...configSchema.parse({}).http,
      port: 0,
      writeToken,
      queryTimeoutMs: 30_000,
      maxStreams: 10,
      // A test file asks faster than a person.
      maxRequestsPerMinute: 1_000_000,
      ...options,
    },
    {
      registry: new Registry(),
      health: createHealth(),
      pool: nothing,
      status: () =>
        statusOf(
          {
            pipeline: nothing,
            statistics: nothing,
            problems: () => [],
            spoolBytes: zero,
            spoolMaxBytes: 0,
            sessionsLost: zero,
            sessionsAdopted: zero,
            isBrokerConnected: () => false,
            isDatabaseUp: () => false,
            liveMaps: nothing,
          },
          recent,
        ),
      replay: nothing,
      onDatabaseFailure: nothing,
      onBug: (error) => bugs.push(error),
      ...sources,
    },
  )
  if (databaseUrl !== undefined) server.connect(databaseUrl)
  const base = `http://127.0.0.1:${server.port}`
  const description = (await (await fetch(`${base}/openapi.json`)).json()) as OpenApi
  const expectDescribed = createContract(description)

  return {
    port: server.port,
    description,
    live: server.live,
    async ask(request) {
      const {
        method = 'GET',
        path,
        body,
        headers = {},
        token,
      } = typeof request === 'string' ? { path: request } : request
      const authorization = token === null ? {} : { authorization: `Bearer ${token ?? writeToken}` }
      const isText = typeof body === 'string' || body instanceof Uint8Array
      const response = await fetch(`${base}${path}`, {
        method,
        headers: {
          ...(method === 'GET' ? {} : authorization),
          ...(token === undefined ? {} : authorization),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: isText ? (body as string) : JSON.stringify(body) }),
      })
      const text = await response.text()
      const reply = {
        status: response.status,
        headers: response.headers,
        text,
        // CSV and empty answers have only a text.
        body: (/\bjson\b/u.test(response.headers.get('content-type') ?? '')
          ? JSON.parse(text)
          : {}) as Reply['body'],
      }
      expectDescribed(method, path, reply)
      return reply
    },
    async close() {
      recent.close()
      await server.close()
      if (bugs.length > 0) throw new AggregateError(bugs, 'requests met mistakes of ours')
    },
  }
}

function createContract(description: OpenApi): (method: string, path: string, reply: Reply) => void {
  const ajv = new Ajv.default({ strict: false, allErrors: true })
  addFormats.default(ajv)
  ajv.addSchema({ $id: 'api', components: description.components })
  const validators = new Map<string, ValidateFunction>()
  const validatorOf = (schema: object): ValidateFunction => {
    const key = JSON.stringify(schema)
    const known = validators.get(key) ?? ajv.compile(JSON.parse(key.replaceAll('"#/', '"api#/')) as object)
    validators.set(key, known)
    return known
  }

  return (method, path, reply) => {
    const where = `${method} ${path.slice(0, 200)} → ${reply.status} ${reply.text.slice(0, 500)}`
    const operation = operationOf(description, path)?.[method.toLowerCase()]
    const type = reply.headers.get('content-type')?.split(';')[0] ?? ''
    // Beside the described paths and methods there are only problems.
    const response = operation?.responses[String(reply.status)] ?? {
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      headers: {},
    }
    if (operation !== undefined && operation.responses[String(reply.status)] === undefined)
      throw new Error(`a status that is not described: ${where}`)
    const content = response.content?.[type]
    if (content === undefined && (response.content !== undefined || type !== '' || reply.text !== ''))
      throw new Error(`a content type that is not described (${type}): ${where}`)
    const validate = content === undefined ? undefined : validatorOf(content.schema)
    if (validate?.(type.endsWith('json') ? reply.body : reply.text) === false)
      throw new Error(`not as described: ${ajv.errorsText(validate.errors)}: ${where}`)
    for (const name of Object.keys(response.headers ?? {}))
      if (!reply.headers.has(name)) throw new Error(`without the header ${name}: ${where}`)
    if (reply.status >= 400 && reply.body['status'] !== reply.status)
      throw new Error(`another status: ${where}`)
    for (const leak of [
      /\b(?:SELECT|INSERT|UPDATE)\b/u,
      /violates|syntax error|input syntax|relation "/u,
      /\bat .*\.[jt]s:\d/u,
      /node_modules/u,
    ])
      if (reply.status >= 400 && leak.test(reply.text)) throw new Error(`says too much: ${where}`)
    if (
      reply.headers.get('x-content-type-options') !== 'nosniff' ||
      !reply.headers.has('content-security-policy')
    )
      throw new Error(`without security headers: ${where}`)
    // What has an ETag for If-None-Match may be kept by the one who asked, and is asked for again each time.
    const kept =
      operation?.responses['304'] === undefined || reply.status >= 400 ? 'no-store' : 'private, no-cache'
    if (operation !== undefined && reply.headers.get('cache-control') !== kept)
      throw new Error(`may be kept by a cache: ${where}`)
  }
}

function operationOf(description: OpenApi, path: string): Readonly<Record<string, Operation>> | undefined {
  const { pathname } = new URL(path, 'http://service')
  return Object.entries(description.paths).find(([pattern]) =>
    new RegExp(`^${pattern.replaceAll(/\{\w+\}/gu, '[^/]+')}$`, 'u').test(pathname),
  )?.[1]
}
