/**
 * The composition root: opens everything, the sink first and the source last, and closes it in reverse.
 * Guarantees: comes up in any order with broker and database; after `close` everything buffered is committed and acknowledged,
 * or still with the broker.
 */
import { openAppDatabase, openHousekeeping } from './app-database.ts'
import { brokerUsers, openAppBroker, sendGatewaysAway } from './app-gateways.ts'
import { openAppReplicas } from './app-replicas.ts'
import type { Config } from './config-schema.ts'
import type { Renewal } from './config-reload.ts'
import { redactUrl } from './config.ts'
import type { Pool } from './db/pool.ts'
import type { DatabaseWatch } from './db/watch.ts'
import { type HttpServer, openHttpServer } from './http/server.ts'
import type { Replay } from './ingest/dead-letter-desk.ts'
import { type Decode, type SightingsPolicy, createDecode } from './ingest/decode.ts'
import { onGrid } from './ingest/grid.ts'
import { createPipeline } from './ingest/pipeline.ts'
import type { Pipeline, PipelineLimits } from './ingest/pipeline-contract.ts'
import { type PipelineReading, sumReadings } from './ingest/reading.ts'
import { laneOf, lateBeforeUs } from './ingest/lanes.ts'
import { type RoomAt, createRoomAt, inRooms } from './ingest/place.ts'
import { createPresences } from './ingest/presences.ts'
import { createReceiveClock } from './ingest/receive-clock.ts'
import { createRoutes, hasSightings, topicsOf } from './ingest/routes.ts'
import { createDirectSink, createSpoolSink } from './ingest/sink.ts'
import { openSource } from './ingest/source.ts'
import { openSpool } from './ingest/spool.ts'
import { createWriter } from './ingest/writer.ts'
import { type Closers, createClosers } from './ops/closers.ts'
import { type Health, createHealth } from './ops/health.ts'
import type { Logger } from './ops/logger.ts'
import { type MetricSources, type Metrics, createMetrics } from './ops/metrics.ts'
import { type Recent, openRecent } from './ops/recent.ts'
import { createReports } from './ops/reports.ts'
import { statusOf } from './ops/status.ts'
import { UserError } from './ops/user-error.ts'
import { openDemo } from './seed/demo.ts'

export interface App {
  readonly health: Health
  readonly pipeline: PipelineReading
  /** What → address, for people. */
  readonly addresses: readonly (readonly [string, string])[]
  readonly recent: Pick<Recent, 'lags'>
  /** The configuration was read again: tokens, passwords and certificates come into force; no ping is lost or doubled. */
  reload(next: Config, renewal: Renewal): void
  /** Stops the intake, writes and acknowledges what is buffered, closes. Rejects when the deadline of the configuration passed first. */
  close(): Promise<void>
}

export interface AppHooks {
  /** Something the service cannot live without is gone for good. */
  onFatal(error: Error): void
}

/** Errors: UserError for what the operator can mend. `signal` gives up a start that waits for the database. */
export async function openApp(
  config: Config,
  log: Logger,
  signal: AbortSignal,
  hooks: AppHooks,
): Promise<App> {
  const closers = createClosers((name, error) => log.warn({ err: error, part: name }, 'closing failed'))
  try {
    return await open(config, log, signal, hooks, closers)
  } catch (error) {
    await closers.closeAll()
    throw error
  }
}

