/**
 * What the last minutes were like: readings of the pipeline's account a second apart, and the lags of the messages between them.
 * The terminal's summary and /pipeline read the same. Counts nothing itself; costs an array of numbers and nothing to compute
 * while nobody asks.
 */
import type { PipelineReading } from '../ingest/reading.ts'

export interface RecentCounts {
  readonly atMs: number
  readonly messages: number
  readonly received: number
  readonly committed: number
}

export interface Rates {
  /** How much time it is the average of. */
  readonly windowS: number
  readonly messagesPerS: number
  readonly receivedPerS: number
  readonly committedPerS: number
}

export interface Recent {
  observeLag(seconds: number): void
  /** Of the last whole seconds, at most `windowS` of them. */
  rates(windowS: number): Rates
  lags(windowS: number): readonly number[]
  /** Second by second, the oldest first. */
  history(): readonly (Rates & { readonly atMs: number })[]
  close(): void
}

const tickMs = 1000
const keptSeconds = 120
/** Lags are kept for as long as percentiles are computed of. */
const lagSeconds = 10
/** Of one second: more do not change a percentile, and would cost memory at a million pings a second. */
const mostLags = 10_000

interface Second {
  readonly counts: RecentCounts
  lags: readonly number[]
}

export function openRecent(reading: () => PipelineReading | undefined): Recent {
  let open: number[] = []
  const read = (): RecentCounts => {
    const counts = reading()?.counts
    return {
      // Not the time of day: a clock set back must not make a rate.
      atMs: performance.now(),
      messages: counts?.messages ?? 0,
      received: counts?.received ?? 0,
      committed: counts?.committed ?? 0,
    }
  }
  /** The newest last; each with the lags of the second before it. */
  const seconds: Second[] = [{ counts: read(), lags: [] }]
  const timer = setInterval(() => {
    seconds.push({ counts: read(), lags: open })
    open = []
    if (seconds.length > keptSeconds + 1) seconds.shift()
    const old = seconds.at(-1 - lagSeconds)
    if (old !== undefined) old.lags = []
  }, tickMs)
  timer.unref()

  return {
    observeLag(lagS) {
      if (open.length < mostLags) open.push(lagS)
    },
    rates(windowS) {
      const last = seconds.at(-1)
      const first = seconds.at(-1 - windowS) ?? seconds[0]
      return ratesBetween(first?.counts, last?.counts)
    },
    lags: (windowS) => seconds.slice(-Math.min(windowS, lagSeconds)).flatMap(({ lags }) => lags),
    history() {
      const now = performance.now()
      return seconds.slice(1).map(({ counts }, index) =>
        Object.assign(ratesBetween(seconds[index]?.counts, counts), {
          atMs: Date.now() - (now - counts.atMs),
        }),
      )
    },
    close: () => clearInterval(timer),
  }
}

function ratesBetween(first: RecentCounts | undefined, last: RecentCounts | undefined): Rates {
  const seconds = first === undefined || last === undefined ? 0 : (last.atMs - first.atMs) / 1000
  const rate = (name: 'messages' | 'received' | 'committed'): number =>
    seconds <= 0 || first === undefined || last === undefined ? 0 : (last[name] - first[name]) / seconds
  return {
    windowS: seconds,
    messagesPerS: rate('messages'),
    receivedPerS: rate('received'),
    committedPerS: rate('committed'),
  }
}
