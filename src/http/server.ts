/**
 * The HTTP server of one process: status for operators, the API for everybody else. Owns the listener, its limits and the headers of
 * every answer; what is answered is the routes' business.
 */
import Fastify, { type FastifyInstance } from 'fastify'
import type { Judgement } from '../db/failure.ts'
import { type Pool, createPool } from '../db/pool.ts'
import type { Replay } from '../ingest/dead-letter-desk.ts'
import type { PipelineStatus } from '../ops/status.ts'
import { explainListenError } from '../ops/user-error.ts'
import { version } from '../ops/version.ts'
import { type AccessOptions, type Admit, type TokenOptions, accessTokens, createAccess } from './access.ts'
import { type OnBug, addApiRoutes, answerProblems, refuseOtherMethods, sendProblem } from './api.ts'
import { type Hub, createHub } from '../live/hub.ts'
import { createAssetRoutes, namedSchemas } from './asset-routes.ts'
import { createAssetStore } from './asset-store.ts'
import { type HttpDatabase, createHttpDatabase, httpPoolOptions } from './database.ts'
import { createDeadLetterPart } from './dead-letter-routes.ts'
import { createFacilities } from './facilities.ts'
import { createFindRoutes } from './find-routes.ts'
import { createHistoryRoutes } from './history-routes.ts'
import { createLocationRoutes } from './location-routes.ts'
import { createLocationStore } from './location-store.ts'
import { createStreamRoutes, surveyOf } from './location-stream.ts'
import { describeApi } from './openapi.ts'
import { addPage } from './page.ts'
import { createPipelinePart } from './pipeline-routes.ts'
import { createPlanRoutes } from './plan-routes.ts'
import { Problem, documentOf, problemType } from './problem.ts'
import { createReportPart } from './report-routes.ts'
import type { ApiPart } from './route.ts'
import { createSearching } from './search.ts'
import { limitRequests } from './rate-limit.ts'
import { type HttpTls, renewTls, serverOf } from './tls.ts'
import { type StatusSources, addStatusRoutes, statusPaths } from './status-routes.ts'

export interface HttpOptions extends Pick<AccessOptions, 'host' | 'readAccess'>, TokenOptions, HttpTls {
  readonly port: number
  readonly maxBodyBytes: number
  readonly maxRequestsPerMinute: number
  readonly queryTimeoutMs: number
  /** Live maps at a time. */
  readonly maxStreams: number
}

export interface HttpSources extends StatusSources {
  readonly status: () => PipelineStatus
  /** Undefined while the service starts. */
  readonly replay: () => Replay | undefined
  /** A request could not be answered for this reason. */
  readonly onDatabaseFailure: (judgement: Judgement) => void
  readonly onBug: OnBug
}

export interface HttpServer {
  readonly port: number
  /** Where the API reads and writes; until then it says that the service is starting. */
  connect(databaseUrl: string): void
  /** Tokens and certificate as they are now. */
  reload(options: HttpOptions): void
  /** Live maps: fed with what is committed, and ended before the rest is closed. */
  readonly live: Pick<Hub, 'committed' | 'close' | 'watchers' | 'events'>
  close(): Promise<void>
}

/** A request that dribbles in holds a connection; a whole one of the largest size takes a second on a slow line. */
const requestTimeoutMs = 15_000
/** Who opens a connection and says nothing, or says it letter by letter, holds a place among these. */
const headersTimeoutMs = 10_000
const lookEveryMs = 5000
const maxConnections = 1000
/** Nothing passes in either direction; a stream that has nothing to tell sends a sign of life more often. */
const idleTimeoutMs = 60_000
/** Ids are at most 200 characters, each at most 12 when percent-encoded. */
const maxParamLength = 2400

/** Nothing but the page itself is for a browser to run; nothing is to be framed or sniffed. */
const securityHeaders = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cache-control': 'no-store',
} as const

