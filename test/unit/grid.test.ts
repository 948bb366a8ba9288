import fc from 'fast-check'
import { expect, it } from 'vitest'
import { onGrid } from '../../src/ingest/grid.ts'
import { createDecode } from '../../src/ingest/decode.ts'
import { delivery, limits } from '../support/pings.ts'

const decode = createDecode(limits)
const at = (x: number): unknown => ({ tagId: 'T1', x, y: null, floor: 1.5, longitude: 8.123456789 })

it('moves a coordinate by less than half the step asked for, to a value with few bits', () => {
  fc.assert(
    fc.property(fc.double({ min: -1e5, max: 1e5, noNaN: true }), (x) => {
      const [ping] = onGrid(decode, 0.001)(delivery(at(x))).pings
      const snapped = ping?.x ?? Number.NaN
      expect(Math.abs(snapped - x)).toBeLessThanOrEqual(0.0005)
      expect(Number.isInteger(snapped * 1024)).toBe(true)
      // Neither what is not there, nor degrees and floors.
      expect(ping).toMatchObject({ y: null, floor: 1.5, longitude: 8.123456789 })
    }),
  )
})

it('is off unless asked for', () => {
  expect(onGrid(decode, null)).toBe(decode)
})
