/** What a simulation did, in numbers and as text for a person. */

export interface SimulateReport {
  seed: number
  /** Sent at least once; sent again after a lost connection they count once. */
  messages: number
  /** Everything, as the ingester counts received: `unique + duplicates + bad`. */
  pings: number
  /** Good pings that are rows: the size `location_history` grows by. */
  unique: number
  /** Good pings published a second time. */
  duplicates: number
  /** Pings the dead letter gets. */
  bad: number
  /** Of the unique ones: older than two minutes when sent. */
  late: number
  /** Messages. */
  acked: number
  /** Messages; not 0 at the end means that the database may lack some of the pings above. */
  unacked: number
  /** From the first connection to the last ack. */
  seconds: number
  /** Over the unique pings; `digest.ts` defines it and gives the SQL. Empty for vendors' formats. */
  digest: string
}

/** Aligned lines, one a number, no line break at the end. */
export function formatReport(report: SimulateReport): string {
  const perSecond = (count: number): string => whole(report.seconds > 0 ? count / report.seconds : 0)
  const share = (count: number): string =>
    `${(report.pings > 0 ? (100 * count) / report.pings : 0).toFixed(2)} %`
  const rows: readonly (readonly [string, string, string])[] = [
    ['messages', whole(report.messages), `${perSecond(report.messages)} /s`],
    ['acked', whole(report.acked), report.unacked === 0 ? 'all' : `${whole(report.unacked)} missing`],
    ['pings', whole(report.pings), `${perSecond(report.pings)} /s`],
    ['unique', whole(report.unique), share(report.unique)],
    ['duplicates', whole(report.duplicates), share(report.duplicates)],
    ['bad', whole(report.bad), share(report.bad)],
    ['late', whole(report.late), `${share(report.late)}, among the unique`],
    ['seconds', report.seconds.toFixed(1), ''],
    ['seed', String(report.seed), ''],
    ...(report.digest === '' ? [] : [['digest', report.digest, ''] as const]),
  ]
  const width = Math.max(...rows.map(([, value]) => value.length))
  return rows
    .map(([name, value, note]) => `${name.padEnd(12)}${value.padStart(width)}  ${note}`.trimEnd())
    .join('\n')
}

function whole(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',')
}
