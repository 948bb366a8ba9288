/**
 * `kontakt`: Kontakt.io telemetry streams. Evidence V: the vendor's own text. `timestamp` is the cloud's, ISO 8601;
 * `beaconTimestamp` the tag's, kept in props. 65535 is "never" or "no sample" in every field, and is dropped.
 * The cloud publishes for all gateways of an account and names the one that heard the tag in `sourceId`: map it with
 * `gatewayFromPayload`, on a broker where only that bridge may publish there.
 */
import type { Format, FormatContext, Reading } from './format.ts'
import {
  addTo,
  batteryOf,
  type Fields,
  idOf,
  isFields,
  isRefusal,
  isoMs,
  keep,
  notAPing,
  numberOf,
  rssiOf,
  timeOf,
} from './values.ts'

const taken = new Set(['trackingId', 'sourceId', 'rssi', 'timestamp', 'batteryLevel', 'temperature'])
const noSample = 65_535

function read(element: unknown, _context: FormatContext): Reading {
  if (!isFields(element)) return notAPing(element)
  const time = timeOf('timestamp', element['timestamp'], 'ISO 8601', (value) => isoMs(value, true))
  if (isRefusal(time)) return time
  return {
    form: {
      tagId: idOf(element['trackingId']),
      gatewayId: idOf(element['sourceId']),
      t: time.ms,
      rssiDbm: rssiOf(element['rssi']),
      batteryPct: batteryOf(element['batteryLevel']),
      method: 'BLE',
      fix: 'proximity',
      props: addTo(samplesOf(element), {
        tempC: element['temperature'] === noSample ? undefined : numberOf(element['temperature']),
      }),
    },
  }
}

function samplesOf(fields: Fields): Record<string, unknown> {
  const props: Record<string, unknown> = {}
  for (const key of Object.keys(fields))
    if (!taken.has(key) && fields[key] !== noSample && fields[key] !== null) keep(props, key, fields[key])
  return props
}

export const kontakt: Format = {
  name: 'kontakt',
  topics: ['telemetry/+', '/stream/+/all'],
  evidence: 'V: Kontakt.io developer documentation, data streams',
  example: {
    topic: 'telemetry/company-1',
    payload: {
      trackingId: 'f1:03:a1:b2:c3:d4',
      sourceId: 'bF9xk',
      rssi: -77,
      timestamp: '2026-11-22T06:59:59Z',
      beaconTimestamp: 1795330798,
      batteryLevel: 88,
      temperature: 24,
      timeSinceClick: 65535,
    },
  },
  isSighting: true,
  read,
}
