/** Whether everything that was sent is stored, and how fast: the figures of the process that serves this page. */
import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { type Loaded } from '../api/use-query.ts'
import { Bar, Parts, Pill, type Tone } from '../parts/marks.tsx'
import { Panel } from '../parts/panel.tsx'
import { Plot } from '../parts/plot.tsx'
import { Show } from '../parts/states.tsx'
import { usePlace } from '../shell/place.ts'
import { number } from '../shell/time.ts'
import { type Status } from './data.ts'

const milliseconds = (s: number): string => (s < 1 ? `${Math.round(s * 1000)} ms` : `${s.toFixed(1)} s`)
const megabytes = (bytes: number): string => `${number(bytes / 1_048_576, bytes < 10_485_760 ? 1 : 0)} MB`

export function State({ query }: { readonly query: Loaded<Status> }): JSX.Element {
  return (
    <Panel isWide question="Is everything that is sent stored?">
      <Show query={query} lines={4}>
        {(status) => (
          <>
            <p class={status.state === 'ready' ? 'verdict good' : 'verdict bad'} role="status">
              {verdict(status)}
            </p>
            {status.problems.length > 0 && (
              <ul class="problems">
                {status.problems.map(({ component, problem }) => (
                  <li key={component}>
                    <strong>{component}</strong> {problem}
                  </li>
                ))}
              </ul>
            )}
            <Figures status={status} />
          </>
        )}
      </Show>
    </Panel>
  )
}

function verdict({ state, waiting, rates }: Status): string {
  if (state !== 'ready')
    return 'Not now. What is not stored is not acknowledged: gateways and broker keep it until this is mended.'
  const many = waiting.buffered + waiting.inFlight + waiting.spooled
  if (waiting.isHeld) return 'Yes, with a delay: memory is full, and the broker waits until there is room.'
  if (rates.receivedPerS === 0 && many === 0) return 'Yes. Nothing is being sent at the moment.'
  return many > 50 * Math.max(1, rates.committedPerS)
    ? `Yes, with a delay: ${number(many)} pings wait to be written.`
    : 'Yes: pings are stored as they come.'
}

function Figures({ status }: { readonly status: Status }): JSX.Element {
  const { rates, lag, waiting, spool, totals, broker, database } = status
  const figures: readonly (readonly [string, string, string?])[] = [
    ['stored a second', number(rates.committedPerS), 'pings'],
    ['lag, half within', lag === null ? '–' : milliseconds(lag.p50S)],
    ['lag, 99 % within', lag === null ? '–' : milliseconds(lag.p99S)],
    [
      'not acknowledged',
      number(waiting.unackedMessages),
      waiting.unackedMessages === 1 ? 'message' : 'messages',
    ],
    ['duplicates', number(totals.duplicates)],
    ['dead letters', number(totals.deadLettered)],
  ]
  return (
    <>
      <dl class="figures">
        {figures.map(([title, value, unit]) => (
          <div key={title}>
            <dt>{title}</dt>
            <dd>
              {value} {unit !== undefined && <small>{unit}</small>}
            </dd>
          </div>
        ))}
      </dl>
      <p class="states">
        <Light isOn={broker.isConnected}>broker {broker.isConnected ? 'connected' : 'not connected'}</Light>
        <Light isOn={database.isUp}>database {database.isUp ? 'answers' : 'does not answer'}</Light>
        {spool !== null && (
          <span class="spool">
            spool
            <Bar
              share={spool.bytes / spool.maxBytes}
              tone={spool.bytes > 0.8 * spool.maxBytes ? 'bad' : 'plain'}
            >
              {megabytes(spool.bytes)} of {megabytes(spool.maxBytes)}
            </Bar>
          </span>
        )}
        {totals.qos0Messages > 0 && (
          <Pill tone="warn">
            {number(totals.qos0Messages)} messages with QoS 0: what is lost on the way is lost
          </Pill>
        )}
        {broker.sessionsLost > 0 && (
          <Pill tone="bad">the broker lost our queue {broker.sessionsLost} times</Pill>
        )}
      </p>
    </>
  )
}

