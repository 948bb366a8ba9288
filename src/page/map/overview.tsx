/** What is on the floor while nothing is chosen: how many of each kind are free, and the question that leads to the nearest one. */
import type { JSX } from 'preact'
import type { Location } from '../api/types.ts'
import { usePlace } from '../shell/place.ts'
import { stateOf } from './dots.ts'
import { kindOf } from './words.ts'

interface Kind {
  readonly name: string
  free: number
  all: number
}

export function Overview(props: {
  readonly locations: readonly Location[]
  /** Asks for the nearest free one of a kind. */
  readonly onAsk: (question: string) => void
}): JSX.Element | null {
  const { locations, onAsk } = props
  const { floor } = usePlace()
  const kinds = new Map<string, Kind>()
  for (const location of locations) {
    const name = kindOf(location)
    const kind = kinds.get(name) ?? { name, free: 0, all: 0 }
    kinds.set(name, kind)
    kind.all += 1
    if (stateOf(location) === 'free') kind.free += 1
  }
  const sorted = [...kinds.values()]
    .toSorted((a, b) => b.all - a.all || a.name.localeCompare(b.name))
    .slice(0, 14)
  if (sorted.length === 0) return null
  return (
    <section class="overview" aria-label="Kinds on this floor">
      <h2>What is free on {floor === undefined ? 'this floor' : floor.name}?</h2>
      <ul>
        {sorted.map(({ name, free, all }) => (
          <li key={name}>
            <button type="button" onClick={() => onAsk(`nearest free ${name.toLowerCase()}`)}>
              <span class="name">{name}</span>
              <span class="count">
                <b>{free}</b> of {all}
              </span>
              <meter min={0} max={all} value={free} aria-label={`${free} of ${all} free`} />
            </button>
          </li>
        ))}
      </ul>
      <p class="note">
        Choose a kind to find the nearest one. Choose a room first to find the nearest one from there.
      </p>
    </section>
  )
}
