/**
 * The text of the live summary: rates and lag from two readings of the pipeline. Pure.
 */

export interface SummaryReading {
  readonly atMs: number
  readonly received: number
  readonly committed: number
  readonly duplicates: number
  readonly deadLettered: number
  readonly waiting: number
  /** Seconds from receipt to commit of recent messages. */
  readonly lags: readonly number[]
  readonly problems: readonly string[]
}

const bold = (text: string): string => `\u001B[1m${text}\u001B[0m`
const dim = (text: string): string => `\u001B[2m${text}\u001B[0m`
const red = (text: string): string => `\u001B[31m${text}\u001B[0m`
const green = (text: string): string => `\u001B[32m${text}\u001B[0m`

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

export function summaryLines(
  last: SummaryReading,
  now: SummaryReading,
  addresses: readonly (readonly [string, string])[],
): string[] {
  const seconds = Math.max(0.001, (now.atMs - last.atMs) / 1000)
  const rate = (now.committed - last.committed) / seconds
  const { p50S, p99S } = lagQuantiles(now.lags)
  const lag = now.lags.length === 0 ? 'lag –' : `lag p50 ${milliseconds(p50S)}, p99 ${milliseconds(p99S)}`
  const state = now.problems.length === 0 ? green('● ready') : red('● not ready')
  return [
    '',
    `${state}  ${bold(`${whole.format(rate)} pings/s`)}  ${lag}`,
    `  committed ${bold(whole.format(now.committed))}   duplicates ${whole.format(now.duplicates)}   dead letters ${whole.format(now.deadLettered)}   waiting ${whole.format(now.waiting)}`,
    ...now.problems.map((problem) => red(`  ${problem}`)),
    ...addresses.map(([what, address]) => `  ${dim(what.padEnd(10))}${address}`),
    dim('  Ctrl-C stops: what is buffered is written first.'),
  ]
}

/** 0 where there are none. */
export function lagQuantiles(lags: readonly number[]): { readonly p50S: number; readonly p99S: number } {
  const sorted = lags.toSorted((a, b) => a - b)
  return { p50S: quantile(sorted, 0.5), p99S: quantile(sorted, 0.99) }
}

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0

const milliseconds = (seconds: number): string =>
  seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`
