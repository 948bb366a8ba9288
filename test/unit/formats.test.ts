// The traps that vendors' payloads set, each with the payload; and what holds for every format.
import { describe, expect, it } from 'vitest'
import { type FormatName } from '../../src/formats/format.ts'
import { type Fields, decodedAs, elementOf, pingOf, plainPing, reasonsOf } from '../support/formats.ts'
import { receivedAtUs } from '../support/pings.ts'

const at = (iso: string): number => Date.parse(iso) * 1000

describe('time is in the unit of its format, never guessed from its size', () => {
  it.each<[FormatName, Fields, number]>([
    ['pozyx', { timestamp: 1795330740.25 }, at('2026-11-22T06:59:00.250Z')],
    ['leaps', { timestamp: 1_795_330_740_250_123 }, at('2026-11-22T06:59:00.250Z') + 123],
    ['quuppa', { locationTS: 1_795_330_740_250 }, at('2026-11-22T06:59:00.250Z')],
    ['ruuvi', { ts: '1795330740' }, at('2026-11-22T06:59:00Z')],
    ['minew', { timestamp: '2026-11-22T08:59:00+02:00' }, at('2026-11-22T06:59:00Z')],
    ['minew', { timestamp: '2026-11-22T06:59:00' }, at('2026-11-22T06:59:00Z')],
    ['omlox-location', { timestamp_generated: '2026-11-22T06:59:00.123Z' }, at('2026-11-22T06:59:00.123Z')],
    ['kontakt', { timestamp: '2026-11-22T06:59:00Z' }, at('2026-11-22T06:59:00Z')],
  ])('%s %j', (format, more, tUs) => {
    expect(pingOf(format, more)).toMatchObject({ tUs, timeSource: 'device' })
  })

  it('the zoneless time of sewio is UTC', () => {
    expect(pingOf('sewio').tUs).toBe(at('2026-11-22T06:59:59.365Z'))
  })

  it.each<[FormatName, Fields]>([
    // Milliseconds where seconds belong: far in the future, not "probably milliseconds".
    ['pozyx', { timestamp: 1_795_330_740_250 }],
    ['quuppa', { locationTS: 1_795_330_740 }],
    ['quuppa', { locationTS: 4_102_444_800_000 }],
    ['minew', { timestamp: '2063-04-05T00:00:00Z' }],
    ['ruuvi', { ts: '0' }],
  ])('in the future or before 2000 it is replaced, and kept: %s %j', (format, more) => {
    const ping = pingOf(format, more)
    expect(ping).toMatchObject({ tUs: receivedAtUs, timeSource: 'replaced' })
    expect(plainPing(ping).props).toHaveProperty('originalT')
  })

  it('up to 60 s ahead it is a clock like any other', () => {
    expect(pingOf('minew', { timestamp: '2026-11-22T07:01:00Z' }).timeSource).toBe('device')
    expect(pingOf('minew', { timestamp: '2026-11-22T07:01:01Z' }).timeSource).toBe('replaced')
  })

  it.each<[FormatName, Fields]>([
    ['dwm1001', {}],
    ['espresense', {}],
    ['leaps', { timestamp: undefined }],
    ['quuppa', { locationTS: null }],
    ['ruuvi', { ts: undefined, cnt: '4711' }],
    ['omlox-location', { timestamp_generated: undefined }],
    ['pozyx', { timestamp: 'NaN' }],
  ])('without one the receive time is used, marked: %s %j', (format, more) => {
    expect(pingOf(format, more)).toMatchObject({ tUs: receivedAtUs, timeSource: 'received' })
  })

  it('that cannot be read is an error, not a ping of now', () => {
    expect(reasonsOf('minew', [{ mac: 'AC233FA1B2C3', rssi: -67, timestamp: 'noon' }])).toEqual([
      'invalid_ping',
    ])
    expect(reasonsOf('pozyx', [{ tagId: '1', timestamp: '1795330740' }])).toEqual(['invalid_ping'])
  })
})

describe('"no sample" is not a number', () => {
  it.each([null, undefined, 'NaN', -200, 127, 65_535, ''])('as a signal strength: %j', (rssi) => {
    expect(pingOf('minew', { rssi }).rssiDbm).toBeNull()
  })

  it.each([null, undefined, 'NaN', 0, 65_535, -1, '0%'])('as a battery: %j', (battery) => {
    expect(pingOf('minew', { battery }).batteryPct).toBeNull()
  })

  it('65535 of kontakt is dropped wherever it stands', () => {
    const ping = pingOf('kontakt', { timeSinceClick: 65_535, temperature: 65_535, movementCounter: 10 })
    expect(plainPing(ping).props).toEqual({ beaconTimestamp: 1_795_330_798, movementCounter: 10 })
  })

  it('NaN as a coordinate of dwm1001, in text, leaves a tag without a position', () => {
    const ping = pingOf('dwm1001', { position: { x: 'NaN', y: 'NaN', z: 'NaN', quality: 0 } })
    expect(ping).toMatchObject({ tagId: '9609', x: null, y: null, z: null, fix: null })
  })

  it('(0,0) is a position, and 0 °C a temperature', () => {
    expect(pingOf('leaps', { position: { x: 0, y: 0, z: 0 } })).toMatchObject({
      x: 0,
      y: 0,
      z: 0,
      fix: 'position',
    })
    expect(plainPing(pingOf('minew', { temperature: 0 })).props).toMatchObject({ tempC: 0 })
  })
})

