/**
 * How many requests a minute one client may make: one bucket for each token, and one for each address that has none, so that guessing
 * tokens is as limited as asking without one. Health and metrics are not counted: an orchestrator must get its answer.
 */
import limiter from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Admit } from './access.ts'
import { Problem } from './problem.ts'

/** Whoever probes and scrapes. /health/db is not among them: it asks the database. */
const unlimited: ReadonlySet<string> = new Set(['/livez', '/readyz', '/metrics'])
const windowMs = 60_000

/** Call before the routes are added. */
export async function limitRequests(app: FastifyInstance, perMinute: number, admit: Admit): Promise<void> {
  await app.register(limiter, { global: false })
  const count = app.createRateLimit({
    max: perMinute,
    timeWindow: windowMs,
    keyGenerator: (request) => clientOf(request, admit),
  })
  app.addHook('onRequest', async (request) => {
    if (unlimited.has(request.routeOptions.url ?? '')) return
    const result = await count(request)
    if (result.isAllowed || !result.isExceeded) return
    throw new Problem(
      'too-many-requests',
      `More than ${perMinute} requests within a minute (http.maxRequestsPerMinute). Try again in ${result.ttlInSeconds} seconds.`,
      { headers: { 'retry-after': String(result.ttlInSeconds) } },
    )
  })
}

function clientOf(request: FastifyRequest, admit: Admit): string {
  if (request.headers.authorization === undefined) return `address ${request.ip}`
  try {
    return `token ${admit(request.headers, 'viewer').name}`
  } catch {
    // A token that nobody has.
    return `address ${request.ip}`
  }
}
