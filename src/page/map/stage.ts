/**
 * The map on its canvases: the floor below, drawn when it or the view of it changes; the dots above it and what lies over these,
 * drawn while something moves. Holds the camera; knows nothing of the API or of the rest of the page.
 */
import type { Bounds, Location } from '../api/types.ts'
import {
  type Camera,
  type Size,
  between,
  fit,
  floorX,
  floorY,
  limit,
  panBy,
  screenX,
  screenY,
  viewOf,
  zoomAt,
} from './camera.ts'
import type { AssetState, Dot, Dots } from './dots.ts'
import { type DotPainter, createDotPainter } from './dot-painter.ts'
import { type Crowd, type Drawn, countCrowd, drawDots, drawSelected } from './draw-dots.ts'
import { type Heat, type RoomShape, drawPlan, isInside } from './draw-plan.ts'
import { type Trail, drawTrail } from './draw-trail.ts'
import { type Gestures, listenToHands } from './gestures.ts'
import { type Palette, readPalette } from './palette.ts'

/** What the page wants to be seen. */
export interface Scene {
  readonly shapes: readonly RoomShape[]
  readonly bounds: Bounds
  readonly selected: string | null
  readonly chosenRoom: string | null
  readonly trail: Trail | undefined
  readonly heat: Heat | undefined
  readonly isFollowing: boolean
  readonly isShown: (state: AssetState) => boolean
  readonly isViolation: (location: Location) => boolean
  /** The service's clock minus this machine's, ms. */
  readonly clockOffsetMs: number
}

export interface StageEvents {
  onAsset(assetId: string): void
  /** Null: beside everything. */
  onRoom(roomId: string | null): void
  onEscape(): void
  onHover(dot: Dot | undefined, px: number, py: number): void
  /** Another part of the floor is seen. */
  onView(view: Bounds, middle: { readonly x: number; readonly y: number }): void
  /** A hand moved the map: nothing is followed any more. */
  onHand(): void
}

export interface Canvases {
  readonly floor: HTMLCanvasElement
  readonly middle: HTMLCanvasElement
  readonly top: HTMLCanvasElement
}

export interface Stage {
  show(scene: Scene): void
  /** The dots have changed. */
  wake(): void
  fit(): void
  zoom(factor: number): void
  /** Moves the point into view, if it is not well inside. */
  reveal(x: number, y: number): void
  /** The colours have changed. */
  repaint(): void
  close(): void
}

/** Rooms fill slowly. */
const countEveryMs = 500

