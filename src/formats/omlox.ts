/**
 * `omlox-location` and `omlox-proximity`: the omlox hub, API 2.0.0, over its MQTT extension. Evidence V: the standard's
 * text. R: which keys of `properties` carry battery, signal strength and sequence; they stay there as well.
 *
 * The hub publishes each fix on three topics (pub, local, epsg4326): map one of them. `source` is the zone or system that
 * produced it; local coordinates of two sources are not comparable, so it is kept as the zone and names the frame.
 */
import { canonicalId } from '../ingest/ping.ts'
import type { Format, FormatContext, NativeForm, Reading, Refusal } from './format.ts'
import {
  addTo,
  batteryOf,
  fieldsOf,
  type Fields,
  invalid,
  isFields,
  isRefusal,
  isoMs,
  notAPing,
  numberOf,
  restOf,
  rssiOf,
  textOf,
  timeOf,
  wholeOf,
} from './values.ts'

const methods: Readonly<Record<string, string>> = {
  uwb: 'UWB',
  gps: 'GPS',
  wifi: 'WIFI',
  rfid: 'RFID',
  ibeacon: 'BLE',
}

const taken = new Set([
  'position',
  'source',
  'provider_type',
  'provider_id',
  'crs',
  'timestamp_generated',
  'accuracy',
  'floor',
  'true_heading',
  'magnetic_heading',
  'properties',
])

/** What both messages have. */
function readCommon(
  fields: Fields,
  { tagId: topicId }: FormatContext,
): { form: NativeForm; props: Record<string, unknown> } | Refusal {
  const id = textOf(fields['provider_id'])
  if (id !== undefined && topicId !== undefined && canonicalId(id) !== canonicalId(topicId))
    return {
      reason: 'topic_mismatch',
      detail: `provider_id is ${JSON.stringify(id.slice(0, 128))}, the topic says ${JSON.stringify(topicId)}`,
    }
  const time = timeOf('timestamp_generated', fields['timestamp_generated'], 'ISO 8601', (value) =>
    isoMs(value, true),
  )
  if (isRefusal(time)) return time
  const providerType = textOf(fields['provider_type'])
  const provider = providerType?.toLowerCase() ?? ''
  const method = Object.hasOwn(methods, provider) ? methods[provider] : undefined
  const properties = fieldsOf(fields['properties'])
  const props = restOf(fields, taken)
  addTo(props, {
    providerType: method === undefined ? providerType : undefined,
    // Negative is the standard's "invalid".
    true_heading: headingOf(fields['true_heading']),
    magnetic_heading: headingOf(fields['magnetic_heading']),
    properties: isFields(fields['properties']) ? properties : undefined,
  })
  return {
    props,
    form: {
      tagId: id,
      t: time.ms,
      floor: numberOf(fields['floor']),
      method,
      zone: textOf(fields['source']),
      rssiDbm: rssiOf(properties['rssi']),
      batteryPct: batteryOf(properties['battery'] ?? properties['battery_level']),
      seq: wholeOf(properties['seq'] ?? properties['sequence_number']),
      props,
    },
  }
}

const headingOf = (value: unknown): number | undefined => {
  const degrees = numberOf(value)
  return degrees !== undefined && degrees >= 0 ? degrees : undefined
}

function readLocation(element: unknown, context: FormatContext): Reading {
  if (!isFields(element)) return notAPing(element)
  const common = readCommon(element, context)
  if (isRefusal(common)) return common
  const { form, props } = common
  const position = fieldsOf(element['position'])
  const coordinates: unknown = position['coordinates']
  if (!Array.isArray(coordinates)) return invalid('position: expected a GeoJSON Point with coordinates')
  const first = numberOf(coordinates[0])
  const second = numberOf(coordinates[1])
  const third = numberOf(coordinates[2])
  if (first === undefined || second === undefined)
    return invalid('position.coordinates: expected at least two numbers')
  form.accuracyM = numberOf(element['accuracy'])
  form.fix = 'position'
  const crs = textOf(element['crs']) ?? 'local'
  if (crs === 'local') {
    form.x = first
    form.y = second
    form.z = third
    return { form, frame: form.zone }
  }
  if (crs.toUpperCase() !== 'EPSG:4326')
    return invalid(`crs: ${crs.slice(0, 64)} is neither local nor EPSG:4326, the two that are understood`)
  form.longitude = first
  form.latitude = second
  // Above the floor it is a z like any other; above the ellipsoid it is not.
  if (element['elevation_ref'] === 'floor') form.z = third
  else addTo(props, { elevationM: third })
  return { form }
}

function readProximity(element: unknown, context: FormatContext): Reading {
  if (!isFields(element)) return notAPing(element)
  const common = readCommon(element, context)
  if (isRefusal(common)) return common
  // A distance to the source, and no position it could be the accuracy of.
  addTo(common.props, { distanceM: numberOf(element['accuracy']) })
  common.form.fix = 'proximity'
  return { form: common.form }
}

export const omloxLocation: Format = {
  name: 'omlox-location',
  topics: [
    '/omlox/json/location_updates/pub/{tag}',
    '/omlox/json/location_updates/local/{tag}',
    '/omlox/json/location_updates/epsg4326/{tag}',
  ],
  evidence: 'V: omlox hub API 2.0.0 (map one of the three topics; also seen without the first slash)',
  example: {
    topic: '/omlox/json/location_updates/pub/AC233FA1B2C3',
    payload: {
      position: { type: 'Point', coordinates: [12.34, 5.6, 1.1] },
      source: 'zone-ed',
      provider_type: 'uwb',
      provider_id: 'ac:23:3f:a1:b2:c3',
      timestamp_generated: '2026-11-22T06:59:59.123Z',
      accuracy: 0.3,
      floor: 1.5,
      properties: { ward: 'ED' },
    },
  },
  read: readLocation,
}

export const omloxProximity: Format = {
  name: 'omlox-proximity',
  topics: ['/omlox/json/proximity_updates/+/{tag}'],
  evidence: 'V: omlox hub API 2.0.0; R: the order of the last two levels',
  example: {
    topic: '/omlox/json/proximity_updates/bed-7/AC233FA1B2C3',
    payload: {
      source: 'bed-7',
      provider_type: 'ibeacon',
      provider_id: 'AC233FA1B2C3',
      timestamp_generated: '2026-11-22T06:59:59.123Z',
      accuracy: 1.5,
    },
  },
  read: readProximity,
}