describe('coordinates that are not the tag’s never look like it', () => {
  it.each<[string, Fields]>([
    ['position', { x: 1, y: 2, z: 3, fix: 'position' }],
    ['approximate', { x: 1, y: 2, z: 3, fix: 'approximate' }],
    ['proximity', { x: null, y: null, z: null, fix: 'proximity' }],
    ['presence', { x: null, y: null, z: null, fix: 'presence' }],
    ['noLocation', { x: null, y: null, z: null, fix: null }],
    ['noData', { x: null, y: null, z: null, fix: null }],
    ['constructor', { x: null, y: null, z: null, fix: null }],
  ])('quuppa %s', (locationType, expected) => {
    expect(pingOf('quuppa', { locationType, location: [1, 2, 3] })).toMatchObject(expected)
  })

  it('those of a locator are in props', () => {
    expect(
      plainPing(pingOf('quuppa', { locationType: 'proximity', location: [1, 2, 3] })).props,
    ).toMatchObject({
      locator: [1, 2, 3],
    })
  })

  it('half a position of sewio is none', () => {
    const datastreams = [{ id: 'posX', current_value: ' 6.34', at: '2026-11-22 06:59:59.365' }]
    const ping = pingOf('sewio', { body: { id: '26', datastreams } })
    expect(ping).toMatchObject({ x: null, y: null, fix: null })
    expect(plainPing(ping).props).toEqual({ posX: 6.34 })
  })
})

describe('zones', () => {
  it('[] is a fix outside of all zones, null is no fix', () => {
    const outside = pingOf('quuppa', { locationZoneIds: [] })
    expect(outside).toMatchObject({ x: 12.34, zone: null })
    expect(plainPing(outside).props).toMatchObject({ zones: [] })
    const noFix = pingOf('quuppa', { locationType: 'noLocation', location: null, locationZoneIds: null })
    expect(noFix).toMatchObject({ x: null, zone: null })
    expect(plainPing(noFix).props).not.toHaveProperty('zones')
  })

  it('several: the first is the zone, all are in props', () => {
    const ping = pingOf('quuppa', { locationZoneIds: ['Z1', 'Z2'] })
    expect(ping.zone).toBe('Z1')
    expect(plainPing(ping).props).toMatchObject({ zones: ['Z1', 'Z2'] })
  })
})

describe('a message of several elements', () => {
  const heard = elementOf('minew')

  it('loses only the bad one, and nothing to what the gateway says about itself', () => {
    const { pings, rejections } = decodedAs(
      'minew',
      [{ type: 'Gateway', mac: 'AC233FC00001' }, heard, { ...heard, mac: null }, { ...heard, mac: 'T2' }],
      '/gw/AC233FC00001/status',
    )
    expect(pings.map(({ tagId }) => tagId)).toEqual(['AC233FA1B2C3', 'T2'])
    expect(rejections.map(({ index, payload }) => [index, payload.toString()])).toEqual([
      [2, JSON.stringify({ ...heard, mac: null })],
    ])
  })

  it('may be empty, or the gateway alone', () => {
    expect(decodedAs('minew', [], '/gw/AC233FC00001/status')).toEqual({ pings: [], rejections: [] })
    expect(
      decodedAs('minew', [{ type: 'Gateway', mac: 'AC233FC00001' }], '/gw/AC233FC00001/status').pings,
    ).toEqual([])
    expect(decodedAs('quuppa', { tags: [] }, 'quuppa/h/tags')).toEqual({ pings: [], rejections: [] })
  })

  it('is refused when it is far too long or too large, also inside an object', () => {
    const many = Array.from({ length: 10_001 }, () => ({}))
    expect(reasonsOf('minew', many)).toEqual(['too_many_pings'])
    expect(reasonsOf('quuppa', { tags: many })).toEqual(['too_many_pings'])
    expect(reasonsOf('pozyx', `[${' '.repeat(1_048_576)}]`)).toEqual(['too_large'])
  })

  it('a bad element of a nested list is replayed by its own bytes', () => {
    const text = '{"a":{"tags":[1]}, "tags" : [ {"tagId":null, "x":"]}\\""} , {"tagId":"T1"}], "b":[]}'
    const { pings, rejections } = decodedAs('quuppa', text, 'quuppa/h/tags')
    expect(pings).toHaveLength(1)
    expect(rejections[0]?.payload.toString()).toBe('{"tagId":null, "x":"]}\\""}')
  })
})