export function createStage(
  { floor, middle, top }: Canvases,
  dots: Dots,
  first: Scene,
  events: StageEvents,
): Stage {
  const [below, above] = [floor.getContext('2d', { alpha: false }), top.getContext('2d')]
  if (below === null || above === null) throw new Error('this browser has no canvas')
  let scene = first
  let size: Size = { width: 1, height: 1 }
  let ratio = 1
  let palette: Palette = readPalette()
  let painter: DotPainter = createDotPainter(middle, palette, ratio)
  let camera: Camera = fit(scene.bounds, size)
  let isFitted = true
  let isFloorStale = true
  let flight: { from: Camera; to: Camera; startedMs: number } | undefined
  let frame = 0
  let crowd: Crowd | undefined
  let countedAtMs = 0
  let drawn: Drawn = { dots: [], clusters: [], radius: 4 }

  const wake = (): void => {
    if (frame === 0) frame = requestAnimationFrame(draw)
  }
  const look = (next: Camera, byHand = false): void => {
    camera = limit(next, scene.bounds, size)
    isFloorStale = true
    crowd = undefined
    if (byHand) {
      isFitted = false
      flight = undefined
      events.onHand()
    }
    events.onView(viewOf(camera, size), camera)
    wake()
  }
  const flyTo = (to: Camera): void => {
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) look(to)
    else {
      flight = { from: camera, to: limit(to, scene.bounds, size), startedMs: performance.now() }
      wake()
    }
  }

  function draw(nowMs: number): void {
    frame = 0
    const isGliding = dots.step(performance.now())
    if (flight !== undefined) {
      const share = Math.min(1, (nowMs - flight.startedMs) / 350)
      look(between(flight.from, flight.to, 1 - (1 - share) ** 3))
      if (share === 1) flight = undefined
    }
    const chosen = dots.all.get(scene.selected ?? '')
    if (scene.isFollowing && chosen !== undefined && flight === undefined && isOffCentre(chosen))
      look({
        ...camera,
        x: camera.x + (chosen.x - camera.x) * 0.12,
        y: camera.y + (chosen.y - camera.y) * 0.12,
      })
    if (isFloorStale) {
      drawPlan(below as CanvasRenderingContext2D, camera, size, scene, palette)
      isFloorStale = false
    }
    const context = above as CanvasRenderingContext2D
    context.clearRect(0, 0, size.width, size.height)
    if (scene.heat === undefined) {
      const picture = { ...scene, dots: [...dots.all.values()], nowMs: Date.now() + scene.clockOffsetMs }
      if (crowd === undefined || nowMs - countedAtMs > countEveryMs) {
        crowd = countCrowd(picture, camera)
        countedAtMs = nowMs
      }
      drawn = drawDots(context, camera, size, picture, crowd, painter, palette)
    } else {
      painter.begin()
      painter.end()
      drawn = { dots: [], clusters: [], radius: 4 }
    }
    if (scene.trail !== undefined) drawTrail(context, camera, size, scene.trail, palette)
    if (chosen !== undefined && scene.heat === undefined) drawSelected(context, camera, size, chosen, palette)
    if (isGliding || flight !== undefined) wake()
  }

  const isOffCentre = ({ x, y }: Dot): boolean => Math.hypot(x - camera.x, y - camera.y) * camera.scale > 1

  const resize = (): void => {
    const { clientWidth, clientHeight } = top
    if (clientWidth === 0 || clientHeight === 0) return
    size = { width: clientWidth, height: clientHeight }
    // More pixels than this are not seen, but are paid for.
    ratio = Math.min(2, devicePixelRatio)
    for (const canvas of [floor, middle, top]) {
      canvas.width = Math.round(size.width * ratio)
      canvas.height = Math.round(size.height * ratio)
      canvas.getContext('2d')?.setTransform(ratio, 0, 0, ratio, 0, 0)
    }
    painter = createDotPainter(middle, palette, ratio)
    look(isFitted ? fit(scene.bounds, size) : camera)
  }
  const watch = new ResizeObserver(resize)
  watch.observe(top)
  resize()

  const dotAt = (px: number, py: number): Dot | undefined => {
    let nearest: Dot | undefined
    // A finger's width around what is small.
    let reach = Math.max(drawn.radius + 4, 14)
    for (const dot of drawn.dots) {
      const distance = Math.hypot(screenX(camera, size, dot.x) - px, screenY(camera, size, dot.y) - py)
      if (distance < reach) [nearest, reach] = [dot, distance]
    }
    return nearest
  }
  const choose = (px: number, py: number): void => {
    const dot = dotAt(px, py)
    if (dot !== undefined) return events.onAsset(dot.location.assetId)
    const [x, y] = [floorX(camera, size, px), floorY(camera, size, py)]
    const shape = scene.shapes.find(({ room }) => isInside(room.polygon, x, y))
    return events.onRoom(shape?.room.id ?? null)
  }
  const gestures: Gestures = {
    pan: (dx, dy) => look(panBy(camera, dx, dy), true),
    zoom: (factor, px, py) => look(zoomAt(camera, size, factor, px, py), true),
    fit: () => stage.fit(),
    choose,
    chooseMiddle: () => choose(size.width / 2, size.height / 2),
    escape: () => events.onEscape(),
    hover(px, py) {
      const dot = dotAt(px, py)
      top.style.cursor = dot === undefined ? '' : 'pointer'
      events.onHover(dot, px, py)
    },
    leave: () => events.onHover(undefined, 0, 0),
  }
  const stopListening = listenToHands(top, gestures)

  const stage: Stage = {
    show(next) {
      const isOtherFloor = next.shapes !== scene.shapes
      scene = next
      isFloorStale = true
      crowd = undefined
      if (isOtherFloor) {
        isFitted = true
        look(fit(scene.bounds, size))
      }
      wake()
    },
    wake,
    fit() {
      flyTo(fit(scene.bounds, size))
      isFitted = true
    },
    zoom(factor) {
      isFitted = false
      flyTo({ ...camera, scale: camera.scale * factor })
    },
    reveal(x, y) {
      const [px, py] = [screenX(camera, size, x), screenY(camera, size, y)]
      const edge = Math.min(80, size.width / 4, size.height / 4)
      if (px > edge && py > edge && px < size.width - edge && py < size.height - edge) return
      isFitted = false
      flyTo({ ...camera, x, y })
    },
    repaint() {
      palette = readPalette()
      painter = createDotPainter(middle, palette, ratio)
      isFloorStale = true
      wake()
    },
    close() {
      cancelAnimationFrame(frame)
      frame = -1
      watch.disconnect()
      stopListening()
    },
  }
  return stage
}
