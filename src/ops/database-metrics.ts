/**
 * The database's own health as metrics: its background jobs, its chunks, its rollups. Read at scrape time from the last look
 * of db/watch.ts; nothing is asked of the database by a scrape. Labels: the names of jobs and rollups, as many as there are.
 */
import { Counter, Gauge, type Registry } from 'prom-client'
import type { DatabaseStatistics } from '../db/statistics.ts'

/** `statistics` is undefined until the database has answered: the metrics are then without values. */
export function addDatabaseMetrics(
  registry: Registry,
  statistics: () => DatabaseStatistics | undefined,
): void {
  const registers = [registry]
  new Counter({
    name: 'rtls_job_failures_total',
    help: "Failed runs of the database's background jobs",
    labelNames: ['job'],
    registers,
    collect() {
      this.reset()
      for (const { job, failures } of statistics()?.jobs ?? []) this.inc({ job }, failures)
    },
  })
  const labelled = (
    name: string,
    help: string,
    label: string,
    read: (statistics: DatabaseStatistics) => readonly (readonly [string, number])[],
  ): void => {
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset()
        const now = statistics()
        if (now === undefined) return
        for (const [value, number] of read(now)) this.labels(value).set(number)
      },
    })
  }
  labelled(
    'rtls_job_last_success_seconds',
    'Unix time of the last successful run of a background job',
    'job',
    (s) =>
      s.jobs.flatMap(({ job, lastSuccessS }) =>
        lastSuccessS === null ? [] : [[job, lastSuccessS] as const],
      ),
  )
  labelled('rtls_chunks', 'Chunks of location_history, by state', 'state', (s) => Object.entries(s.chunks))
  labelled(
    'rtls_rollup_lag_seconds',
    'Seconds of data at the end of a rollup that are not materialised yet',
    'rollup',
    (s) => s.rollups.map(({ rollup, lagS }) => [rollup, lagS] as const),
  )
}
