/** How full the rooms were: a field of rooms by hours or days, and the kinds of equipment over the same time. */
import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { Choice } from '../parts/choice.tsx'
import { Panel } from '../parts/panel.tsx'
import { Plot } from '../parts/plot.tsx'
import { Show } from '../parts/states.tsx'
import { CsvButton } from '../parts/table.tsx'
import { usePlace } from '../shell/place.ts'
import { choose, useRoute } from '../shell/route.ts'
import { number } from '../shell/time.ts'
import { useReport, usePeriod, words } from './report.ts'

interface Row {
  readonly bucket: string
  readonly roomId: string
  readonly roomName: string | null
  readonly category: string
  readonly average: number
  readonly most: number
  readonly heardShare: number | null
}

/** More lines than colours say nothing. */
const mostLines = 5
const mostRooms = 14

export function Occupancy(): JSX.Element {
  const { params } = useRoute()
  const { period, from, words: when } = usePeriod()
  const unit = period === 'day' ? 'hour' : 'day'
  const category = params.get('category') ?? ''
  const report = useReport<Row>('occupancy', { from, unit, category })
  const room = params.get('room') ?? ''
  return (
    <Panel
      isWide
      question="How full were the rooms, by kind of equipment?"
      note={`By ${unit}, ${when}. A colour is how many were there on average; choose a room to see its kinds of equipment.`}
      tools={<CsvButton {...report.csv} />}
    >
      <Show
        query={report}
        lines={10}
        isEmpty={({ items }) => items.length === 0}
        empty="No equipment was heard of in a room in this time. Choose a longer time, or look at Pipeline whether pings arrive."
      >
        {({ items }) => <Field rows={items} unit={unit} room={room} category={category} />}
      </Show>
    </Panel>
  )
}

