/**
 * `sewio`: Sewio RTLS, its feeds bridged to MQTT. Evidence V: the vendor's own text. Numbers are strings with leading blanks,
 * times have no zone and are UTC by the documentation, a battery is "77%". Updates are partial: one that brings only x or only
 * y is no position; what it says is kept in props.
 */
import type { Format, Reading } from './format.ts'
import {
  addTo,
  batteryOf,
  fieldsOf,
  idOf,
  invalid,
  isFields,
  isPosition,
  isRefusal,
  isoMs,
  keep,
  notAPing,
  numberIn,
  restOf,
  textOf,
  timeOf,
} from './values.ts'

const taken = new Set(['id', 'datastreams'])
const takenBody = new Set(['body', 'resource'])

function read(element: unknown): Reading {
  if (!isFields(element)) return notAPing(element)
  const body = fieldsOf(element['body'])
  const streams: unknown = body['datastreams']
  if (!Array.isArray(streams)) return invalid('body.datastreams: expected a list')
  const props = addTo(restOf(body, taken), restOf(element, takenBody))
  const axes: { posX?: number | undefined; posY?: number | undefined; posZ?: number | undefined } = {}
  let batteryPct: number | undefined
  let ms: number | undefined
  for (const stream of streams as readonly unknown[]) {
    const fields = fieldsOf(stream)
    const name = textOf(fields['id'])
    if (name === undefined) continue
    const value = fields['current_value']
    const time = timeOf(`${name.slice(0, 32)}.at`, fields['at'], 'a time without zone, in UTC', (at) =>
      isoMs(at, true),
    )
    if (isRefusal(time)) return time
    // The newest of them is when the tag was there.
    if (time.ms !== undefined && (ms === undefined || time.ms > ms)) ms = time.ms
    if (name === 'posX' || name === 'posY' || name === 'posZ') axes[name] = numberIn(value)
    else if (/^battery/iu.test(name)) batteryPct = batteryOf(value)
    else if (value !== null && value !== undefined) keep(props, name, numberIn(value) ?? value)
  }
  const hasFix = isPosition(axes.posX, axes.posY)
  return {
    form: {
      tagId: idOf(body['id']),
      t: ms,
      ...(hasFix ? { x: axes.posX, y: axes.posY, z: axes.posZ, fix: 'position' as const } : {}),
      batteryPct,
      method: 'UWB',
      props: hasFix ? props : addTo(props, axes),
    },
  }
}

export const sewio: Format = {
  name: 'sewio',
  topics: ['sewio/{facility}/feeds'],
  evidence: 'V: Sewio RTLS feed documentation; MQTT is a bridge’s, and so is the topic',
  example: {
    topic: 'sewio/st-marys/feeds',
    payload: {
      body: {
        id: '26',
        datastreams: [
          { id: 'posX', current_value: ' 6.34', at: '2026-11-22 06:59:59.365' },
          { id: 'posY', current_value: ' 11.02', at: '2026-11-22 06:59:59.365' },
          { id: 'battery', current_value: '77%', at: '2026-11-22 06:59:59.365' },
        ],
      },
      resource: '/feeds/26',
    },
  },
  read,
}
