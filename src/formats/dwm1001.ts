/**
 * `dwm1001`: Qorvo (Decawave) DWM1001 through its gateway. Evidence 3P: captures and third parties' programs. The tag is the
 * topic's level, four hex digits (the vendor's web page shows the same id in decimal: 9609 is 38409). No time: the receive
 * time is used. x, y, z are no numbers ("NaN") while there is no fix; the tag is then stored without coordinates.
 */
import type { Format, FormatContext, Reading } from './format.ts'
import {
  addTo,
  fieldsOf,
  isFields,
  isPosition,
  notAPing,
  numberIn,
  numberOf,
  restOf,
  wholeOf,
} from './values.ts'

const taken = new Set(['position', 'superFrameNumber'])

function read(element: unknown, { tagId }: FormatContext): Reading {
  if (!isFields(element)) return notAPing(element)
  const position = fieldsOf(element['position'])
  const [x, y, z] = [position['x'], position['y'], position['z']].map(numberIn)
  return {
    form: {
      // Hex by definition here, in the notation of all other hex ids.
      tagId: tagId?.toUpperCase(),
      ...(isPosition(x, y) ? { x, y, z, fix: 'position' as const } : {}),
      seq: wholeOf(element['superFrameNumber']),
      method: 'UWB',
      props: addTo(restOf(element, taken), { quality: numberOf(position['quality']) }),
    },
  }
}

export const dwm1001: Format = {
  name: 'dwm1001',
  topics: ['dwm/node/{tag}/uplink/location'],
  isTagInTopic: true,
  evidence: '3P: captures and third parties’ programs',
  example: {
    topic: 'dwm/node/9609/uplink/location',
    payload: { position: { x: 12.34, y: 5.6, z: 1.1, quality: 83 }, superFrameNumber: 149 },
  },
  read,
}
