/**
 * One run: messages are published, and it ends when the service has committed all of their pings.
 * A run after which the table holds anything but exactly those pings is an error, not a number.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { machineCpuSeconds, processCpuSeconds } from './machine.ts'
import type { PublishOrder, Rig } from './rig.ts'
import type { Metrics, Service } from './service.ts'

/** NaN where it cannot be told. */
export interface Cores {
  readonly service: number
  readonly broker: number
  readonly database: number
  readonly publisher: number
  /** Whoever else was at work on the machine: what disturbs the measurement. */
  readonly others: number
}

export interface IngestRun {
  /** From just before the first publish to the first look that saw the last commit: rounded against the service. */
  readonly seconds: number
  readonly serviceCpuSeconds: number
  /** Processors kept busy on average, by whom. */
  /** Received more than once: the connection to the broker was lost in the run. The time includes it. */
  readonly redeliveredPings: number
  readonly cores: Cores
  readonly before: Metrics
  readonly after: Metrics
}

const minLookMs = 10
const maxLookMs = 500
const restLookMs = 100
const stallMs = 30_000

export async function ingest(
  rig: Rig,
  service: Service,
  order: PublishOrder,
  pings: number,
): Promise<IngestRun> {
  await rig.database.empty()
  const before = await service.metrics()
  const cpuBefore = await readCpu(rig, order)
  const [{ firstMs, cpuSeconds }, { lastCommitMs, after }] = await Promise.all([
    rig.publish(order),
    allSettled(service, before, pings),
  ])
  const cpuAfter = await readCpu(rig, order)
  const seconds = (lastCommitMs - firstMs) / 1000
  const serviceCpuSeconds = delta('process_cpu_seconds_total', before, after)
  const broker = cpuAfter.broker - cpuBefore.broker
  const database = cpuAfter.database - cpuBefore.database
  const ours = serviceCpuSeconds + broker + database + cpuSeconds + cpuAfter.bench - cpuBefore.bench
  const cores = {
    service: serviceCpuSeconds / seconds,
    broker: broker / seconds,
    database: database / seconds,
    publisher: cpuSeconds / seconds,
    others: Math.max(0, cpuAfter.machine - cpuBefore.machine - ours) / seconds,
  }
  const atRest = await untilAtRest(service)
  await verify(rig, service, before, atRest, pings)
  const redeliveredPings = delta('rtls_pings_received_total', before, atRest) - pings
  return { seconds, serviceCpuSeconds, redeliveredPings, cores, before, after }
}

async function readCpu(rig: Rig, { broker }: PublishOrder) {
  const { user, system } = process.cpuUsage()
  return {
    broker: processCpuSeconds(broker.pid),
    database: await rig.database.cpuSeconds(),
    bench: (user + system) / 1e6,
    machine: machineCpuSeconds(),
  }
}

export const delta = (name: string, before: Metrics, after: Metrics): number =>
  after.value(name) - before.value(name)

/** Not the duplicates: pings that the broker sends again after a lost connection are no progress. */
const settledNames = ['rtls_pings_committed_total', 'rtls_pings_dead_lettered_total'] as const

const settledBetween = (before: Metrics, after: Metrics): number =>
  settledNames.reduce((sum, name) => sum + delta(name, before, after), 0)

/** Looks at the metrics: seldom at first, often towards the expected end, as every look costs the service a little. */
async function allSettled(
  service: Service,
  before: Metrics,
  pings: number,
): Promise<{ lastCommitMs: number; after: Metrics }> {
  const startedMs = performance.now()
  let settled = 0
  let changedMs = startedMs
  for (;;) {
    const after = await service.metrics()
    const nowMs = performance.now()
    const now = settledBetween(before, after)
    if (now >= pings) return { lastCommitMs: Date.now(), after }
    if (now > settled) changedMs = nowMs
    if (nowMs - changedMs > stallMs)
      throw new Error(
        `the service stalled: ${now} of ${pings} pings settled, none for ${stallMs} ms\n${service.log()}`,
      )
    settled = now
    const expectedMs = now === 0 ? 100 : ((nowMs - startedMs) * (pings - now)) / now
    await wait(Math.min(maxLookMs, Math.max(minLookMs, expectedMs / 2)))
  }
}

/** Nothing on its way, at two looks in a row: what is sent again late must not end up in the next run. */
async function untilAtRest(service: Service): Promise<Metrics> {
  const deadline = performance.now() + stallMs
  for (let looks = 0; ;) {
    const now = await service.metrics()
    const onTheWay = ['rtls_pings_buffered', 'rtls_pings_in_flight', 'rtls_unacked_messages']
    looks = onTheWay.every((name) => now.value(name) === 0) ? looks + 1 : 0
    if (looks === 2) return now
    if (performance.now() > deadline) throw new Error(`the service does not come to rest\n${service.log()}`)
    await wait(restLookMs)
  }
}

async function verify(
  rig: Rig,
  service: Service,
  before: Metrics,
  after: Metrics,
  pings: number,
): Promise<void> {
  const { rows, deadLetters } = await rig.database.countRows()
  const received = delta('rtls_pings_received_total', before, after)
  const committed = delta('rtls_pings_committed_total', before, after)
  if (rows !== pings || deadLetters !== 0 || received < pings || committed !== pings)
    throw new Error(
      `published ${pings} pings, but the table holds ${rows} rows and dead_letter ${deadLetters}; ` +
        `the service says ${received} received, ${committed} committed\n${service.log()}`,
    )
}
