/** The canvases of the map in the page, and what floats over them: the name under the pointer and the buttons for hands. */
import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { useTheme } from '../shell/theme.ts'
import type { Dot, Dots } from './dots.ts'
import { type Scene, type Stage, type StageEvents, createStage } from './stage.ts'

export function MapCanvas(props: {
  readonly dots: Dots
  readonly scene: Scene
  readonly events: Omit<StageEvents, 'onHover'>
  /** Called with the stage when it is there, and with null when it is gone. */
  readonly onStage: (stage: Stage | null) => void
  readonly label: string
}): JSX.Element {
  const { dots, scene, events, onStage, label } = props
  const theme = useTheme()
  const floor = useRef<HTMLCanvasElement>(null)
  const middle = useRef<HTMLCanvasElement>(null)
  const top = useRef<HTMLCanvasElement>(null)
  const stage = useRef<Stage | null>(null)
  const latest = useRef(events)
  latest.current = events
  const [hovered, setHovered] = useState<{ name: string; tag: string; px: number; py: number }>()

  useEffect(() => {
    if (floor.current === null || middle.current === null || top.current === null) return undefined
    const canvases = { floor: floor.current, middle: middle.current, top: top.current }
    const made = createStage(canvases, dots, scene, {
      onAsset: (id) => latest.current.onAsset(id),
      onRoom: (id) => latest.current.onRoom(id),
      onEscape: () => latest.current.onEscape(),
      onView: (view, middle) => latest.current.onView(view, middle),
      onHand: () => latest.current.onHand(),
      onHover: (dot, px, py) => setHovered(describe(dot, px, py)),
    })
    stage.current = made
    onStage(made)
    return () => {
      onStage(null)
      made.close()
    }
    // The scene of later is shown by the next effect.
  }, [dots])
  useEffect(() => stage.current?.show(scene), [scene])
  useEffect(() => stage.current?.repaint(), [theme])

  return (
    <div class="canvas">
      <canvas ref={floor} aria-hidden="true" />
      <canvas ref={middle} aria-hidden="true" />
      <canvas
        ref={top}
        class="hands"
        tabIndex={0}
        role="application"
        aria-roledescription="map"
        aria-label={`${label}. Arrow keys move, plus and minus zoom, 0 shows all, Enter chooses what is in the middle. The same is there as a list.`}
      />
      <span class="cross" aria-hidden="true" />
      {hovered !== undefined && (
        <p
          class="tip"
          style={{ transform: `translate(${hovered.px}px, ${hovered.py}px)` }}
          aria-hidden="true"
        >
          {hovered.name} <small>{hovered.tag}</small>
        </p>
      )}
      <div class="zoom" role="group" aria-label="Zoom">
        <button type="button" class="icon" aria-label="Closer" onClick={() => stage.current?.zoom(1.6)}>
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M12 5v14M5 12h14" />
          </svg>
        </button>
        <button type="button" class="icon" aria-label="Farther" onClick={() => stage.current?.zoom(1 / 1.6)}>
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M5 12h14" />
          </svg>
        </button>
        <button type="button" class="icon" aria-label="The whole floor" onClick={() => stage.current?.fit()}>
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5" />
          </svg>
        </button>
      </div>
    </div>
  )
}

function describe(
  dot: Dot | undefined,
  px: number,
  py: number,
): { name: string; tag: string; px: number; py: number } | undefined {
  if (dot === undefined) return undefined
  return { name: dot.location.name, tag: dot.location.assetTag, px: Math.round(px), py: Math.round(py) }
}
