/**
 * Runs the database's own jobs (rollup refresh, compression, retention) where nobody else does: the embedded TimescaleDB
 * has no background workers. On a server they are left to the server.
 * Owns the schedule of one process: when each job runs first, and then every schedule_interval after the end of its last run.
 */
import { repeat } from '../ops/repeat.ts'
import type { Pool } from './pool.ts'

export interface JobEvents {
  onSuccess(job: string): void
  onFailure(job: string, error: unknown): void
}

interface Job {
  readonly id: number
  readonly name: string
  readonly intervalMs: number
}

const listSql = `
  SELECT job_id AS id, extract(epoch FROM schedule_interval)::float8 * 1000 AS "intervalMs",
         proc_name || coalesce(':' || hypertable_name, '') AS name
  FROM timescaledb_information.jobs
  WHERE scheduled AND proc_name <> 'policy_telemetry'
  ORDER BY job_id`

/** How often the list is read again and due jobs are looked for. */
const tickMs = 5000
/**
 * What runs often starts a little after us: the first pings should not wait for it. What runs once a day (retention,
 * compression) waits its own interval: somebody who tries an old trace should find it, not see it dropped ten seconds later.
 */
const soonMs = 10_000
const oftenMs = 3_600_000
const firstRunAfterMs = ({ intervalMs }: Job): number => (intervalMs <= oftenMs ? soonMs : intervalMs)

/** Starts the loop; `close` waits for a job under way. */
export function openJobRunner(pool: Pool, events: JobEvents): { close(): Promise<void> } {
  const dueAtMs = new Map<number, number>()
  const closing = new AbortController()

  // Not the time of day: a clock set back must not put off the jobs.
  const startedAtMs = performance.now()
  const isClosing = (): boolean => closing.signal.aborted

  const runDue = async (): Promise<void> => {
    const jobs = await pool.use(async (client) => (await client.query<Job>(listSql)).rows, closing.signal)
    for (const job of jobs) {
      if (isClosing()) return
      if ((dueAtMs.get(job.id) ?? startedAtMs + firstRunAfterMs(job)) > performance.now()) continue
      try {
        await pool.use(async (client) => client.query(`CALL run_job(${job.id})`), closing.signal)
        events.onSuccess(job.name)
      } catch (error) {
        if (isClosing()) return
        events.onFailure(job.name, error)
      }
      dueAtMs.set(job.id, performance.now() + job.intervalMs)
    }
  }

  // The database being away is the writer's to report; here it only means later.
  const loop = repeat(async () => runDue().catch(() => undefined), tickMs, closing.signal)

  return {
    async close() {
      closing.abort()
      await loop
    },
  }
}
