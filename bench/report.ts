/** The results of a bench: their shape on disk, their table for people. Pure. */
import type { Figures, Row } from './scenario.ts'
import { type Summary, summarize } from './stats.ts'

export interface ScenarioResult {
  readonly name: string
  readonly rows: readonly Row[]
  readonly repetitions: readonly Figures[]
  readonly summary: Readonly<Record<string, Summary>>
}

export interface Results {
  readonly date: string
  readonly machine: Readonly<Record<string, string | number>>
  readonly versions: Readonly<Record<string, string | boolean | undefined>>
  readonly broker: string
  readonly database: {
    readonly kind: string
    readonly versions: Readonly<Record<string, string>>
    readonly settings: Readonly<Record<string, string>>
  }
  readonly settings: Readonly<Record<string, string | number | boolean | undefined>>
  readonly seconds: number
  readonly scenarios: readonly ScenarioResult[]
}

export function summarizeScenario(
  name: string,
  rows: readonly Row[],
  repetitions: readonly Figures[],
): ScenarioResult {
  const figures = Object.keys(repetitions[0] ?? {})
  const summary = Object.fromEntries(
    figures.map((figure) => [figure, summarize(repetitions.map((values) => values[figure] ?? Number.NaN))]),
  )
  return { name, rows, repetitions, summary }
}

const text = (value: number, digits = 0): string =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })

const spread = ({ min, max }: Summary, digits = 0): string => `${text(min, digits)}–${text(max, digits)}`

const header = ['', 'median', 'min–max', 'against', 'median', 'min–max', 'ratio', 'min–max']
const isLeft = (column: number): boolean => column === 0 || column === 3

export function formatTable(results: readonly ScenarioResult[]): string {
  const lines = results.flatMap(({ rows, summary }) =>
    rows.map(({ label, figure, digits, against }) => [
      label,
      ...cells(summary[figure], digits),
      ...(against === undefined
        ? []
        : [against.label, ...cells(summary[against.figure]), ...cells(summary[against.ratio], 2)]),
    ]),
  )
  return formatColumns([header, ...lines])
}

const parties = ['service', 'database', 'broker', 'publisher', 'others']

/** Who kept the processors busy while pings were ingested, and what the reader must know of the figures. */
export function formatNotes(results: readonly ScenarioResult[]): string {
  const lines = results.map(({ name, summary }) => [
    name,
    ...parties.map((party) => text(summary[`${party}Cores`]?.median ?? Number.NaN, 2)),
  ])
  return [
    `Processors in use while ingesting (median):\n${formatColumns([['', ...parties], ...lines])}`,
    'others: not part of the measurement. More than a tenth of a processor there disturbs even the ratios.',
    ...warnings(results),
    'publish → commit: first publish to the first look at /metrics that saw the last commit; every run is checked by count(*).',
    'delivered → acknowledged: PUBLISH to PUBACK as seen by a relay between broker and service, every message.',
    'received → committed: rtls_commit_lag_seconds, linear within a bucket of the histogram.',
  ].join('\n')
}

const warnings = (results: readonly ScenarioResult[]): string[] =>
  results.flatMap(({ name, summary }) => {
    const most = summary['redeliveredPings']?.max ?? 0
    return most === 0
      ? []
      : [`WARNING ${name}: the service lost its session, the broker sent up to ${text(most)} pings again.`]
  })

const cells = (summary: Summary | undefined, digits?: number): string[] =>
  summary === undefined ? ['', ''] : [text(summary.median, digits), spread(summary, digits)]

/** Pads every column; the first row gets a rule under it. */
export function formatColumns(lines: readonly (readonly string[])[]): string {
  const count = Math.max(...lines.map((line) => line.length))
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  )
  const format = (line: readonly string[]): string =>
    widths
      .map((width, column) => {
        const cell = line[column] ?? ''
        return isLeft(column) ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')
      .trimEnd()
  const [first = [], ...rest] = lines
  return [format(first), widths.map((width) => '─'.repeat(width)).join('  '), ...rest.map(format)].join('\n')
}

export function describeSetting({ machine, versions, broker, database }: Results): string {
  const { cpu, cores, memoryGiB, loadBefore } = machine
  const { postgresql, timescaledb } = database.versions
  return [
    `${cores} × ${cpu}, ${memoryGiB} GiB, load ${loadBefore} before the bench`,
    `Node ${String(versions['node'])}, ${broker}, PostgreSQL ${postgresql}, TimescaleDB ${timescaledb} (${database.kind})`,
  ].join('\n')
}
