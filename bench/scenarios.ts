/**
 * What is measured. A scenario has sides that are measured in turns, so that all see the same noise of the machine;
 * every repetition gives figures by name, and the table says which of them to show and to compare.
 */
import { type IngestRun, ingest } from './ingest-run.ts'
import { rawCopy } from './raw-copy.ts'
import type { Rig } from './rig.ts'
import { type Service, openService, peakMemory } from './service.ts'
import { bucketsBetween, histogramQuantile, quantile } from './stats.ts'
import { openTap } from './tap.ts'
import { type Traffic, prepareTraffic } from './traffic.ts'

export type Figures = Readonly<Record<string, number>>

export interface Row {
  readonly label: string
  readonly figure: string
  readonly digits?: number
  readonly against?: { readonly label: string; readonly figure: string; readonly ratio: string }
}

export interface Plan {
  readonly seed: number
  readonly repetitions: number
  /** Instead of the scenario's own number. */
  readonly pings: number | undefined
  readonly isQuick: boolean
  say(what: string): void
}

export interface Scenario {
  readonly name: string
  readonly rows: readonly Row[]
  measure(rig: Rig, plan: Plan): Promise<Figures[]>
}

/** Enough for V8 to have compiled what is hot, and for the chunk to exist. */
const warmUpShare = 0.25
const warmUpMostPings = 40_000

interface Side {
  readonly name: string
  run(messages: number): Promise<Figures>
}

/** Every side once a repetition, the order turned round every time; before that once unmeasured. */
async function inTurns(
  sides: readonly Side[],
  messages: number,
  warmUp: number,
  plan: Plan,
): Promise<Figures[]> {
  plan.say('warm-up')
  for (const side of sides) await side.run(warmUp)
  const repetitions: Figures[] = []
  for (let turn = 1; turn <= plan.repetitions; turn += 1) {
    const figures: Record<string, number> = {}
    for (const side of turn % 2 === 1 ? sides : sides.toReversed()) {
      plan.say(`${side.name} ${turn}/${plan.repetitions}`)
      Object.assign(figures, await side.run(messages))
    }
    repetitions.push(figures)
  }
  return repetitions
}

const mebibyte = 2 ** 20

function throughput(pingsPerMessage: number, pings: number, quickPings: number): Scenario {
  const name = `throughput-${pingsPerMessage}`
  const title = `${pingsPerMessage} ${pingsPerMessage === 1 ? 'ping' : 'pings'}/message`
  const isBrokerCompared = pingsPerMessage === 1
  const comparedWith = (label: string, figure: string, ratio: string): Row => ({
    label: `${title}: pings/s, publish → commit`,
    figure: 'pingsPerSecond',
    against: { label, figure, ratio },
  })

  const measure = async (rig: Rig, plan: Plan, service: Service): Promise<Figures[]> => {
    // aedes delivers a tenth of what Mosquitto does: the same pings would take minutes.
    const share = rig.broker.name === 'aedes' && pingsPerMessage === 1 ? 0.25 : 1
    const count = plan.pings ?? (plan.isQuick ? quickPings : pings) * share
    const traffic = prepareTraffic({ pings: count, pingsPerMessage, seed: plan.seed })
    await rig.load(name, traffic)
    const sides: Side[] = [
      {
        name: 'service',
        run: async (messages) => serviceFigures(rig, service, name, traffic, messages),
      },
      {
        name: 'raw COPY',
        async run(messages) {
          const batches = traffic.copyBatches(messages)
          await rig.database.empty()
          const seconds = await rawCopy(rig.database.url, batches)
          const { rows } = await rig.database.countRows()
          if (rows !== traffic.pingsIn(messages)) throw new Error(`raw COPY left ${rows} rows`)
          return { copyRowsPerSecond: rows / seconds }
        },
      },
    ]
    if (isBrokerCompared)
      sides.push({
        name: 'ack-only client',
        async run(messages) {
          const counted = rig.ackOnly.count(messages)
          const { firstMs } = await rig.publish({ name, broker: rig.ackOnly.broker, messages })
          return { ackOnlyPerSecond: (messages * 1000) / ((await counted) - firstMs) }
        },
      })
    const warmUp = Math.min(warmUpMostPings / pingsPerMessage, traffic.messages * warmUpShare)
    const repetitions = await inTurns(sides, traffic.messages, Math.ceil(warmUp), plan)
    return repetitions.map((figures) => withRatios(figures))
  }

  return {
    name,
    rows: [
      comparedWith('raw binary COPY, same rows', 'copyRowsPerSecond', 'toCopy'),
      ...(isBrokerCompared
        ? [comparedWith('broker to an ack-only client', 'ackOnlyPerSecond', 'toAckOnly')]
        : []),
      { label: `${title}: CPU s per million pings, service`, figure: 'cpuSecondsPerMillion', digits: 1 },
      { label: `${title}: peak resident memory, MiB`, figure: 'peakMemoryMiB' },
    ],
    async measure(rig, plan) {
      const service = await openService(rig.broker.url, rig.database.url)
      try {
        return await measure(rig, plan, service)
      } finally {
        await service.stop()
      }
    },
  }
}

