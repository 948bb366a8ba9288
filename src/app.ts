/**
 * The composition root: opens everything, the sink first and the source last, and closes it in reverse.
 * Guarantees: comes up in any order with broker and database; after `close` everything buffered is committed and acknowledged,
 * or still with the broker.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { Config } from './config-schema.ts'
import { redactUrl } from './config.ts'
import { createChunksAhead } from './db/chunks.ts'
import { judge } from './db/failure.ts'
import { openJobRunner } from './db/jobs.ts'
import { migrate } from './db/migrate.ts'
import { type Pool, createPool } from './db/pool.ts'
import { openDatabaseWatch } from './db/watch.ts'
import { openEmbeddedBroker } from './embedded/broker.ts'
import { openEmbeddedDatabase } from './embedded/database.ts'
import { openHttpServer } from './http/server.ts'
import { createDecode } from './ingest/decode.ts'
import { type Pipeline, createPipeline } from './ingest/pipeline.ts'
import { openSource } from './ingest/source.ts'
import { createWriter } from './ingest/writer.ts'
import { type Closers, createClosers } from './ops/closers.ts'
import { type Health, createHealth } from './ops/health.ts'
import type { Logger } from './ops/logger.ts'
import { type Metrics, createMetrics } from './ops/metrics.ts'
import { createReports } from './ops/reports.ts'
import { UserError } from './ops/user-error.ts'
import { openSimulation, simulateDefaults } from './simulate/simulate.ts'

export interface App {
  readonly health: Health
  readonly pipeline: Pipeline
  /** What → address, for people. */
  readonly addresses: readonly (readonly [string, string])[]
  /** Seconds from receipt to commit of the messages since the last call. */
  takeLags(): readonly number[]
  /** Stops the intake, writes and acknowledges what is buffered, closes. Rejects when the deadline of the configuration passed first. */
  close(): Promise<void>
}

export interface AppHooks {
  /** Something the service cannot live without is gone for good. */
  onFatal(error: Error): void
}

