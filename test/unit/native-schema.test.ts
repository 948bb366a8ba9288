// The schema of a native ping is written once, for people and messages; decodeNative reads the same by hand, for speed.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodeNative, nativePing } from '../../src/formats/native.ts'
import { parseIsoUs } from '../../src/ingest/ping.ts'
import { delivery } from '../support/pings.ts'

const context = { delivery: delivery('{}'), facilityId: 'h1', gatewayId: 'gw-1', futureToleranceS: 60 }

/** Mostly what belongs there, at its bounds and just past them; sometimes anything JSON can say. */
const number = fc.oneof(
  fc.constantFrom(
    0,
    -0,
    1,
    -1,
    90,
    90.5,
    100,
    101,
    180,
    181,
    1000,
    1001,
    1e8,
    1e8 + 1,
    -1e8,
    Infinity,
    -Infinity,
  ),
  fc.constantFrom(Number.MAX_SAFE_INTEGER, 2 ** 53, 5e-324, 1.5),
  fc.double({ noNaN: true }),
)
const text = fc.oneof(
  fc.constantFrom('', ' ', 'T1', 'x'.repeat(128), 'x'.repeat(129), 'x'.repeat(1024), 'x'.repeat(1025)),
  fc.constantFrom('h1', 'gw-1', 'uwb', 'BLE', '2026-11-22T07:00:00Z', '2026-02-29T00:00:00Z'),
  fc.string(),
)
const anything = fc.oneof(number, text, fc.boolean(), fc.constant(null), fc.jsonValue())
const keys = [
  'tagId',
  'facilityId',
  'gatewayId',
  ...Object.keys(nativePing.shape),
  '__proto__',
  'constructor',
]
const value = fc.array(fc.tuple(fc.constantFrom(...keys), fc.oneof(number, text, anything)), { maxLength: 8 })

/** As JSON.parse makes it, so that `__proto__` is a key like any other. */
const asJson = (entries: readonly (readonly [string, unknown])[]): unknown =>
  JSON.parse(
    `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${item === Infinity ? '1e400' : item === -Infinity ? '-1e400' : JSON.stringify(item)}`).join(',')}}`,
  )

/** What decodeNative should say. */
function expectedVerdict(parsed: unknown): string {
  const schema = nativePing.safeParse(parsed)
  if (!schema.success) return 'invalid_ping'
  const { t, facilityId, gatewayId } = schema.data
  if ((facilityId ?? 'h1') !== 'h1' || (gatewayId ?? 'gw-1').trim() !== 'gw-1') return 'topic_mismatch'
  return typeof t === 'string' && parseIsoUs(t) === undefined ? 'invalid_ping' : 'accepted'
}

function verdict(parsed: unknown): string {
  const outcome = decodeNative(parsed, 0, context)
  // The one thing left to refuse where the schema does not look: inside of what goes to props.
  return !('reason' in outcome) || outcome.detail === 'props: a number beyond the range of a double'
    ? 'accepted'
    : outcome.reason
}

it('decodeNative accepts what the schema accepts, and nothing else', () => {
  const verdicts = new Map<string, number>()
  fc.assert(
    fc.property(value, fc.boolean(), (entries, hasTag) => {
      const parsed = asJson(hasTag ? [...entries, ['tagId', 'T1'] as const] : entries)
      const expected = expectedVerdict(parsed)
      verdicts.set(expected, (verdicts.get(expected) ?? 0) + 1)
      expect(verdict(parsed)).toBe(expected)
    }),
    { numRuns: 5000 },
  )
  // All three were really tried.
  expect(
    Math.min(...['accepted', 'invalid_ping', 'topic_mismatch'].map((one) => verdicts.get(one) ?? 0)),
  ).toBeGreaterThan(50)
})
