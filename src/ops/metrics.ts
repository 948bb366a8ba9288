/**
 * The Prometheus metrics: names, help texts, and how each is read. Counters are read from the pipeline at scrape time,
 * all from the same moment, so that the conservation identity holds in every scrape.
 * Labels are bounded: closing reasons, rejection reasons, jobs, rollups, chunk states. Never a tag, a topic or an error text.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { DatabaseStatistics } from '../db/statistics.ts'
import { closeReasons } from '../ingest/batcher.ts'
import type { PipelineObserver } from '../ingest/pipeline-contract.ts'
import { rejectionReasonNames } from '../ingest/ping.ts'
import type { PipelineReading } from '../ingest/reading.ts'
import { addDatabaseMetrics } from './database-metrics.ts'
import { type Health, components } from './health.ts'
import { version } from './version.ts'

/** What is read at scrape time; each may be missing while the service starts. */
export interface MetricSources {
  readonly pipeline: () => PipelineReading | undefined
  readonly spoolBytes: () => number
  /** 0 where there is no spool. */
  readonly spoolMaxBytes: number
  readonly problems: Health['problems']
  readonly sessionsLost: () => number
  readonly sessionsAdopted: () => number
  readonly isBrokerConnected: () => boolean
  readonly isDatabaseUp: () => boolean
  readonly statistics: () => DatabaseStatistics | undefined
  /** Who watches GET /locations/stream, and how much they were sent. */
  readonly liveMaps: () => { readonly watchers: number; readonly events: number } | undefined
}

export interface Metrics {
  readonly registry: Registry
  readonly observer: PipelineObserver
  observeCopy(seconds: number): void
  close(): void
}

/** 1 ms to a minute: light load commits in milliseconds, an outage shows as minutes. */
const lagBuckets = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
/** A gateway's buffer can be hours old. */
const ageBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400]
const rowBuckets = [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000]

