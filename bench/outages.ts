/** What is left behind by an outage, and how fast it is caught up with. */
import { setTimeout as wait } from 'node:timers/promises'
import { openTcpProxy } from '../test/support/tcp-proxy.ts'
import { ingest } from './ingest-run.ts'
import { type Figures, type Scenario, coresOf, mebibyte, ratio } from './scenario.ts'
import { openService, peakMemory } from './service.ts'
import { prepareTraffic } from './traffic.ts'

const backlogPings = 1_000_000
const quickBacklogPings = 100_000
const perMessage = 10

/** The service was away for an hour, and the broker kept what came: how fast is it drained, against the same traffic live? */
export const backlog: Scenario = {
  name: 'backlog',
  isLong: true,
  rows: [
    {
      label: `a backlog at the broker, ${perMessage} pings/message: pings/s, start → last commit`,
      figure: 'drainPerSecond',
      against: { label: 'the same live', figure: 'livePerSecond', ratio: 'toLive' },
    },
    { label: 'draining a backlog: peak resident memory, MiB', figure: 'peakMemoryMiB' },
  ],
  async measure(rig, plan) {
    const pings = plan.pings ?? (plan.isQuick ? quickBacklogPings : backlogPings)
    const traffic = prepareTraffic({ pings, pingsPerMessage: perMessage, seed: plan.seed })
    await rig.load('backlog', traffic)
    const order = { name: 'backlog', broker: rig.broker, messages: traffic.messages }
    const extent = traffic.extentOf(traffic.messages)
    const repetitions: Figures[] = []
    for (let turn = 1; turn <= plan.repetitions; turn += 1) {
      plan.say(`live ${turn}/${plan.repetitions}`)
      const first = await openService(rig.broker.url, rig.database.url)
      await rig.database.empty()
      const live = await ingest(rig, first, order, extent)
      // Its session stays at the broker, and is what the backlog is kept in.
      await first.stop()
      await rig.database.empty()
      plan.say(`backlog ${turn}/${plan.repetitions}`)
      await rig.publish(order)
      const startedMs = Date.now()
      const second = await openService(rig.broker.url, rig.database.url)
      try {
        const run = await ingest(
          { ...rig, publish: async () => ({ firstMs: startedMs, lastAckMs: startedMs, cpuSeconds: 0 }) },
          second,
          order,
          extent,
          { qos: 1, isFromStart: true },
        )
        const figures = { drainPerSecond: pings / run.seconds, livePerSecond: pings / live.seconds }
        repetitions.push({
          ...figures,
          toLive: ratio(figures, 'drainPerSecond', 'livePerSecond'),
          peakMemoryMiB: (await peakMemory(second)) / mebibyte,
          ...coresOf(run),
        })
      } finally {
        await second.stop()
      }
    }
    return repetitions
  },
}

const stallRate = 5000
const stallSeconds = 60
const quickStallSeconds = 5
/** Traffic goes on after the stall, so that recovery happens under load. */
const afterStallSeconds = 10

/** The database does not answer for a while, without a reset, while pings keep coming. */
export const stall: Scenario = {
  name: 'stall',
  isLong: true,
  rows: [
    {
      label: `database frozen under ${stallRate} pings/s: s from its return to all committed and acknowledged`,
      figure: 'recoverySeconds',
      digits: 1,
    },
    { label: 'database frozen: pings/s while recovering', figure: 'recoveryPerSecond' },
    { label: 'database frozen: peak resident memory, MiB', figure: 'peakMemoryMiB' },
  ],
  async measure(rig, plan) {
    const seconds = plan.isQuick ? quickStallSeconds : stallSeconds
    const pings = stallRate * (seconds + afterStallSeconds)
    const traffic = prepareTraffic({ pings, pingsPerMessage: perMessage, seed: plan.seed })
    await rig.load('stall', traffic)
    const repetitions: Figures[] = []
    for (let turn = 1; turn <= (plan.isQuick ? 1 : plan.repetitions); turn += 1) {
      const proxy = await openTcpProxy({ targetPort: Number(new URL(rig.database.url).port) })
      const service = await openService(rig.broker.url, proxy.urlFor(rig.database.url))
      try {
        plan.say(`stall ${turn}`)
        await rig.database.empty()
        const order = {
          name: 'stall',
          broker: rig.broker,
          messages: traffic.messages,
          perSecond: stallRate / perMessage,
        }
        let thawedMs = 0
        const isOver = (async () => {
          proxy.freeze()
          await wait(seconds * 1000)
          thawedMs = Date.now()
          proxy.thaw()
        })()
        const [run] = await Promise.all([
          ingest(rig, service, order, traffic.extentOf(traffic.messages)),
          isOver,
        ])
        const recoverySeconds = (run.lastCommitMs - thawedMs) / 1000
        repetitions.push({
          recoverySeconds,
          recoveryPerSecond: pings / recoverySeconds,
          peakMemoryMiB: (await peakMemory(service)) / mebibyte,
          ...coresOf(run),
        })
      } finally {
        await service.stop()
        await proxy.close()
      }
    }
    return repetitions
  },
}
