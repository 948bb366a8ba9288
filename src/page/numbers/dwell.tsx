/** How long equipment stays. */
import type { JSX } from 'preact'
import { Segments } from '../parts/choice.tsx'
import { Columns } from '../parts/marks.tsx'
import { Panel } from '../parts/panel.tsx'
import { Show } from '../parts/states.tsx'
import { Table } from '../parts/table.tsx'
import { choose, useRoute } from '../shell/route.ts'
import { number, span } from '../shell/time.ts'
import { usePeriod, useReport, words } from './report.ts'

const bins = [
  ['to5Min', '≤ 5 min'],
  ['to15Min', '≤ 15 min'],
  ['to1H', '≤ 1 h'],
  ['to4H', '≤ 4 h'],
  ['to12H', '≤ 12 h'],
  ['to24H', '≤ 24 h'],
  ['longer', 'longer'],
] as const

interface DwellRow extends Readonly<Record<(typeof bins)[number][0], number>> {
  readonly groupId: string | null
  readonly groupName: string | null
  readonly visits: number
  readonly assets: number
  readonly medianS: number
  readonly p95S: number
  readonly longestS: number
}

const groups = [
  ['room', 'Room'],
  ['department', 'Department'],
  ['category', 'Kind'],
] as const

export function Dwell(): JSX.Element {
  const asked = useRoute().params.get('dwell')
  const [by] = groups.find(([name]) => name === asked) ?? groups[0]
  const { from, words: when } = usePeriod()
  const report = useReport<DwellRow>('dwell', { from, by })
  return (
    <Panel
      question="How long does equipment stay in a room at a time?"
      note={`Visits of ${when}, by their length.`}
      tools={
        <Segments label="By" value={by} options={groups} onChoose={(value) => choose({ dwell: value })} />
      }
    >
      <Show
        query={report}
        lines={8}
        isEmpty={({ items }) => items.length === 0}
        empty="No visits in this time: a visit needs two minutes in one room. Choose a longer time."
      >
        {({ items }) => (
          <>
            <Columns
              label="How many visits were how long"
              columns={bins.map(([key, title]) => ({
                title,
                value: items.reduce((sum, row) => sum + row[key], 0),
              }))}
            />
            <Table
              caption="Visits by length"
              rows={items}
              rowKey={({ groupId }) => groupId ?? ''}
              limit={6}
              csv={report.csv}
              columns={[
                {
                  key: 'group',
                  title: groups.find(([name]) => name === by)?.[1] ?? '',
                  value: ({ groupName, groupId }) => groupName ?? groupId,
                  show: ({ groupName, groupId }) =>
                    by === 'category' ? words(groupId) : (groupName ?? groupId ?? 'no department'),
                },
                {
                  key: 'visits',
                  title: 'Visits',
                  value: ({ visits }) => visits,
                  show: ({ visits }) => number(visits),
                  isNumber: true,
                },
                {
                  key: 'median',
                  title: 'Half up to',
                  value: ({ medianS }) => medianS,
                  show: ({ medianS }) => span(medianS),
                  isNumber: true,
                },
                {
                  key: 'p95',
                  title: '95 % up to',
                  value: ({ p95S }) => p95S,
                  show: ({ p95S }) => span(p95S),
                  isNumber: true,
                },
                {
                  key: 'longest',
                  title: 'Longest',
                  value: ({ longestS }) => longestS,
                  show: ({ longestS }) => span(longestS),
                  isNumber: true,
                },
              ]}
            />
          </>
        )}
      </Show>
    </Panel>
  )
}
