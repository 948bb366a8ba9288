/**
 * `pozyx`: Pozyx Enterprise and Creator, MQTT. Evidence V: the vendor's own text; R: that coordinates are millimetres,
 * which a real trace agrees with. Time is epoch seconds with decimals. A tag without a fix (`success: false`) is heard, and
 * stored without coordinates.
 */
import type { Format, Reading } from './format.ts'
import {
  addTo,
  type Fields,
  fieldsOf,
  idOf,
  isFields,
  isPosition,
  isRefusal,
  notAPing,
  numberOf,
  restOf,
  rssiOf,
  textOf,
  timeOf,
  wholeOf,
} from './values.ts'

const taken = new Set(['version', 'tagId', 'timestamp', 'success', 'data'])
const takenData = new Set(['coordinates', 'tagData', 'anchorData', 'zones'])
const takenTagData = new Set(['blinkIndex'])

function read(element: unknown): Reading {
  if (!isFields(element)) return notAPing(element)
  const time = timeOf('timestamp', element['timestamp'], 'epoch seconds as a number', (value) => {
    const seconds = numberOf(value)
    return seconds === undefined ? undefined : seconds * 1000
  })
  if (isRefusal(time)) return time
  const data = fieldsOf(element['data'])
  const tagData = fieldsOf(data['tagData'])
  const coordinates = fieldsOf(data['coordinates'])
  const [x, y, z] = [coordinates['x'], coordinates['y'], coordinates['z']].map(metresOf)
  const hasFix = element['success'] !== false && isPosition(x, y)
  const anchors: unknown[] = Array.isArray(data['anchorData']) ? data['anchorData'] : []
  const zones: unknown = data['zones']
  const props = addTo(restOf(element, taken), restOf(data, takenData))
  addTo(props, restOf(tagData, takenTagData))
  addTo(props, {
    anchors: anchors.length > 0 ? anchors : undefined,
    // []: it has a fix and is in none. null: no fix, nothing to keep.
    zones: Array.isArray(zones) && zones.length !== 1 ? zones : undefined,
  })
  return {
    form: {
      tagId: idOf(element['tagId']),
      t: time.ms,
      ...(hasFix ? { x, y, z, fix: 'position' as const } : {}),
      rssiDbm: strongest(anchors),
      seq: wholeOf(tagData['blinkIndex']),
      zone: Array.isArray(zones) ? zoneName(zones[0]) : undefined,
      method: 'UWB',
      props,
    },
  }
}

/** Tenths of a millimetre are beyond the technology, and digits beyond them only floating point. */
function metresOf(millimetres: unknown): number | undefined {
  const mm = numberOf(millimetres)
  return mm === undefined ? undefined : Math.round(mm * 10) / 10_000
}

function strongest(anchors: readonly unknown[]): number | undefined {
  let most: number | undefined
  for (const anchor of anchors) {
    const dbm = rssiOf(fieldsOf(anchor)['rss'])
    if (dbm !== undefined && (most === undefined || dbm > most)) most = dbm
  }
  return most
}

/** Named by text, by number, or by an object that has a name. */
const zoneName = (zone: unknown): string | undefined => {
  const fields: Fields = fieldsOf(zone)
  return idOf(zone) ?? textOf(fields['name']) ?? idOf(fields['id'])
}

export const pozyx: Format = {
  name: 'pozyx',
  topics: ['tags', 'tags/{tag}'],
  evidence: 'V: Pozyx MQTT documentation; R: millimetres (agrees with a real trace)',
  example: {
    topic: 'tags',
    payload: [
      {
        version: '2.0',
        tagId: '26419',
        timestamp: 1795330799.123,
        success: true,
        data: {
          coordinates: { x: 1995, y: 946, z: 552 },
          tagData: { blinkIndex: 4711 },
          anchorData: [
            { anchorId: '24600', rss: -81.2 },
            { anchorId: '24601', rss: -77.4 },
          ],
          metrics: { latency: 35, rates: { success: 9.9, update: 10 } },
          zones: [],
        },
      },
    ],
  },
  read,
}
