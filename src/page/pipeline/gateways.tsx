/** How the gateways are, and where assets vanish between them. */
import type { JSX } from 'preact'
import { useReport } from '../numbers/report.ts'
import { Bar, Pill, type Tone } from '../parts/marks.tsx'
import { Panel } from '../parts/panel.tsx'
import { Show } from '../parts/states.tsx'
import { Table } from '../parts/table.tsx'
import { usePlace } from '../shell/place.ts'
import { number, span } from '../shell/time.ts'

interface GatewayRow {
  readonly gatewayId: string
  readonly status: 'SILENT' | 'CLOCK' | 'LATE' | 'WEAK' | 'OK'
  readonly lastSeenAt: string
  readonly silentS: number
  readonly pingsAMinute: number
  readonly usualPingsAMinute: number
  readonly heardShare: number
  readonly clockSkewS: number | null
  readonly latenessS: number | null
  readonly lateShare: number | null
}

const states: Readonly<Record<GatewayRow['status'], readonly [Tone, string]>> = {
  SILENT: ['bad', 'silent'],
  CLOCK: ['bad', 'wrong clock'],
  LATE: ['warn', 'late'],
  WEAK: ['warn', 'weaker than usual'],
  OK: ['good', 'fine'],
}

export function Gateways(): JSX.Element {
  const report = useReport<GatewayRow>('gateways', {}, 30_000)
  const { clock } = usePlace()
  return (
    <Panel
      isWide
      question="Which gateways are silent, weak, late, or have a wrong clock?"
      note="Of the last hour, against their last week. What is not fine stands on top."
    >
      <Show
        query={report}
        lines={8}
        isEmpty={({ items }) => items.length === 0}
        empty="No gateway was heard of in the last 7 days. Let one publish to the broker; the addresses are in the service's first lines."
      >
        {({ items }) => (
          <Table
            caption="Gateways"
            rows={items}
            rowKey={({ gatewayId }) => gatewayId}
            limit={15}
            csv={report.csv}
            columns={[
              {
                key: 'gateway',
                title: 'Gateway',
                value: ({ gatewayId }) => gatewayId,
                show: ({ gatewayId }) => <code>{gatewayId}</code>,
              },
              {
                key: 'state',
                title: 'State',
                value: ({ status }) => Object.keys(states).indexOf(status),
                show: ({ status }) => <Pill tone={states[status][0]}>{states[status][1]}</Pill>,
              },
              {
                key: 'seen',
                title: 'Last seen',
                value: ({ silentS }) => silentS,
                show: ({ silentS, lastSeenAt }) => (
                  <span title={clock.dateTime(Date.parse(lastSeenAt))}>{span(silentS)} ago</span>
                ),
                isNumber: true,
              },
              {
                key: 'rate',
                title: 'Pings a minute',
                value: ({ pingsAMinute }) => pingsAMinute,
                show: ({ pingsAMinute, usualPingsAMinute }) => (
                  <Bar share={usualPingsAMinute === 0 ? 0 : pingsAMinute / usualPingsAMinute}>
                    {number(pingsAMinute, 1)} <small>usually {number(usualPingsAMinute, 1)}</small>
                  </Bar>
                ),
              },
              {
                key: 'clock',
                title: 'Clock',
                value: ({ clockSkewS }) => (clockSkewS === null ? null : Math.abs(clockSkewS)),
                show: ({ clockSkewS }) => skewWords(clockSkewS),
              },
              {
                key: 'late',
                title: 'On the way',
                value: ({ latenessS }) => latenessS,
                show: ({ latenessS }) =>
                  latenessS === null ? '–' : `${number(latenessS, latenessS < 10 ? 1 : 0)} s`,
                isNumber: true,
              },
            ]}
          />
        )}
      </Show>
    </Panel>
  )
}

function skewWords(skewS: number | null): string {
  if (skewS === null) return 'not told'
  if (skewS < -1) return `${span(-skewS)} ahead`
  return skewS > 60 ? `${span(skewS)} behind, or emptied a buffer` : 'right'
}

interface HoleRow {
  readonly roomId: string | null
  readonly roomName: string | null
  readonly silences: number
  readonly assets: number
  readonly longestS: number
  readonly elsewhereShare: number
}

export function Coverage(): JSX.Element {
  const report = useReport<HoleRow>('coverage', {}, 300_000)
  return (
    <Panel
      question="In which rooms do assets vanish, to be heard again elsewhere?"
      note="Silences of more than half an hour in the last 24 hours. A tag that sleeps wakes where it slept; one that was carried through a hole does not."
    >
      <Show
        query={report}
        lines={5}
        isEmpty={({ items }) => items.length === 0}
        empty="None: no tag was silent for half an hour and heard again."
      >
        {({ items }) => (
          <Table
            caption="Holes in the coverage"
            rows={items}
            rowKey={({ roomId }) => roomId ?? ''}
            limit={8}
            csv={report.csv}
            columns={[
              {
                key: 'room',
                title: 'Room',
                value: ({ roomName, roomId }) => roomName ?? roomId ?? 'outside all rooms',
              },
              { key: 'silences', title: 'Silences', value: ({ silences }) => silences, isNumber: true },
              {
                key: 'elsewhere',
                title: 'Heard elsewhere after',
                value: ({ elsewhereShare }) => elsewhereShare,
                show: ({ elsewhereShare }) => (
                  <Bar share={elsewhereShare}>{number(100 * elsewhereShare)} %</Bar>
                ),
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
        )}
      </Show>
    </Panel>
  )
}
