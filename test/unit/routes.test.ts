// topic → format, facility and gateway; a site's frame of coordinates; who is welcome.
import { describe, expect, it } from 'vitest'
import { formats } from '../../src/formats/registry.ts'
import { createDecode } from '../../src/ingest/decode.ts'
import type { Decoded } from '../../src/ingest/ping.ts'
import { type Mapping, createRoutes, mappingOf, topicsOfGateway } from '../../src/ingest/routes.ts'
import { decodedAs } from '../support/formats.ts'
import type { Transform } from '../../src/ingest/transform.ts'
import { delivery, limits } from '../support/pings.ts'

const still: Transform = {
  swapAxes: false,
  scale: 1,
  rotateDeg: 0,
  offsetX: 0,
  offsetY: 0,
  offsetZ: 0,
  floor: null,
}

const decodedBy = (mappings: readonly Mapping[], payload: unknown, topic: string): Decoded =>
  createDecode(limits, createRoutes(mappings))(delivery(payload, topic))

const resolve = (mapping: Mapping, topic: string): object => createRoutes([mapping]).resolve(topic)

describe('a topic', () => {
  it('names facility, gateway and tag where the mapping says so, in any order', () => {
    const mapping = mappingOf('leaps', '{gateway}/+/{tag}/at/{facility}')
    expect(resolve(mapping, 'g1/x/T1/at/h1')).toMatchObject({
      facilityId: 'h1',
      gatewayId: 'g1',
      tagId: 'T1',
    })
    expect(resolve(mapping, 'g1/x/T1/at')).toMatchObject({ reason: 'unknown_topic' })
    expect(resolve(mapping, 'g1/x//at/h1')).toMatchObject({ reason: 'unknown_topic' })
  })

  it('may go on after #, or end before it', () => {
    const mapping = mappingOf('sewio', 'a/{facility}/#', { gateway: 'g1' })
    for (const topic of ['a/h1', 'a/h1/b', 'a/h1/b/c'])
      expect(resolve(mapping, topic)).toMatchObject({ facilityId: 'h1' })
    expect(resolve(mapping, 'a')).toMatchObject({ reason: 'unknown_topic' })
  })

  it('with a slash before it is another than without', () => {
    const mapping = mappingOf('minew', '/gw/{gateway}/status', { facility: 'h1' })
    expect(resolve(mapping, '/gw/g1/status')).toMatchObject({ gatewayId: 'g1' })
    expect(resolve(mapping, 'gw/g1/status')).toMatchObject({ reason: 'unknown_topic' })
  })

  it('of a message derived inside the process is nobody else’s', () => {
    const [rejection] = decodedBy(
      [mappingOf('native', 'rtls/{facility}/{gateway}/pings')],
      '[]',
      '$presence',
    ).rejections
    expect(rejection?.reason).toBe('unknown_topic')
  })

  it('is found again, and forgotten before there are too many', () => {
    const routes = createRoutes()
    const first = routes.resolve('rtls/h1/gw-1/pings')
    expect(routes.resolve('rtls/h1/gw-1/pings')).toBe(first)
    for (let n = 0; n < 60_000; n += 1) routes.resolve(`rtls/h1/gw-${n}/pings`)
    expect(routes.resolve('rtls/h1/gw-1/pings')).toEqual(first)
  })
})

describe('a gateway that is not in the list', () => {
  const listed = { gateways: ['ac:23:3f:c0:00:01'] }

  it('is refused, in whatever notation the list is', () => {
    const { payload } = formats.minew.example
    expect(decodedAs('minew', payload, '/gw/AC233FC00001/status', listed).pings).toHaveLength(1)
    const { pings, rejections } = decodedAs('minew', [], '/gw/AC233FC00009/status', listed)
    expect(pings).toEqual([])
    expect(rejections.map(({ index, reason }) => [index, reason])).toEqual([[-1, 'unknown_gateway']])
  })

  it('costs only its own elements where the payload names it', () => {
    const { payload } = formats.kontakt.example
    const payloads = [payload, { ...(payload as object), sourceId: 'stranger' }]
    const { pings, rejections } = decodedAs('kontakt', payloads, 'telemetry/c1', { gateways: ['bF9xk'] })
    expect(pings.map(({ gatewayId }) => gatewayId)).toEqual(['bF9xk'])
    expect(rejections.map(({ index, reason }) => [index, reason])).toEqual([[1, 'unknown_gateway']])
  })
})

