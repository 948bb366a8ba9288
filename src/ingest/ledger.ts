/**
 * Which deliveries are settled, and so may be acknowledged. Owns the order of receipt.
 *
 * Steps: a delivery is added when it is received; it is marked as settled when all of it is durable;
 * `release` then acknowledges the settled prefix, in order of receipt (MQTT-4.6.0-2), and stops at the first that waits.
 * On a new connection `forget` drops what the old one owed: the broker sends it again.
 * Does not know MQTT, nor what durable means.
 */
import type { Delivery } from './ping.ts'

export interface Ledger {
  add(delivery: Delivery): void
  /** Acknowledges what is settled from the front; returns how many. */
  release(acknowledge: (delivery: Delivery) => void): number
  forget(): void
  /** When the first that waits was received; ms since 1970. */
  readonly oldestMs: number | undefined
  /** Deliveries not acknowledged yet. */
  readonly size: number
}

/** Below this a shift of the array is cheaper than keeping the gap. */
const compactAbove = 4096

export function createLedger(): Ledger {
  let queue: Delivery[] = []
  let head = 0

  return {
    get size() {
      return queue.length - head
    },
    get oldestMs() {
      const first = queue[head]
      return first === undefined ? undefined : first.receivedAtUs / 1000
    },
    add(delivery) {
      queue.push(delivery)
    },
    release(acknowledge) {
      const from = head
      for (let first = queue[head]; first !== undefined && first.isSettled; first = queue[head]) {
        head += 1
        acknowledge(first)
      }
      const released = head - from
      if (head === queue.length) {
        queue = []
        head = 0
      } else if (head > compactAbove && head * 2 > queue.length) {
        queue = queue.slice(head)
        head = 0
      }
      return released
    },
    forget() {
      queue = []
      head = 0
    },
  }
}
