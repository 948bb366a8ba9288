/**
 * The stages before the database, one at a time and one ping a message: decode of every format, and the election of presences.
 * `npm run bench:stages`. Each figure is the best of several rounds: what the code can do, not what else the machine did.
 */
import { type FormatName, formatNames } from '../src/formats/format.ts'
import { formats } from '../src/formats/registry.ts'
import { createDecode, type Decode } from '../src/ingest/decode.ts'
import type { Delivery } from '../src/ingest/ping.ts'
import { createPresence } from '../src/ingest/presence.ts'
import { createRoutes, usualMapping } from '../src/ingest/routes.ts'
import { createHospital } from '../src/simulate/hospital.ts'
import { createTraffic, type TrafficMessage } from '../src/simulate/traffic.ts'
import { createVendorTraffic } from '../src/simulate/vendor-traffic.ts'

const pings = 5000
const rounds = 7
const windowPings = 2500
const limits = { maxMessageBytes: 1_048_576, maxPingsPerMessage: 10_000, futureToleranceS: 60 }

const options = {
  hospital: createHospital({ facility: 'bench', gateways: 64, tags: 3500 }),
  seed: 1,
  startMs: Date.now() - 3_600_000,
  rate: 5000,
  pingsPerMessage: 1,
  count: pings,
  badShare: 0,
  duplicateShare: 0,
  lateShare: 0,
}

const deliveriesOf = (messages: Iterable<TrafficMessage>): Delivery[] =>
  Array.from(messages, ({ topic, payload }, index) => ({
    topic,
    payload,
    receivedAtUs: Date.now() * 1000 + index,
    packetId: 1,
    epoch: 0,
    isSettled: false,
  }))

function decodeOf(format: FormatName, topic: string): Decode {
  const mapping = usualMapping(format, topic, { facility: 'bench', gateway: 'hub' })
  return createDecode(limits, createRoutes([mapping]))
}

/** Of the CPU, not of the clock: other programs take the one, not the other. */
function measureNs(work: () => number): number {
  const before = process.cpuUsage()
  const done = work()
  const { user, system } = process.cpuUsage(before)
  if (done !== pings) throw new Error(`${done} of ${pings} pings came through`)
  return ((user + system) * 1000) / pings
}

interface Stage {
  readonly name: string
  readonly note: string
  work(): number
  bestNs: number
}

function decodeStage(format: FormatName): Stage {
  const messages = format === 'native' ? createTraffic(options) : createVendorTraffic({ ...options, format })
  const deliveries = deliveriesOf(messages)
  const [first] = deliveries
  const decode = decodeOf(format, first?.topic ?? '')
  const bytes = deliveries.reduce((sum, { payload }) => sum + payload.length, 0) / deliveries.length
  return {
    name: format,
    note: `${bytes.toFixed(0)} bytes${formats[format].isSighting === true ? ', sightings' : ''}`,
    work: () => deliveries.reduce((sum, delivery) => sum + decode(delivery).pings.length, 0),
    bestNs: Infinity,
  }
}

function electionStage(): Stage {
  const heard = deliveriesOf(createVendorTraffic({ ...options, format: 'minew' }))
  const decode = decodeOf('minew', heard[0]?.topic ?? '')
  const decoded = heard.map((delivery) => ({ delivery, sightings: decode(delivery).pings }))
  return {
    name: 'election',
    note: 'of presences',
    work() {
      const stage = createPresence({ windowS: 5, hysteresisDb: 6, maxTags: 100_000 })
      let sightings = 0
      for (const [index, one] of decoded.entries()) {
        stage.add(one.delivery, one.sightings, index)
        if (index % windowPings === windowPings - 1)
          for (const election of stage.flush()) sightings += election.sightings
      }
      return sightings
    },
    bestNs: Infinity,
  }
}

const stages = [...formatNames.map(decodeStage), electionStage()]
// In turns, so that a bad moment of the machine is everybody's.
for (let round = 0; round < rounds; round += 1)
  for (const stage of stages)
    stage.bestNs = Math.min(
      stage.bestNs,
      measureNs(() => stage.work()),
    )

const nativeNs = stages[0]?.bestNs ?? Number.NaN
console.log(
  `${'stage'.padEnd(18)}${'ns/ping'.padStart(9)}${'pings/s'.padStart(12)}${'of native'.padStart(11)}`,
)
for (const { name, note, bestNs } of stages)
  console.log(
    `${name.padEnd(18)}${bestNs.toFixed(0).padStart(9)}${(1e9 / bestNs).toFixed(0).padStart(12)}${(nativeNs / bestNs).toFixed(2).padStart(11)}  ${note}`,
  )
