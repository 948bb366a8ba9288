/**
 * What a ping costs as the table grows: with rows in the chunk that is written already (the index gets deeper and leaves the cache),
 * and with many chunks beside it. How many tags there are: the throughput scenarios tags-500, throughput-10 and tags-20000.
 */
import { ingest } from './ingest-run.ts'
import { rawCopy } from './raw-copy.ts'
import type { Rig } from './rig.ts'
import { type Figures, type Plan, type Row, type Scenario, coresOf, ratio } from './scenario.ts'
import { type Service, openService } from './service.ts'
import { type Traffic, prepareTraffic } from './traffic.ts'

const perMessage = 50
const usualPings = 200_000
const quickPings = 60_000

interface Growth {
  readonly name: string
  readonly sizes: readonly number[]
  readonly quickSizes: readonly number[]
  /** What a size counts, for the label. */
  readonly unit: string
  /** From the size before to this one; the table holds the traffic's own rows. */
  grow(rig: Rig, from: number, to: number): Promise<void>
}

const text = (size: number): string => size.toLocaleString('en-US')

export const history = growthScenario({
  name: 'history',
  sizes: [0, 1_000_000, 10_000_000],
  quickSizes: [0, 1_000_000],
  unit: 'rows in the chunk that is written',
  async grow(rig, from, to) {
    const { client } = rig.database
    await client.query('CREATE TEMP TABLE IF NOT EXISTS grown AS SELECT * FROM location_history')
    const { rows } = await client.query<{ n: number }>('SELECT count(*)::int AS n FROM grown')
    const step = Math.max(1, rows[0]?.n ?? 1)
    // The same pings, each round a little longer ago: for its tag a new ping is always the newest.
    for (let have = from; have < to; have += step) {
      await client.query(`UPDATE grown SET t = t - INTERVAL '10 seconds'`)
      await client.query(
        `INSERT INTO location_history SELECT * FROM grown ORDER BY tag_id, t LIMIT ${Math.min(step, to - have)}`,
      )
    }
  },
})

export const chunks = growthScenario({
  name: 'chunks',
  sizes: [0, 100, 700],
  quickSizes: [0, 100],
  unit: 'chunks beside the one that is written',
  async grow(rig, from, to) {
    await rig.database.client.query(
      `INSERT INTO location_history
       SELECT (jsonb_populate_record(h, jsonb_build_object('t', (h).t - day * INTERVAL '1 day'))).*
       FROM (SELECT h FROM location_history AS h ORDER BY t LIMIT 1) AS one, generate_series($1::int, $2::int) AS day`,
      [from + 1, to],
    )
  },
})

function growthScenario(growth: Growth): Scenario {
  const { name, sizes, unit } = growth
  const rowFor = (size: number, figure: string, label: string, digits: number): Row => ({
    label: `${text(size)} ${unit}: ${label}`,
    figure: `${figure}${size}`,
    digits,
    ...(size === 0 ? {} : { against: { label: 'none', figure: `${figure}0`, ratio: `${figure}${size}To0` } }),
  })
  return {
    name,
    isLong: true,
    rows: sizes.flatMap((size) => [
      rowFor(size, 'pingsPerSecond', 'pings/s, publish → commit', 0),
      rowFor(size, 'serviceCpu', 'CPU s per million pings, service', 1),
      rowFor(size, 'databaseCpu', 'CPU s per million pings, database', 1),
    ]),
    async measure(rig, plan) {
      const service = await openService(rig.broker.url, rig.database.url)
      try {
        return await measureGrowth(growth, rig, plan, service)
      } finally {
        await service.stop()
        await rig.database.client.query('DROP TABLE IF EXISTS grown')
        await rig.database.empty()
      }
    },
  }
}

/** One size after the other, each as often as there are repetitions: to make ten million rows again for every run would take hours. */
async function measureGrowth(growth: Growth, rig: Rig, plan: Plan, service: Service): Promise<Figures[]> {
  const pings = plan.pings ?? (plan.isQuick ? quickPings : usualPings)
  const traffic = prepareTraffic({ pings, pingsPerMessage: perMessage, seed: plan.seed })
  await rig.load(growth.name, traffic)
  await rig.database.empty()
  plan.say('warm-up')
  await once(growth, rig, service, traffic, 0)
  const repetitions: Record<string, number>[] = Array.from({ length: plan.repetitions }, () => ({}))
  let grown = 0
  for (const size of plan.isQuick ? growth.quickSizes : growth.sizes) {
    plan.say(`growing to ${text(size)}`)
    if (size > grown) {
      await rawCopy(rig.database.url, traffic.copyBatches(traffic.messages))
      await growth.grow(rig, grown, size)
      await forget(rig, traffic)
      grown = size
    }
    for (const [at, figures] of repetitions.entries()) {
      plan.say(`${text(size)} ${at + 1}/${plan.repetitions}`)
      Object.assign(figures, await once(growth, rig, service, traffic, size))
    }
  }
  for (const figures of repetitions) Object.assign(figures, ratiosOf(growth, figures))
  return repetitions
}

function ratiosOf({ sizes }: Growth, figures: Figures): Figures {
  const ratios: Record<string, number> = {}
  for (const size of sizes)
    for (const figure of ['pingsPerSecond', 'serviceCpu', 'databaseCpu'])
      if (size > 0 && figures[`${figure}${size}`] !== undefined)
        ratios[`${figure}${size}To0`] = ratio(figures, `${figure}${size}`, `${figure}0`)
  return ratios
}

async function once(
  { name }: Growth,
  rig: Rig,
  service: Service,
  traffic: Traffic,
  size: number,
): Promise<Figures> {
  const extent = traffic.extentOf(traffic.messages)
  const { rows: rowsBefore } = await rig.database.countRows()
  const order = { name, broker: rig.broker, messages: traffic.messages }
  const run = await ingest(rig, service, order, { ...extent, rowsBefore })
  await forget(rig, traffic)
  return {
    [`pingsPerSecond${size}`]: extent.pings / run.seconds,
    [`serviceCpu${size}`]: (run.serviceCpuSeconds / extent.pings) * 1e6,
    [`databaseCpu${size}`]: ((run.cores.database * run.seconds) / extent.pings) * 1e6,
    ...coresOf(run),
  }
}

/** Takes the traffic's own rows out again, with what they left in the index. */
async function forget(rig: Rig, { fromMs }: Traffic): Promise<void> {
  await rig.database.client.query('DELETE FROM location_history WHERE t >= to_timestamp($1)', [fromMs / 1000])
  await rig.database.client.query('VACUUM ANALYZE location_history')
  await rig.database.client.query('CHECKPOINT').catch(() => undefined)
}