export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  // Gauges named like counters: promtool refuses them, and each has a twin with a label per type.
  for (const kind of ['handles', 'requests', 'resources'])
    registry.removeSingleMetric(`nodejs_active_${kind}_total`)

  const counter = (name: string, help: string, read: (pipeline: PipelineReading) => number): void => {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        const pipeline = sources.pipeline()
        if (pipeline !== undefined) this.inc(read(pipeline))
      },
    })
  }
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  }

  counter('rtls_messages_received_total', 'MQTT messages received', (p) => p.counts.messages)
  counter(
    'rtls_messages_qos0_total',
    'Messages received with QoS 0, which nobody sends again',
    (p) => p.counts.qos0Messages,
  )
  counter(
    'rtls_messages_retained_total',
    'Retained messages replayed by the broker: acknowledged, not stored',
    (p) => p.counts.retainedMessages,
  )
  counter(
    'rtls_pings_received_total',
    'Pings received, good and bad; a message that is unreadable as a whole counts as one',
    (p) => p.counts.received,
  )
  counter(
    'rtls_pings_committed_total',
    'Pings committed as new rows of location_history',
    (p) => p.counts.committed,
  )
  counter('rtls_pings_duplicate_total', 'Pings that were stored already', (p) => p.counts.duplicates)
  new Counter({
    name: 'rtls_pings_dead_lettered_total',
    help: 'Pings committed to dead_letter, by reason',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset()
      const counts = sources.pipeline()?.counts.deadLettered
      for (const reason of rejectionReasonNames) this.inc({ reason }, counts?.get(reason) ?? 0)
    },
  })
  gauge(
    'rtls_pings_buffered',
    'Pings received and waiting for a batch',
    () => sources.pipeline()?.buffered ?? 0,
  )
  gauge(
    'rtls_pings_in_flight',
    'Pings in batches being written',
    () => sources.pipeline()?.counts.inFlight ?? 0,
  )
  gauge(
    'rtls_pings_spooled',
    'Pings acknowledged and on the local disk, not in the database yet',
    () => sources.pipeline()?.counts.spooled ?? 0,
  )
  counter(
    'rtls_sightings_received_total',
    'Sightings taken into a window, to be elected from: merged + windowed',
    (p) => p.counts.sightings,
  )
  counter(
    'rtls_sightings_merged_total',
    'Sightings whose window is durable: the strongest became a presence, received as a ping',
    (p) => p.counts.sightingsMerged,
  )
  gauge(
    'rtls_sightings_windowed',
    'Sightings in windows that are open, or closed and not durable yet',
    () => sources.pipeline()?.windowed ?? 0,
  )
  gauge('rtls_spool_bytes', 'Bytes in the spool', () => sources.spoolBytes())
  gauge(
    'rtls_spool_max_bytes',
    'Bytes at which the spool is full; 0 with ack.mode: commit',
    () => sources.spoolMaxBytes,
  )
  gauge(
    'rtls_unacked_messages',
    'QoS 1 messages received and not acknowledged yet',
    () => sources.pipeline()?.unacked ?? 0,
  )
  gauge('rtls_intake_held', '1 while the memory bound is reached and nothing is taken from the broker', () =>
    Number(sources.pipeline()?.isHeld ?? false),
  )
  gauge(
    'rtls_mqtt_inflight_window',
    'QoS 1 messages the broker sends before it waits for an acknowledgement: as observed, until then as many as we offer',
    () => sources.pipeline()?.window ?? 0,
  )
  gauge('rtls_mqtt_connected', '1 while connected to the broker', () => Number(sources.isBrokerConnected()))
  gauge('rtls_database_up', '1 while the last thing asked of the database worked', () =>
    Number(sources.isDatabaseUp()),
  )

  new Gauge({
    name: 'rtls_problem',
    help: '1 while /readyz is red because of this component',
    labelNames: ['component'],
    registers,
    collect() {
      const now = new Set(sources.problems().map(({ component }) => component))
      for (const component of components) this.labels(component).set(Number(now.has(component)))
    },
  })
  new Gauge({
    name: 'rtls_build_info',
    help: '1; what runs is in the labels',
    labelNames: ['version', 'node'],
    registers,
    collect() {
      this.labels(version, process.version).set(1)
    },
  })

  const total = (name: string, help: string, read: () => number): void => {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(read())
      },
    })
  }
  total(
    'rtls_mqtt_sessions_lost_total',
    'Reconnections at which the broker had no session for us any more, and so had lost our queue',
    () => sources.sessionsLost(),
  )
  total(
    'rtls_mqtt_sessions_adopted_total',
    'Sessions of replicas taken for dead that this one has emptied and ended',
    () => sources.sessionsAdopted(),
  )

  gauge(
    'rtls_live_maps',
    'Live maps that watch GET /locations/stream',
    () => sources.liveMaps()?.watchers ?? 0,
  )
  total(
    'rtls_live_map_events_total',
    'Snapshots and updates sent to live maps',
    () => sources.liveMaps()?.events ?? 0,
  )

  const batches = new Counter({
    name: 'rtls_batches_total',
    help: 'Batches taken, by what closed them',
    labelNames: ['closed_by'],
    registers,
  })
  for (const reason of closeReasons) batches.inc({ closed_by: reason }, 0)
  const rows = new Histogram({
    name: 'rtls_batch_rows',
    help: 'Pings per batch',
    buckets: rowBuckets,
    registers,
  })
  const copySeconds = new Histogram({
    name: 'rtls_copy_seconds',
    help: 'Seconds of one successful write, COPY to COMMIT',
    buckets: lagBuckets,
    registers,
  })
  const lag = new Histogram({
    name: 'rtls_commit_lag_seconds',
    help: 'Seconds from receipt to commit, once a message',
    buckets: lagBuckets,
    registers,
  })
  const age = new Histogram({
    name: 'rtls_ping_age_seconds',
    help: 'Age of a ping at its commit (commit time minus t), a sample of each batch',
    buckets: ageBuckets,
    registers,
  })

  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  gauge('rtls_event_loop_lag_seconds', 'Delay of the event loop since the last scrape, p99', () => {
    const seconds = delay.count === 0 ? 0 : Math.max(0, delay.percentile(99) / 1e9 - 0.01)
    delay.reset()
    return seconds
  })

  addDatabaseMetrics(registry, sources.statistics)

  return {
    registry,
    observer: {
      onBatch(reason, count) {
        batches.inc({ closed_by: reason })
        rows.observe(count)
      },
      onCommitted(lagSeconds) {
        lag.observe(lagSeconds)
      },
      onPingAge(seconds) {
        age.observe(seconds)
      },
    },
    observeCopy(seconds) {
      copySeconds.observe(seconds)
    },
    close() {
      delay.disable()
    },
  }
}
