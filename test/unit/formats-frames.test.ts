// More traps of vendors' payloads: ids, frames, what is told twice; and what holds for any payload in any format.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type FormatName, formatNames } from '../../src/formats/format.ts'
import { formats } from '../../src/formats/registry.ts'
import { quoteUnsafeIntegers } from '../../src/formats/unsafe-integers.ts'
import { encodeCopy } from '../../src/ingest/copy-format.ts'
import { createDecode } from '../../src/ingest/decode.ts'
import type { Ping } from '../../src/ingest/ping.ts'
import { createRoutes, usualMapping } from '../../src/ingest/routes.ts'
import { type Fields, decodedAs, elementOf, pingOf, plainPing, reasonsOf } from '../support/formats.ts'
import { delivery, limits, receivedAtUs } from '../support/pings.ts'

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
            // A format that is converted knows positions or none; the native one is stored as it was sent.
            if (name !== 'native') for (const ping of pings) expectWholePosition(ping)
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
  expect(ping.x !== null && (ping.fix === 'proximity' || ping.fix === 'presence')).toBe(false)
}

const expectWholePosition = (ping: Ping): void => expect(ping.x === null).toBe(ping.y === null)

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
