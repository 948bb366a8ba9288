import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { encodeCopy } from '../../src/ingest/copy-format.ts'
import { createDecode } from '../../src/ingest/decode.ts'
import { decoded, delivery, limits, receivedAtUs } from '../support/pings.ts'

const good = { tagId: 'AC:23:3F:A1:B2:C3', t: '2026-11-22T06:59:59.123Z', x: 12.34, y: 5.6 }
const reasonsOf = (payload: unknown, topic?: string): string[] =>
  decoded(payload, topic).rejections.map((rejection) => rejection.reason)

describe('a native ping', () => {
  it('fills every column it names, and keeps what has no column in props', () => {
    const { pings, rejections } = decoded({
      ...good,
      z: 1.1,
      floor: 2,
      accuracyM: 0.3,
      rssiDbm: -67.4,
      batteryPct: 88,
      moving: true,
      seq: 1234,
      method: 'uwb',
      fix: 'approximate',
      zone: 'ED-BAY-3',
      longitude: 8.5,
      latitude: 47.4,
      props: { tempC: 24.3 },
      heading: 90,
    })
    expect(rejections).toEqual([])
    expect(pings[0]).toMatchObject({
      tagId: 'AC233FA1B2C3',
      facilityId: 'h1',
      gatewayId: 'gw-1',
      tUs: Date.parse('2026-11-22T06:59:59.123Z') * 1000,
      timeSource: 'device',
      x: 12.34,
      y: 5.6,
      z: 1.1,
      floor: 2,
      accuracyM: 0.3,
      rssiDbm: -67,
      batteryPct: 88,
      isMoving: true,
      seq: 1234,
      method: 'UWB',
      fix: 'approximate',
      zone: 'ED-BAY-3',
      longitude: 8.5,
      latitude: 47.4,
    })
    expect(JSON.parse(pings[0]?.props ?? '')).toEqual({ tempC: 24.3, heading: 90 })
  })

  it('needs no more than a tag; without a time it gets the receive time, marked', () => {
    const { pings } = decoded({ tagId: 'T1' })
    expect(pings[0]).toMatchObject({
      tagId: 'T1',
      tUs: receivedAtUs,
      timeSource: 'received',
      x: null,
      props: null,
    })
  })

  it('takes null as absent, 0 as 0 and (0,0) as a position', () => {
    const { pings } = decoded({ ...good, x: 0, y: 0, floor: 0, batteryPct: null, rssiDbm: null })
    expect(pings[0]).toMatchObject({ x: 0, y: 0, floor: 0, batteryPct: null, rssiDbm: null })
  })

  it('takes epoch milliseconds as a number, never as text', () => {
    expect(decoded({ ...good, t: 1_795_330_799_123.5 }).pings[0]?.tUs).toBe(1_795_330_799_123_500)
    expect(reasonsOf({ ...good, t: '1795330799123' })).toEqual(['invalid_ping'])
  })

  it('of the year 2063 is stored under its receive time, with the original in props', () => {
    const { pings } = decoded({ ...good, t: '2063-04-05T00:00:00Z' })
    expect(pings[0]).toMatchObject({ tUs: receivedAtUs, timeSource: 'replaced' })
    expect(JSON.parse(pings[0]?.props ?? '')).toEqual({ originalT: '2063-04-05T00:00:00Z' })
  })

  it('with a method we have no name for keeps it in props', () => {
    const { pings } = decoded({ ...good, method: 'LoRa' })
    expect(pings[0]?.method).toBeNull()
    expect(JSON.parse(pings[0]?.props ?? '')).toEqual({ method: 'LoRa' })
  })

  it('keeps a key named __proto__ as a key', () => {
    const { pings } = decoded('{"tagId":"T1","__proto__":{"polluted":1},"constructor":{"prototype":{}}}')
    expect(pings[0]?.props).toBe('{"__proto__":{"polluted":1},"constructor":{"prototype":{}}}')
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })
})

