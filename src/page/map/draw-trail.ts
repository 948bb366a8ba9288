/** Draws where the chosen asset was: a line that is fainter the older it is, and where it was at the moment on the slider. */
import { type Camera, type Size, screenX, screenY } from './camera.ts'
import type { Palette } from './palette.ts'

export interface TrailPoint {
  readonly atMs: number
  readonly x: number
  readonly y: number
  readonly floor: number | null
}

export interface Trail {
  /** Ascending. */
  readonly points: readonly TrailPoint[]
  readonly floor: number
  /** The moment on the slider. */
  readonly atMs: number
}

/** Longer than this without a ping: what was in between is not known, and no line is drawn. */
const gapMs = 15 * 60_000

export function drawTrail(
  context: CanvasRenderingContext2D,
  camera: Camera,
  size: Size,
  { points, floor, atMs }: Trail,
  palette: Palette,
): void {
  const past = points.filter((point) => point.atMs <= atMs)
  const first = past[0]
  const last = past.at(-1)
  if (first === undefined || last === undefined) return
  context.strokeStyle = context.fillStyle = palette.trail
  context.lineWidth = 2.5
  context.lineCap = 'round'
  const whole = Math.max(1, last.atMs - first.atMs)
  for (const [index, to] of past.entries()) {
    const from = past[index - 1]
    if (from === undefined || from.floor !== floor || to.floor !== floor || to.atMs - from.atMs > gapMs)
      continue
    context.globalAlpha = 0.15 + 0.75 * ((to.atMs - first.atMs) / whole) ** 2
    context.beginPath()
    context.moveTo(screenX(camera, size, from.x), screenY(camera, size, from.y))
    context.lineTo(screenX(camera, size, to.x), screenY(camera, size, to.y))
    context.stroke()
  }
  context.globalAlpha = 1
  if (last.floor !== floor) return
  context.beginPath()
  context.arc(screenX(camera, size, last.x), screenY(camera, size, last.y), 7, 0, 2 * Math.PI)
  context.fill()
  context.strokeStyle = palette.halo
  context.lineWidth = 2
  context.stroke()
}

/** Where it was at that moment: the last point before it. */
export function pointAt(points: readonly TrailPoint[], atMs: number): TrailPoint | undefined {
  return points.findLast((point) => point.atMs <= atMs) ?? points[0]
}
