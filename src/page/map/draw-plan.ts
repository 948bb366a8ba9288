/** Draws a floor: rooms with their names where these fit, restricted ones hatched, and how full they were on a day. */
import type { Plan, Room } from '../api/types.ts'
import { type Camera, type Size, screenX, screenY } from './camera.ts'
import type { Palette } from './palette.ts'

export interface RoomShape {
  readonly room: Room
  /** Metres. */
  readonly minX: number
  readonly minY: number
  readonly maxX: number
  readonly maxY: number
  readonly isPassage: boolean
}

export function shapesOf(plan: Plan): RoomShape[] {
  return plan.rooms
    .filter(({ polygon }) => polygon.length > 2)
    .map((room) => {
      const xs = room.polygon.map(([x]) => x)
      const ys = room.polygon.map(([, y]) => y)
      return {
        room,
        minX: Math.min(...xs),
        minY: Math.min(...ys),
        maxX: Math.max(...xs),
        maxY: Math.max(...ys),
        isPassage: /corridor|lift|stairs|passage|hall/iu.test(`${room.type ?? ''} ${room.name}`),
      }
    })
}

export interface HeatCell {
  readonly x: number
  readonly y: number
  /** 0 to 1. */
  readonly share: number
}

export interface Heat {
  readonly cellM: number
  readonly cells: readonly HeatCell[]
}

export interface PlanPicture {
  readonly shapes: readonly RoomShape[]
  readonly heat: Heat | undefined
  readonly chosenRoom: string | null
}

export function drawPlan(
  context: CanvasRenderingContext2D,
  camera: Camera,
  size: Size,
  { shapes, heat, chosenRoom }: PlanPicture,
  palette: Palette,
): void {
  context.fillStyle = palette.ground
  context.fillRect(0, 0, size.width, size.height)
  for (const shape of shapes) {
    trace(context, camera, size, shape.room.polygon)
    context.fillStyle = shape.isPassage ? palette.passage : palette.room
    context.fill()
    if (shape.room.isRestricted) hatch(context, camera, size, shape, palette)
  }
  if (heat !== undefined) drawHeat(context, camera, size, heat, palette)
  context.lineJoin = 'round'
  context.lineWidth = Math.min(2.5, Math.max(1, camera.scale * 0.1))
  context.strokeStyle = palette.roomLine
  context.beginPath()
  for (const { room } of shapes) addRing(context, camera, size, room.polygon)
  context.stroke()
  const chosen = shapes.find(({ room }) => room.id === chosenRoom)
  if (chosen !== undefined) {
    trace(context, camera, size, chosen.room.polygon)
    context.strokeStyle = palette.accent
    context.lineWidth = 3
    context.stroke()
  }
  for (const shape of shapes) label(context, camera, size, shape, palette)
}

function trace(context: CanvasRenderingContext2D, camera: Camera, size: Size, ring: Room['polygon']): void {
  context.beginPath()
  addRing(context, camera, size, ring)
}

function addRing(context: CanvasRenderingContext2D, camera: Camera, size: Size, ring: Room['polygon']): void {
  for (const [index, [x, y]] of ring.entries()) {
    const px = screenX(camera, size, x)
    const py = screenY(camera, size, y)
    if (index === 0) context.moveTo(px, py)
    else context.lineTo(px, py)
  }
  context.closePath()
}

/** The lines belong to the floor: they move with it. */
function hatch(
  context: CanvasRenderingContext2D,
  camera: Camera,
  size: Size,
  shape: RoomShape,
  palette: Palette,
): void {
  const left = screenX(camera, size, shape.minX)
  const top = screenY(camera, size, shape.maxY)
  const width = (shape.maxX - shape.minX) * camera.scale
  const height = (shape.maxY - shape.minY) * camera.scale
  const every = 9
  context.save()
  context.clip()
  context.beginPath()
  for (let offset = -height; offset < width; offset += every) {
    context.moveTo(left + offset, top + height)
    context.lineTo(left + offset + height, top)
  }
  context.strokeStyle = palette.hatch
  context.lineWidth = 1.5
  context.stroke()
  context.restore()
}

function drawHeat(
  context: CanvasRenderingContext2D,
  camera: Camera,
  size: Size,
  { cellM, cells }: Heat,
  palette: Palette,
): void {
  const side = Math.ceil(cellM * camera.scale)
  context.fillStyle = palette.heat
  for (const { x, y, share } of cells) {
    context.globalAlpha = 0.08 + 0.82 * share
    context.fillRect(
      Math.round(screenX(camera, size, x)),
      Math.round(screenY(camera, size, y + cellM)),
      side,
      side,
    )
  }
  context.globalAlpha = 1
}

/** In at most two lines, where the room is large enough to hold them. */
function label(
  context: CanvasRenderingContext2D,
  camera: Camera,
  size: Size,
  shape: RoomShape,
  palette: Palette,
): void {
  const width = (shape.maxX - shape.minX) * camera.scale - 12
  const height = (shape.maxY - shape.minY) * camera.scale - 10
  const fontPx = Math.min(15, Math.max(10.5, camera.scale * 0.62))
  context.font = `500 ${fontPx}px ${palette.sans}`
  const lines = breakText(context, shape.room.name, width)
  if (lines === undefined || lines.length * fontPx * 1.2 > height) return
  context.textAlign = 'left'
  context.textBaseline = 'top'
  context.lineWidth = 3
  context.strokeStyle = shape.isPassage ? palette.passage : palette.room
  context.fillStyle = palette.roomLabel
  const left = screenX(camera, size, shape.minX) + 7
  const top = screenY(camera, size, shape.maxY) + 7
  for (const [index, line] of lines.entries()) {
    // A rim in the room's colour: hatches and heat do not run through the letters.
    context.strokeText(line, left, top + index * fontPx * 1.2)
    context.fillText(line, left, top + index * fontPx * 1.2)
  }
}

function breakText(context: CanvasRenderingContext2D, text: string, width: number): string[] | undefined {
  if (context.measureText(text).width <= width) return [text]
  const words = text.split(' ')
  for (let at = words.length - 1; at > 0; at -= 1) {
    const lines = [words.slice(0, at).join(' '), words.slice(at).join(' ')]
    if (lines.every((line) => context.measureText(line).width <= width)) return lines
  }
  return undefined
}

/** Whether the point is inside the ring: a ray to the east crosses its edges an odd number of times. */
export function isInside(ring: Room['polygon'], x: number, y: number): boolean {
  let isIn = false
  for (let index = 0; index < ring.length; index += 1) {
    const [x1, y1] = ring[index] ?? [0, 0]
    const [x2, y2] = ring[(index + 1) % ring.length] ?? [0, 0]
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) isIn = !isIn
  }
  return isIn
}

/** A place in the room for something of which only the room is known: always the same, and not on top of all others. */
export function spotIn({ minX, minY, maxX, maxY }: RoomShape, id: string): { x: number; y: number } {
  let hash = 7
  for (const letter of id) hash = (Math.imul(hash, 31) + (letter.codePointAt(0) ?? 0)) >>> 0
  const across = 0.2 + 0.6 * ((hash % 101) / 100)
  const along = 0.2 + 0.6 * ((Math.floor(hash / 101) % 97) / 96)
  return { x: minX + (maxX - minX) * across, y: minY + (maxY - minY) * along }
}
