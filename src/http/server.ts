/**
 * The HTTP server of one process: metrics and health. Read-only. Owns routes and status codes, not what they report.
 */
import Fastify from 'fastify'
import type { Registry } from 'prom-client'
import type { Health } from '../ops/health.ts'
import { explainListenError, messageOf } from '../ops/user-error.ts'

export interface HttpOptions {
  readonly host: string
  readonly port: number
}

export interface HttpSources {
  readonly registry: Registry
  readonly health: Health
  /** Milliseconds a trivial query took; throws with a reason for the operator. */
  readonly pingDatabase: () => Promise<number>
}

export interface HttpServer {
  readonly port: number
  close(): Promise<void>
}

/** Errors: UserError naming HTTP_PORT when the address cannot be had. */
export async function openHttpServer(options: HttpOptions, sources: HttpSources): Promise<HttpServer> {
  const app = Fastify({ logger: false, forceCloseConnections: true })

  app.get('/livez', () => ({ status: 'alive' }))

  app.get('/readyz', (_request, reply) => {
    const problems = sources.health.problems()
    return reply
      .code(problems.length === 0 ? 200 : 503)
      .send(problems.length === 0 ? { status: 'ready' } : { status: 'not ready', problems })
  })

  app.get('/health/db', async (_request, reply) => {
    try {
      return await reply.send({ status: 'up', latencyMs: await sources.pingDatabase() })
    } catch (error) {
      return reply.code(503).send({ status: 'down', reason: messageOf(error) })
    }
  })

  app.get('/metrics', async (_request, reply) =>
    reply.type(sources.registry.contentType).send(await sources.registry.metrics()),
  )

  try {
    await app.listen({ host: options.host, port: options.port })
  } catch (error) {
    throw explainListenError(error, 'The HTTP server', options.host, options.port, 'HTTP_PORT')
  }
  const address = app.server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    close: async () => app.close(),
  }
}
