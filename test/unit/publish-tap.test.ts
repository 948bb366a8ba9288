// The bytes of a connection, cut anywhere: what MQTT.js sees, what we see, and what we answer.
import { Duplex } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PublishPacket, type PublishTap, openPublishTap } from '../../src/ingest/publish-tap.ts'

interface Packet {
  readonly bytes: Buffer
  /** Undefined: not a PUBLISH, so MQTT.js's. */
  readonly publish?: { topic: string; payload: string; packetId: number; isRetained: boolean }
}

const withLength = (header: number, body: Buffer): Buffer => {
  const length: number[] = []
  for (let rest = body.length; ; rest >>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest)
    if (rest <= 127) break
  }
  return Buffer.concat([Buffer.from([header, ...length]), body])
}

const uint16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255])

function encodePublish(
  topic: string,
  payload: string,
  packetId: number,
  isRetained: boolean,
  extra: Buffer,
): Packet {
  const name = Buffer.from(topic)
  const header = 0x30 | (packetId === 0 ? 0 : 2) | (isRetained ? 1 : 0)
  const body = [
    uint16(name.length),
    name,
    ...(packetId === 0 ? [] : [uint16(packetId)]),
    extra,
    Buffer.from(payload),
  ]
  return { bytes: withLength(header, Buffer.concat(body)), publish: { topic, payload, packetId, isRetained } }
}

const userProperty = Buffer.concat([Buffer.from([9, 0x26, 0, 1, 0x61, 0, 3]), Buffer.from('bcd')])
const noProperties = Buffer.from([0])

const publishes = (isMqtt5: boolean): fc.Arbitrary<Packet> =>
  fc
    .tuple(
      fc.constantFrom('rtls/h/g/pings', 'rtls/ä/𝔾/pings'),
      fc.oneof(fc.string(), fc.constantFrom('', 'x'.repeat(130), 'y'.repeat(20_000))),
      fc.integer({ min: 0, max: 65_535 }),
      fc.boolean(),
      fc.constantFrom(noProperties, userProperty),
    )
    .map(([topic, payload, packetId, isRetained, properties]) =>
      encodePublish(topic, payload, packetId, isRetained, isMqtt5 ? properties : Buffer.alloc(0)),
    )

/** PINGRESP, SUBACK and one long enough for a length of two digits. */
const others: fc.Arbitrary<Packet> = fc
  .constantFrom(
    Buffer.from([0xd0, 0]),
    Buffer.from([0x90, 3, 0, 1, 1]),
    withLength(0x90, Buffer.alloc(200, 1)),
  )
  .map((bytes) => ({ bytes }))

interface Line {
  readonly inner: Duplex
  readonly tap: PublishTap
  readonly seen: PublishPacket[]
  readonly passed: Buffer[]
  readonly written: Buffer[]
  readonly errors: Error[]
  deliver(bytes: Buffer): void
}

function open(isMqtt5: boolean, onSeen: () => void = () => undefined): Line {
  const written: Buffer[] = []
  const inner = new Duplex({
    read() {
      // The test pushes.
    },
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk)
      done()
    },
  })
  const seen: PublishPacket[] = []
  const passed: Buffer[] = []
  const errors: Error[] = []
  const tap = openPublishTap(inner, isMqtt5, (packet) => {
    seen.push(packet)
    onSeen()
  })
  tap.stream.on('data', (chunk: Buffer) => passed.push(chunk))
  tap.stream.on('error', (error) => errors.push(error))
  return { inner, tap, seen, passed, written, errors, deliver: (bytes) => void inner.push(bytes) }
}

const cases = fc.boolean().chain((isMqtt5) =>
  fc.record({
    isMqtt5: fc.constant(isMqtt5),
    packets: fc.array(fc.oneof({ weight: 3, arbitrary: publishes(isMqtt5) }, others), { maxLength: 12 }),
    cuts: fc.array(fc.nat(60_000), { maxLength: 12 }),
    holdEvery: fc.integer({ min: 1, max: 4 }),
  }),
)