it('the topics of a gateway are those that name it, and those mapped to it', () => {
  const mappings = [
    mappingOf('native', 'rtls/{facility}/{gateway}/pings'),
    mappingOf('minew', '/gw/{gateway}/status', { facility: 'h1' }),
    mappingOf('dwm1001', 'dwm/node/{tag}/uplink/location', { facility: 'h1', gateway: 'gw-$&' }),
    mappingOf('pozyx', 'tags', { facility: 'h1', gateway: 'other' }),
  ]
  expect(topicsOfGateway(mappings, 'gw-$&')).toEqual([
    'rtls/+/gw-$&/pings',
    '/gw/gw-$&/status',
    'dwm/node/+/uplink/location',
  ])
})

describe('a gateway named by the payload', () => {
  const kontakt = formats.kontakt.example.payload as object

  it('counts only where the mapping says that one publisher speaks for many', () => {
    const mapping = mappingOf('kontakt', 'telemetry/+', { facility: 'h1', gateway: 'cloud' })
    const [ping] = decodedBy([mapping], kontakt, 'telemetry/c1').pings
    expect(ping?.gatewayId).toBe('cloud')
    expect(JSON.parse(ping?.props ?? '')).toMatchObject({ gatewayId: 'bF9xk' })
  })

  it('must be there then', () => {
    expect(
      decodedAs('kontakt', { ...kontakt, sourceId: undefined }, 'telemetry/c1').rejections[0],
    ).toMatchObject({
      reason: 'invalid_ping',
      detail: 'the gateway that the payload names is empty, or begins or ends with a space',
    })
  })
})

describe('a transform', () => {
  const at = (transform: Partial<Transform>, more: Partial<Mapping> = {}, ping: object = {}) =>
    decodedAs('native', { tagId: 'T', x: 10, y: 2, z: 1, accuracyM: 0.5, ...ping }, 'rtls/h1/g1/pings', {
      transform: { ...still, ...transform },
      ...more,
    }).pings[0]

  it.each([
    ['moves', { offsetX: 5, offsetY: -2, offsetZ: 0.5 }, { x: 15, y: 0, z: 1.5, accuracyM: 0.5 }],
    [
      'scales, the accuracy as well',
      { scale: 0.3048 },
      { x: 3.048, y: 0.6096, z: 0.3048, accuracyM: 0.1524 },
    ],
    ['mirrors', { scale: -1 }, { x: -10, y: -2, accuracyM: 0.5 }],
    ['swaps the axes', { swapAxes: true }, { x: 2, y: 10 }],
    ['turns counter-clockwise, quarters exactly', { rotateDeg: 90 }, { x: -2, y: 10 }],
    ['turns clockwise', { rotateDeg: -90 }, { x: 2, y: -10 }],
    [
      'swaps, scales, turns and moves in that order',
      { swapAxes: true, scale: 2, rotateDeg: 90, offsetX: 100 },
      { x: 80, y: 4 },
    ],
    ['gives a floor to those that name none', { floor: 3 }, { x: 10, floor: 3 }],
  ])('%s', (_, transform, expected) => {
    expect(at(transform)).toMatchObject(expected)
  })

  it('turns by any angle', () => {
    const turned = at({ rotateDeg: 30 })
    expect(turned?.x).toBeCloseTo(10 * Math.cos(Math.PI / 6) - 1, 10)
    expect(turned?.y).toBeCloseTo(5 + 2 * Math.cos(Math.PI / 6), 10)
  })

  it('leaves a floor that is named, and 0 is one', () => {
    expect(at({ floor: 3 }, {}, { floor: 0 })?.floor).toBe(0)
  })

  it('swaps longitude and latitude, and does not move them', () => {
    expect(at({ swapAxes: true, offsetX: 5 }, {}, { longitude: 47.4, latitude: 8.5 })).toMatchObject({
      longitude: 8.5,
      latitude: 47.4,
    })
  })

  it('leaves what is no number to be refused with its own value', () => {
    const transform = { ...still, scale: 2 }
    const { rejections } = decodedAs('native', { tagId: 'T', x: '10', y: 2 }, 'rtls/h1/g1/pings', {
      transform,
    })
    expect(rejections[0]).toMatchObject({
      reason: 'invalid_ping',
      payload: Buffer.from('{"tagId":"T","x":"10","y":2}'),
    })
  })

  it('can be another one for each local frame the payload names', () => {
    const frames = [{ ...still, frame: 'zone-b', offsetX: 100 }]
    const inFrame = (source: string): number | null | undefined =>
      decodedAs(
        'omlox-location',
        { ...(formats['omlox-location'].example.payload as object), source },
        formats['omlox-location'].example.topic,
        {
          transform: { ...still, offsetX: 1 },
          frames,
        },
      ).pings[0]?.x
    expect(inFrame('zone-a')).toBe(13.34)
    expect(inFrame('zone-b')).toBe(112.34)
  })
})
