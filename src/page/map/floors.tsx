/** The floors of the building, the highest on top as in a lift; many of them, or little room, make it a list to open. */
import type { JSX } from 'preact'
import { usePlace } from '../shell/place.ts'
import { choose } from '../shell/route.ts'

export function Floors(): JSX.Element {
  const { facility, floor } = usePlace()
  const floors = facility.floors.toSorted((a, b) => b.floor - a.floor)
  return (
    <div class="floors" role="group" aria-label="Floor">
      {floors.map((one) => (
        <button
          key={one.floor}
          type="button"
          title={one.name}
          aria-label={`Floor ${one.floor}, ${one.name}`}
          aria-pressed={one.floor === floor?.floor}
          onClick={() => choose({ floor: one.floor, room: null }, true)}
        >
          <b>{one.floor}</b> <span>{one.name}</span>
        </button>
      ))}
    </div>
  )
}
