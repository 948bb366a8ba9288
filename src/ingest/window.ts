/**
 * How many unacknowledged messages the broker allows itself. Nobody tells us: Mosquitto's default is 20 whatever
 * Receive Maximum we offer. So it is observed: when the count of unacknowledged messages has stopped at the same
 * value several times in a row, that value is the broker's window. Pure; no clock.
 */

export interface WindowObserver {
  /** After every change of the number of unacknowledged messages, before acknowledgements are sent. */
  peak(unacked: number): void
  /** A new connection may be another broker. */
  reset(): void
  /** The window observed, or the one we offered ourselves. */
  readonly size: number
}

/** Fewer would take a coincidence for a window; light load peaks at 1 or 2 again and again, which costs nothing. */
const timesInARow = 4

export function createWindowObserver(offered: number): WindowObserver {
  let lastPeak = 0
  let repeats = 0
  let size = offered

  return {
    get size() {
      return size
    },
    peak(unacked) {
      if (unacked > size) size = offered
      if (unacked === lastPeak) repeats += 1
      else {
        lastPeak = unacked
        repeats = 1
      }
      if (repeats >= timesInARow && unacked > 0) size = Math.min(offered, unacked)
    },
    reset() {
      lastPeak = 0
      repeats = 0
      size = offered
    },
  }
}