function Light({ isOn, children }: { readonly isOn: boolean; readonly children: unknown }): JSX.Element {
  const tone: Tone = isOn ? 'good' : 'bad'
  return <Pill tone={tone}>{children as JSX.Element}</Pill>
}

export function Rates({ query }: { readonly query: Loaded<Status> }): JSX.Element {
  return (
    <Panel
      question="How many pings come, and how many are stored?"
      note="Second by second of the last two minutes."
    >
      <Show
        query={query}
        lines={6}
        isEmpty={({ history }) => history.length === 0}
        empty="The service has only just started: in a second there is something to see."
      >
        {({ history }) => (
          <Plot
            label="Pings received and stored a second, over the last two minutes"
            x={history.map(({ at }) => Date.parse(at))}
            unit="pings/s"
            series={[
              {
                title: 'Received',
                values: history.map(({ receivedPerS }) => receivedPerS),
                colour: '--series-6',
              },
              {
                title: 'Stored',
                values: history.map(({ committedPerS }) => committedPerS),
                kind: 'area',
                colour: '--series-1',
              },
            ]}
          />
        )}
      </Show>
    </Panel>
  )
}

interface LagPoint {
  readonly atMs: number
  readonly p50: number | null
  readonly p99: number | null
}

/** Kept while the page is open: an hour of it at the most. */
const mostPoints = 1800

export function Lag({ query }: { readonly query: Loaded<Status> }): JSX.Element {
  const [points, setPoints] = useState<readonly LagPoint[]>([])
  const { data } = query
  useEffect(() => {
    if (data === undefined) return
    const ms = (s: number | undefined): number | null => (s === undefined ? null : s * 1000)
    const point = { atMs: Date.parse(data.at), p50: ms(data.lag?.p50S), p99: ms(data.lag?.p99S) }
    setPoints((last) => [...last.slice(-mostPoints), point])
  }, [data])
  return (
    <Panel
      question="How long from receipt to commit?"
      note="Of the messages of the last ten seconds, since this page was opened."
    >
      <Show
        query={query}
        lines={6}
        isEmpty={() => points.every(({ p99 }) => p99 === null)}
        empty="Nothing was committed since this page was opened."
      >
        {() => (
          <Plot
            label="Milliseconds from receipt to commit, the median and the 99th percentile"
            x={points.map(({ atMs }) => atMs)}
            unit="ms"
            series={[
              { title: 'Half within', values: points.map(({ p50 }) => p50) },
              { title: '99 % within', values: points.map(({ p99 }) => p99) },
            ]}
          />
        )}
      </Show>
    </Panel>
  )
}

export function WhereEveryPingIs({ query }: { readonly query: Loaded<Status> }): JSX.Element {
  const { clock } = usePlace()
  return (
    <Panel
      question="Where is every ping?"
      note={
        query.data === undefined
          ? undefined
          : `Received by this process since ${clock.dateTime(Date.parse(query.data.startedAt))} (version ${query.data.version}). Other replicas have their own.`
      }
    >
      <Show query={query} lines={4}>
        {({ totals, waiting }) => (
          <Parts
            label={`Where ${number(totals.received)} pings are`}
            parts={[
              { title: 'stored', value: totals.committed, text: number(totals.committed) },
              { title: 'dead letters', value: totals.deadLettered, text: number(totals.deadLettered) },
              { title: 'duplicates', value: totals.duplicates, text: number(totals.duplicates) },
              { title: 'waiting for a batch', value: waiting.buffered, text: number(waiting.buffered) },
              { title: 'being written', value: waiting.inFlight, text: number(waiting.inFlight) },
              { title: 'on the local disk', value: waiting.spooled, text: number(waiting.spooled) },
            ]}
          />
        )}
      </Show>
    </Panel>
  )
}