function withRatios(figures: Figures): Figures {
  const toCopy = ratio(figures, 'pingsPerSecond', 'copyRowsPerSecond')
  if (figures['ackOnlyPerSecond'] === undefined) return { ...figures, toCopy }
  return { ...figures, toCopy, toAckOnly: ratio(figures, 'messagesPerSecond', 'ackOnlyPerSecond') }
}

async function serviceFigures(
  rig: Rig,
  service: Service,
  name: string,
  traffic: Traffic,
  messages: number,
): Promise<Figures> {
  const pings = traffic.pingsIn(messages)
  const run = await ingest(rig, service, { name, broker: rig.broker, messages }, pings)
  return {
    pingsPerSecond: pings / run.seconds,
    messagesPerSecond: messages / run.seconds,
    cpuSecondsPerMillion: (run.serviceCpuSeconds / pings) * 1e6,
    redeliveredPings: run.redeliveredPings,
    peakMemoryMiB: (await peakMemory(service)) / mebibyte,
    ...coresOf(run),
  }
}

const coresOf = ({ cores }: IngestRun): Figures => ({
  serviceCores: cores.service,
  brokerCores: cores.broker,
  databaseCores: cores.database,
  publisherCores: cores.publisher,
  othersCores: cores.others,
})

const ratio = (figures: Figures, over: string, under: string): number =>
  (figures[over] ?? Number.NaN) / (figures[under] ?? Number.NaN)

const latencyRate = 1000
const latencySeconds = 8
const quickLatencySeconds = 3

const latency: Scenario = {
  name: 'latency',
  rows: [
    { label: '1,000 pings/s: delivered → acknowledged, p50 ms', figure: 'ackP50Ms', digits: 1 },
    { label: '1,000 pings/s: delivered → acknowledged, p99 ms', figure: 'ackP99Ms', digits: 1 },
    { label: '1,000 pings/s: received → committed, p50 ms (histogram)', figure: 'commitP50Ms', digits: 1 },
    { label: '1,000 pings/s: received → committed, p99 ms (histogram)', figure: 'commitP99Ms', digits: 1 },
  ],
  async measure(rig, plan) {
    const pings = latencyRate * (plan.isQuick ? quickLatencySeconds : latencySeconds)
    const traffic = prepareTraffic({ pings, pingsPerMessage: 1, seed: plan.seed })
    await rig.load('latency', traffic)
    const tap = await openTap(rig.broker.port)
    try {
      const service = await openService(tap.url, rig.database.url)
      try {
        const paced = {
          name: 'service, paced',
          async run(messages: number): Promise<Figures> {
            const order = { name: 'latency', broker: rig.broker, messages, perSecond: latencyRate }
            const { before, after, ...run } = await ingest(rig, service, order, traffic.pingsIn(messages))
            const lags = bucketsBetween(
              before.buckets('rtls_commit_lag_seconds'),
              after.buckets('rtls_commit_lag_seconds'),
            )
            const samples = tap.take()
            return {
              ackP50Ms: quantile(samples, 0.5),
              ackP99Ms: quantile(samples, 0.99),
              commitP50Ms: histogramQuantile(lags, 0.5) * 1000,
              commitP99Ms: histogramQuantile(lags, 0.99) * 1000,
              ...coresOf({ before, after, ...run }),
            }
          },
        }
        return await inTurns([paced], traffic.messages, Math.ceil(traffic.messages * warmUpShare), plan)
      } finally {
        await service.stop()
      }
    } finally {
      await tap.close()
    }
  },
}

export const scenarios: readonly Scenario[] = [
  throughput(1, 100_000, 20_000),
  throughput(50, 200_000, 60_000),
  latency,
]
