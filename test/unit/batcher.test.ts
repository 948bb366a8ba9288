import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBatcher, type Surroundings } from '../../src/ingest/batcher.ts'
import type { Decoded, Ping } from '../../src/ingest/ping.ts'
import { decoded, delivery } from '../support/pings.ts'

const pings = (count: number, from = 0): Decoded =>
  decoded(Array.from({ length: count }, (_, index) => ({ tagId: `T${from + index}` })))
const busy: Surroundings = { isWriterIdle: false, isWindowFull: false, isDraining: false }
const limits = { maxRows: 10, maxBytes: 1000, maxAgeMs: 50 }

describe('a batch is taken', () => {
  it('at once when the writer is idle', () => {
    const batcher = createBatcher(limits)
    batcher.add(delivery(Buffer.alloc(10)), pings(1), 0)
    expect(batcher.closeReason(0, { ...busy, isWriterIdle: true })).toBe('idle')
  })

  it('when the broker will send nothing more until something is acknowledged', () => {
    const batcher = createBatcher(limits)
    batcher.add(delivery(Buffer.alloc(10)), pings(1), 0)
    expect(batcher.closeReason(0, { ...busy, isWindowFull: true })).toBe('window')
  })

  it('when it is full, by rows or by bytes', () => {
    const batcher = createBatcher(limits)
    batcher.add(delivery(Buffer.alloc(10)), pings(10), 0)
    expect(batcher.closeReason(0, busy)).toBe('rows')
    batcher.take()
    batcher.add(delivery(Buffer.alloc(1000)), pings(1), 0)
    expect(batcher.closeReason(0, busy)).toBe('bytes')
  })

  it('when its oldest ping has waited long enough, and not before', () => {
    const batcher = createBatcher(limits)
    batcher.add(delivery(Buffer.alloc(10)), pings(1), 100)
    expect(batcher.closeReason(149, busy)).toBeUndefined()
    expect(batcher.waitMs(149)).toBe(1)
    expect(batcher.closeReason(150, busy)).toBe('age')
  })

  it('never when there is nothing in it', () => {
    const batcher = createBatcher(limits)
    batcher.add(delivery(Buffer.alloc(2)), decoded('[]'), 0)
    expect(
      batcher.closeReason(1e9, { isWriterIdle: true, isWindowFull: true, isDraining: true }),
    ).toBeUndefined()
    expect(batcher.waitMs(0)).toBeUndefined()
  })
})

describe('the batcher', () => {
  it('loses and doubles nothing and keeps the order, whatever comes and goes', () => {
    const step = fc.oneof(
      fc.record({
        add: fc.integer({ min: 0, max: 25 }),
        bytes: fc.integer({ min: 0, max: 1500 }),
        later: fc.nat(60),
      }),
      fc.record({ isWriterIdle: fc.boolean(), isWindowFull: fc.boolean(), later: fc.nat(60) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const batcher = createBatcher(limits)
        const taken: Ping[] = []
        let added = 0
        let nowMs = 0
        const takeAll = (surroundings: Surroundings): void => {
          while (batcher.closeReason(nowMs, surroundings) !== undefined) {
            const batch = batcher.take()
            expect(batch.pings.length).toBeGreaterThan(0)
            taken.push(...batch.pings)
          }
        }
        for (const step of steps) {
          nowMs += step.later
          if ('add' in step) {
            batcher.add(delivery(Buffer.alloc(step.bytes)), pings(step.add, added), nowMs)
            added += step.add
          } else takeAll({ ...busy, ...step })
          expect(batcher.size).toBe(added - taken.length)
        }
        takeAll({ ...busy, isDraining: true })
        expect(taken.map((ping) => ping.tagId)).toEqual(
          Array.from({ length: added }, (_, index) => `T${index}`),
        )
      }),
    )
  })
})
