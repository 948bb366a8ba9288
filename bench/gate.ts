/**
 * `npm run bench:gate`: has the hot path become slower? Compares what a ping costs from its message to its COPY bytes with what
 * JSON.parse of the same messages costs, in one process, in turns, by processor time: the ratio hardly moves with the machine
 * or with who else is at work on it. Exit code 1 above the limit, which leaves room for what was measured when it was set (2.3, and 2.8 with the rooms of the demo hospital) and none for interpreting a schema at every ping (10).
 */
import type * as CopyFormat from '../src/ingest/copy-format.ts'
import type * as DecodeModule from '../src/ingest/decode.ts'
import type { Delivery, Ping } from '../src/ingest/ping.ts'
import type * as Place from '../src/ingest/place.ts'
import type * as RowOrder from '../src/ingest/row-order.ts'
import { createHospital } from '../src/simulate/hospital.ts'
import { createTraffic } from '../src/simulate/traffic.ts'
import { quantile } from './stats.ts'

const pings = 20_000
const rounds = 15
const warmUpRounds = 5
/** Pings a message → the most that message → COPY bytes may cost, in units of JSON.parse. */
const limits: readonly (readonly [number, number])[] = [
  [1, 4],
  [50, 4],
]

/** The built files: what runs TypeScript directly adds its own to every function. */
const built = async <T>(file: string): Promise<T> => (await import(`../dist/ingest/${file}.js`)) as T
const { encodeCopy } = await built<typeof CopyFormat>('copy-format')
const { createDecode } = await built<typeof DecodeModule>('decode')
const { createRoomAt, inRooms } = await built<typeof Place>('place')
const { sortedByKey } = await built<typeof RowOrder>('row-order')

const hospital = createHospital({ facility: 'bench', gateways: 64, tags: 3500 })
const roomAt = createRoomAt(
  hospital.floors.flatMap(({ level, rooms }) =>
    rooms.map(({ id, polygon }) => ({ facilityId: 'bench', floor: level, roomId: id, ring: polygon })),
  ),
)
const decode = inRooms(
  createDecode({ maxMessageBytes: 1_048_576, maxPingsPerMessage: 10_000, futureToleranceS: 60 }),
  () => roomAt,
)

function deliveriesOf(pingsPerMessage: number): Delivery[] {
  const traffic = createTraffic({
    hospital,
    seed: 1,
    startMs: Date.now() - 10_000,
    rate: 50_000,
    pingsPerMessage,
    count: pings,
    badShare: 0,
    duplicateShare: 0,
    lateShare: 0,
  })
  return [...traffic].map(({ topic, payload }) => ({
    topic,
    payload,
    receivedAtUs: Date.now() * 1000,
    packetId: 1,
    epoch: 0,
    isSettled: false,
  }))
}

/** What everybody would have to do, and no more: arrays and objects are one text, lines are one each. */
function parseAll(deliveries: readonly Delivery[]): number {
  let parsed = 0
  for (const { payload } of deliveries) {
    const text = payload.toString('utf8')
    if (text.startsWith('[')) parsed += (JSON.parse(text) as unknown[]).length
    else for (const line of text.trim().split('\n')) parsed += JSON.parse(line) === null ? 0 : 1
  }
  return parsed
}

function ingestAll(deliveries: readonly Delivery[]): number {
  const batch: Ping[] = []
  for (const delivery of deliveries) for (const ping of decode(delivery).pings) batch.push(ping)
  encodeCopy(sortedByKey(batch))
  return batch.length
}

function cpuMicroseconds(work: () => number): number {
  const before = process.cpuUsage()
  if (work() !== pings) throw new Error('the gate lost pings')
  const { user, system } = process.cpuUsage(before)
  return user + system
}

let isTooSlow = false
for (const [pingsPerMessage, limit] of limits) {
  const deliveries = deliveriesOf(pingsPerMessage)
  const ratios: number[] = []
  for (let round = -warmUpRounds; round < rounds; round += 1) {
    const parse = cpuMicroseconds(() => parseAll(deliveries))
    const ingest = cpuMicroseconds(() => ingestAll(deliveries))
    if (round >= 0) ratios.push(ingest / parse)
  }
  const ratio = quantile(ratios, 0.5)
  isTooSlow ||= ratio > limit
  console.log(
    `${pingsPerMessage} ping${pingsPerMessage === 1 ? '' : 's'}/message: message → COPY bytes costs ${ratio.toFixed(2)} × JSON.parse (at most ${limit})`,
  )
}
if (isTooSlow) console.error('The hot path has become slower: npm run bench tells where.')
process.exitCode = isTooSlow ? 1 : 0
