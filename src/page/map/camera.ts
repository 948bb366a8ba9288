/**
 * Which part of the floor is seen: metres to pixels and back, zooming about a point, fitting what should be seen. Pure.
 * The floor's y goes north, the screen's goes down.
 */
import type { Bounds } from '../api/types.ts'

export interface Camera {
  /** The point of the floor in the middle of the screen, metres. */
  readonly x: number
  readonly y: number
  /** Pixels a metre. */
  readonly scale: number
}

export interface Size {
  readonly width: number
  readonly height: number
}

export const screenX = (camera: Camera, size: Size, x: number): number =>
  (x - camera.x) * camera.scale + size.width / 2
export const screenY = (camera: Camera, size: Size, y: number): number =>
  (camera.y - y) * camera.scale + size.height / 2
export const floorX = (camera: Camera, size: Size, px: number): number =>
  (px - size.width / 2) / camera.scale + camera.x
export const floorY = (camera: Camera, size: Size, py: number): number =>
  camera.y - (py - size.height / 2) / camera.scale

/** All of it, with a margin. */
export function fit(bounds: Bounds, size: Size, marginPx = 28): Camera {
  const width = Math.max(1, bounds.maxX - bounds.minX)
  const height = Math.max(1, bounds.maxY - bounds.minY)
  const scale = Math.min(
    Math.max(40, size.width - 2 * marginPx) / width,
    Math.max(40, size.height - 2 * marginPx) / height,
  )
  return { x: (bounds.minX + bounds.maxX) / 2, y: (bounds.minY + bounds.maxY) / 2, scale }
}

/** The point under the pointer stays there. */
export function zoomAt(camera: Camera, size: Size, factor: number, px: number, py: number): Camera {
  const x = floorX(camera, size, px)
  const y = floorY(camera, size, py)
  const scale = camera.scale * factor
  return {
    x: x - (px - size.width / 2) / scale,
    y: y + (py - size.height / 2) / scale,
    scale,
  }
}

export const panBy = (camera: Camera, dx: number, dy: number): Camera => ({
  ...camera,
  x: camera.x - dx / camera.scale,
  y: camera.y + dy / camera.scale,
})

/** Not farther out than half of the whole, not closer than a bed fills the screen, never off the floor. */
export function limit(camera: Camera, bounds: Bounds, size: Size): Camera {
  const whole = fit(bounds, size).scale
  const scale = clamp(camera.scale, whole * 0.6, Math.max(whole * 2, 320))
  return {
    x: clamp(camera.x, bounds.minX, bounds.maxX),
    y: clamp(camera.y, bounds.minY, bounds.maxY),
    scale,
  }
}

/** What is seen, larger by `margin` of its size at each side. */
export function viewOf(camera: Camera, size: Size, margin = 0): Bounds {
  const halfWidth = (size.width / 2 / camera.scale) * (1 + 2 * margin)
  const halfHeight = (size.height / 2 / camera.scale) * (1 + 2 * margin)
  return {
    minX: camera.x - halfWidth,
    maxX: camera.x + halfWidth,
    minY: camera.y - halfHeight,
    maxY: camera.y + halfHeight,
  }
}

export const contains = (outer: Bounds, inner: Bounds): boolean =>
  outer.minX <= inner.minX && outer.minY <= inner.minY && outer.maxX >= inner.maxX && outer.maxY >= inner.maxY

export const areaOf = ({ minX, minY, maxX, maxY }: Bounds): number => (maxX - minX) * (maxY - minY)

export const between = (from: Camera, to: Camera, share: number): Camera => ({
  x: from.x + (to.x - from.x) * share,
  y: from.y + (to.y - from.y) * share,
  scale: from.scale * (to.scale / from.scale) ** share,
})

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value))
