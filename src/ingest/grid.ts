/**
 * Coordinates on a grid whose step is a power of two. TimescaleDB compresses doubles by the bits in which neighbours differ
 * (Gorilla): 12.34 and 12.35 differ in almost all of them, 12.33984375 and 12.349609375 in a few. Measured on a day of a
 * hospital (bench/storage.ts): half the bytes a ping. Off unless configured: what a gateway said is stored as it said it.
 */
import type { Decode } from './decode.ts'
import type { Ping } from './ping.ts'

/** The largest power of two that is not above `stepM`. */
const gridStep = (stepM: number): number => 2 ** Math.floor(Math.log2(stepM))

/** `stepM` in metres; null: as sent. Degrees are left as they are. */
export function onGrid(decode: Decode, stepM: number | null): Decode {
  if (stepM === null) return decode
  return (delivery) => {
    const decoded = decode(delivery)
    return { ...decoded, pings: decoded.pings.map((ping) => snapTo(ping, stepM)) }
  }
}

export function snapTo(ping: Ping, stepM: number): Ping {
  const step = gridStep(stepM)
  const snap = (value: number | null): number | null =>
    value === null ? null : Math.round(value / step) * step
  return { ...ping, x: snap(ping.x), y: snap(ping.y), z: snap(ping.z), accuracyM: snap(ping.accuracyM) }
}