describe('a bad ping is rejected with its reason', () => {
  it.each([
    ['invalid_ping', { t: good.t }],
    ['invalid_ping', { ...good, tagId: '' }],
    ['invalid_ping', { ...good, tagId: '  ' }],
    ['invalid_ping', { ...good, tagId: 7 }],
    ['invalid_ping', { ...good, tagId: 'x'.repeat(129) }],
    ['invalid_ping', { ...good, x: '12.3' }],
    ['invalid_ping', { ...good, t: 'yesterday' }],
    ['invalid_ping', { ...good, t: '2026-11-22T07:00:00' }],
    ['invalid_ping', { ...good, batteryPct: 101 }],
    ['invalid_ping', { ...good, seq: 1.5 }],
    ['invalid_ping', { ...good, moving: 'yes' }],
    ['invalid_ping', { ...good, fix: 'guess' }],
    ['invalid_ping', { ...good, latitude: 91 }],
    ['not_a_ping', 42],
    ['not_a_ping', [[good]]],
    ['not_a_ping', [null]],
    ['topic_mismatch', { ...good, gatewayId: 'gw-2' }],
    ['topic_mismatch', { ...good, facilityId: 'h2' }],
    ['unstorable_text', { ...good, tagId: 'T\0' }],
    ['unstorable_text', { ...good, zone: 'Z\0' }],
    ['unstorable_text', { ...good, note: 'half a \uD800 pair' }],
    ['unstorable_text', { ...good, note: { deep: ['NUL \0'] } }],
    ['not_json', ''],
    ['not_json', '   '],
    ['not_json', '{"tagId":NaN}'],
    ['not_json', '{"tagId":"T1"'],
    ['not_utf8', Uint8Array.from([0x7b, 0xff, 0x7d])],
  ])('%s: %j', (reason, payload) => {
    expect(reasonsOf(payload)).toEqual([reason])
    expect(decoded(payload).pings).toEqual([])
  })

  it('1e400 is beyond a double, in a field as well as in props', () => {
    expect(reasonsOf('{"tagId":"T1","x":1e400}')).toEqual(['invalid_ping'])
    expect(reasonsOf('{"tagId":"T1","temp":1e400}')).toEqual(['invalid_ping'])
  })

  it('props nested deeper than a JSON column bears', () => {
    expect(reasonsOf(`{"tagId":"T1","p":${'['.repeat(65)}${']'.repeat(65)}}`)).toEqual(['invalid_ping'])
    expect(reasonsOf(`{"tagId":"T1","p":${'['.repeat(50)}${']'.repeat(50)}}`)).toEqual([])
  })

  it('naming its own gateway, in whatever notation, is no contradiction', () => {
    const { pings } = decoded(
      { ...good, gatewayId: 'ac:23:3f:00:00:01', facilityId: 'h1' },
      'rtls/h1/AC233F000001/pings',
    )
    expect(pings).toHaveLength(1)
  })

  it('10 MB of [ is too large, 1 MB of [ is not JSON, and neither takes the process down', () => {
    expect(reasonsOf('['.repeat(10_000_000))).toEqual(['too_large'])
    expect(reasonsOf('['.repeat(1_000_000))).toEqual(['not_json'])
  })

  it.each([
    'rtls/h1/gw/pings/more',
    'rtls/h1/gw',
    'other/h1/gw/pings',
    'rtls//gw/pings',
    'rtls/h1/ /pings',
    'rtls/h1/gw-1 /pings',
    '',
    `rtls/h1/${'g'.repeat(60_000)}/pings`,
  ])('a topic that names no facility and gateway: %.40s', (topic) => {
    expect(reasonsOf(good, topic)).toEqual(['unknown_topic'])
  })
})

