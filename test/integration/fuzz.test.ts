// Fuzz by time box: whatever decode accepts, the database accepts. RTLS_FUZZ_SECONDS makes it longer; a failure prints its seed.
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { emptyBatch } from '../../src/ingest/batcher.ts'
import { type Ingest, decode, openIngest } from '../support/ingest.ts'
import { delivery } from '../support/pings.ts'

const seconds = Number(process.env['RTLS_FUZZ_SECONDS'] ?? 20)

let ingest: Ingest
beforeAll(async () => {
  ingest = await openIngest()
})
afterAll(async () => {
  await ingest.close()
})

const number = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, -0, 1e308, -1e308, 5e-324, 1e15, 32_768, -32_769),
)
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('\0', '\uD800', 'NaN', "'; DROP TABLE location_history; --", '\\N', '\t'),
)
const anything = fc.oneof(number, text, fc.boolean(), fc.constant(null), fc.jsonValue())
/** Mostly what the field allows, so that most pings reach the database, at its edges too. */
const within = (min: number, max: number): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 20, arbitrary: fc.double({ min, max, noNaN: true }) },
    { weight: 5, arbitrary: fc.constantFrom(min, max, null) },
    { weight: 1, arbitrary: number },
  )
const ping = fc.record(
  {
    tagId: fc.oneof(
      { arbitrary: fc.stringMatching(/^[a-z]{1,8}$/u), weight: 12 },
      { arbitrary: anything, weight: 1 },
    ),
    t: fc.oneof(
      { weight: 20, arbitrary: fc.date({ noInvalidDate: true }).map((date) => date.toISOString()) },
      { weight: 5, arbitrary: number },
      { weight: 1, arbitrary: text },
    ),
    x: within(-1e8, 1e8),
    y: within(-1e8, 1e8),
    z: within(-1e8, 1e8),
    longitude: within(-180, 180),
    latitude: within(-90, 90),
    floor: within(-1000, 1000),
    accuracyM: within(0, 1e8),
    rssiDbm: within(-1000, 1000),
    batteryPct: within(0, 100),
    moving: fc.oneof({ weight: 20, arbitrary: fc.boolean() }, { weight: 1, arbitrary: anything }),
    seq: fc.oneof({ weight: 20, arbitrary: fc.maxSafeInteger() }, { weight: 1, arbitrary: number }),
    method: fc.oneof(fc.constantFrom('UWB', 'ble', 'LoRa'), text),
    zone: text,
    props: fc.oneof({ weight: 10, arbitrary: fc.object() }, { weight: 1, arbitrary: anything }),
    gatewayId: fc.oneof({ weight: 20, arbitrary: fc.constant('gw-1') }, { weight: 1, arbitrary: text }),
    surplus: fc.jsonValue(),
  },
  { requiredKeys: ['tagId'] },
)

it(
  `for ${seconds} s, every ping that decode accepts is stored and every other one is in the dead letter`,
  { timeout: (seconds + 60) * 1000 },
  async () => {
    let receivedAtUs = Date.now() * 1000
    let accepted = 0
    let refused = 0
    await fc.assert(
      fc.asyncProperty(fc.array(ping, { minLength: 1, maxLength: 40 }), async (pings) => {
        receivedAtUs += 1000
        const message = delivery(JSON.stringify(pings), undefined, receivedAtUs)
        const decoded = decode(message)
        const batch = {
          ...emptyBatch(),
          deliveries: [message],
          pings: [...decoded.pings],
          rejections: [...decoded.rejections],
        }
        const { committed, duplicates, deadLettered } = await ingest.writer.write(
          batch,
          { lane: 'hot' },
          new AbortController().signal,
        )
        accepted += decoded.pings.length
        refused += decoded.rejections.length
        expect(ingest.failures).toEqual([])
        expect(deadLettered.get('refused_by_database')).toBeUndefined()
        expect(committed + duplicates).toBe(decoded.pings.length)
        expect([...deadLettered.values()].reduce((sum, count) => sum + count, 0)).toBe(
          decoded.rejections.length,
        )
      }),
      { interruptAfterTimeLimit: seconds * 1000, numRuns: 1_000_000, markInterruptAsFailure: false },
    )
    // Neither side of the judgement is left untried.
    expect(Math.min(accepted, refused)).toBeGreaterThan((accepted + refused) / 20)
  },
)