const databaseStartRetryMs = 1000
/** Today's chunk and tomorrow's, looked at often enough that a night without us is the worst case. */
const chunksAheadIntervals = 1
const chunksAheadEveryMs = 3_600_000

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
  let pool: Pool | undefined
  let lags: number[] = []

  const metrics: Metrics = createMetrics({
    pipeline: () => pipeline,
    isBrokerConnected: () => reports.isBrokerConnected(),
    isDatabaseUp: () => reports.isDatabaseUp(),
    statistics: () => watch?.statistics(),
  })
  closers.add('metrics', () => metrics.close())
  let watch: ReturnType<typeof openDatabaseWatch> | undefined
  health.set('start', 'the service is starting')

  // Addresses are claimed first: a busy port should be said at once, not after the database has started.
  const http = await openHttpServer(config.http, {
    registry: metrics.registry,
    health,
    pingDatabase: async () => {
      if (pool === undefined) throw new Error('the service is starting')
      const startedMs = performance.now()
      await pool.use(async (client) => client.query('SELECT 1'))
      return Math.round((performance.now() - startedMs) * 100) / 100
    },
  })
  closers.add('http', async () => http.close())
  const broker = config.mqtt.url === null ? await openEmbeddedBroker(config.mqtt) : undefined
  if (broker !== undefined) closers.add('embedded broker', async () => broker.close())
  const embedded =
    config.database.url === null
      ? await openEmbeddedDatabase({ ...config.database, onCrash: (error) => hooks.onFatal(error) })
      : undefined
  if (embedded !== undefined) closers.add('embedded database', async () => embedded.close())
  const databaseUrl = config.database.url ?? embedded?.url ?? ''
  const mqttUrl = config.mqtt.url ?? broker?.url ?? ''

  await prepareDatabase(config, databaseUrl, log, reports, signal)
  const openPool = createPool(
    {
      url: databaseUrl,
      max: config.copy.concurrency + 2,
      connectTimeoutMs: config.database.connectTimeoutMs,
      statementTimeoutMs: config.database.statementTimeoutMs,
    },
    (error) => log.debug({ err: error }, 'an idle database connection broke'),
  )
  pool = openPool
  closers.add('database pool', async () => openPool.close())
  watch = openDatabaseWatch(openPool, reports)
  closers.add('database watch', async () => watch.close())
  if (embedded !== undefined) {
    const jobs = openJobRunner(openPool, reports)
    closers.add('job runner', async () => jobs.close())
  }
  const chunkTimer = setInterval(() => void prepareChunks(openPool, log), chunksAheadEveryMs)
  closers.add('chunk timer', () => clearInterval(chunkTimer))
  await prepareChunks(openPool, log)

  const writer = createWriter(openPool, config.limits.deadLetterPayloadBytes, {
    onFailure: (judgement, attempt) => reports.writeFailed(judgement, attempt),
    onSuccess(seconds) {
      metrics.observeCopy(seconds)
      reports.writeWorks()
    },
  })
  const openPipeline = createPipeline(
    {
      ...config.batch,
      concurrency: config.copy.concurrency,
      maxBufferedPings: config.limits.maxBufferedPings,
      maxBufferedBytes: config.limits.maxBufferedBytes,
      receiveMaximum: config.mqtt.receiveMaximum,
    },
    createDecode(config.limits),
    writer,
    {
      ...metrics.observer,
      onCommitted(lagSeconds, ageSeconds) {
        metrics.observer.onCommitted(lagSeconds, ageSeconds)
        if (lags.length < 10_000) lags.push(lagSeconds)
      },
    },
  )
  pipeline = openPipeline
  const stallTimer = setInterval(() => reports.checkProgress(openPipeline, config.http.stalledAfterS), 1000)
  closers.add('stall timer', () => clearInterval(stallTimer))

  reports.brokerState({ isConnected: false, reason: 'connecting', protocolVersion: 5 }, redactUrl(mqttUrl))
  const source = openSource(
    // aedes speaks MQTT 3.1.1 only.
    { ...config.mqtt, url: mqttUrl, protocolVersion: broker === undefined ? 5 : 4 },
    {
      onMessage: (message) => openPipeline.receive(message),
      onRetained: (message) => openPipeline.retained(message),
      onDisconnect: () => openPipeline.disconnected(),
      onConnect: (isResumed) => reports.brokerConnected(isResumed),
      onState: (state) => reports.brokerState(state, redactUrl(mqttUrl)),
    },
  )
  openPipeline.attach(source)
  closers.add('source', async () => source.close())
  closers.add('pipeline', async () => openPipeline.drain(AbortSignal.timeout(config.shutdown.deadlineMs)))

  const isSimulating =
    config.simulate.enabled === 'on' || (config.simulate.enabled === 'auto' && config.mqtt.url === null)
  if (isSimulating) {
    const simulation = openSimulation(
      { ...simulateDefaults, ...config.simulate, url: mqttUrl },
      (event, detail) => log.debug(detail ?? {}, `simulation: ${event}`),
    )
    closers.add('simulation', async () => {
      await simulation.stop()
    })
  }
  health.set('start', undefined)
  const base = `http://${config.http.host.includes(':') ? `[${config.http.host}]` : config.http.host}:${http.port}`
  return {
    health,
    pipeline: openPipeline,
    addresses: [
      ['metrics', `${base}/metrics`],
      ['readiness', `${base}/readyz`],
      [
        'database',
        embedded === undefined
          ? redactUrl(databaseUrl)
          : `psql "host=127.0.0.1 port=${embedded.port} user=postgres dbname=postgres"`,
      ],
      ['broker', `${redactUrl(mqttUrl)}${isSimulating ? '  (simulated hospital publishing)' : ''}`],
    ],
    takeLags() {
      const taken = lags
      lags = []
      return taken
    },
    async close() {
      const unfinished = openPipeline
      await closers.closeAll()
      if (unfinished.buffered + unfinished.counts.inFlight > 0)
        throw new UserError(
          `Stopped with ${unfinished.buffered + unfinished.counts.inFlight} pings not written within ${config.shutdown.deadlineMs} ms. They were not acknowledged: the broker still has them.`,
        )
    },
  }
}

/** Migrates when the database answers; until then waits, says so, and tries again. Only what an operator must mend is thrown. */
async function prepareDatabase(
  config: Config,
  url: string,
  log: Logger,
  reports: ReturnType<typeof createReports>,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; config.database.migrate; attempt += 1) {
    signal.throwIfAborted()
    try {
      await migrate(url, (name) => log.info({ migration: name }, 'applied'))
      reports.databaseAnswers()
      return
    } catch (error) {
      if (error instanceof UserError) throw error
      reports.databaseFailed(judge(error, 'before-commit'), attempt)
      await wait(databaseStartRetryMs, undefined, { signal })
    }
  }
}

async function prepareChunks(pool: Pool, log: Logger): Promise<void> {
  try {
    const created = await createChunksAhead(pool, chunksAheadIntervals)
    if (created > 0) log.debug({ created }, 'chunks created ahead')
  } catch (error) {
    // Only a convenience: without it the first COPY of a day makes the chunk.
    log.warn({ err: error }, 'chunks could not be created ahead of time')
  }
}
