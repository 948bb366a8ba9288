/**
 * One run: messages are published, and it ends when the service has committed all of their pings.
 * A run after which the table holds anything but exactly those pings is an error, not a number.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { machineCpuSeconds, processCpuSeconds } from './machine.ts'
import type { PublishOrder, Rig } from './rig.ts'
import type { Metrics, Service } from './service.ts'
import type { Extent, Traffic } from './traffic.ts'

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
  /** Milliseconds since 1970. */
  readonly lastCommitMs: number
  readonly serviceCpuSeconds: number
  /** Received more than once: the connection to the broker was lost in the run. The time includes it. */
  readonly redeliveredPings: number
  /** Pings that never came; only QoS 0 may lose any. */
  readonly lostPings: number
  /** Processors kept busy on average, by whom. */
  readonly cores: Cores
  readonly before: Metrics
  readonly after: Metrics
}

interface Expected extends Extent {
  /** In the table already, and not ours. */
  readonly rowsBefore?: number
}

interface RunOptions {
  readonly qos: Traffic['qos']
  /** Everything the service has done so far belongs to the run. */
  readonly isFromStart?: boolean
}

const nothingYet: Metrics = { value: () => 0, buckets: () => [] }

const minLookMs = 10
const maxLookMs = 500
const restLookMs = 100
/** Longer than the pause of a database that is frozen on purpose. */
const stallMs = 90_000
const quietMs = 2000

export async function ingest(
  rig: Rig,
  service: Service,
  order: PublishOrder,
  expected: Expected,
  { qos, isFromStart = false }: RunOptions = { qos: 1 },
): Promise<IngestRun> {
  const before = isFromStart ? nothingYet : await service.metrics()
  const cpuBefore = await readCpu(rig, order)
  const [{ firstMs, cpuSeconds }, { lastCommitMs, after }] = await Promise.all([
    rig.publish(order),
    qos === 0 ? allQuiet(service, before) : allSettled(service, before, expected),
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
  const received = delta('rtls_pings_received_total', before, atRest)
  const lostPings = qos === 0 ? expected.pings - received : 0
  await verify(rig, service, before, atRest, expected, lostPings)
  const redeliveredPings = received + lostPings - expected.pings
  return { seconds, lastCommitMs, serviceCpuSeconds, redeliveredPings, lostPings, cores, before, after }
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

/**
 * Rows are what counts: pings that the broker sends again after a lost connection are no progress. Where the traffic itself
 * repeats pings, the repeated ones have to be settled too.
 */
const settledBetween = (before: Metrics, after: Metrics, { pings, rows }: Extent): number => {
  const ofNew = delta('rtls_pings_committed_total', before, after)
  const ofRepeated = delta('rtls_pings_duplicate_total', before, after)
  return ofNew + delta('rtls_pings_dead_lettered_total', before, after) + Math.min(pings - rows, ofRepeated)
}

/** The end of what may lose messages: nothing has come for a while. */
async function allQuiet(
  service: Service,
  before: Metrics,
): Promise<{ lastCommitMs: number; after: Metrics }> {
  let last = { lastCommitMs: Date.now(), after: before }
  for (let changedMs = performance.now(); ;) {
    await wait(restLookMs / 2)
    const after = await service.metrics()
    const quietForMs = performance.now() - changedMs
    if (delta('rtls_pings_committed_total', last.after, after) > 0) {
      last = { lastCommitMs: Date.now(), after }
      changedMs = performance.now()
    } else if (last.after !== before && quietForMs > quietMs) return last
    else if (quietForMs > stallMs) throw new Error(`the service received nothing\n${service.log()}`)
  }
}

/** Looks at the metrics: seldom at first, often towards the expected end, as every look costs the service a little. */
async function allSettled(
  service: Service,
  before: Metrics,
  expected: Extent,
): Promise<{ lastCommitMs: number; after: Metrics }> {
  const startedMs = performance.now()
  let settled = 0
  let changedMs = startedMs
  for (;;) {
    const after = await service.metrics()
    const nowMs = performance.now()
    const now = settledBetween(before, after, expected)
    if (now >= expected.pings) return { lastCommitMs: Date.now(), after }
    if (now > settled) changedMs = nowMs
    if (nowMs - changedMs > stallMs)
      throw new Error(
        `the service stalled: ${now} of ${expected.pings} pings settled, none for ${stallMs} ms\n${service.log()}`,
      )
    settled = now
    const expectedMs = now === 0 ? 100 : ((nowMs - startedMs) * (expected.pings - now)) / now
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
  expected: Expected,
  lost: number,
): Promise<void> {
  const { rows: all, deadLetters } = await rig.database.countRows()
  const rows = all - (expected.rowsBefore ?? 0)
  const received = delta('rtls_pings_received_total', before, after)
  const committed = delta('rtls_pings_committed_total', before, after)
  const isExact = lost > 0 ? rows === committed : rows === expected.rows && committed === expected.rows
  if (!isExact || deadLetters !== 0 || received < expected.pings - lost)
    throw new Error(
      `published ${expected.pings} pings (${expected.rows} different), but the table holds ${rows} rows and dead_letter ${deadLetters}; ` +
        `the service says ${received} received, ${committed} committed\n${service.log()}`,
    )
}