it('whatever the cuts and the holds, each PUBLISH comes once, whole and in order, and the rest passes', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ isMqtt5, packets, cuts, holdEvery }) => {
      const whole = Buffer.concat(packets.map(({ bytes }) => bytes))
      const at = [0, ...cuts.map((cut) => cut % (whole.length + 1)).toSorted((a, b) => a - b), whole.length]
      const line = open(isMqtt5, () => {
        if (line.seen.length % holdEvery === 0) line.tap.hold()
      })
      for (const [index, end] of at.slice(1).entries()) {
        line.deliver(whole.subarray(at[index], end))
        if (index % 3 === 0) await turn()
      }
      const expected = packets.flatMap(({ publish }) => (publish === undefined ? [] : [publish]))
      for (let round = 0; round <= packets.length + cuts.length; round += 1) {
        await turn()
        line.tap.resume()
      }
      await turn()
      expect(line.errors).toEqual([])
      expect(line.seen.map((packet) => ({ ...packet, payload: packet.payload.toString() }))).toEqual(expected)
      expect(Buffer.concat(line.passed)).toEqual(
        Buffer.concat(packets.filter(({ publish }) => publish === undefined).map(({ bytes }) => bytes)),
      )
    }),
    { numRuns: 200 },
  )
})

describe('held', () => {
  it('hands over nothing more, and still lets through what comes before the next PUBLISH', async () => {
    const line = open(true)
    line.tap.hold()
    line.deliver(Buffer.from([0x20, 3, 0, 0, 0]))
    line.deliver(encodePublish('a', '1', 1, false, noProperties).bytes)
    line.deliver(Buffer.from([0xd0, 0]))
    await turn()
    expect(Buffer.concat(line.passed)).toEqual(Buffer.from([0x20, 3, 0, 0, 0]))
    expect(line.seen).toEqual([])
    line.tap.resume()
    await turn()
    expect(line.seen).toHaveLength(1)
    expect(Buffer.concat(line.passed)).toEqual(Buffer.from([0x20, 3, 0, 0, 0, 0xd0, 0]))
  })
})

it('says goodbye at once while it is held, and looks at nothing that comes behind', async () => {
  const line = open(true)
  line.tap.hold()
  line.deliver(encodePublish('a', '1', 1, false, noProperties).bytes)
  await turn()
  const isClosed = new Promise((resolve) => line.tap.stream.once('finish', resolve))
  line.tap.stream.end(Buffer.from([0xe0, 0]))
  await isClosed
  expect(line.inner.isPaused()).toBe(false)
  line.deliver(encodePublish('a', '2', 2, false, noProperties).bytes)
  line.tap.resume()
  await turn()
  expect(line.seen).toEqual([])
  expect(line.written).toEqual([Buffer.from([0xe0, 0])])
})

describe('acknowledgements', () => {
  it('of one turn leave in one write, in their order, before what MQTT.js writes after them', async () => {
    const line = open(true)
    line.tap.acknowledge(1)
    line.tap.acknowledge(0x1234)
    line.tap.stream.write(Buffer.from([0xc0, 0]))
    await turn()
    expect(line.written).toEqual([Buffer.from([0x40, 2, 0, 1, 0x40, 2, 0x12, 0x34]), Buffer.from([0xc0, 0])])
  })

  it('never get into the middle of a packet that MQTT.js writes in pieces', async () => {
    const line = open(true)
    line.tap.stream.cork()
    line.tap.stream.write(Buffer.from([0x82]))
    line.tap.acknowledge(7)
    line.tap.stream.write(Buffer.from([0]))
    line.tap.stream.uncork()
    await turn()
    expect(line.written).toEqual([Buffer.from([0x40, 2, 0, 7]), Buffer.from([0x82, 0])])
  })

  it('are not sent once the connection is gone', async () => {
    const line = open(true)
    line.tap.stream.destroy()
    await turn()
    line.tap.acknowledge(1)
    await turn()
    expect(line.written).toEqual([])
  })
})

it.each([
  ['a QoS we did not ask for', Buffer.from([0x34, 5, 0, 1, 0x61, 0, 1])],
  ['no topic', Buffer.from([0x30, 3, 0, 0, 0])],
  ['no packet identifier', Buffer.from([0x32, 6, 0, 1, 0x61, 0, 0, 0])],
  ['an end before its payload', Buffer.from([0x30, 2, 0, 9])],
  ['properties longer than itself', Buffer.from([0x30, 5, 0, 1, 0x61, 0x7f, 0x61])],
  ['a length of five digits', Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 1])],
])('a PUBLISH with %s ends the connection with a reason', async (_, bytes) => {
  const line = open(true)
  line.deliver(bytes)
  await turn()
  expect(line.seen).toEqual([])
  expect(line.errors).toHaveLength(1)
  expect(line.errors[0]?.message).toMatch(/^the broker sent a PUBLISH that is none: /u)
  expect(line.tap.stream.destroyed).toBe(true)
})
