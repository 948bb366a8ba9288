/**
 * Draws the assets of one moment: a dot each while there is room for it, a ring with their number for a room where there is none.
 */
import type { Location } from '../api/types.ts'
import { type Camera, type Size, screenX, screenY } from './camera.ts'
import { type AssetState, type Dot, freshness } from './dots.ts'
import type { DotPainter } from './dot-painter.ts'
import type { RoomShape } from './draw-plan.ts'
import type { Palette } from './palette.ts'

export interface DotsPicture {
  readonly dots: readonly Dot[]
  readonly shapes: readonly RoomShape[]
  readonly selected: string | null
  /** Is in a restricted room where it does not belong. */
  readonly isViolation: (location: Location) => boolean
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
  crowd: Crowd,
  painter: DotPainter,
  palette: Palette,
): Drawn {
  const { radius } = crowd
  const crowded = crowd.rooms
  const drawn: Dot[] = []
  painter.begin()
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
    painter.stamp(
      { state: dot.state, radius, isViolation: picture.isViolation(dot.location), strength },
      px,
      py,
    )
  }
  painter.end()
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
  palette: Palette,
): void {
  const px = screenX(camera, size, dot.x)
  const py = screenY(camera, size, dot.y)
  const radius = Math.min(9, Math.max(6, camera.scale * 0.34))
  const { accuracyM, name } = dot.location
  if (accuracyM !== null) blur(context, px, py, accuracyM * camera.scale, palette.accent, 0.16)
  context.beginPath()
  context.arc(px, py, radius + 6, 0, 2 * Math.PI)
  context.strokeStyle = palette.accent
  context.lineWidth = 2.5
  context.stroke()
  context.beginPath()
  context.arc(px, py, radius, 0, 2 * Math.PI)
  context.fillStyle = palette.states[dot.state]
  context.fill()
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

/** How large the dots are, and the rooms that have more of them than they can hold. */
export interface Crowd {
  readonly radius: number
  readonly rooms: ReadonlyMap<string, Cluster>
}

/** Counts: once in a while is enough. The more dots there are the smaller they are, so that most rooms hold theirs. */
export function countCrowd(picture: Omit<DotsPicture, 'nowMs' | 'selected'>, camera: Camera): Crowd {
  const clusters = new Map<string, Cluster>()
  for (const shape of picture.shapes)
    clusters.set(shape.room.id, {
      shape,
      count: 0,
      states: { free: 0, 'in-use': 0, service: 0, unknown: 0 },
      violations: 0,
    })
  let all = 0
  for (const { location, state } of picture.dots) {
    if (!picture.isShown(state)) continue
    all += 1
    const cluster = clusters.get(location.roomId ?? '')
    if (cluster === undefined) continue
    cluster.count += 1
    cluster.states[state] += 1
    if (picture.isViolation(location)) cluster.violations += 1
  }
  const areaPx = ({ minX, minY, maxX, maxY }: RoomShape): number =>
    (maxX - minX) * (maxY - minY) * camera.scale ** 2
  const floorPx = picture.shapes.reduce((sum, shape) => sum + areaPx(shape), 0)
  const roomy = picture.shapes.length === 0 ? 6 : Math.sqrt((floorPx * 0.25) / Math.max(1, all)) / 2
  const radius = Math.max(3, Math.min(7.5, camera.scale * 0.3, roomy))
  // Where dots would cover more than half of a room, a number says more.
  for (const [id, { shape, count }] of clusters)
    if (count < 4 || count * (2 * radius) ** 2 < areaPx(shape) * 0.5) clusters.delete(id)
  return { radius, rooms: clusters }
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
