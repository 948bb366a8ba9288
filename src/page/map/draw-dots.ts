/**
 * Draws the assets of one moment: a dot each while there is room for it, a ring with their number for a room where there is none.
 * Dots are stamped from a few prepared pictures, which is what makes five thousand of them cheap.
 */
import { type Camera, type Size, screenX, screenY } from './camera.ts'
import { type AssetState, type Dot, freshness } from './dots.ts'
import type { RoomShape } from './draw-plan.ts'
import type { Palette } from './palette.ts'

export interface Sprites {
  stamp(context: CanvasRenderingContext2D, dot: Look, px: number, py: number): void
}

interface Look {
  readonly state: AssetState
  readonly radius: number
  readonly isViolation: boolean
  /** 0 to 1. */
  readonly strength: number
}

/** Seen longer ago than this, a dot is hollow: it was there, it may not be. */
const hollowAfterS = 900

export function createSprites(palette: Palette, ratio: number): Sprites {
  const made = new Map<string, HTMLCanvasElement>()
  return {
    stamp(context, look, px, py) {
      const strength = Math.round(look.strength * 8) / 8
      const radius = Math.round(look.radius * 2) / 2
      const key = `${look.state} ${radius} ${strength} ${look.isViolation}`
      let sprite = made.get(key)
      if (sprite === undefined) {
        sprite = paint({ ...look, strength, radius }, palette, ratio)
        made.set(key, sprite)
      }
      const side = sprite.width / ratio
      context.drawImage(sprite, px - side / 2, py - side / 2, side, side)
    },
  }
}

function paint(look: Look, palette: Palette, ratio: number): HTMLCanvasElement {
  const { radius, state, isViolation, strength } = look
  const half = Math.ceil(radius + (isViolation ? 5 : 2))
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = half * 2 * ratio
  const context = canvas.getContext('2d')
  if (context === null) return canvas
  context.scale(ratio, ratio)
  const circle = (size: number): void => {
    context.beginPath()
    context.arc(half, half, size, 0, 2 * Math.PI)
  }
  circle(radius + 1)
  context.fillStyle = palette.halo
  context.globalAlpha = 0.5 + strength / 2
  context.fill()
  context.globalAlpha = strength
  context.fillStyle = context.strokeStyle = palette.states[state]
  if (strength < freshness(hollowAfterS)) {
    circle(radius - 0.75)
    context.lineWidth = 1.5
    context.stroke()
  } else {
    circle(radius)
    context.fill()
  }
  if (isViolation) {
    circle(radius + 3)
    context.globalAlpha = 1
    context.strokeStyle = palette.violation
    context.lineWidth = 2
    context.stroke()
  }
  return canvas
}

export interface DotsPicture {
  readonly dots: Iterable<Dot>
  readonly shapes: readonly RoomShape[]
  readonly selected: string | null
  readonly nowMs: number
  /** States that are shown; the others are left out. */
  readonly isShown: (state: AssetState) => boolean
}

/** What was drawn as a dot of its own: what can be pointed at. */
export interface Drawn {
  readonly dots: readonly Dot[]
  readonly clusters: readonly { readonly shape: RoomShape; readonly count: number }[]
  readonly radius: number
}

export function drawDots(
  context: CanvasRenderingContext2D,
  camera: Camera,
  size: Size,
  picture: DotsPicture,
  sprites: Sprites,
  palette: Palette,
): Drawn {
  const radius = Math.min(7.5, Math.max(2.5, camera.scale * 0.3))
  const crowded = crowdedRooms(picture, camera, radius)
  const drawn: Dot[] = []
  const margin = 12
  for (const dot of picture.dots) {
    if (!picture.isShown(dot.state)) continue
    const isSelected = dot.location.assetId === picture.selected
    if (!isSelected && dot.location.roomId !== null && crowded.has(dot.location.roomId)) continue
    const px = screenX(camera, size, dot.x)
    const py = screenY(camera, size, dot.y)
    if (px < -margin || py < -margin || px > size.width + margin || py > size.height + margin) continue
    drawn.push(dot)
    const strength = freshness((picture.nowMs - dot.seenAtMs) / 1000)
    if (isSelected) continue
    if (camera.scale > 34 && dot.location.accuracyM !== null)
      blur(context, px, py, dot.location.accuracyM * camera.scale, palette.states[dot.state], 0.1)
    sprites.stamp(
      context,
      { state: dot.state, radius, isViolation: dot.location.isRestricted, strength },
      px,
      py,
    )
  }
  const clusters = [...crowded.values()]
  for (const cluster of clusters) ring(context, camera, size, cluster, palette)
  return { dots: drawn, clusters, radius }
}

