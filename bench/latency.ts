/** How long a gateway waits for its acknowledgement under light load, measured from outside. */
import { ingest } from './ingest-run.ts'
import { type Figures, type Scenario, coresOf, inTurns } from './scenario.ts'
import { openService } from './service.ts'
import { bucketsBetween, histogramQuantile, quantile } from './stats.ts'
import { openTap } from './tap.ts'
import { prepareTraffic } from './traffic.ts'

const latencyRate = 1000
const latencySeconds = 8
const quickLatencySeconds = 3

export const latency: Scenario = {
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
            await rig.database.empty()
            const run = await ingest(rig, service, order, traffic.extentOf(messages))
            const lags = bucketsBetween(
              run.before.buckets('rtls_commit_lag_seconds'),
              run.after.buckets('rtls_commit_lag_seconds'),
            )
            const samples = tap.take()
            return {
              ackP50Ms: quantile(samples, 0.5),
              ackP99Ms: quantile(samples, 0.99),
              commitP50Ms: histogramQuantile(lags, 0.5) * 1000,
              commitP99Ms: histogramQuantile(lags, 0.99) * 1000,
              ...coresOf(run),
            }
          },
        }
        return await inTurns([paced], traffic.messages, 1, plan)
      } finally {
        await service.stop()
      }
    } finally {
      await tap.close()
    }
  },
}
