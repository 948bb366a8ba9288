/** Where the chosen asset was in the last hours: a slider over time, the room of each moment in words, the way on the map. */
import type { JSX } from 'preact'
import { useEffect, useId, useMemo, useState } from 'preact/hooks'
import { withQuery } from '../api/client.ts'
import { useQuery } from '../api/use-query.ts'
import { Segments } from '../parts/choice.tsx'
import { Show } from '../parts/states.tsx'
import { CsvButton } from '../parts/table.tsx'
import { usePlace } from '../shell/place.ts'
import { choose, useRoute } from '../shell/route.ts'
import { type Trail, type TrailPoint, pointAt } from './draw-trail.ts'
import { floorName } from './words.ts'

interface Step {
  readonly at: string
  readonly x: number
  readonly y: number
  readonly floor: number | null
  readonly roomId: string | null
}

const hours = [
  [1, '1 h'],
  [8, '8 h'],
  [24, '24 h'],
] as const

export function TrailSlider(props: {
  readonly assetId: string
  readonly nowMs: number
  /** Of a room of the floor that is shown. */
  readonly roomName: (roomId: string) => string | undefined
  readonly onTrail: (trail: Trail | undefined) => void
}): JSX.Element {
  const { assetId, nowMs, roomName, onTrail } = props
  const { floor } = usePlace()
  const { params } = useRoute()
  const span = hours.find(([value]) => String(value) === params.get('trail'))?.[0] ?? 8
  // Until when is fixed when it is opened: a slider that runs away cannot be held.
  const toMs = useMemo(() => nowMs, [assetId, span])
  const fromMs = toMs - span * 3_600_000
  const path = withQuery(`/assets/${encodeURIComponent(assetId)}/trail`, {
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    points: 800,
  })
  const trail = useQuery<{ readonly items: readonly Step[] }>(path)
  const [atMs, setAtMs] = useState(toMs)
  useEffect(() => setAtMs(toMs), [toMs])
  const points = useMemo(() => (trail.data?.items ?? []).map(pointOf), [trail.data])

  useEffect(() => {
    onTrail(floor === undefined || points.length === 0 ? undefined : { points, floor: floor.floor, atMs })
  }, [points, atMs, floor?.floor])
  useEffect(() => () => onTrail(undefined), [])

  const moveTo = (nextMs: number): void => {
    setAtMs(nextMs)
    const there = pointAt(points, nextMs)?.floor ?? null
    if (there !== null && there !== floor?.floor) choose({ floor: there })
  }
  return (
    <section class="trail" aria-label="Where it was">
      <div class="tools">
        <Segments
          label="How far back"
          value={span}
          options={hours}
          onChoose={(value) => choose({ trail: value })}
        />
        <CsvButton path={path} fileName={`trail-${assetId}.csv`} />
      </div>
      <Show
        query={trail}
        isEmpty={({ items }) => items.length === 0}
        empty={`It was not heard in the last ${span} h. Try a longer time.`}
        lines={3}
      >
        {({ items }) => <Slider {...{ items, fromMs, toMs, atMs, roomName }} onMove={moveTo} />}
      </Show>
    </section>
  )
}

function Slider(props: {
  readonly items: readonly Step[]
  readonly roomName: (roomId: string) => string | undefined
  readonly fromMs: number
  readonly toMs: number
  readonly atMs: number
  readonly onMove: (atMs: number) => void
}): JSX.Element {
  const { items, roomName, fromMs, toMs, atMs, onMove } = props
  const { clock, facility } = usePlace()
  const id = useId()
  const step = items.findLast(({ at }) => Date.parse(at) <= atMs) ?? items[0]
  const words =
    step === undefined
      ? ''
      : `${roomName(step.roomId ?? '') ?? 'between rooms'}, ${floorName(facility.floors, step.floor)}`
  return (
    <>
      <label for={id}>
        <strong>{clock.dateTime(atMs)}</strong> {words}
      </label>
      <input
        id={id}
        type="range"
        min={fromMs}
        max={toMs}
        step={10_000}
        value={atMs}
        aria-valuetext={`${clock.dateTime(atMs)}: ${words}`}
        onInput={({ currentTarget }) => onMove(currentTarget.valueAsNumber)}
      />
      <p class="ends">
        <span>{clock.time(fromMs)}</span>
        <span>{clock.time(toMs)}</span>
      </p>
    </>
  )
}

function pointOf({ at, x, y, floor }: Step): TrailPoint {
  return { atMs: Date.parse(at), x, y, floor }
}