function Field(props: {
  readonly rows: readonly Row[]
  readonly unit: 'hour' | 'day'
  readonly room: string
  readonly category: string
}): JSX.Element {
  const { rows, unit, room, category } = props
  const { clock } = usePlace()
  const field = useMemo(() => fieldOf(rows), [rows])
  const lines = useMemo(() => linesOf(rows, field.buckets, room), [rows, field, room])
  const chosen = field.rooms.find(({ id }) => id === room)
  const shown = field.rooms.slice(0, mostRooms)
  if (chosen !== undefined && !shown.includes(chosen)) shown.push(chosen)
  const label = (bucketMs: number): string => (unit === 'hour' ? clock.time(bucketMs) : clock.day(bucketMs))
  return (
    <div class="occupancy">
      <div class="choices">
        <Choice
          label="Room"
          value={room}
          options={[['', 'All rooms'], ...field.rooms.map(({ id, name }) => [id, name] as const)]}
          onChoose={(value) => choose({ room: value })}
        />
        <Choice
          label="Kind"
          value={category}
          options={[
            ['', 'All equipment'],
            ...[...new Set([...field.categories, ...(category === '' ? [] : [category])])].map(
              (name) => [name, words(name)] as const,
            ),
          ]}
          onChoose={(value) => choose({ category: value })}
        />
      </div>
      <div class="both">
        <div class="scroll" tabIndex={0} role="region" aria-label={`Rooms by ${unit}`}>
          <table class={field.buckets.length < 13 ? 'field short' : 'field'}>
            <caption class="unseen">How many were in each room on average, by {unit}</caption>
            <thead>
              <tr>
                <th scope="col">Room</th>
                {field.buckets.map((bucketMs, index) => (
                  <th key={bucketMs} scope="col">
                    <span class={index % labelEvery(field.buckets.length) === 0 ? '' : 'unseen'}>
                      {label(bucketMs)}
                    </span>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {shown.map(({ id, name, averages }) => (
                <tr key={id} class={id === room ? 'chosen' : ''}>
                  <th scope="row">
                    <button
                      type="button"
                      aria-pressed={id === room}
                      onClick={() => choose({ room: id === room ? null : id })}
                    >
                      {name}
                    </button>
                  </th>
                  {field.buckets.map((bucketMs) => {
                    const average = averages.get(bucketMs) ?? 0
                    return (
                      <td
                        key={bucketMs}
                        style={{ '--share': `${(100 * average) / field.most}%` }}
                        title={`${name}, ${clock.dateTime(bucketMs)}: ${number(average, 1)}`}
                      >
                        {average === 0 ? (
                          <span class="unseen">0</span>
                        ) : (
                          number(average, average < 9.5 ? 1 : 0)
                        )}
                      </td>
                    )
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        <div>
          <h3>{chosen === undefined ? 'All rooms together' : chosen.name}</h3>
          <Plot
            label={`How many of which kind were in ${chosen?.name ?? 'all rooms together'} on average, by ${unit}`}
            x={field.buckets}
            series={lines.map(({ title, values }) => ({
              title,
              values,
              kind: field.buckets.length < 3 ? ('bars' as const) : ('line' as const),
            }))}
          />
        </div>
      </div>
      {field.rooms.length > shown.length && (
        <p class="note">
          The {shown.length} fullest of {field.rooms.length} rooms; the others are in the list and in the CSV.
        </p>
      )}
    </div>
  )
}

const labelEvery = (columns: number): number => Math.max(1, Math.ceil(columns / 8))

interface RoomLine {
  readonly id: string
  readonly name: string
  readonly averages: ReadonlyMap<number, number>
  readonly sum: number
}

/** The rooms, the fullest first, each with how many were there in which bucket. */
function fieldOf(rows: readonly Row[]): {
  readonly buckets: readonly number[]
  readonly rooms: readonly RoomLine[]
  readonly categories: readonly string[]
  readonly most: number
} {
  const buckets = [...new Set(rows.map(({ bucket }) => Date.parse(bucket)))].toSorted((a, b) => a - b)
  const rooms = new Map<string, { name: string; averages: Map<number, number>; sum: number }>()
  let most = 1
  for (const { roomId, roomName, bucket, average } of rows) {
    const room = rooms.get(roomId) ?? {
      name: roomName ?? roomId,
      averages: new Map<number, number>(),
      sum: 0,
    }
    rooms.set(roomId, room)
    const at = Date.parse(bucket)
    const value = (room.averages.get(at) ?? 0) + average
    room.averages.set(at, value)
    room.sum += average
    most = Math.max(most, value)
  }
  return {
    buckets,
    rooms: [...rooms].map(([id, room]) => Object.assign({ id }, room)).toSorted((a, b) => b.sum - a.sum),
    categories: [...new Set(rows.map(({ category }) => category))].toSorted(),
    most,
  }
}

/** Kinds of equipment over time, the most frequent first, what has no colour of its own together. */
function linesOf(
  rows: readonly Row[],
  buckets: readonly number[],
  room: string,
): readonly { readonly title: string; readonly values: readonly number[] }[] {
  const place = new Map(buckets.map((bucket, index) => [bucket, index]))
  const lines = new Map<string, number[]>()
  for (const { roomId, category, bucket, average } of rows) {
    if (room !== '' && roomId !== room) continue
    const values = lines.get(category) ?? buckets.map(() => 0)
    lines.set(category, values)
    const index = place.get(Date.parse(bucket)) ?? 0
    values[index] = (values[index] ?? 0) + average
  }
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
  const sorted = [...lines].toSorted(([, a], [, b]) => sum(b) - sum(a))
  const own = sorted.slice(0, sorted.length > mostLines + 1 ? mostLines : sorted.length)
  const others = sorted.slice(own.length)
  return [
    ...own.map(([category, values]) => ({ title: words(category), values })),
    ...(others.length === 0
      ? []
      : [
          {
            title: `${others.length} others`,
            values: buckets.map((_, index) =>
              others.reduce((total, [, values]) => total + (values[index] ?? 0), 0),
            ),
          },
        ]),
  ]
}
