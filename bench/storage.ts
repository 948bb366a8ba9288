/**
 * Bytes a ping takes, fresh and compressed, for a day of a realistic hospital: of every twenty tags nineteen lie still, with the
 * jitter of UWB, and ping every half minute; one is carried about and pings every two seconds. Coordinates as sent, and
 * on a grid of a power of two (`storage.gridM`), which is what compresses.
 */
import { encodeCopy } from '../src/ingest/copy-format.ts'
import { snapTo } from '../src/ingest/grid.ts'
import type { Ping } from '../src/ingest/ping.ts'
import { createRandom } from '../src/simulate/random.ts'
import type { Rig } from './rig.ts'
import type { Figures, Scenario } from './scenario.ts'
import { copyBatchRows } from './traffic.ts'

const tags = 200
const quickTags = 40
const daySeconds = 86_400
const jitterM = 0.08

export const storage: Scenario = {
  name: 'storage',
  rows: [
    { label: 'storage: bytes per ping, fresh (table and index)', figure: 'freshBytes', digits: 1 },
    {
      label: 'storage: bytes per ping, compressed, coordinates as sent (mm)',
      figure: 'exactBytes',
      digits: 1,
    },
    {
      label: 'storage: bytes per ping, compressed, coordinates on a grid of 1/1024 m',
      figure: 'gridBytes',
      digits: 1,
    },
  ],
  async measure(rig, plan) {
    const pings = day(plan.isQuick ? quickTags : tags, plan.seed)
    plan.say('coordinates as sent')
    const exact = await sizes(rig, pings)
    plan.say('coordinates on a grid')
    const grid = await sizes(
      rig,
      pings.map((ping) => snapTo(ping, 0.001)),
    )
    const figures: Figures = {
      freshBytes: exact.before,
      exactBytes: exact.after,
      gridBytes: grid.after,
    }
    return [figures]
  },
}

async function sizes(rig: Rig, pings: readonly Ping[]): Promise<{ before: number; after: number }> {
  await rig.database.empty()
  const batches: Buffer[] = []
  for (let from = 0; from < pings.length; from += copyBatchRows)
    batches.push(encodeCopy(pings.slice(from, from + copyBatchRows)))
  const rows = await rig.database.compressHistory(batches)
  const { rows: stats } = await rig.database.client.query<{ before: string; after: string }>(
    `SELECT sum(before_compression_total_bytes) AS before, sum(after_compression_total_bytes) AS after
     FROM chunk_compression_stats('location_history')`,
  )
  await rig.database.empty()
  return { before: Number(stats[0]?.before) / rows, after: Number(stats[0]?.after) / rows }
}

/** In order of time, forty days ago. */
function day(count: number, seed: number): Ping[] {
  const random = createRandom(seed)
  const startUs = (Math.floor(Date.now() / 86_400_000) - 40) * 86_400_000_000
  const pings: Ping[] = []
  for (let tag = 0; tag < count; tag += 1) {
    const isCarried = tag % 20 === 0
    const periodS = isCarried ? 2 : 30
    const home = [random.next() * 100, random.next() * 60] as const
    for (let seq = 0; seq < daySeconds / periodS; seq += 1) {
      const atS = seq * periodS
      const x = isCarried ? 50 + 40 * Math.sin(atS / 300 + tag) : home[0] + random.gauss() * jitterM
      const y = isCarried ? 30 + 20 * Math.cos(atS / 200 + tag) : home[1] + random.gauss() * jitterM
      // The tag's clock has milliseconds and wobbles; the way to us takes a moment.
      const tUs = startUs + Math.round(atS * 1000 + random.next() * 400) * 1000
      pings.push({
        delivery: {
          topic: '',
          payload: Buffer.alloc(0),
          receivedAtUs: tUs + 20_000 + random.int(150_000),
          packetId: 0,
          epoch: 0,
          isSettled: true,
        },
        index: 0,
        tUs,
        timeSource: 'device',
        facilityId: 'hospital-1',
        gatewayId: `gw-${tag % 40}`,
        tagId: `AC233FA1${tag.toString(16).toUpperCase().padStart(4, '0')}`,
        x: round(x, 1000),
        y: round(y, 1000),
        z: round(1.1 + random.gauss() * 0.03, 100),
        longitude: null,
        latitude: null,
        floor: tag % 3,
        roomId: `room-${tag % 100}`,
        zone: null,
        accuracyM: round(0.3 + random.next() * 0.2, 100),
        rssiDbm: Math.round(-67 + random.gauss() * 2),
        batteryPct: 88 - Math.floor(atS / daySeconds),
        isMoving: isCarried,
        seq,
        method: 'UWB',
        fix: null,
        props: null,
      })
    }
  }
  return pings.toSorted((a, b) => a.tUs - b.tUs)
}

const round = (value: number, steps: number): number => Math.round(value * steps) / steps
