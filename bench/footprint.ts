/** What the service takes while nothing happens, and whether it grows while the same happens for long. */
import { setTimeout as wait } from 'node:timers/promises'
import { ingest } from './ingest-run.ts'
import { processCpuSeconds } from './machine.ts'
import { type Figures, type Scenario, mebibyte } from './scenario.ts'
import { openService } from './service.ts'
import { prepareTraffic } from './traffic.ts'

const idleSeconds = 20
const quickIdleSeconds = 5
const settleMs = 3000

export const idle: Scenario = {
  name: 'idle',
  rows: [
    { label: 'idle: CPU, % of one processor', figure: 'idleCpuPercent', digits: 2 },
    { label: 'idle: resident memory, MiB', figure: 'idleMemoryMiB' },
  ],
  async measure(rig, plan) {
    const seconds = plan.isQuick ? quickIdleSeconds : idleSeconds
    const service = await openService(rig.broker.url, rig.database.url)
    try {
      await wait(settleMs)
      const repetitions: Figures[] = []
      for (let turn = 1; turn <= plan.repetitions; turn += 1) {
        plan.say(`${turn}/${plan.repetitions}`)
        const before = processCpuSeconds(service.pid)
        await wait(seconds * 1000)
        const cpu = processCpuSeconds(service.pid) - before
        const memory = (await service.metrics()).value('process_resident_memory_bytes')
        repetitions.push({ idleCpuPercent: (cpu / seconds) * 100, idleMemoryMiB: memory / mebibyte })
      }
      return repetitions
    } finally {
      await service.stop()
    }
  },
}

const soakRate = 1000
const soakMinutes = 10
const quickSoakMinutes = 1
const sampleMs = 5000

export const soak: Scenario = {
  name: 'soak',
  isLong: true,
  rows: [
    {
      label: `${soakMinutes} minutes at ${soakRate} pings/s: resident memory in the first fifth, MiB`,
      figure: 'firstMiB',
    },
    {
      label: `${soakMinutes} minutes at ${soakRate} pings/s: resident memory in the last fifth, MiB`,
      figure: 'lastMiB',
    },
    {
      label: `${soakMinutes} minutes at ${soakRate} pings/s: CPU, % of one processor`,
      figure: 'cpuPercent',
      digits: 1,
    },
  ],
  async measure(rig, plan) {
    const minutes = plan.isQuick ? quickSoakMinutes : soakMinutes
    const traffic = prepareTraffic({ pings: soakRate * 60 * minutes, pingsPerMessage: 1, seed: plan.seed })
    await rig.load('soak', traffic)
    const service = await openService(rig.broker.url, rig.database.url)
    const samples: number[] = []
    const timer = setInterval(() => {
      void service
        .metrics()
        .then((metrics) => samples.push(metrics.value('process_resident_memory_bytes') / mebibyte))
    }, sampleMs)
    try {
      await rig.database.empty()
      const order = { name: 'soak', broker: rig.broker, messages: traffic.messages, perSecond: soakRate }
      const run = await ingest(rig, service, order, traffic.extentOf(traffic.messages))
      const fifth = Math.max(1, Math.floor(samples.length / 5))
      const mean = (some: readonly number[]): number => some.reduce((sum, one) => sum + one, 0) / some.length
      return [
        {
          firstMiB: mean(samples.slice(0, fifth)),
          lastMiB: mean(samples.slice(-fifth)),
          cpuPercent: (run.serviceCpuSeconds / run.seconds) * 100,
        },
      ]
    } finally {
      clearInterval(timer)
      await service.stop()
    }
  },
}
