/** The heat map of a day: which day, and what its colours mean. Asked for only when somebody wants it. */
import type { JSX } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'
import { withQuery } from '../api/client.ts'
import { useQuery } from '../api/use-query.ts'
import { Show } from '../parts/states.tsx'
import { usePlace } from '../shell/place.ts'
import { choose, useRoute } from '../shell/route.ts'
import type { Heat } from './draw-plan.ts'

interface HeatAnswer {
  readonly items: readonly { readonly cellX: number; readonly cellY: number; readonly minutes: number }[]
}

const dayMs = 86_400_000
/** Metres: about as exact as positions are. */
const cellM = 1

export function HeatDay(props: {
  readonly nowMs: number
  readonly onHeat: (heat: Heat | undefined) => void
}): JSX.Element {
  const { nowMs, onHeat } = props
  const { facility, floor, clock } = usePlace()
  const { params } = useRoute()
  const back = Number(params.get('heat') ?? 0)
  const today = clock.startOfDay(nowMs)
  const fromMs = useMemo(() => clock.startOfDay(today - back * dayMs + dayMs / 2), [today, back, clock])
  const toMs = Math.min(fromMs + dayMs, Math.ceil(nowMs / 60_000) * 60_000)
  const until = useMemo(() => toMs, [fromMs])
  const path = withQuery('/reports/heat-map', {
    facility: facility.facility,
    floor: floor?.floor,
    from: new Date(fromMs).toISOString(),
    to: new Date(until).toISOString(),
    cellM,
  })
  const answer = useQuery<HeatAnswer>(path)
  const heat = useMemo(() => (answer.data === undefined ? undefined : heatOf(answer.data)), [answer.data])
  useEffect(() => onHeat(heat), [heat])
  useEffect(() => () => onHeat(undefined), [])
  return (
    <section class="heat" aria-label="Heat map of a day">
      <h2>Where was it busy?</h2>
      <div class="tools">
        <button type="button" aria-label="The day before" onClick={() => choose({ heat: back + 1 })}>
          ←
        </button>
        <strong>{clock.day(fromMs)}</strong>
        <button
          type="button"
          aria-label="The day after"
          disabled={back === 0}
          onClick={() => choose({ heat: back - 1 })}
        >
          →
        </button>
        <button type="button" class="quiet" onClick={() => choose({ heat: null })}>
          Back to now
        </button>
      </div>
      <Show
        query={answer}
        isEmpty={({ items }) => items.length === 0}
        empty="Nothing was located on this floor that day. Try another day."
        lines={1}
      >
        {() => (
          <p class="scale">
            <span>little</span>
            <i aria-hidden="true" />
            <span>much time of assets</span>
          </p>
        )}
      </Show>
    </section>
  )
}

/** By rank and not by size: a store room where pumps stand all day would leave everything else white. */
function heatOf({ items }: HeatAnswer): Heat {
  const minutes = items.map((item) => item.minutes).toSorted((a, b) => a - b)
  const rankOf = new Map(minutes.map((one, index) => [one, (index + 1) / minutes.length]))
  return {
    cellM,
    cells: items.map((item) => ({ x: item.cellX, y: item.cellY, share: rankOf.get(item.minutes) ?? 0 })),
  }
}
