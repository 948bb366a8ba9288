// The traps that vendors' payloads set, each with the payload; and what holds for every format.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type FormatName, formatNames } from '../../src/formats/format.ts'
import { formats } from '../../src/formats/registry.ts'
import { quoteUnsafeIntegers } from '../../src/formats/unsafe-integers.ts'
import { encodeCopy } from '../../src/ingest/copy-format.ts'
import { createDecode } from '../../src/ingest/decode.ts'
import type { Ping } from '../../src/ingest/ping.ts'
import { createRoutes, usualMapping } from '../../src/ingest/routes.ts'
import { decodedAs, plainPing } from '../support/formats.ts'
import { delivery, limits, receivedAtUs } from '../support/pings.ts'

type Fields = Readonly<Record<string, unknown>>

/** The example of the format with other values, as one ping. */
function pingOf(format: FormatName, more: Fields = {}, topic = formats[format].example.topic): Ping {
  const { pings, rejections } = decodedAs(format, { ...elementOf(format), ...more }, topic)
  expect(rejections).toEqual([])
  expect(pings).toHaveLength(1)
  return pings[0] as Ping
}

function elementOf(format: FormatName): Fields {
  const { payload } = formats[format].example
  const { listKey } = formats[format]
  const list: unknown = listKey === undefined ? payload : (payload as Fields)[listKey]
  return (Array.isArray(list) ? list.at(-1) : list) as Fields
}

const reasonsOf = (format: FormatName, payload: unknown, topic = formats[format].example.topic): string[] =>
  decodedAs(format, payload, topic).rejections.map(({ reason }) => reason)

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

describe('ids', () => {
  it.each(['AC:23:3F:A1:B2:C3', 'ac233fa1b2c3', 'AC-23-3F-A1-B2-C3', ' ac233fa1b2c3 '])(
    'of one tag are one, however written: %j',
    (mac) => expect(pingOf('minew', { mac }).tagId).toBe('AC233FA1B2C3'),
  )

  it('EUI-64 likewise, from the topic', () => {
    expect(pingOf('leaps', {}, 'leaps/node/uplink/location/deca01a1b2c3d4e5').tagId).toBe('DECA01A1B2C3D4E5')
  })

  it('16 bits of hex in the topic stay hex: 9609 is not the 38409 of the vendor’s page', () => {
    expect(pingOf('dwm1001', {}, 'dwm/node/9609/uplink/location').tagId).toBe('9609')
    expect(pingOf('dwm1001', {}, 'dwm/node/c583/uplink/location').tagId).toBe('C583')
  })

  it('integers beyond 2^53 keep all their digits', () => {
    const text =
      '[{"tagId":16045690984833335023,"timestamp":1795330740.5,"data":{"n":"16045690984833335023"}}]'
    expect(decodedAs('pozyx', text, 'tags').pings[0]?.tagId).toBe('16045690984833335023')
    expect(quoteUnsafeIntegers('[9007199254740991,9007199254740993,1e30,-9007199254740993]')).toBe(
      '[9007199254740991,"9007199254740993",1e30,"-9007199254740993"]',
    )
    expect(quoteUnsafeIntegers(String.raw`{"a\"9007199254740993":"9007199254740993"}`)).toBe(
      String.raw`{"a\"9007199254740993":"9007199254740993"}`,
    )
  })

  it.each<[FormatName, Fields]>([
    ['omlox-location', { provider_id: 'AC233FA1B2C4' }],
    ['omlox-proximity', { provider_id: 'AC233FA1B2C4' }],
    ['espresense', { id: 'tile:another' }],
    ['ruuvi', { gw_mac: 'F4:11:22:33:44:56' }],
    ['minew', { type: 'Gateway', mac: 'AC233FC00002' }],
  ])('that contradict the topic are refused: %s %j', (format, more) => {
    expect(reasonsOf(format, { ...elementOf(format), ...more })).toEqual(['topic_mismatch'])
  })
})

describe('units and frames', () => {
  it('pozyx is in millimetres', () => {
    const data = { coordinates: { x: 1995, y: -946.3, z: 0 } }
    expect(pingOf('pozyx', { data })).toMatchObject({ x: 1.995, y: -0.9463, z: 0 })
  })

  it('the 0–63 of quuppa is not dBm', () => {
    const ping = pingOf('quuppa', { rssi: 41 })
    expect(ping.rssiDbm).toBeNull()
    expect(plainPing(ping).props).toMatchObject({ rssi: 41 })
  })

  it('omlox: local metres, or longitude before latitude', () => {
    const position = { type: 'Point', coordinates: [8.5, 47.4, 400] }
    expect(pingOf('omlox-location', { position })).toMatchObject({ x: 8.5, y: 47.4, z: 400, longitude: null })
    expect(pingOf('omlox-location', { position, crs: 'EPSG:4326' })).toMatchObject({
      longitude: 8.5,
      latitude: 47.4,
      x: null,
      z: null,
    })
  })

  it('the zone that produced a local position is kept: two frames are not comparable', () => {
    expect(pingOf('omlox-location', { source: 'zone-b' }).zone).toBe('zone-b')
  })

  it.each([
    [0, 0],
    [1.5, 1.5],
    [-1, -1],
    [undefined, null],
  ])('floor %j is %j', (floor, expected) => {
    expect(pingOf('omlox-location', { floor }).floor).toBe(expected)
  })

  it('a sequence may wrap from 255 to 0', () => {
    expect(pingOf('omlox-location', { properties: { seq: 255 } }).seq).toBe(255)
    expect(pingOf('omlox-location', { properties: { seq: 0 } }).seq).toBe(0)
  })
})

