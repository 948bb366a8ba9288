/**
 * The receive time of messages: microseconds since 1970, strictly rising, with room behind each for as many pings as it held
 * (see placeInTime).
 */

/** As far as NTP steps a clock that it slews otherwise, and more than a burst of messages can run ahead. */
const bridgedStepUs = 5_000_000

export interface ReceiveClock {
  /** A small step back of the clock is bridged; a large one is a correction, and to stay in the wrong time until the right one catches up would be worse. */
  nowUs(): number
  /** The message received at that time held elements up to this place. */
  took(receivedAtUs: number, elements: number): void
}

export function createReceiveClock(): ReceiveClock {
  let lastUs = 0
  return {
    nowUs() {
      const nowUs = Date.now() * 1000
      return nowUs > lastUs || lastUs - nowUs > bridgedStepUs ? nowUs : lastUs + 1
    },
    took(receivedAtUs, elements) {
      lastUs = receivedAtUs + elements
    },
  }
}
