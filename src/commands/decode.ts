/** `rtls-ingest decode`: what becomes of one payload, ping by ping. Connects to nothing. */
import { readFileSync } from 'node:fs'
import { type ConfigSources, loadConfig } from '../config.ts'
import type { FormatName } from '../formats/format.ts'
import { createDecode } from '../ingest/decode.ts'
import { type Decoded, type Delivery, type Ping, type Rejection, rejectionReasons } from '../ingest/ping.ts'
import { createRoutes, usualMapping } from '../ingest/routes.ts'
import { UserError, messageOf } from '../ops/user-error.ts'

export interface DecodeOptions {
  readonly format?: FormatName
  readonly topic: string
  readonly facility: string
  readonly gateway: string
  readonly received?: Date
  readonly isJson: boolean
  readonly sources: ConfigSources
}

export async function decodeFile(file: string, options: DecodeOptions): Promise<void> {
  const config = loadConfig(options.sources)
  const { format, topic } = options
  const routes = createRoutes(format === undefined ? config.formats : [usualMapping(format, topic, options)])
  const delivery: Delivery = {
    topic,
    payload: readPayload(file),
    receivedAtUs: (options.received ?? new Date()).getTime() * 1000,
    packetId: 1,
    epoch: 0,
    isSettled: false,
  }
  const decoded = createDecode(config.limits, routes, 'apart')(delivery)
  process.stdout.write(options.isJson ? `${JSON.stringify(asJson(decoded))}\n` : asText(decoded))
  const many = decoded.rejections.length
  if (many > 0)
    throw new UserError(
      `${many} rejected; the service would put ${many === 1 ? 'it' : 'them'} into dead_letter.`,
    )
}

function readPayload(file: string): Buffer {
  try {
    return readFileSync(file === '-' ? 0 : file)
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${messageOf(error)}`, 1, {
      cause: error,
    })
  }
}

/** What was said, under the names of the columns. */
const columnsOf = (ping: Ping): [string, unknown][] => {
  const t = new Date(Math.floor(ping.tUs / 1000))
    .toISOString()
    .replace('Z', `${String(ping.tUs % 1000).padStart(3, '0')}Z`)
  const columns: [string, unknown][] = [
    ['tag_id', ping.tagId],
    ['t', t],
    ['time_source', ping.timeSource],
    ['facility_id', ping.facilityId],
    ['gateway_id', ping.gatewayId],
    ['fix', ping.fix],
    ['x', ping.x],
    ['y', ping.y],
    ['z', ping.z],
    ['longitude', ping.longitude],
    ['latitude', ping.latitude],
    ['floor', ping.floor],
    ['zone', ping.zone],
    ['accuracy_m', ping.accuracyM],
    ['rssi_dbm', ping.rssiDbm],
    ['battery_pct', ping.batteryPct],
    ['is_moving', ping.isMoving],
    ['seq', ping.seq],
    ['tracking_method', ping.method],
    ['props', ping.props === null ? null : (JSON.parse(ping.props) as unknown)],
  ]
  return columns.filter(([, value]) => value !== null)
}

const placeOf = (index: number): string => (index === -1 ? 'the whole message' : `element ${index}`)

const asJson = ({ pings, sightings = [], rejections }: Decoded): object => ({
  pings: pings.map((ping) => ({ element: ping.index, ...Object.fromEntries(columnsOf(ping)) })),
  sightings: sightings.map((ping) => ({ element: ping.index, ...Object.fromEntries(columnsOf(ping)) })),
  rejections: rejections.map(({ index, reason, detail, payload }) => ({
    element: index,
    reason,
    detail,
    payload: payload.toString(),
  })),
})

function asText({ pings, sightings = [], rejections }: Decoded): string {
  const parts = [
    ...pings.map((ping) => ({ index: ping.index, text: describePing(ping, 'a ping') })),
    ...sightings.map((ping) => ({ index: ping.index, text: describePing(ping, sighting) })),
    ...rejections.map((rejection) => ({ index: rejection.index, text: describeRejection(rejection) })),
  ].toSorted((a, b) => a.index - b.index)
  const heard = sightings.length > 0 ? `, ${count(sightings.length, 'sighting')}` : ''
  return `${parts.map(({ text }) => `${text}\n\n`).join('')}${count(pings.length, 'ping')}${heard}, ${rejections.length} rejected\n`
}

const sighting = 'a sighting: the strongest of all gateways in a window becomes a ping with fix = presence'

const count = (many: number, what: string): string => `${many} ${what}${many === 1 ? '' : 's'}`

const describePing = (ping: Ping, what: string): string =>
  [
    `${placeOf(ping.index)}: ${what}`,
    ...columnsOf(ping).map(
      ([name, value]) =>
        `  ${name.padEnd(16)}${printable(typeof value === 'string' ? value : JSON.stringify(value))}`,
    ),
  ].join('\n')

const describeRejection = ({ index, reason, detail, payload }: Rejection): string =>
  [
    `${placeOf(index)}: REJECTED, ${reason}: ${rejectionReasons[reason]}`,
    `  ${'detail'.padEnd(16)}${printable(detail)}`,
    `  ${'payload'.padEnd(16)}${printable(payload.toString().slice(0, 200))}${payload.length > 200 ? '…' : ''}`,
  ].join('\n')

/** A payload must not move the cursor of whoever looks at it. */
const printable = (text: string): string =>
  // eslint-disable-next-line no-control-regex
  text.replaceAll(/[\u0000-\u001F\u007F-\u009F]+/gu, ' ')