/** Errors: UserError naming HTTP_PORT when the address cannot be had. */
export async function openHttpServer(options: HttpOptions, sources: HttpSources): Promise<HttpServer> {
  const app = Fastify({
    ...serverOf(options, { headersTimeout: headersTimeoutMs, connectionsCheckingInterval: lookEveryMs }),
    connectionTimeout: idleTimeoutMs,
    logger: false,
    forceCloseConnections: true,
    bodyLimit: options.maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    routerOptions: { maxParamLength },
    frameworkErrors: (error, request, reply) => {
      reply.headers(securityHeaders)
      void sendProblem(error, request, reply, sources.onBug)
    },
    clientErrorHandler: (error, socket) => {
      if (error.code !== 'ECONNRESET' && socket.writable) socket.end(rawAnswer(error.code))
      else socket.destroy()
    },
  })
  app.removeContentTypeParser('text/plain')
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(securityHeaders)
    if (options.certFile !== null) reply.header('strict-transport-security', 'max-age=31536000')
    done()
  })
  answerProblems(app, sources.onBug)
  let admit = admitBy(options)
  await limitRequests(app, options.maxRequestsPerMinute, (headers, needed) => admit(headers, needed))
  addStatusRoutes(app, sources)
  const pagePaths = addPage(app)
  let pool: Pool | undefined
  const database = createHttpDatabase(() => pool, sources.onDatabaseFailure)
  const { paths, live } = addApi(
    app,
    (headers, needed) => admit(headers, needed),
    database,
    options.maxStreams,
    sources,
  )
  refuseOtherMethods(app, [...statusPaths, ...pagePaths, ...paths])

  app.server.maxConnections = maxConnections
  try {
    await app.listen({ host: options.host, port: options.port })
  } catch (error) {
    throw explainListenError(error, 'The HTTP server', options.host, options.port, 'HTTP_PORT')
  }
  const address = app.server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    connect(databaseUrl) {
      if (pool !== undefined) return pool.renew(databaseUrl)
      // An idle connection that broke: the next request gets another.
      pool = createPool(httpPoolOptions(databaseUrl, options.queryTimeoutMs), () => undefined)
    },
    reload(next) {
      admit = admitBy({ ...options, writeToken: next.writeToken, tokens: next.tokens })
      renewTls(app.server, next)
    },
    live,
    async close() {
      live.close()
      await app.close()
      await pool?.close()
    },
  }
}

const admitBy = (options: HttpOptions): Admit => createAccess({ ...options, tokens: accessTokens(options) })

/** Returns the paths it added, and the live maps among them. */
function addApi(
  app: FastifyInstance,
  admit: Admit,
  database: HttpDatabase,
  maxStreams: number,
  sources: HttpSources,
): { paths: string[]; live: Hub } {
  const facilities = createFacilities(database)
  const locations = createLocationStore(database)
  const searching = createSearching(database)
  const live = createHub(surveyOf(database, locations), maxStreams)
  const parts: readonly ApiPart[] = [
    { routes: createAssetRoutes(createAssetStore(database)), schemas: namedSchemas },
    createPlanRoutes(database, facilities),
    createLocationRoutes(locations, facilities, searching),
    createStreamRoutes(live, facilities),
    createFindRoutes(locations, facilities, searching),
    createHistoryRoutes(database, locations),
    createReportPart(database, facilities),
    createPipelinePart(sources.status),
    createDeadLetterPart(database, sources.replay),
  ]
  const routes = parts.flatMap((part) => part.routes)
  const schemas = Object.assign({}, ...parts.map((part) => part.schemas)) as ApiPart['schemas']
  addApiRoutes(app, routes, admit)
  const description = JSON.stringify(describeApi(routes, { version, schemas }))
  app.get('/openapi.json', (_request, reply) => reply.type('application/json').send(description))
  return { paths: [...routes.map(({ path }) => path), '/openapi.json'], live }
}

/** What Node's parser refuses never becomes a request. */
function rawAnswer(code: string): string {
  const problem =
    code === 'HPE_HEADER_OVERFLOW'
      ? new Problem('headers-too-large', 'The headers are larger than 16 KiB.')
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? new Problem('request-timeout', 'The request did not arrive in time.')
        : new Problem('malformed-request', 'This is not a request of HTTP/1.1.')
  const body = JSON.stringify(documentOf(problem, ''))
  return [
    `HTTP/1.1 ${problem.status} Refused`,
    `content-type: ${problemType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    ...Object.entries(securityHeaders).map(([name, value]) => `${name}: ${value}`),
    '',
    body,
  ].join('\r\n')
}
