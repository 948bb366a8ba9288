/**
 * `espresense`: ESPresense nodes (one a room). Evidence V: the project's own documentation and source. Tag and room are levels
 * of the topic; the payload repeats the tag's `id`. No time: the receive time is used. `distance` is estimated from the
 * signal and is a distance to the node, not an accuracy.
 */
import { canonicalId } from '../ingest/ping.ts'
import type { Format, FormatContext, Reading } from './format.ts'
import { addTo, idOf, isFields, notAPing, numberOf, restOf, rssiOf } from './values.ts'

const taken = new Set(['id', 'rssi', 'distance'])

function read(element: unknown, { tagId: topicId, gatewayId }: FormatContext): Reading {
  if (!isFields(element)) return notAPing(element)
  const id = idOf(element['id'])
  if (id !== undefined && topicId !== undefined && canonicalId(id) !== canonicalId(topicId))
    return {
      reason: 'topic_mismatch',
      detail: `id is ${JSON.stringify(id.slice(0, 128))}, the topic says ${JSON.stringify(topicId)}`,
    }
  return {
    form: {
      tagId: topicId ?? id,
      rssiDbm: rssiOf(element['rssi']),
      method: 'BLE',
      fix: 'proximity',
      zone: gatewayId,
      props: addTo(restOf(element, taken), { distanceM: numberOf(element['distance']) }),
    },
  }
}

export const espresense: Format = {
  name: 'espresense',
  topics: ['espresense/devices/{tag}/{gateway}'],
  isTagInTopic: true,
  evidence: 'V: ESPresense documentation and source',
  example: {
    topic: 'espresense/devices/tile:f10a1b2c3d4e/ed-bay-3',
    payload: {
      id: 'tile:f10a1b2c3d4e',
      mac: 'f10a1b2c3d4e',
      rssi: -67,
      'rssi@1m': -59,
      distance: 1.8,
      int: 512,
    },
  },
  isSighting: true,
  read,
}
