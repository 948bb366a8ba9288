/**
 * `minew`: Minew G1, MG3 and MG4 gateways, JSON mode. Evidence 3P: captures. A message is an array whose elements of type
 * "Gateway" speak of the gateway itself; the rest are Bluetooth adverts it heard. Times are ISO 8601, without an offset UTC.
 */
import { canonicalId } from '../ingest/ping.ts'
import type { Format, FormatContext, Reading, Refusal } from './format.ts'
import {
  addTo,
  batteryOf,
  idOf,
  isFields,
  isRefusal,
  isoMs,
  notAPing,
  numberIn,
  restOf,
  rssiOf,
  textOf,
  timeOf,
} from './values.ts'

const taken = new Set(['timestamp', 'mac', 'rssi', 'battery', 'temperature'])

const isGateway = (element: unknown): boolean => isFields(element) && element['type'] === 'Gateway'

/** What a gateway heard is worth as much as its word about who it is. */
function inspect(elements: readonly unknown[], context: FormatContext): Refusal | undefined {
  if (!context.isGatewayInTopic) return undefined
  for (const element of elements) {
    if (!isFields(element) || !isGateway(element)) continue
    const mac = textOf(element['mac'])
    if (mac !== undefined && canonicalId(mac) !== canonicalId(context.gatewayId))
      return {
        reason: 'topic_mismatch',
        detail: `the gateway's mac is ${JSON.stringify(mac.slice(0, 128))}, the topic says ${JSON.stringify(context.gatewayId)}`,
      }
  }
  return undefined
}

function read(element: unknown): Reading {
  if (!isFields(element)) return notAPing(element)
  if (isGateway(element)) return undefined
  const time = timeOf('timestamp', element['timestamp'], 'ISO 8601', (value) => isoMs(value, true))
  if (isRefusal(time)) return time
  return {
    form: {
      tagId: idOf(element['mac']),
      t: time.ms,
      rssiDbm: rssiOf(element['rssi']),
      batteryPct: batteryOf(element['battery']),
      method: 'BLE',
      fix: 'proximity',
      props: addTo(restOf(element, taken), { tempC: numberIn(element['temperature']) }),
    },
  }
}

export const minew: Format = {
  name: 'minew',
  topics: ['/gw/{gateway}/status', '/mg3/{gateway}/status', '/mg4/{gateway}/status'],
  evidence: '3P: captures of gateways in JSON mode',
  example: {
    topic: '/gw/AC233FC00001/status',
    payload: [
      { timestamp: '2026-11-22T06:59:59Z', type: 'Gateway', mac: 'AC233FC00001', gatewayFree: 96 },
      {
        timestamp: '2026-11-22T06:59:59Z',
        type: 'S1',
        mac: 'AC233FA1B2C3',
        rssi: -67,
        battery: 88,
        temperature: 24.3,
      },
    ],
  },
  isSighting: true,
  inspect,
  read,
}
