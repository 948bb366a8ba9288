/** The chosen room: what is in it, by kind, and the nearest free one of a kind from there. */
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { withQuery } from '../api/client.ts'
import type { Location, Room } from '../api/types.ts'
import { useQuery } from '../api/use-query.ts'
import { Choice } from '../parts/choice.tsx'
import { Show } from '../parts/states.tsx'
import { usePlace } from '../shell/place.ts'
import { number } from '../shell/time.ts'
import { CloseButton } from './card.tsx'
import { stateNames, stateOf } from './dots.ts'
import { agoWords, kindOf, placeOf } from './words.ts'

export function RoomCard(props: {
  readonly room: Room
  /** What is seen on this floor now. */
  readonly locations: readonly Location[]
  readonly onChoose: (location: Location) => void
}): JSX.Element {
  const { room, locations, onChoose } = props
  const inside = locations
    .filter(({ roomId }) => roomId === room.id)
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
  return (
    <article class="card" aria-label="The chosen room">
      <CloseButton />
      {room.isRestricted && <p class="badge violation">Restricted</p>}
      <h2>{room.name}</h2>
      <p class="sure">
        {[room.departmentName, inside.length === 1 ? '1 asset' : `${inside.length} assets`]
          .filter((part) => part !== null)
          .join(', ')}
      </p>
      <Nearest room={room} kinds={kindsOf(locations)} onChoose={onChoose} />
      <ul class="inside">
        {inside.slice(0, 40).map((location) => (
          <li key={location.assetId}>
            <AssetButton location={location} detail={agoWords(location.ageS)} onChoose={onChoose} />
          </li>
        ))}
      </ul>
      {inside.length > 40 && <p class="note">and {inside.length - 40} more: find them by name</p>}
    </article>
  )
}

function Nearest(props: {
  readonly room: Room
  readonly kinds: readonly string[]
  readonly onChoose: (location: Location) => void
}): JSX.Element {
  const { room, kinds, onChoose } = props
  const { facility } = usePlace()
  const [kind, setKind] = useState('')
  const path = withQuery('/nearest', {
    facility: facility.facility,
    q: kind,
    free: true,
    room: room.id,
    limit: 3,
  })
  const nearest = useQuery<{ answer: string; items: readonly (Location & { distanceM: number | null })[] }>(
    kind === '' ? null : path,
  )
  return (
    <div class="nearest">
      <Choice
        label="Nearest free"
        value={kind}
        options={[['', 'Choose a kind…'] as const, ...kinds.map((one) => [one, one] as const)]}
        onChoose={setKind}
      />
      {kind !== '' && (
        <Show
          query={nearest}
          isEmpty={({ items }) => items.length === 0}
          empty={nearest.data?.answer}
          lines={2}
        >
          {({ answer, items }) => (
            <>
              <p aria-live="polite">{answer}</p>
              <ul class="inside">
                {items.map((item) => (
                  <li key={item.assetId}>
                    <AssetButton
                      location={item}
                      detail={
                        item.distanceM === null
                          ? placeOf(item, facility.floors)
                          : `${item.roomName ?? ''} ${number(item.distanceM)} m`
                      }
                      onChoose={onChoose}
                    />
                  </li>
                ))}
              </ul>
            </>
          )}
        </Show>
      )}
    </div>
  )
}

function AssetButton(props: {
  readonly location: Location
  readonly detail: string
  readonly onChoose: (location: Location) => void
}): JSX.Element {
  const { location, detail, onChoose } = props
  const state = stateOf(location)
  return (
    <button type="button" class="asset" onClick={() => onChoose(location)}>
      <span class={`dot ${state}`} role="img" aria-label={stateNames[state]} />
      <span class="name">{location.name}</span>
      <span class="age">{detail}</span>
    </button>
  )
}

/** The kinds of what is seen here. */
function kindsOf(locations: readonly Location[]): string[] {
  const kinds = new Set(locations.map(kindOf))
  return [...kinds].toSorted((a, b) => a.localeCompare(b)).slice(0, 40)
}
