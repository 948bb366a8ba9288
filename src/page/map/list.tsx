/** The same as the map, as a list: for screen readers, for keyboards, and for those who rather read. */
import type { JSX } from 'preact'
import { withQuery } from '../api/client.ts'
import type { Location } from '../api/types.ts'
import { type Column, Table } from '../parts/table.tsx'
import { usePlace } from '../shell/place.ts'
import { stateNames, stateOf } from './dots.ts'
import { agoWords } from './words.ts'

export function FloorList(props: {
  readonly locations: readonly Location[]
  readonly nowMs: number
  readonly onChoose: (location: Location) => void
}): JSX.Element {
  const { locations, nowMs, onChoose } = props
  const { facility, floor } = usePlace()
  const ageOf = ({ seenAt }: Location): number | null =>
    seenAt === null ? null : Math.max(0, (nowMs - Date.parse(seenAt)) / 1000)
  const columns: readonly Column<Location>[] = [
    {
      key: 'name',
      title: 'Asset',
      value: ({ name }) => name,
      show: (location) => (
        <button type="button" class="quiet" onClick={() => onChoose(location)}>
          {location.name}
        </button>
      ),
    },
    { key: 'assetTag', title: 'Asset tag', value: ({ assetTag }) => assetTag },
    { key: 'room', title: 'Room', value: ({ roomName }) => roomName },
    { key: 'state', title: 'State', value: (location) => stateNames[stateOf(location)] },
    {
      key: 'age',
      title: 'Seen',
      value: ageOf,
      show: (location) => agoWords(ageOf(location)),
      isNumber: true,
    },
  ]
  return (
    <div class="floor-list">
      <h2>What is on {floor === undefined ? 'this floor' : floor.name}?</h2>
      {locations.length === 0 ? (
        <p class="empty">Nothing is seen on this floor now.</p>
      ) : (
        <Table
          caption="Assets on this floor"
          columns={columns}
          rows={locations}
          rowKey={({ assetId }) => assetId}
          limit={100}
          csv={{
            path: withQuery('/locations', { facility: facility.facility, floor: floor?.floor }),
            fileName: `locations-${facility.facility}.csv`,
          }}
        />
      )}
    </div>
  )
}
