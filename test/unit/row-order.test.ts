import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Ping } from '../../src/ingest/ping.ts'
import { sortedByKey } from '../../src/ingest/row-order.ts'
import { decoded } from '../support/pings.ts'

const [template] = decoded({ tagId: 'T1' }).pings
if (template === undefined) throw new Error('unreachable')

/** Few of each, so that keys repeat. */
const ping = fc.record({
  tagId: fc.constantFrom('A', 'a', 'B', 'AC233FA1B2C3', 'ä'),
  tUs: fc.integer({ min: 0, max: 5 }),
  gatewayId: fc.constantFrom('g1', 'g2'),
})
const pings = fc
  .array(ping, { maxLength: 60 })
  .map((keys) => keys.map((key, index): Ping => ({ ...template, ...key, index })))

const keyOf = ({ tagId, tUs, gatewayId }: Ping): string => JSON.stringify([tagId, tUs, gatewayId])

it('is that of the key, byte by byte, each key once, the first received of it', () => {
  fc.assert(
    fc.property(pings, (batch) => {
      const firstOf = new Map<string, Ping>()
      for (const one of batch) if (!firstOf.has(keyOf(one))) firstOf.set(keyOf(one), one)
      const expected = [...firstOf.values()].toSorted(
        (a, b) =>
          Buffer.compare(Buffer.from(a.tagId), Buffer.from(b.tagId)) ||
          a.tUs - b.tUs ||
          Buffer.compare(Buffer.from(a.gatewayId), Buffer.from(b.gatewayId)),
      )
      expect(sortedByKey(batch)).toEqual(expected)
    }),
    { numRuns: 500 },
  )
})

it('takes a batch of one tag that is larger than the arguments of a call', () => {
  const batch = Array.from({ length: 200_000 }, (_, index): Ping => ({
    ...template,
    tUs: 200_000 - index,
    index,
  }))
  const rows = sortedByKey(batch)
  expect(rows).toHaveLength(200_000)
  expect(rows[0]?.tUs).toBe(1)
})
