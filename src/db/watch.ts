/**
 * Looks at the database every few seconds: does it answer, and how are its jobs, chunks and rollups?
 * Keeps the last answer for the metrics; never throws.
 */
import { type Judgement, judge } from './failure.ts'
import type { Pool } from './pool.ts'
import { type DatabaseStatistics, readStatistics } from './statistics.ts'

export interface WatchEvents {
  databaseAnswers(): void
  databaseFailed(judgement: Judgement, attempt: number): void
  /** Failures of jobs run by ourselves are not in the catalogue. */
  ownJobs(): DatabaseStatistics['jobs']
}

export interface DatabaseWatch {
  statistics(): DatabaseStatistics | undefined
  close(): Promise<void>
}

const everyMs = 5000

export function openDatabaseWatch(pool: Pool, events: WatchEvents): DatabaseWatch {
  let last: DatabaseStatistics | undefined
  let attempt = 0
  const closing = new AbortController()
  let isReading = false
  let reading: Promise<void> = Promise.resolve()

  const read = async (): Promise<void> => {
    try {
      await pool.use(async (client) => client.query('SELECT 1'), closing.signal)
      attempt = 0
      events.databaseAnswers()
    } catch (error) {
      if (closing.signal.aborted) return
      attempt += 1
      events.databaseFailed(judge(error, 'before-commit'), attempt)
      return
    }
    try {
      const statistics = await readStatistics(pool, closing.signal)
      const own = new Map(events.ownJobs().map((job) => [job.job, job]))
      last = { ...statistics, jobs: statistics.jobs.map((job) => own.get(job.job) ?? job) }
    } catch {
      // A role without the right to read the catalogue still ingests: the metrics are missing, nothing else.
      last = undefined
    }
  }
  const tick = (): void => {
    if (isReading) return
    isReading = true
    reading = read().finally(() => {
      isReading = false
    })
  }
  tick()
  const timer = setInterval(tick, everyMs)

  return {
    statistics: () => last,
    async close() {
      clearInterval(timer)
      closing.abort()
      await reading
    },
  }
}
