/** /pipeline: how this process is doing, for the page and for scripts that want more than /metrics in one look. */
import { z } from 'zod'
import type { PipelineStatus } from '../ops/status.ts'
import { type ApiPart, defineRoute } from './route.ts'

const count = z.number().min(0)
const instant = z.iso.datetime()
const rates = {
  receivedPerS: count.describe('pings, good and bad'),
  committedPerS: count.describe('pings that are new rows'),
}

const statusSchema: z.ZodType<PipelineStatus> = z
  .object({
    at: instant,
    version: z.string(),
    startedAt: instant.describe('of this process; totals count from here'),
    state: z.enum(['ready', 'not ready']).describe('as /readyz says'),
    problems: z.array(z.object({ component: z.string(), problem: z.string() })),
    rates: z.object({
      windowS: count.describe('the seconds they are the average of'),
      messagesPerS: count,
      ...rates,
    }),
    history: z
      .array(z.object({ at: instant, ...rates }))
      .describe('second by second of the last two minutes, the oldest first'),
    lag: z
      .object({
        windowS: count,
        messages: count,
        p50S: count.describe('half of the messages were committed within so many seconds of their receipt'),
        p99S: count,
      })
      .nullable()
      .describe('from receipt to commit; null: nothing was committed lately'),
    totals: z.object({
      messages: count,
      qos0Messages: count,
      retainedMessages: count,
      received: count,
      committed: count,
      duplicates: count,
      deadLettered: count,
    }),
    deadLettered: z
      .array(z.object({ reason: z.string(), count }))
      .describe('by this process since it started; /dead-letters has what is stored'),
    waiting: z.object({
      buffered: count.describe('pings waiting for a batch'),
      inFlight: count.describe('pings being written'),
      spooled: count.describe('pings on the local disk'),
      unackedMessages: count,
      isHeld: z
        .boolean()
        .describe('the memory bound is reached, and nothing is taken from the broker until there is room'),
      waitingS: count.nullable().describe('for how long nothing was committed although something waits'),
    }),
    spool: z
      .object({ bytes: count, maxBytes: count })
      .nullable()
      .describe('null: with ack.mode commit there is none'),
    broker: z.object({
      isConnected: z.boolean(),
      window: count.describe('messages the broker sends before it waits for an acknowledgement'),
      sessionsLost: count,
      sessionsAdopted: count,
    }),
    database: z.object({
      isUp: z.boolean(),
      chunks: z.object({ compressed: count, uncompressed: count }).nullable(),
      rollups: z.array(
        z.object({ rollup: z.string(), lagS: count.describe('seconds that are not materialised yet') }),
      ),
      jobs: z.array(
        z.object({
          job: z.string(),
          failures: count,
          lastSuccessAt: instant.nullable().describe('null: never'),
        }),
      ),
    }),
  })
  .describe('Live figures of this process. Other replicas have their own.')

export const createPipelinePart = (status: () => PipelineStatus): ApiPart => ({
  schemas: { PipelineStatus: statusSchema },
  routes: [
    defineRoute({
      method: 'GET',
      path: '/pipeline',
      name: 'getPipeline',
      summary: 'Is everything that is sent stored, and how fast?',
      description:
        'Rates and lag of the last seconds, what waits where, and the state of broker and database, as the metrics have them. Asks nothing of the database.',
      role: 'viewer',
      takes: {},
      answers: { 200: { description: 'The figures of this moment.', schema: statusSchema } },
      problems: [],
      handle: async () => ({ status: 200, body: status() }),
    }),
  ],
})
