/** What is due or recalled, and what was where it must not be. */
import type { JSX } from 'preact'
import { Count, Pill } from '../parts/marks.tsx'
import { Panel } from '../parts/panel.tsx'
import { Show } from '../parts/states.tsx'
import { Table } from '../parts/table.tsx'
import { usePlace } from '../shell/place.ts'
import { number, span } from '../shell/time.ts'
import { usePeriod, useReport, words } from './report.ts'
import { type AssetRow, equipment } from './asset-link.tsx'

interface DueRow extends AssetRow {
  readonly criticality: string
  readonly reason: 'RECALL' | 'MAINTENANCE' | 'CALIBRATION' | 'SAFETY_INSPECTION'
  readonly dueOn: string | null
  readonly daysOverdue: number | null
  readonly floor: number | null
  readonly roomName: string | null
  readonly ageS: number | null
}

export function Maintenance(): JSX.Element {
  const report = useReport<DueRow>('maintenance', {}, 300_000)
  return (
    <Panel
      question="What is recalled, due or overdue, and where is it now?"
      tools={<Count of={report.data?.total} />}
      note="Open recalls, and maintenance, calibration and inspection due within 7 days. The most critical first."
    >
      <Show
        query={report}
        lines={6}
        isEmpty={({ items }) => items.length === 0}
        empty="Nothing is recalled or due within the next 7 days."
      >
        {({ items }) => (
          <Table
            caption="Equipment to find"
            rows={items}
            rowKey={({ assetId, reason }) => `${assetId} ${reason}`}
            limit={8}
            csv={report.csv}
            columns={[
              equipment,
              {
                key: 'reason',
                title: 'Why',
                value: ({ reason }) => reason,
                show: ({ reason, daysOverdue }) => (
                  <Pill tone={reason === 'RECALL' ? 'bad' : (daysOverdue ?? 0) > 0 ? 'warn' : 'quiet'}>
                    {words(reason)}
                  </Pill>
                ),
              },
              {
                key: 'due',
                title: 'Due',
                value: ({ daysOverdue }) => (daysOverdue === null ? null : -daysOverdue),
                show: ({ dueOn, daysOverdue }) => (
                  <span class="asset keep">
                    {dueOn ?? '–'}
                    {daysOverdue !== null && <small>{overdue(daysOverdue)}</small>}
                  </span>
                ),
              },
              {
                key: 'place',
                title: 'Where',
                value: ({ roomName }) => roomName,
                show: ({ roomName, floor, ageS }) =>
                  ageS === null ? (
                    'never heard of'
                  ) : (
                    <span class="asset">
                      {roomName ?? 'no room'}
                      <small>
                        floor {floor ?? '–'}, {span(ageS)} ago
                      </small>
                    </span>
                  ),
              },
              {
                key: 'criticality',
                title: 'Critical',
                value: ({ criticality }) => ['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'].indexOf(criticality),
                show: ({ criticality }) => words(criticality),
              },
            ]}
          />
        )}
      </Show>
    </Panel>
  )
}

function overdue(days: number): string {
  if (days === 0) return 'today'
  const many = `${number(Math.abs(days))} ${Math.abs(days) === 1 ? 'day' : 'days'}`
  return days > 0 ? `${many} overdue` : `in ${many}`
}

interface EntryRow extends AssetRow {
  readonly roomId: string
  readonly roomName: string
  readonly enteredAt: string
  readonly durationS: number
  readonly alertId: string | null
  readonly acknowledgedAt: string | null
  readonly resolvedAt: string | null
}

export function Restricted(): JSX.Element {
  const { from, words: when } = usePeriod()
  const report = useReport<EntryRow>('restricted', { from }, 60_000)
  const { clock } = usePlace()
  return (
    <Panel
      question="What was in a restricted room it does not belong in?"
      tools={<Count of={report.data?.total} />}
      note={`Entries of ${when}, the newest first; each raised one alert.`}
    >
      <Show
        query={report}
        lines={6}
        isEmpty={({ items }) => items.length === 0}
        empty="Nothing was, as far as pings tell. Rooms are restricted by rooms.is_restricted."
      >
        {({ items }) => (
          <Table
            caption="Entries into restricted rooms"
            rows={items}
            rowKey={({ assetId, roomId, enteredAt }) => `${assetId} ${roomId} ${enteredAt}`}
            limit={8}
            csv={report.csv}
            columns={[
              equipment,
              { key: 'room', title: 'Room', value: ({ roomName }) => roomName },
              {
                key: 'entered',
                title: 'Entered',
                value: ({ enteredAt }) => enteredAt,
                show: ({ enteredAt }) => clock.dateTime(Date.parse(enteredAt)),
              },
              {
                key: 'stayed',
                title: 'Stayed',
                value: ({ durationS }) => durationS,
                show: ({ durationS }) => span(durationS),
                isNumber: true,
              },
              {
                key: 'alert',
                title: 'Alert',
                value: ({ resolvedAt, acknowledgedAt, alertId }) =>
                  alertId === null ? 'off' : (resolvedAt ?? acknowledgedAt ?? 'open'),
                show: ({ resolvedAt, acknowledgedAt, alertId }) =>
                  alertId === null ? (
                    <Pill tone="quiet">alerts off</Pill>
                  ) : resolvedAt !== null ? (
                    <Pill tone="good">resolved</Pill>
                  ) : acknowledgedAt !== null ? (
                    <Pill tone="plain">acknowledged</Pill>
                  ) : (
                    <Pill tone="warn">open</Pill>
                  ),
              },
            ]}
          />
        )}
      </Show>
    </Panel>
  )
}
