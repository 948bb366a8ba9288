/** What is used and what idles, and how many would be enough. */
import type { JSX } from 'preact'
import { Segments } from '../parts/choice.tsx'
import { Bar, Columns } from '../parts/marks.tsx'
import { Panel } from '../parts/panel.tsx'
import { Show } from '../parts/states.tsx'
import { Table } from '../parts/table.tsx'
import { usePlace } from '../shell/place.ts'
import { choose, useRoute } from '../shell/route.ts'
import { number, span } from '../shell/time.ts'
import { AssetLink } from './asset-link.tsx'
import { usePeriod, useReport, words } from './report.ts'

interface UseRow {
  readonly assetId: string
  readonly assetTag: string
  readonly name: string
  readonly category: string
  readonly usedS: number
  readonly usedPct: number | null
  readonly longestIdleS: number
  readonly lastUsedAt: string | null
}

const evidence = [
  ['log', 'Logged sessions'],
  ['away', 'Away from home'],
] as const

function useEvidence(): 'log' | 'away' {
  const asked = useRoute().params.get('by')
  return (evidence.find(([name]) => name === asked) ?? evidence[0])[0]
}

export function Utilisation(): JSX.Element {
  const by = useEvidence()
  const { from, words: when } = usePeriod()
  const { clock } = usePlace()
  const report = useReport<UseRow>('utilisation', { from, by })
  return (
    <Panel
      question="What is used, and what idles?"
      note={
        by === 'log'
          ? `Sessions of use that were logged in ${when}, the least used first.`
          : `Time outside its home room in ${when}: a sign of use, and no proof.`
      }
      tools={
        <Segments
          label="Counted by"
          value={by}
          options={evidence}
          onChoose={(value) => choose({ by: value })}
        />
      }
    >
      <Show
        query={report}
        lines={8}
        isEmpty={({ items }) => items.length === 0}
        empty="No equipment is in service here. Assets come by /assets or from the inventory system."
      >
        {({ items }) => (
          <>
            <Columns label="How many assets were used for how much of the time" columns={useColumns(items)} />
            <Table
              caption="Use by asset"
              rows={items}
              rowKey={({ assetId }) => assetId}
              limit={6}
              csv={report.csv}
              columns={[
                {
                  key: 'name',
                  title: 'Equipment',
                  value: ({ name }) => name,
                  show: (row) => <AssetLink {...row} kind={words(row.category)} />,
                },
                {
                  key: 'used',
                  title: 'Used',
                  value: ({ usedPct }) => usedPct,
                  show: ({ usedPct, usedS }) => (
                    <Bar share={(usedPct ?? 0) / 100}>
                      {usedS === 0
                        ? 'not used'
                        : `${number(usedPct ?? 0, (usedPct ?? 0) < 10 ? 1 : 0)} % · ${span(usedS)}`}
                    </Bar>
                  ),
                },
                {
                  key: 'idle',
                  title: 'Longest idle',
                  value: ({ longestIdleS }) => longestIdleS,
                  show: ({ longestIdleS }) => span(longestIdleS),
                  isNumber: true,
                },
                {
                  key: 'last',
                  title: 'Last used',
                  value: ({ lastUsedAt }) => lastUsedAt,
                  show: ({ lastUsedAt }) =>
                    lastUsedAt === null ? 'not in this time' : clock.dateTime(Date.parse(lastUsedAt)),
                },
              ]}
            />
          </>
        )}
      </Show>
    </Panel>
  )
}

const useBins = [
  ['not used', 0],
  ['≤ 5 %', 5],
  ['≤ 20 %', 20],
  ['≤ 50 %', 50],
  ['≤ 80 %', 80],
  ['more', Infinity],
] as const

function useColumns(rows: readonly UseRow[]): { readonly title: string; readonly value: number }[] {
  const binOf = ({ usedPct, usedS }: UseRow): number =>
    usedS === 0 ? 0 : useBins.findIndex(([, upTo]) => (usedPct ?? 0) <= upTo)
  const bins = rows.map(binOf)
  return useBins.map(([title], bin) => ({ title, value: bins.filter((of) => of === bin).length }))
}

interface SizeRow {
  readonly category: string
  readonly subcategory: string | null
  readonly owned: number
  readonly averageUsed: number | null
  readonly enough: number | null
  readonly mostUsed: number | null
  readonly spare: number | null
  readonly trackedShare: number
}

export function RightSize(): JSX.Element {
  const by = useEvidence()
  const { from, words: when } = usePeriod()
  const report = useReport<SizeRow>('right-size', { from, by })
  return (
    <Panel
      question="How many of each kind would be enough?"
      note={`In 95 % of ${when} no more than that were in use at once. Where few were tracked, the log is poor rather than the fleet large.`}
    >
      <Show
        query={report}
        lines={6}
        isEmpty={({ items }) => items.length === 0}
        empty="No equipment is in service here, so there is nothing to size."
      >
        {({ items }) => (
          <Table
            caption="Owned and enough, by kind"
            rows={items}
            rowKey={({ category, subcategory }) => `${category} ${subcategory ?? ''}`}
            limit={8}
            csv={report.csv}
            columns={[
              {
                key: 'kind',
                title: 'Kind',
                value: ({ category, subcategory }) => subcategory ?? words(category),
                show: ({ category, subcategory }) => (
                  <span class="asset">
                    {subcategory ?? words(category)}
                    {subcategory !== null && <small>{words(category)}</small>}
                  </span>
                ),
              },
              { key: 'owned', title: 'Owned', value: ({ owned }) => owned, isNumber: true },
              {
                key: 'enough',
                title: 'Enough',
                value: ({ enough }) => enough,
                show: ({ enough, owned }) => (
                  <Bar share={owned === 0 ? 0 : (enough ?? 0) / owned}>{enough ?? '–'}</Bar>
                ),
              },
              { key: 'spare', title: 'Spare', value: ({ spare }) => spare, isNumber: true },
              {
                key: 'tracked',
                title: 'Tracked',
                value: ({ trackedShare }) => trackedShare,
                show: ({ trackedShare }) => `${number(100 * trackedShare)} %`,
                isNumber: true,
              },
            ]}
          />
        )}
      </Show>
    </Panel>
  )
}
