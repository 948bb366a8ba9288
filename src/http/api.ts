/**
 * Puts the routes of the API onto the server: who may call, what they send, what they get. Every error becomes a problem document
 * here, also those of the server itself; what is a mistake of ours is told to the log and not to the caller.
 */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Admit, Caller } from './access.ts'
import { Problem, type ProblemKind, documentOf, problemType } from './problem.ts'
import type { Route } from './route.ts'

export type OnBug = (error: unknown, method: string, route: string) => void

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller | null
  }
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

export function addApiRoutes(app: FastifyInstance, routes: readonly Route[], admit: Admit): void {
  app.decorateRequest('caller', null)
  for (const route of routes)
    app.route({
      method: route.method,
      url: fastifyPath(route.path),
      exposeHeadRoute: route.method === 'GET' && route.isStream !== true,
      // Before the body is read: who may not write, sends nothing.
      onRequest: (request, _reply, done) => {
        request.caller = admit(request.headers, route.role)
        done()
      },
      async handler(request, reply) {
        if (request.caller === null) throw new Error('a request that was not admitted')
        const { params, query, body, headers, caller } = request
        const answer = await route.answer({ path: params, query, body, headers, caller })
        return reply
          .code(answer.status)
          .headers({ 'cache-control': 'no-store', ...answer.headers })
          .send(answer.body)
      },
    })
}

/** Call after all other routes: what is known under another method is a 405, not a 404. */
export function refuseOtherMethods(app: FastifyInstance, paths: readonly string[]): void {
  for (const path of new Set(paths.map(fastifyPath))) {
    const allowed = methods.filter((method) => app.hasRoute({ method, url: path }))
    const allow = allowed.join(', ')
    app.route({
      method: methods.filter((method) => !allowed.includes(method)),
      url: path,
      onRequest: (request) => {
        throw new Problem('method-not-allowed', `${request.method} does not work here; use ${allow}.`, {
          headers: { allow },
        })
      },
      handler: () => undefined,
    })
  }
}

const fastifyPath = (path: string): string => path.replaceAll(/\{(\w+)\}/gu, ':$1')

export function answerProblems(app: FastifyInstance, onBug: OnBug): void {
  app.setNotFoundHandler((request) => {
    throw new Problem(
      'not-found',
      `There is nothing at ${pathOf(request)}. /openapi.json describes what there is.`,
    )
  })
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, onBug))
}

export function sendProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  onBug: OnBug,
): FastifyReply {
  const problem = error instanceof Problem ? error : problemOf(error)
  if (problem.status === 500) onBug(error, request.method, request.routeOptions.url ?? 'no route')
  return reply
    .code(problem.status)
    .headers({ 'cache-control': 'no-store', ...problem.extras.headers })
    .type(problemType)
    .send(JSON.stringify(documentOf(problem, request.url)))
}

const pathOf = ({ url }: FastifyRequest): string => url.replace(/[?#].*$/su, '').slice(0, 200)

/** Errors of the server, by its code; anything unknown is ours. */
function problemOf(error: unknown): Problem {
  const { code = '', statusCode } = error as Partial<FastifyError>
  const known = serverErrors[code]
  if (known !== undefined) return new Problem(...known)
  if (statusCode === 400)
    return new Problem('malformed-request', 'The body is not valid JSON. Send one JSON object.')
  return new Problem(
    'internal',
    'Nothing was changed that you were not told of. The log of the service has the cause; please report it.',
  )
}

const serverErrors: Readonly<Record<string, readonly [ProblemKind, string]>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: ['malformed-request', 'The body is not valid JSON. Send one JSON object.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['malformed-request', 'The body is empty. Send one JSON object.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'malformed-request',
    'The body is shorter or longer than Content-Length says.',
  ],
  FST_ERR_CTP_BODY_TOO_LARGE: [
    'too-large',
    'The body is larger than http.maxBodyBytes. Send less, or raise it.',
  ],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported-media-type',
    'Send the body as JSON, with "Content-Type: application/json".',
  ],
  FST_ERR_BAD_URL: ['malformed-request', 'The path of the URL is not validly percent-encoded.'],
  FST_ERR_MAX_PARAM_LENGTH: ['url-too-long', 'An id in the path is longer than ids are.'],
}
