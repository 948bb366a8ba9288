/** How many pings a second, against what the database takes without us and what the broker delivers without us. */
import { ingest } from './ingest-run.ts'
import { rawCopy } from './raw-copy.ts'
import type { Rig } from './rig.ts'
import {
  type Figures,
  type Plan,
  type Row,
  type Scenario,
  type Side,
  coresOf,
  inTurns,
  mebibyte,
  ratio,
} from './scenario.ts'
import { type Service, openService, peakMemory } from './service.ts'
import { type Traffic, type TrafficOptions, lateDays, prepareTraffic } from './traffic.ts'

interface Case extends Omit<TrafficOptions, 'pings' | 'seed'> {
  readonly name: string
  readonly title: string
  readonly pings: number
  readonly quickPings: number
  /** In-flight window of the broker; unlimited without. */
  readonly window?: number
  readonly isLong?: boolean
}

const cases: readonly Case[] = [
  { name: 'throughput-1', title: '1 ping/message', pingsPerMessage: 1, pings: 100_000, quickPings: 20_000 },
  {
    name: 'throughput-10',
    title: '10 pings/message',
    pingsPerMessage: 10,
    pings: 200_000,
    quickPings: 60_000,
    isLong: true,
  },
  {
    name: 'throughput-50',
    title: '50 pings/message',
    pingsPerMessage: 50,
    pings: 200_000,
    quickPings: 60_000,
  },
  {
    name: 'window-20',
    title: '1 ping/message, broker window 20',
    pingsPerMessage: 1,
    pings: 30_000,
    quickPings: 10_000,
    window: 20,
  },
  {
    name: 'duplicates',
    title: '50 pings/message, 20 % duplicates',
    pingsPerMessage: 50,
    pings: 200_000,
    quickPings: 60_000,
    duplicateShare: 0.2,
  },
  {
    name: 'late',
    title: `50 pings/message, 5 % ${lateDays} days late, into a compressed chunk`,
    pingsPerMessage: 50,
    pings: 200_000,
    quickPings: 60_000,
    lateShare: 0.05,
    isLong: true,
  },
  {
    name: 'shuffled',
    title: '10 pings/message, messages in any order',
    pingsPerMessage: 10,
    pings: 200_000,
    quickPings: 60_000,
    isShuffled: true,
    isLong: true,
  },
  {
    name: 'gateways-1',
    title: '10 pings/message, 1 gateway',
    pingsPerMessage: 10,
    pings: 200_000,
    quickPings: 60_000,
    gateways: 1,
    isLong: true,
  },
  {
    name: 'gateways-8',
    title: '10 pings/message, 8 gateways',
    pingsPerMessage: 10,
    pings: 200_000,
    quickPings: 60_000,
    gateways: 8,
    isLong: true,
  },
  {
    name: 'tags-500',
    title: '10 pings/message, 500 tags',
    pingsPerMessage: 10,
    pings: 200_000,
    quickPings: 60_000,
    tags: 500,
    isLong: true,
  },
  {
    name: 'tags-20000',
    title: '10 pings/message, 20,000 tags',
    pingsPerMessage: 10,
    pings: 200_000,
    quickPings: 60_000,
    tags: 20_000,
    isLong: true,
  },
  {
    name: 'qos-0',
    title: '10 pings/message, QoS 0',
    pingsPerMessage: 10,
    pings: 200_000,
    quickPings: 60_000,
    qos: 0,
    isLong: true,
  },
]

export const throughputScenarios: readonly Scenario[] = cases.map((one) => throughput(one))

function throughput(one: Case): Scenario {
  const { name, title, pingsPerMessage, isLong = false } = one
  const isBrokerCompared = pingsPerMessage === 1 && one.window === undefined
  const perSecond = `${title}: pings/s, publish → commit`
  const comparedWith = (label: string, figure: string, by: string): Row => ({
    label: perSecond,
    figure: 'pingsPerSecond',
    against: { label, figure, ratio: by },
  })
  return {
    name,
    isLong,
    rows: [
      comparedWith('raw binary COPY, same rows', 'copyRowsPerSecond', 'toCopy'),
      ...(isBrokerCompared
        ? [comparedWith('broker to an ack-only client', 'ackOnlyPerSecond', 'toAckOnly')]
        : []),
      { label: `${title}: CPU s per million pings, service`, figure: 'cpuSecondsPerMillion', digits: 1 },
      { label: `${title}: peak resident memory, MiB`, figure: 'peakMemoryMiB' },
      ...(one.qos === 0 ? [{ label: `${title}: share lost, %`, figure: 'lostPercent', digits: 2 }] : []),
    ],
    async measure(rig, plan) {
      const broker = one.window === undefined ? rig.broker : await rig.openBroker({ window: one.window })
      const service = await openService(broker.url, rig.database.url)
      try {
        return await measure(one, { ...rig, broker }, plan, service, isBrokerCompared)
      } finally {
        await service.stop()
        if (broker !== rig.broker) await broker.stop()
      }
    },
  }
}

async function measure(
  one: Case,
  rig: Rig,
  plan: Plan,
  service: Service,
  isBrokerCompared: boolean,
): Promise<Figures[]> {
  const { name, pingsPerMessage } = one
  // aedes delivers a tenth of what Mosquitto does: the same pings would take minutes.
  const share = rig.broker.name === 'aedes' && pingsPerMessage === 1 ? 0.25 : 1
  const pings = plan.pings ?? (plan.isQuick ? one.quickPings : one.pings) * share
  const traffic = prepareTraffic({ ...one, pings, seed: plan.seed })
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
        if (rows !== traffic.extentOf(messages).rows) throw new Error(`raw COPY left ${rows} rows`)
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
  const repetitions = await inTurns(sides, traffic.messages, pingsPerMessage, plan)
  return repetitions.map((figures) => withRatios(figures))
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
  const extent = traffic.extentOf(messages)
  await rig.database.empty()
  const inOldChunk = await rig.database.compressHistory(traffic.history)
  const run = await ingest(
    rig,
    service,
    { name, broker: rig.broker, messages },
    { ...extent, rowsBefore: inOldChunk },
    traffic,
  )
  return {
    pingsPerSecond: (extent.pings - run.lostPings) / run.seconds,
    messagesPerSecond: messages / run.seconds,
    cpuSecondsPerMillion: (run.serviceCpuSeconds / extent.pings) * 1e6,
    redeliveredPings: run.redeliveredPings,
    lostPercent: (run.lostPings / extent.pings) * 100,
    peakMemoryMiB: (await peakMemory(service)) / mebibyte,
    ...coresOf(run),
  }
}