/** The chosen one, over all others: how exactly it is known, a ring, and its name. */
export function drawSelected(
  context: CanvasRenderingContext2D,
  camera: Camera,
  size: Size,
  dot: Dot,
  sprites: Sprites,
  palette: Palette,
): void {
  const px = screenX(camera, size, dot.x)
  const py = screenY(camera, size, dot.y)
  const radius = Math.min(9, Math.max(6, camera.scale * 0.34))
  const { accuracyM, isRestricted, name } = dot.location
  if (accuracyM !== null) blur(context, px, py, accuracyM * camera.scale, palette.accent, 0.16)
  context.beginPath()
  context.arc(px, py, radius + 6, 0, 2 * Math.PI)
  context.strokeStyle = palette.accent
  context.lineWidth = 2.5
  context.stroke()
  sprites.stamp(context, { state: dot.state, radius, isViolation: isRestricted, strength: 1 }, px, py)
  tag(context, size, name, px, py - radius - 14, palette)
}

function blur(
  context: CanvasRenderingContext2D,
  px: number,
  py: number,
  radius: number,
  fill: string,
  alpha: number,
): void {
  context.beginPath()
  context.arc(px, py, Math.min(radius, 2000), 0, 2 * Math.PI)
  context.fillStyle = context.strokeStyle = fill
  context.globalAlpha = alpha
  context.fill()
  context.globalAlpha = Math.min(1, alpha * 4)
  context.lineWidth = 1
  context.stroke()
  context.globalAlpha = 1
}

function tag(
  context: CanvasRenderingContext2D,
  size: Size,
  text: string,
  px: number,
  py: number,
  palette: Palette,
): void {
  context.font = `600 13px ${palette.sans}`
  const shown = text.length > 40 ? `${text.slice(0, 39)}…` : text
  const width = context.measureText(shown).width + 16
  const left = Math.min(size.width - width - 4, Math.max(4, px - width / 2))
  const top = Math.max(4, py - 24)
  context.beginPath()
  context.roundRect(left, top, width, 24, 7)
  context.fillStyle = palette.ink
  context.fill()
  context.fillStyle = palette.halo
  context.textAlign = 'left'
  context.textBaseline = 'middle'
  context.fillText(shown, left + 8, top + 12.5)
}

interface Cluster {
  readonly shape: RoomShape
  count: number
  readonly states: Record<AssetState, number>
  violations: number
}

/** Rooms whose dots would cover more than half of them. */
function crowdedRooms(picture: DotsPicture, camera: Camera, radius: number): Map<string, Cluster> {
  const clusters = new Map<string, Cluster>()
  for (const shape of picture.shapes)
    clusters.set(shape.room.id, {
      shape,
      count: 0,
      states: { free: 0, 'in-use': 0, service: 0, unknown: 0 },
      violations: 0,
    })
  for (const { location, state } of picture.dots) {
    const cluster = clusters.get(location.roomId ?? '')
    if (cluster === undefined || !picture.isShown(state)) continue
    cluster.count += 1
    cluster.states[state] += 1
    if (location.isRestricted) cluster.violations += 1
  }
  for (const [id, { shape, count }] of clusters) {
    const area = (shape.maxX - shape.minX) * (shape.maxY - shape.minY) * camera.scale ** 2
    if (count < 4 || count * (2 * radius) ** 2 < area * 0.5) clusters.delete(id)
  }
  return clusters
}

/** How many, and the shares of their states as a ring. */
function ring(
  context: CanvasRenderingContext2D,
  camera: Camera,
  size: Size,
  { shape, count, states, violations }: Cluster,
  palette: Palette,
): void {
  const px = screenX(camera, size, (shape.minX + shape.maxX) / 2)
  const py = screenY(camera, size, (shape.minY + shape.maxY) / 2)
  const radius = count > 99 ? 16 : 13
  context.beginPath()
  context.arc(px, py, radius + 2, 0, 2 * Math.PI)
  context.fillStyle = palette.halo
  context.fill()
  context.lineWidth = 4
  let from = -Math.PI / 2
  for (const [state, of] of Object.entries(states)) {
    if (of === 0) continue
    const to = from + (of / count) * 2 * Math.PI
    context.beginPath()
    context.arc(px, py, radius - 1, from, to)
    context.strokeStyle = palette.states[state as AssetState]
    context.stroke()
    from = to
  }
  if (violations > 0) {
    context.beginPath()
    context.arc(px, py, radius + 3, 0, 2 * Math.PI)
    context.strokeStyle = palette.violation
    context.lineWidth = 2
    context.stroke()
  }
  context.font = `600 11px ${palette.sans}`
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  context.fillStyle = palette.ink
  context.fillText(String(count), px, py + 0.5)
}
