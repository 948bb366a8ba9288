import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLedger } from '../../src/ingest/ledger.ts'
import type { Delivery } from '../../src/ingest/ping.ts'
import { createWindowObserver } from '../../src/ingest/window.ts'
import { delivery } from '../support/pings.ts'

describe('the ledger', () => {
  it('acknowledges each delivery once, in the order of receipt, and never before it is settled', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ isSettled: fc.boolean(), settle: fc.nat(20) }), { maxLength: 80 }),
        (steps) => {
          const ledger = createLedger()
          const received: Delivery[] = []
          const acknowledged: Delivery[] = []
          const release = (): void => {
            ledger.release((one) => {
              expect(one.isSettled).toBe(true)
              acknowledged.push(one)
            })
          }
          for (const { isSettled, settle } of steps) {
            const one = { ...delivery(''), packetId: received.length + 1, isSettled }
            received.push(one)
            ledger.add(one)
            const waiting = received.filter((candidate) => !candidate.isSettled)
            const chosen = waiting[settle % Math.max(1, waiting.length)]
            if (chosen !== undefined) chosen.isSettled = true
            release()
            expect(ledger.size).toBe(received.length - acknowledged.length)
          }
          for (const one of received) one.isSettled = true
          release()
          expect(acknowledged).toEqual(received)
        },
      ),
    )
  })

  it('owes nothing to a connection that is gone', () => {
    const ledger = createLedger()
    const one = delivery('')
    ledger.add(one)
    ledger.forget()
    expect(ledger.release(() => expect.unreachable('acknowledged'))).toBe(0)
    expect(ledger.size).toBe(0)
  })

  it('keeps its order through tens of thousands of deliveries', () => {
    const ledger = createLedger()
    const seen: number[] = []
    for (let id = 1; id <= 30_000; id += 1) {
      ledger.add({ ...delivery(''), packetId: id, isSettled: id % 20_000 !== 0 })
      if (id % 7 === 0) ledger.release((one) => seen.push(one.packetId))
    }
    expect(seen).toEqual(Array.from({ length: 19_999 }, (_, index) => index + 1))
  })
})

describe("the broker's window", () => {
  it('is what we offered until something else is seen', () => {
    expect(createWindowObserver(1000).size).toBe(1000)
  })

  it('is the count the unacknowledged messages stop at, again and again', () => {
    const window = createWindowObserver(1000)
    for (let time = 0; time < 4; time += 1) window.peak(20)
    expect(window.size).toBe(20)
  })

  it('is not a value that comes and goes', () => {
    const window = createWindowObserver(1000)
    for (const peak of [20, 3, 20, 17, 20, 20, 5, 20]) window.peak(peak)
    expect(window.size).toBe(1000)
  })

  it('is given up when more arrives than it allows', () => {
    const window = createWindowObserver(1000)
    for (let time = 0; time < 4; time += 1) window.peak(20)
    window.peak(21)
    expect(window.size).toBe(1000)
  })
})
