/** The text of /metrics as numbers: just what our own service writes. */
export interface Scrape {
  /** 0 where there is no such sample. */
  value(sample: string): number
  /** Of all label values together. */
  sum(name: string): number
  /** Label value → number, of a metric with one label. */
  byLabel(name: string): readonly (readonly [string, number])[]
  /** The labels of the one sample of an info metric. */
  labels(name: string): ReadonlyMap<string, string> | undefined
}

export function parseScrape(text: string): Scrape {
  const samples = new Map<string, number>()
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const at = line.lastIndexOf(' ')
    samples.set(line.slice(0, at), Number(line.slice(at + 1)))
  }
  const of = (name: string): [string, number][] =>
    [...samples].filter(([sample]) => sample === name || sample.startsWith(`${name}{`))
  const labelsOf = (sample: string): [string, string][] =>
    Array.from(sample.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/gu), ([, label = '', value = '']) => [label, value])
  return {
    value: (sample) => samples.get(sample) ?? 0,
    sum: (name) => of(name).reduce((total, [, value]) => total + value, 0),
    byLabel: (name) => of(name).map(([sample, value]) => [labelsOf(sample)[0]?.[1] ?? '', value]),
    labels(name) {
      const [sample] = of(name)[0] ?? []
      return sample === undefined ? undefined : new Map(labelsOf(sample))
    },
  }
}
