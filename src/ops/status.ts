/**
 * How this process is doing, in one object: what the metrics, /readyz and the terminal's summary say, from the same sources.
 * Pure: readings in, description out.
 */
import type { DatabaseStatistics } from '../db/statistics.ts'
import type { MetricSources } from './metrics.ts'
import type { Rates, Recent } from './recent.ts'
import { lagQuantiles } from './summary.ts'
import { version } from './version.ts'

export interface PipelineStatus {
  readonly at: string
  readonly version: string
  readonly startedAt: string
  readonly state: 'ready' | 'not ready'
  readonly problems: readonly { readonly component: string; readonly problem: string }[]
  readonly rates: Rates
  readonly history: readonly {
    readonly at: string
    readonly receivedPerS: number
    readonly committedPerS: number
  }[]
  /** Null: nothing was committed lately. */
  readonly lag: {
    readonly windowS: number
    readonly messages: number
    readonly p50S: number
    readonly p99S: number
  } | null
  readonly totals: Readonly<Record<(typeof totalNames)[number], number>>
  readonly deadLettered: readonly { readonly reason: string; readonly count: number }[]
  readonly waiting: {
    readonly buffered: number
    readonly inFlight: number
    readonly spooled: number
    readonly unackedMessages: number
    readonly isHeld: boolean
    /** How long nothing was committed although something waits. */
    readonly waitingS: number | null
  }
  /** Null: ack.mode is commit. */
  readonly spool: { readonly bytes: number; readonly maxBytes: number } | null
  readonly broker: {
    readonly isConnected: boolean
    readonly window: number
    readonly sessionsLost: number
    readonly sessionsAdopted: number
  }
  readonly database: {
    readonly isUp: boolean
    readonly chunks: DatabaseStatistics['chunks'] | null
    readonly rollups: readonly { readonly rollup: string; readonly lagS: number }[]
    readonly jobs: readonly {
      readonly job: string
      readonly failures: number
      readonly lastSuccessAt: string | null
    }[]
  }
}

const totalNames = [
  'messages',
  'qos0Messages',
  'retainedMessages',
  'received',
  'committed',
  'duplicates',
  'deadLettered',
] as const

const windowS = 10
const startedAt = new Date(Date.now() - performance.now()).toISOString()
const iso = (ms: number): string => new Date(ms).toISOString()

export function statusOf(sources: MetricSources, recent: Recent): PipelineStatus {
  const pipeline = sources.pipeline()
  const counts = pipeline?.counts
  const problems = sources.problems()
  const lags = recent.lags(windowS)
  const statistics = sources.statistics()
  const deadLettered = [...(counts?.deadLettered ?? [])].map(([reason, count]) => ({ reason, count }))
  const since = pipeline?.waitingSinceMs
  return {
    at: iso(Date.now()),
    version,
    startedAt,
    state: problems.length === 0 ? 'ready' : 'not ready',
    problems,
    rates: recent.rates(windowS),
    history: recent.history().map(({ atMs, receivedPerS, committedPerS }) => ({
      at: iso(atMs),
      receivedPerS,
      committedPerS,
    })),
    lag: lags.length === 0 ? null : { windowS, messages: lags.length, ...lagQuantiles(lags) },
    totals: {
      messages: counts?.messages ?? 0,
      qos0Messages: counts?.qos0Messages ?? 0,
      retainedMessages: counts?.retainedMessages ?? 0,
      received: counts?.received ?? 0,
      committed: counts?.committed ?? 0,
      duplicates: counts?.duplicates ?? 0,
      deadLettered: deadLettered.reduce((sum, { count }) => sum + count, 0),
    },
    deadLettered: deadLettered.toSorted((a, b) => b.count - a.count),
    waiting: {
      buffered: pipeline?.buffered ?? 0,
      inFlight: counts?.inFlight ?? 0,
      spooled: counts?.spooled ?? 0,
      unackedMessages: pipeline?.unacked ?? 0,
      isHeld: pipeline?.isHeld ?? false,
      waitingS: since === undefined ? null : Math.max(0, (Date.now() - since) / 1000),
    },
    spool:
      sources.spoolMaxBytes === 0 ? null : { bytes: sources.spoolBytes(), maxBytes: sources.spoolMaxBytes },
    broker: {
      isConnected: sources.isBrokerConnected(),
      window: pipeline?.window ?? 0,
      sessionsLost: sources.sessionsLost(),
      sessionsAdopted: sources.sessionsAdopted(),
    },
    database: {
      isUp: sources.isDatabaseUp(),
      chunks: statistics?.chunks ?? null,
      rollups: statistics?.rollups ?? [],
      jobs: (statistics?.jobs ?? []).map(({ job, failures, lastSuccessS }) => ({
        job,
        failures,
        lastSuccessAt: lastSuccessS === null ? null : iso(lastSuccessS * 1000),
      })),
    },
  }
}
