/** The part of the composition root that is there only for replicas of a shared subscription. */
import type { Config } from './config-schema.ts'
import type { Pool } from './db/pool.ts'
import { createReplicaTable } from './db/replica-table.ts'
import { emptySession } from './ingest/adoption.ts'
import { filtersOf } from './ingest/mqtt-options.ts'
import type { Pipeline, PipelineLimits } from './ingest/pipeline-contract.ts'
import { openReplicas } from './ingest/replicas.ts'
import { topicsOf } from './ingest/routes.ts'
import type { BrokerAddress } from './ops/broker-address.ts'
import type { Reports } from './ops/reports.ts'

export interface AppReplicas {
  /** Of the sessions of dead replicas; its terms belong to the account. */
  readonly pipeline: Pipeline
  readonly registered: Promise<void>
  explainLostSession(): Promise<void>
  /** The next session is taken over with these. */
  renew(address: BrokerAddress): void
  /** Writes and acknowledges what it has taken from another's session, gives the rest back. Never rejects. */
  close(signal: AbortSignal): Promise<void>
}

/** A dead replica's queue is no hurry, and the memory bound is for the present. */
const shareOfMemory = 10

/** Undefined where nobody shares the subscription, or nobody is to be taken for dead. */
export function openAppReplicas(
  config: Config,
  pool: Pool,
  reports: Reports,
  createPipeline: (limits: Partial<PipelineLimits>) => Pipeline,
): AppReplicas | undefined {
  const { url, shareGroup, adoptAfterS } = config.mqtt
  if (url === null || shareGroup === null || adoptAfterS === 0) return undefined
  const pipeline = createPipeline({
    concurrency: 1,
    maxBufferedPings: Math.ceil(config.limits.maxBufferedPings / shareOfMemory),
    maxBufferedBytes: Math.ceil(config.limits.maxBufferedBytes / shareOfMemory),
  })
  const self = {
    broker: new URL(url).host.toLowerCase(),
    clientId: config.mqtt.clientId,
    shareGroup,
    filters: filtersOf({ shareGroup, topics: topicsOf(config.formats) }),
    overdueAfterS: adoptAfterS,
  }
  let address: BrokerAddress = { ...config.mqtt, url }
  const replicas = openReplicas(
    createReplicaTable(pool, self),
    adoptAfterS,
    () => reports.isSubscribed(),
    async ({ clientId, filters }, mayEnd, signal) =>
      emptySession(
        { ...config.mqtt, ...address, clientId, topics: filters, protocolVersion: reports.protocolVersion() },
        pipeline,
        mayEnd,
        signal,
      ),
    reports.replicas,
  )
  return {
    pipeline,
    registered: replicas.registered,
    renew(next) {
      address = next
    },
    explainLostSession: async () => replicas.explainLostSession(),
    async close(signal) {
      await pipeline.drain(signal).catch(() => undefined)
      await replicas.close()
    },
  }
}
