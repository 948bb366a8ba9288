/**
 * `ruuvi`: the Ruuvi Gateway. Evidence V: the vendor's own text for the payload and for the tag's advert in `data` (RAWv2, data
 * format 5); R: the topic. Times are epoch seconds written as strings; without time sync the gateway sends a counter (`cnt`)
 * instead, and the receive time is used.
 */
import type { Format, FormatContext, Reading } from './format.ts'
import {
  addTo,
  type Fields,
  idOf,
  isFields,
  isRefusal,
  notAPing,
  numberIn,
  restOf,
  rssiOf,
  timeOf,
} from './values.ts'

const taken = new Set(['gw_mac', 'rssi', 'ts', 'gwts', 'data'])

function read(element: unknown, { tagId }: FormatContext): Reading {
  if (!isFields(element)) return notAPing(element)
  const time = timeOf('ts', element['ts'], 'epoch seconds', (value) => {
    const seconds = numberIn(value)
    return seconds === undefined ? undefined : seconds * 1000
  })
  if (isRefusal(time)) return time
  const { seq, ...measured } = measurementsOf(element['data'])
  return {
    form: {
      tagId,
      gatewayId: idOf(element['gw_mac']),
      t: time.ms,
      rssiDbm: rssiOf(element['rssi']),
      seq,
      method: 'BLE',
      fix: 'proximity',
      props: addTo(restOf(element, taken), {
        ...measured,
        // The advert itself where we cannot read it.
        data: seq === undefined ? element['data'] : undefined,
      }),
    },
  }
}

interface Measurements {
  readonly seq?: number | undefined
  readonly tempC?: number | undefined
  readonly humidityPct?: number | undefined
  readonly batteryMv?: number | undefined
  readonly movementCounter?: number | undefined
}

/** Ruuvi's company identifier, little-endian, and data format 5; each value has one bit pattern that means "no sample". */
const rawV2 = /ff990405([0-9a-f]{46})/iu

function measurementsOf(data: unknown): Measurements & Fields {
  const match = typeof data === 'string' ? rawV2.exec(data) : null
  if (match === null) return {}
  const bytes = Buffer.from(match[1] ?? '', 'hex')
  const unless = (nothing: number, raw: number, value: number): number | undefined =>
    raw === nothing ? undefined : value
  const temperature = bytes.readInt16BE(0)
  const humidity = bytes.readUInt16BE(2)
  const power = bytes.readUInt16BE(12) >> 5
  const movement = bytes.readUInt8(14)
  const seq = bytes.readUInt16BE(15)
  return {
    tempC: unless(-32_768, temperature, temperature / 200),
    humidityPct: unless(65_535, humidity, humidity / 400),
    batteryMv: unless(2047, power, power + 1600),
    movementCounter: unless(255, movement, movement),
    seq: unless(65_535, seq, seq),
  }
}

export const ruuvi: Format = {
  name: 'ruuvi',
  topics: ['ruuvi/{gateway}/{tag}'],
  isTagInTopic: true,
  evidence: 'V: Ruuvi Gateway and RAWv2 documentation; R: the topic',
  example: {
    topic: 'ruuvi/F4:11:22:33:44:55/C8:25:2D:8E:9C:2C',
    payload: {
      gw_mac: 'F4:11:22:33:44:55',
      rssi: -67,
      aoa: [],
      gwts: '1795330800',
      ts: '1795330799',
      data: '0201061BFF99040512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F',
      coords: '',
    },
  },
  isSighting: true,
  read,
}