describe('the same thing told twice', () => {
  const keyOf = ({ tagId, tUs, gatewayId }: Ping): string => `${tagId}|${tUs}|${gatewayId}`

  it('the fix on two omlox topics is one row', () => {
    const [pub, local] = ['pub', 'local'].map((kind) =>
      pingOf('omlox-location', {}, `/omlox/json/location_updates/${kind}/AC233FA1B2C3`),
    )
    expect(keyOf(pub as Ping)).toBe(keyOf(local as Ping))
  })

  it('the advert heard by five gateways is five', () => {
    const keys = [1, 2, 3, 4, 5].map((n) => keyOf(pingOf('minew', {}, `/gw/AC233FC0000${n}/status`)))
    expect(new Set(keys).size).toBe(5)
  })

  it('a redelivery is the row it was', () => {
    expect(keyOf(pingOf('minew'))).toBe(keyOf(pingOf('minew')))
  })
})

describe('any payload in any format', () => {
  const decodes = formatNames.map((name) => {
    const { topic } = formats[name].example
    const mapping = usualMapping(name, topic, { facility: 'h1', gateway: 'g1' })
    return { name, topic, decode: createDecode(limits, createRoutes([mapping])) }
  })

  it('throws nothing, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const { topic, decode } of decodes) expect(() => decode(delivery(bytes, topic))).not.toThrow()
      }),
      { numRuns: 300 },
    )
  })

  it('is a ping that can be stored, or a rejection', () => {
    const hostile = fc.oneof(
      fc.constantFrom(null, true, '', 'NaN', -200, 65_535, 0, -0, 1e308, 'T\0', '\uD800', [], {}, [null]),
      fc.double(),
      fc.string({ unit: 'binary' }),
      fc.jsonValue(),
    )
    for (const { name, topic, decode } of decodes) {
      const element = elementOf(name)
      const paths = pathsOf(element)
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.constantFrom(...paths), hostile), { minLength: 1, maxLength: 4 }),
          fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 2 }),
          (changes, extra) => {
            const changed = structuredClone({ ...element, ...extra })
            for (const [path, value] of changes) setAt(changed, path, value)
            const text = JSON.stringify(changed)
            const { pings, rejections } = decode(delivery(text, topic))
            expect(pings.length + rejections.length).toBeLessThanOrEqual(1)
            for (const ping of pings) expectCanonical(ping)
            expect(encodeCopy(pings).length).toBeGreaterThan(20)
          },
        ),
        { numRuns: 150 },
      )
    }
  })
})

/** What a row can hold: the ranges of the columns and the checks of the table. */
function expectCanonical(ping: Ping): void {
  const between = (value: number | null, least: number, most: number): boolean =>
    value === null || (value >= least && value <= most)
  const texts = [ping.facilityId, ping.gatewayId, ping.tagId]
  for (const text of texts) expect(text.trim() === text && text !== '' && text.length <= 128).toBe(true)
  for (const text of [...texts, ping.zone ?? '', ping.props ?? ''])
    expect(text.includes('\0') || !text.isWellFormed()).toBe(false)
  for (const metres of [ping.x, ping.y, ping.z]) expect(between(metres, -1e8, 1e8)).toBe(true)
  expect(between(ping.longitude, -180, 180) && between(ping.latitude, -90, 90)).toBe(true)
  expect(between(ping.accuracyM, 0, 1e8) && between(ping.batteryPct, 0, 100)).toBe(true)
  expect(between(ping.rssiDbm, -32_768, 32_767) && between(ping.floor, -1000, 1000)).toBe(true)
  expect(ping.seq === null || Number.isSafeInteger(ping.seq)).toBe(true)
  expect(Number.isSafeInteger(ping.tUs) && ping.tUs <= receivedAtUs + 61_000_000).toBe(true)
  expect((ping.x === null) === (ping.y === null)).toBe(true)
  expect(ping.x !== null && (ping.fix === 'proximity' || ping.fix === 'presence')).toBe(false)
}

/** The places of all leaves and lists of an element. */
function pathsOf(value: unknown, before: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [[...before]]
  return [
    ...(before.length > 0 ? [[...before]] : []),
    ...Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...before, key])),
  ]
}

function setAt(root: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let node: unknown = root
  for (const key of path.slice(0, -1))
    node = typeof node === 'object' && node !== null ? (node as Fields)[key] : node
  const last = path.at(-1)
  if (typeof node === 'object' && node !== null && last !== undefined)
    (node as Record<string, unknown>)[last] = value
}