describe('a message of several pings', () => {
  it('loses only the bad one, whose raw bytes are kept', () => {
    const text = `[ ${JSON.stringify(good)}, {"tagId" : "",  "note":"a ] b , \\" c"} ,${JSON.stringify({ ...good, tagId: 'T2' })}]`
    const { pings, rejections } = decoded(text)
    expect(pings.map((ping) => [ping.tagId, ping.index])).toEqual([
      ['AC233FA1B2C3', 0],
      ['T2', 2],
    ])
    expect(rejections.map((rejection) => rejection.payload.toString())).toEqual([
      '{"tagId" : "",  "note":"a ] b , \\" c"}',
    ])
  })

  it('may be newline-delimited, with broken and empty lines in between', () => {
    const { pings, rejections } = decoded(`${JSON.stringify(good)}\n\n{"tagId":\r\n{"tagId":"T2"}\n`)
    expect(pings.map((ping) => ping.tagId)).toEqual(['AC233FA1B2C3', 'T2'])
    expect(rejections.map(({ reason, payload }) => [reason, payload.toString()])).toEqual([
      ['not_json', '{"tagId":'],
    ])
  })

  it('is not mended where a line break stands inside of a string', () => {
    const lines = ['{"tagId":"a","zone":"l1', 'l2"}', '{"tagId":"b"},{"tagId":"c"}', '{"tagId":"d"}']
    const { pings, rejections } = decoded(lines.join('\n'))
    expect(pings.map((ping) => ping.tagId)).toEqual(['d'])
    expect(rejections.map(({ payload }) => payload.toString())).toEqual(lines.slice(0, 3))
  })

  it('keeps the bytes of the very element that was refused', () => {
    const { rejections } = decoded('{"tagId":"a"}\r\n{"x":"bad"}\n{"tagId":"c","y":"worse"}\n')
    expect(rejections.map(({ payload }) => payload.toString().trim())).toEqual([
      '{"x":"bad"}',
      '{"tagId":"c","y":"worse"}',
    ])
  })

  it('may be a pretty-printed object, which is not newline-delimited', () => {
    expect(decoded(JSON.stringify(good, null, 2)).pings).toHaveLength(1)
  })

  it('may be empty', () => {
    expect(decoded('[]')).toEqual({ pings: [], rejections: [] })
  })

  it('may begin with a byte order mark', () => {
    expect(decoded(`\uFEFF${JSON.stringify(good)}`).pings).toHaveLength(1)
  })

  it('of ten thousand bad pings is parsed a few times, not once for each', () => {
    const parse = vi.spyOn(JSON, 'parse')
    try {
      const { rejections } = decoded(
        `[${Array.from({ length: 10_000 }, (_, index) => `{"tagId":"","n":${index}}`).join()}]`,
      )
      expect(rejections).toHaveLength(10_000)
      expect(rejections[9_999]?.payload.toString()).toBe('{"tagId":"","n":9999}')
      expect(new Set(rejections.map((rejection) => rejection.id)).size).toBe(10_000)
      expect(parse.mock.calls.length).toBeLessThan(5)
    } finally {
      parse.mockRestore()
    }
  })

  it('is refused as a whole when it holds too many', () => {
    const { pings, rejections } = decoded('[1,2,3]', undefined, { maxPingsPerMessage: 2 })
    expect(pings).toEqual([])
    expect(rejections.map(({ reason, detail }) => [reason, detail])).toEqual([
      ['too_many_pings', '3 elements, at most 2 are taken from one message'],
    ])
  })
})

describe('decode', () => {
  const decode = createDecode(limits)
  const topics = fc.oneof(fc.constant('rtls/h1/gw-1/pings'), fc.string({ unit: 'binary' }))

  it('gives pings or rejections for any bytes on any topic, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), topics, (bytes, topic) => {
        const { pings, rejections } = decode(delivery(bytes, topic))
        expect(pings.length + rejections.length).toBeGreaterThanOrEqual(0)
        for (const { detail } of rejections)
          expect(detail.isWellFormed() && !detail.includes('\0')).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('accounts for every element of any JSON, and what it accepts can be encoded', () => {
    const fields = fc.record(
      {
        tagId: fc.oneof(fc.string({ unit: 'binary' }), fc.constant('AC:23:3F:A1:B2:C3'), fc.integer()),
        t: fc.oneof(
          fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
          fc.double(),
          fc.string(),
          fc.constant(null),
        ),
        x: fc.oneof(fc.double({ noNaN: true }), fc.string()),
        z: fc.double({ noNaN: true, noDefaultInfinity: true }),
        batteryPct: fc.integer({ min: -5, max: 105 }),
        seq: fc.maxSafeInteger(),
        zone: fc.string({ unit: 'binary' }),
        props: fc.object(),
        [Symbol.toStringTag]: fc.constant('x'),
        other: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ arbitrary: fields, weight: 4 }, fc.jsonValue()), { maxLength: 8 }),
        (elements) => {
          const { pings, rejections } = decode(delivery(JSON.stringify(elements)))
          expect(pings.length + rejections.length).toBe(elements.length)
          expect(encodeCopy(pings).length).toBeGreaterThan(20)
          for (const ping of pings) expect(Math.abs(ping.tUs)).toBeLessThan(Number.MAX_SAFE_INTEGER)
        },
      ),
      { numRuns: 1000 },
    )
  })
})
