/** The dots of the floor that is looked at, fed by the stream of the part of it that is seen. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Bounds } from '../api/types.ts'
import { withQuery } from '../api/client.ts'
import { type Live, type LiveState, openLive } from '../api/live.ts'
import { areaOf, contains } from './camera.ts'
import { type Dots, createDots } from './dots.ts'
import { type RoomShape, spotIn } from './draw-plan.ts'

export interface LiveFloor {
  readonly dots: Dots
  readonly state: LiveState
  /** The service's clock at the last thing it said, epoch ms; undefined: it said nothing yet. */
  readonly heardAtMs: () => number | undefined
  /** The service's clock minus this machine's, ms. */
  readonly clockOffsetMs: () => number
  /** The part that is seen; the stream follows when it must. */
  readonly look: (view: Bounds) => void
  readonly retry: () => void
}

/** `wake` is called when the dots have changed. */
export function useLive(
  facility: string,
  floor: number | undefined,
  shapes: readonly RoomShape[],
  wake: () => void,
): LiveFloor {
  const [state, setState] = useState<LiveState>({ kind: 'connecting' })
  const dots = useMemo(() => createDots(), [])
  const live = useRef<Live | null>(null)
  const heard = useRef<{ atMs: number; offsetMs: number } | null>(null)
  const streamed = useRef<Bounds | null>(null)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  const wakeNow = useRef(wake)
  wakeNow.current = wake

  useEffect(() => {
    const hear = (atMs: number): void => {
      heard.current = { atMs, offsetMs: atMs - Date.now() }
      wakeNow.current()
    }
    live.current = openLive({
      onSnapshot(items, atMs) {
        dots.replace(items, performance.now())
        hear(atMs)
      },
      onUpdate(items, gone, atMs) {
        dots.change(items, gone, performance.now())
        hear(atMs)
      },
      onState: setState,
    })
    return () => live.current?.close()
  }, [dots])

  useEffect(() => {
    const byId = new Map(shapes.map((shape) => [shape.room.id, shape]))
    dots.setSpots((roomId, assetId) => {
      const shape = byId.get(roomId)
      return shape === undefined ? undefined : spotIn(shape, assetId)
    })
    wakeNow.current()
  }, [dots, shapes])

  useEffect(() => {
    dots.clear()
    streamed.current = null
    wakeNow.current()
    // The map says what it shows; the list, which shows all, does not.
    timer.current = setTimeout(() => {
      if (floor !== undefined) live.current?.watch(withQuery('/locations/stream', { facility, floor }))
    }, 400)
    return () => clearTimeout(timer.current)
  }, [dots, facility, floor])

  const look = (view: Bounds): void => {
    const last = streamed.current
    // What is streamed may be four times what is seen: small movements open no new stream.
    if (last !== null && contains(last, view) && areaOf(last) < 16 * areaOf(view)) return
    clearTimeout(timer.current)
    timer.current = setTimeout(() => {
      if (floor === undefined) return
      const wide = widened(view)
      streamed.current = wide
      live.current?.watch(withQuery('/locations/stream', { facility, floor, ...wide }))
    }, 300)
  }
  return {
    dots,
    state,
    heardAtMs: () => heard.current?.atMs,
    clockOffsetMs: () => heard.current?.offsetMs ?? 0,
    look,
    retry: () => live.current?.retry(),
  }
}

/** Half as much again at each side, in whole metres. */
function widened({ minX, minY, maxX, maxY }: Bounds): Bounds {
  const dx = (maxX - minX) / 2
  const dy = (maxY - minY) / 2
  return {
    minX: Math.floor(minX - dx),
    minY: Math.floor(minY - dy),
    maxX: Math.ceil(maxX + dx),
    maxY: Math.ceil(maxY + dy),
  }
}