async function open(
  config: Config,
  log: Logger,
  signal: AbortSignal,
  hooks: AppHooks,
  closers: Closers,
): Promise<App> {
  const health = createHealth()
  const reports = createReports(log, health)
  let pipeline: Pipeline | undefined
  let reading: PipelineReading | undefined
  let pool: Pool | undefined
  const recent = openRecent(() => reading)
  closers.add('recent', () => recent.close())

  const metricSources: MetricSources = {
    pipeline: () => reading,
    sessionsAdopted: () => reports.sessionsAdopted(),
    sessionsLost: () => reports.sessionsLost(),
    spoolBytes: () => spool?.bytes ?? 0,
    spoolMaxBytes: config.ack.mode === 'spool' ? config.spool.maxBytes : 0,
    problems: () => health.problems(),
    isBrokerConnected: () => reports.isBrokerConnected(),
    isDatabaseUp: () => reports.isDatabaseUp(),
    statistics: () => watch?.statistics(),
    liveMaps: () => live,
  }
  const metrics: Metrics = createMetrics(metricSources)
  closers.add('metrics', () => metrics.close())
  let watch: DatabaseWatch | undefined
  let replay: Replay | undefined
  let live: HttpServer['live'] | undefined
  health.set('start', 'the service is starting')
  const spool = config.ack.mode === 'spool' ? await openSpool(config.spool) : undefined

  // Addresses are claimed first: a busy port should be said at once, not after the database has started.
  const http = await openHttpServer(config.http, {
    registry: metrics.registry,
    health,
    pool: () => pool,
    status: () => statusOf(metricSources, recent),
    replay: () => replay,
    onDatabaseFailure: (judgement) => log.debug(judgement, 'an HTTP request without an answer'),
    onBug: (error, method, route) => log.error({ err: error, method, route }, 'an HTTP request failed'),
  })
  closers.add('http', async () => http.close())
  live = http.live
  const broker = config.mqtt.url === null ? await openAppBroker(config, log) : undefined
  if (broker !== undefined) closers.add('embedded broker', async () => broker.close())
  /** The address for people and gateways; ours is the inner door of the embedded broker. */
  const mqttUrl = config.mqtt.url ?? broker?.url ?? ''
  const database = await openAppDatabase(config, log, reports, hooks, signal, closers)
  pool = database.pool
  watch = database.watch
  let roomAt: RoomAt | undefined
  await openHousekeeping(database, log, reports, closers, (outlines) => {
    roomAt = createRoomAt(outlines)
  })

  http.connect(config.http.databaseUrl ?? database.url)
  const writer = createWriter(database.pool, config.limits.deadLetterPayloadBytes, {
    onFailure: (judgement, attempt) => reports.writeFailed(judgement, attempt),
    onSuccess(seconds, committed) {
      http.live.committed(committed)
      metrics.observeCopy(seconds)
      reports.writeWorks()
    },
  })
  const sightings = config.presence.storeSightings ? 'both' : 'apart'
  const decodeWith = (policy: SightingsPolicy): Decode =>
    inRooms(
      onGrid(createDecode(config.limits, createRoutes(config.formats), policy), config.storage.gridM),
      () => roomAt,
    )
  const decode = decodeWith(sightings)
  // What was a sighting is a ping of its own by now: its window is long closed.
  replay = { decode: decodeWith('store'), writer }
  const horizonUs = (): number =>
    lateBeforeUs(Date.now(), database.watch.statistics()?.compressedUntilMs ?? undefined)
  const sink =
    spool === undefined
      ? createDirectSink(writer)
      : createSpoolSink(
          writer,
          spool,
          decode,
          (batch) => laneOf(batch, horizonUs()),
          {
            afterMs: config.spool.afterMs,
            drainRows: config.batch.maxRows,
            drainBytes: config.batch.maxBytes,
          },
          {
            onDrained: (spooled, outcome) => pipeline?.drained(spooled, outcome),
            onProblem: (problem) => reports.spoolProblem(problem),
          },
        )
  closers.add('sink', async () => sink.close())
  if (config.mqtt.shareGroup !== null && config.formats.some((mapping) => hasSightings(mapping)))
    log.warn(
      'with mqtt.shareGroup each replica elects presences from the sightings it is dealt, so a tag may have several rooms at a time: one replica for the topics with sightings, or presence.storeSightings',
    )
  const clock = createReceiveClock()
  const pipelineWith = (limits: Partial<PipelineLimits>): Pipeline =>
    createPipeline(
      {
        ...config.batch,
        concurrency: config.copy.concurrency,
        maxBufferedPings: config.limits.maxBufferedPings,
        maxBufferedBytes: config.limits.maxBufferedBytes,
        receiveMaximum: config.mqtt.receiveMaximum,
        ...limits,
      },
      decode,
      sink,
      horizonUs,
      {
        ...metrics.observer,
        onCommitted(lagSeconds) {
          metrics.observer.onCommitted(lagSeconds)
          recent.observeLag(lagSeconds)
        },
      },
      createPresences(config.presence),
      clock,
    )
  const openPipeline = pipelineWith({})
  openPipeline.recovered(spool?.pings ?? 0)
  pipeline = openPipeline
  const replicas = openAppReplicas(config, database.pool, reports, pipelineWith)
  const account = sumReadings([openPipeline, ...(replicas === undefined ? [] : [replicas.pipeline])])
  reading = account
  const stallTimer = setInterval(() => reports.checkProgress(account, config.http.stalledAfterS), 1000)
  closers.add('stall timer', () => clearInterval(stallTimer))

  // Before its session exists: a replica that dies unknown is not missed. With a spool the database may be away.
  if (spool === undefined) await replicas?.registered
  reports.brokerState(
    { isConnected: false, reason: 'connecting', protocolVersion: 5, isPlanned: false },
    redactUrl(mqttUrl),
  )
  const source = openSource(
    // aedes speaks MQTT 3.1.1 only.
    {
      ...config.mqtt,
      topics: topicsOf(config.formats),
      url: broker?.innerUrl ?? mqttUrl,
      protocolVersion: broker === undefined ? 5 : 4,
    },
    {
      onMessage: (message) => openPipeline.receive(message),
      onRetained: (message) => openPipeline.retained(message),
      onDisconnect: () => openPipeline.disconnected(),
      onConnect: () => log.debug('connected to the broker'),
      onSessionLost: () => void (replicas?.explainLostSession() ?? reports.sessionLost()),
      onTakenOver: (sentence) => hooks.onFatal(new UserError(sentence)),
      onState(state) {
        reports.brokerState(state, redactUrl(mqttUrl))
        if (state.isConnected && state.reason === undefined) broker?.admit()
      },
    },
  )
  openPipeline.attach(source)
  closers.add('source', async () => source.close())
  closers.add('pipeline', async () => {
    const deadline = AbortSignal.timeout(config.shutdown.deadlineMs)
    const [drained] = await Promise.allSettled([openPipeline.drain(deadline), replicas?.close(deadline)])
    if (drained.status === 'rejected') throw drained.reason
  })

  if (broker !== undefined) closers.add('gateways', async () => sendGatewaysAway(broker, openPipeline))
  const isSimulating =
    config.simulate.enabled === 'on' ||
    (config.simulate.enabled === 'auto' &&
      config.mqtt.url === null &&
      // Where gateways have users, they are real.
      config.mqtt.users.length === 0 &&
      // Nobody would hear it otherwise.
      config.formats.some(({ format }) => format === 'native'))
  if (isSimulating) {
    const demo = openDemo(config, broker?.simulationUrl ?? mqttUrl, database.url, log)
    closers.add('simulation', async () => demo.close())
  }
  // Added last, so ended first: a live map shall not hold up those who wait for what is buffered.
  closers.add('live maps', () => http.live.close())
  health.set('start', undefined)
  const base = `${config.http.certFile === null ? 'http' : 'https'}://${config.http.host.includes(':') ? `[${config.http.host}]` : config.http.host}:${http.port}`
  return {
    health,
    pipeline: account,
    recent,
    addresses: [
      ['page', `${base}/`],
      ['assets', `${base}/assets`],
      ['metrics', `${base}/metrics`],
      ['readiness', `${base}/readyz`],
      [
        'database',
        database.embeddedPort === undefined
          ? redactUrl(database.url)
          : `psql "host=127.0.0.1 port=${database.embeddedPort} user=postgres dbname=postgres"`,
      ],
      ['broker', `${redactUrl(mqttUrl)}${isSimulating ? '  (simulated hospital publishing)' : ''}`],
    ],
    reload(next, renewal) {
      http.reload(next.http)
      void broker?.renew(brokerUsers(next), next.mqtt)
      if (renewal.broker && next.mqtt.url !== null) {
        source.renew({ ...next.mqtt, url: next.mqtt.url })
        replicas?.renew({ ...next.mqtt, url: next.mqtt.url })
      }
      if (renewal.database && next.database.url !== null) {
        database.pool.renew(next.database.url)
        http.connect(next.database.url)
      }
    },
    async close() {
      await closers.closeAll()
      const unfinished = account.buffered + account.counts.inFlight
      if (unfinished > 0)
        throw new UserError(
          `Stopped with ${unfinished} pings not written within ${config.shutdown.deadlineMs} ms. They were not acknowledged: the broker still has them.`,
        )
    },
  }
}
