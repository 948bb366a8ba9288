/** What needs somebody: par levels, assets not seen, batteries. */
import type { JSX } from 'preact'
import { Bar, Count, Pill, type Tone } from '../parts/marks.tsx'
import { Panel } from '../parts/panel.tsx'
import { Show } from '../parts/states.tsx'
import { Table } from '../parts/table.tsx'
import { usePlace } from '../shell/place.ts'
import { span } from '../shell/time.ts'
import { useReport, words } from './report.ts'
import { type AssetRow, equipment } from './asset-link.tsx'

interface ParRow {
  readonly roomId: string
  readonly roomName: string
  readonly category: string
  readonly subcategory: string | null
  readonly minCount: number
  readonly maxCount: number | null
  readonly present: number
  readonly unsure: number
  readonly status: 'UNDER' | 'OK' | 'OVER'
}

const parTones: Readonly<Record<ParRow['status'], readonly [Tone, string]>> = {
  UNDER: ['bad', 'too few'],
  OK: ['good', 'enough'],
  OVER: ['warn', 'too many'],
}

export function ParLevels(): JSX.Element {
  const report = useReport<ParRow>('par-levels', {}, 30_000)
  return (
    <Panel
      question="Which rooms have too few or too many of what they should hold?"
      tools={<Count of={report.data?.items.filter(({ status }) => status !== 'OK').length} tone="bad" />}
      note="Usable equipment that was last heard in the room, against its par level. Now."
    >
      <Show
        query={report}
        lines={5}
        isEmpty={({ items }) => items.length === 0}
        empty="No room has a par level yet. A row of the table par_levels says how many of a kind a room should hold."
      >
        {({ items }) => (
          <Table
            caption="Par levels"
            rows={items}
            rowKey={({ roomId, category, subcategory }) => `${roomId} ${category} ${subcategory ?? ''}`}
            limit={8}
            csv={report.csv}
            columns={[
              { key: 'room', title: 'Room', value: ({ roomName }) => roomName },
              {
                key: 'kind',
                title: 'Kind',
                value: ({ category, subcategory }) => subcategory ?? words(category),
              },
              {
                key: 'present',
                title: 'There',
                value: ({ present }) => present,
                show: ({ present, unsure, minCount, maxCount, status }) => (
                  <Bar share={present / Math.max(1, maxCount ?? minCount * 1.5)} tone={parTones[status][0]}>
                    {present}
                    {unsure > 0 && <small> ({unsure} not sure)</small>}
                  </Bar>
                ),
              },
              {
                key: 'level',
                title: 'Should be',
                value: ({ minCount }) => minCount,
                show: ({ minCount, maxCount }) =>
                  maxCount === null ? `${minCount} or more` : `${minCount} to ${maxCount}`,
              },
              {
                key: 'status',
                title: 'State',
                value: ({ status }) => ['UNDER', 'OVER', 'OK'].indexOf(status),
                show: ({ status }) => <Pill tone={parTones[status][0]}>{parTones[status][1]}</Pill>,
              },
            ]}
          />
        )}
      </Show>
    </Panel>
  )
}

interface MissingRow extends AssetRow {
  readonly lastSeenAt: string | null
  readonly silentS: number | null
  readonly expectedIntervalS: number | null
  readonly overdueFactor: number | null
  readonly roomName: string | null
  readonly batteryPct: number | null
}

export function Missing(): JSX.Element {
  const report = useReport<MissingRow>('missing', {}, 60_000)
  const { clock } = usePlace()
  return (
    <Panel
      question="What is silent for longer than it usually is?"
      tools={<Count of={report.data?.total} />}
      note="Three times as long as the tag's own habit, or never heard of. Now."
    >
      <Show
        query={report}
        lines={6}
        isEmpty={({ items }) => items.length === 0}
        empty="Nothing: every tag is heard as often as it usually is."
      >
        {({ items }) => (
          <Table
            caption="Assets not seen"
            rows={items}
            rowKey={({ assetId }) => assetId}
            limit={8}
            csv={report.csv}
            columns={[
              equipment,
              {
                key: 'silent',
                title: 'Silent for',
                value: ({ silentS }) => silentS,
                show: ({ silentS }) =>
                  silentS === null ? <Pill tone="quiet">never heard</Pill> : span(silentS),
                isNumber: true,
              },
              {
                key: 'expected',
                title: 'Usually heard every',
                value: ({ expectedIntervalS }) => expectedIntervalS,
                show: ({ expectedIntervalS }) => (expectedIntervalS === null ? '–' : span(expectedIntervalS)),
                isNumber: true,
              },
              {
                key: 'room',
                title: 'Last in',
                value: ({ roomName }) => roomName,
                show: ({ roomName, lastSeenAt }) =>
                  lastSeenAt === null ? (
                    '–'
                  ) : (
                    <span class="asset">
                      {roomName ?? 'no room'}
                      <small>{clock.dateTime(Date.parse(lastSeenAt))}</small>
                    </span>
                  ),
              },
              {
                key: 'battery',
                title: 'Battery',
                value: ({ batteryPct }) => batteryPct,
                show: ({ batteryPct }) => (batteryPct === null ? '–' : `${batteryPct} %`),
                isNumber: true,
              },
            ]}
          />
        )}
      </Show>
    </Panel>
  )
}

interface BatteryRow extends AssetRow {
  readonly tagId: string
  readonly batteryPct: number | null
  readonly isLow: boolean | null
  readonly emptyOn: string | null
  readonly daysLeft: number | null
  readonly daysUsed: number
}

export function Batteries(): JSX.Element {
  const report = useReport<BatteryRow>('batteries', { withinDays: 30 }, 300_000)
  return (
    <Panel
      question="Which batteries are low, and empty when?"
      tools={<Count of={report.data?.total} />}
      note="At 20 % or below, or empty within 30 days by the trend of the last days."
    >
      <Show
        query={report}
        lines={6}
        isEmpty={({ items }) => items.length === 0}
        empty="None: no battery is low or ends within 30 days."
      >
        {({ items }) => (
          <Table
            caption="Batteries"
            rows={items}
            rowKey={({ assetId, tagId }) => `${assetId} ${tagId}`}
            limit={8}
            csv={report.csv}
            columns={[
              equipment,
              {
                key: 'battery',
                title: 'Battery',
                value: ({ batteryPct }) => batteryPct,
                show: ({ batteryPct, isLow }) => (
                  <Bar share={(batteryPct ?? 0) / 100} tone={isLow === true ? 'bad' : 'plain'}>
                    {batteryPct ?? '–'} %
                  </Bar>
                ),
              },
              {
                key: 'empty',
                title: 'Empty on',
                value: ({ emptyOn }) => emptyOn,
                show: ({ emptyOn, daysLeft }) =>
                  emptyOn === null ? (
                    'no trend yet'
                  ) : (
                    <span class="asset keep">
                      {emptyOn}
                      <small>{(daysLeft ?? 0) < 0 ? 'by now' : `in ${span((daysLeft ?? 0) * 86_400)}`}</small>
                    </span>
                  ),
              },
              {
                key: 'rests',
                title: 'Rests on',
                value: ({ daysUsed }) => daysUsed,
                show: ({ daysUsed }) => `${daysUsed} ${daysUsed === 1 ? 'day' : 'days'}`,
                isNumber: true,
              },
            ]}
          />
        )}
      </Show>
    </Panel>
  )
}
