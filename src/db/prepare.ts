/**
 * What the database needs before the first ping: the schema, and the chunks of the coming days.
 * Waits for a database that is away, says so, and tries again; throws only what an operator must mend.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from '../ops/logger.ts'
import { UserError } from '../ops/user-error.ts'
import { createChunksAhead } from './chunks.ts'
import { type Judgement, judge } from './failure.ts'
import { migrate } from './migrate.ts'
import type { Pool } from './pool.ts'

export interface PrepareEvents {
  databaseAnswers(): void
  databaseFailed(judgement: Judgement, attempt: number): void
}

const retryMs = 1000
/** The next interval's chunk; looked at often enough that a night without us is the worst case. */
const chunksAheadIntervals = 1
const chunksAheadEveryMs = 3_600_000

/** Errors: UserError for what an operator must mend; the abort of `signal`. */
export async function prepareDatabase(
  url: string,
  log: Logger,
  events: PrepareEvents,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted()
    try {
      await migrate(url, (name) => log.info({ migration: name }, 'applied'), undefined, signal)
      events.databaseAnswers()
      return
    } catch (error) {
      if (error instanceof UserError || signal.aborted) throw error
      events.databaseFailed(judge(error, 'before-commit'), attempt)
      await wait(retryMs, undefined, { signal })
    }
  }
}

/** Makes the chunks of the coming days, now and every hour. A convenience: without it the first COPY of a day makes the chunk. */
export async function openChunkPreparation(pool: Pool, log: Logger): Promise<{ close(): void }> {
  const prepare = async (): Promise<void> => {
    try {
      const created = await createChunksAhead(pool, chunksAheadIntervals)
      if (created > 0) log.debug({ created }, 'chunks created ahead')
    } catch (error) {
      log.warn({ err: error }, 'chunks could not be created ahead of time')
    }
  }
  await prepare()
  const timer = setInterval(() => void prepare(), chunksAheadEveryMs)
  return { close: () => clearInterval(timer) }
}
