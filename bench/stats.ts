/** Numbers about numbers: summaries of repetitions, quantiles of samples and of Prometheus histograms. Pure. */

export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
}

export function summarize(values: readonly number[]): Summary {
  if (values.length === 0) throw new RangeError('nothing to summarize')
  return { median: quantile(values, 0.5), min: Math.min(...values), max: Math.max(...values) }
}

/** Linear between the two nearest samples; `share` from 0 to 1. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * share
  const low = sorted[Math.floor(place)]
  const high = sorted[Math.ceil(place)]
  if (low === undefined || high === undefined) throw new RangeError('no samples')
  return low + (high - low) * (place - Math.floor(place))
}

/** One bucket of a Prometheus histogram: cumulative, `bound` may be Infinity. */
export interface Bucket {
  readonly bound: number
  readonly count: number
}

/** What was observed between two scrapes of one histogram. */
export function bucketsBetween(before: readonly Bucket[], after: readonly Bucket[]): Bucket[] {
  return after.map(({ bound, count }) => ({
    bound,
    count: count - (before.find((bucket) => bucket.bound === bound)?.count ?? 0),
  }))
}

/** As Prometheus' histogram_quantile: linear within the bucket, the last finite bound for what lies above it. */
export function histogramQuantile(buckets: readonly Bucket[], share: number): number {
  const total = buckets.at(-1)?.count ?? 0
  if (total === 0) return Number.NaN
  const wanted = total * share
  let lowerBound = 0
  let lowerCount = 0
  for (const { bound, count } of buckets) {
    if (count >= wanted) {
      if (bound === Infinity) return lowerBound
      return lowerBound + ((bound - lowerBound) * (wanted - lowerCount)) / Math.max(1, count - lowerCount)
    }
    lowerBound = bound
    lowerCount = count
  }
  return lowerBound
}
