/**
 * `leaps`: Leaps RTLS, the successor of the DWM1001's gateway. Evidence V: the vendor's own text. The tag is the topic's last
 * level. `timestamp` is epoch microseconds, and optional; without it the receive time is used.
 */
import type { Format, FormatContext, Reading } from './format.ts'
import {
  addTo,
  fieldsOf,
  isFields,
  isPosition,
  isRefusal,
  notAPing,
  numberIn,
  numberOf,
  restOf,
  timeOf,
} from './values.ts'

const taken = new Set(['position', 'timestamp'])

function read(element: unknown, { tagId }: FormatContext): Reading {
  if (!isFields(element)) return notAPing(element)
  const time = timeOf('timestamp', element['timestamp'], 'epoch microseconds', (value) => {
    const us = numberIn(value)
    return us === undefined ? undefined : us / 1000
  })
  if (isRefusal(time)) return time
  const position = fieldsOf(element['position'])
  const [x, y, z] = [position['x'], position['y'], position['z']].map(numberIn)
  return {
    form: {
      tagId,
      t: time.ms,
      ...(isPosition(x, y) ? { x, y, z, fix: 'position' as const } : {}),
      method: 'UWB',
      props: addTo(restOf(element, taken), { quality: numberOf(position['quality']) }),
    },
  }
}

export const leaps: Format = {
  name: 'leaps',
  topics: ['+/node/uplink/location/{tag}', '+/+/node/uplink/location/{tag}'],
  isTagInTopic: true,
  evidence: 'V: Leaps RTLS MQTT documentation',
  example: {
    topic: 'leaps/node/uplink/location/DECA01A1B2C3D4E5',
    payload: { position: { x: 12.34, y: 5.6, z: 1.1, quality: 92 }, timestamp: 1795330799123456 },
  },
  read,
}
