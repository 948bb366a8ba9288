/** What orchestrators, Prometheus and operators ask: alive, ready, the database, metrics. For all who reach the port. */
import type { FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'
import { judge } from '../db/failure.ts'
import type { Pool } from '../db/pool.ts'
import type { Health } from '../ops/health.ts'

export interface StatusSources {
  readonly registry: Registry
  readonly health: Health
  /** The connections of those who write pings: theirs is the health asked for. Undefined while the service starts. */
  readonly pool: () => Pool | undefined
}

export const statusPaths: readonly string[] = ['/livez', '/readyz', '/health/db', '/metrics']

export function addStatusRoutes(app: FastifyInstance, { registry, health, pool }: StatusSources): void {
  app.get('/livez', () => ({ status: 'alive' }))

  app.get('/readyz', (_request, reply) => {
    const problems = health.problems()
    return reply
      .code(problems.length === 0 ? 200 : 503)
      .send(problems.length === 0 ? { status: 'ready' } : { status: 'not ready', problems })
  })

  app.get('/health/db', async (_request, reply) => {
    const open = pool()
    if (open === undefined) return reply.code(503).send({ status: 'down', reason: 'the service is starting' })
    try {
      const startedMs = performance.now()
      await open.use(async (client) => client.query('SELECT 1'))
      const latencyMs = Math.round((performance.now() - startedMs) * 100) / 100
      return await reply.send({ status: 'up', latencyMs })
    } catch (error) {
      // Not the driver's words: they may name users and addresses.
      return reply.code(503).send({ status: 'down', reason: judge(error, 'before-commit').because })
    }
  })

  app.get('/metrics', async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  )
}
