/**
 * From a site's local frame of coordinates into the facility's: swap the axes, scale, rotate, move, in that order. Pure.
 */
import type { NativeForm } from '../formats/format.ts'

export interface Transform {
  /** x and y change places, and so do longitude and latitude. */
  readonly swapAxes: boolean
  /** Metres per unit: 0.001 for millimetres, 0.3048 for feet. */
  readonly scale: number
  /** Counter-clockwise. */
  readonly rotateDeg: number
  readonly offsetX: number
  readonly offsetY: number
  readonly offsetZ: number
  /** Of pings that name none. */
  readonly floor: number | null
}

export type ApplyTransform = (form: NativeForm) => void

/** Undefined when it changes nothing. */
export function createTransform(transform: Transform): ApplyTransform | undefined {
  const { swapAxes, scale, rotateDeg, offsetX, offsetY, offsetZ, floor } = transform
  const changesNothing =
    !swapAxes && scale === 1 && rotateDeg === 0 && offsetX === 0 && offsetY === 0 && offsetZ === 0
  if (changesNothing && floor === null) return undefined
  const { cos, sin } = turn(rotateDeg)
  return (form) => {
    if (floor !== null) form.floor ??= floor
    if (changesNothing) return
    const { longitude, latitude } = form
    if (swapAxes && longitude !== undefined && latitude !== undefined) {
      form.longitude = latitude
      form.latitude = longitude
    }
    if (isNumber(form.z)) form.z = form.z * scale + offsetZ
    if (isNumber(form.accuracyM)) form.accuracyM *= Math.abs(scale)
    if (!isNumber(form.x) || !isNumber(form.y)) return
    const x = (swapAxes ? form.y : form.x) * scale
    const y = (swapAxes ? form.x : form.y) * scale
    form.x = x * cos - y * sin + offsetX
    form.y = x * sin + y * cos + offsetY
  }
}

/** A native element may hold anything; what is no number is refused later, with its own value in the message. */
const isNumber = (value: unknown): value is number => typeof value === 'number'

/** Exact for quarter turns, which most floor plans need: cos(90°) is not quite 0 in floating point. */
function turn(degrees: number): { cos: number; sin: number } {
  const quarters = degrees / 90
  if (!Number.isInteger(quarters))
    return { cos: Math.cos((degrees * Math.PI) / 180), sin: Math.sin((degrees * Math.PI) / 180) }
  const quarter = ((quarters % 4) + 4) % 4
  return { cos: [1, 0, -1, 0][quarter] ?? 1, sin: [0, 1, 0, -1][quarter] ?? 0 }
}
