/**
 * One, two and four processes on one shared subscription: what a ping costs all of them together, and what they take in a second
 * where there are processors for it. Each number of them has a broker of its own, for a session that its owner has left goes on
 * getting its share.
 */
import { ingest } from './ingest-run.ts'
import type { Rig } from './rig.ts'
import { type Figures, type Row, type Scenario, coresOf, mebibyte, ratio } from './scenario.ts'
import { openService, peakMemory, together } from './service.ts'
import { type Traffic, prepareTraffic } from './traffic.ts'

const counts = [1, 2, 4] as const
const perMessage = 10
const usualPings = 400_000
const quickPings = 60_000

const rowsFor = (count: number): Row[] => {
  const label = `${count} ${count === 1 ? 'process' : 'processes'}`
  const against = (figure: string): Pick<Row, 'against'> =>
    count === 1
      ? {}
      : { against: { label: 'one process', figure: `${figure}1`, ratio: `${figure}${count}To1` } }
  return [
    {
      label: `${label}: pings/s, publish → commit`,
      figure: `pingsPerSecond${count}`,
      ...against('pingsPerSecond'),
    },
    {
      label: `${label}: CPU s per million pings, all of them`,
      figure: `cpuSecondsPerMillion${count}`,
      digits: 1,
      ...against('cpuSecondsPerMillion'),
    },
    { label: `${label}: share of the busiest, %`, figure: `busiestPercent${count}` },
    { label: `${label}: peak resident memory of one, MiB`, figure: `peakMemoryMiB${count}` },
  ]
}

export const replicas: Scenario = {
  name: 'replicas',
  isLong: true,
  rows: counts.flatMap((count) => rowsFor(count)),
  async measure(rig, plan) {
    const pings = plan.pings ?? (plan.isQuick ? quickPings : usualPings)
    const traffic = prepareTraffic({ pings, pingsPerMessage: perMessage, seed: plan.seed })
    await rig.load('replicas', traffic)
    const repetitions: Figures[] = []
    for (let turn = 1; turn <= plan.repetitions; turn += 1) {
      const figures: Record<string, number> = {}
      for (const count of turn % 2 === 1 ? counts : counts.toReversed()) {
        plan.say(`${count} of them ${turn}/${plan.repetitions}`)
        Object.assign(figures, await measureReplicas(rig, traffic, count))
      }
      for (const count of counts)
        for (const figure of ['pingsPerSecond', 'cpuSecondsPerMillion'])
          if (count > 1) figures[`${figure}${count}To1`] = ratio(figures, `${figure}${count}`, `${figure}1`)
      repetitions.push(figures)
    }
    return repetitions
  },
}

async function measureReplicas(rig: Rig, traffic: Traffic, count: number): Promise<Figures> {
  const broker = await rig.openBroker({})
  const processes = await Promise.all(
    Array.from({ length: count }, async (_, at) =>
      openService(broker.url, rig.database.url, {
        MQTT_CLIENT_ID: `bench-${at}`,
        MQTT_SHARE_GROUP: 'bench',
      }),
    ),
  )
  const all = together(processes)
  try {
    const run = async (messages: number) => {
      await rig.database.empty()
      return ingest(rig, all, { name: 'replicas', broker, messages }, traffic.extentOf(messages))
    }
    // Each process has to have seen enough for V8 to have compiled it, and sees only its share.
    for (let turn = 0; turn < count; turn += 1) await run(traffic.messages)
    const committed = async (): Promise<number[]> =>
      Promise.all(processes.map(async (one) => (await one.metrics()).value('rtls_pings_committed_total')))
    const before = await committed()
    const measured = await run(traffic.messages)
    const { seconds, serviceCpuSeconds } = measured
    const shares = (await committed()).map((after, at) => after - (before[at] ?? 0))
    const { pings } = traffic.extentOf(traffic.messages)
    const memory = await Promise.all(processes.map(async (one) => peakMemory(one)))
    return {
      [`pingsPerSecond${count}`]: pings / seconds,
      [`cpuSecondsPerMillion${count}`]: (serviceCpuSeconds / pings) * 1e6,
      [`busiestPercent${count}`]: (Math.max(...shares) / pings) * 100,
      [`peakMemoryMiB${count}`]: Math.max(...memory) / mebibyte,
      ...(count === counts.at(-1) ? coresOf(measured) : {}),
    }
  } finally {
    await all.stop()
    await broker.stop()
  }
}
