/**
 * What the database needs before the first ping: the schema, and the chunks of the coming days.
 * Waits for a database that is away, and for migrations that another is to run, says so, and tries again; throws only what an
 * operator must mend.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from '../ops/logger.ts'
import { UserError } from '../ops/user-error.ts'
import { createChunksAhead } from './chunks.ts'
import { type Judgement, judge } from './failure.ts'
import { migrate, planMigrations } from './migrate.ts'
import { IncompatibleSchemaError } from './migration-plan.ts'
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
  { url, mayMigrate }: { url: string; mayMigrate: boolean },
  log: Logger,
  events: PrepareEvents,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted()
    try {
      if (mayMigrate) await migrateAndSay(url, log, signal)
      else await lookAtSchema(url, log)
      events.databaseAnswers()
      return
    } catch (error) {
      if (signal.aborted || isForOperator(error, mayMigrate)) throw error
      events.databaseFailed(
        error instanceof UserError ? schemaIsAwaited(error) : judge(error, 'before-commit'),
        attempt,
      )
      await wait(retryMs, undefined, { signal })
    }
  }
}

async function migrateAndSay(url: string, log: Logger, signal: AbortSignal): Promise<void> {
  const onWaiting = (name: string): void =>
    log.warn(
      { migration: name },
      'another session holds a table that the migration changes; trying again (pg_stat_activity shows who: the oldest xact_start)',
    )
  const onApplied = (name: string): void => log.info({ migration: name }, 'applied')
  await migrate(url, { onApplied, onWaiting }, undefined, signal)
}

/** Where somebody else migrates: is it done? Throws UserError where it is not. */
async function lookAtSchema(url: string, log: Logger): Promise<void> {
  try {
    const { pending } = await planMigrations(url)
    const migrations = pending.filter(({ isRepeatable }) => !isRepeatable)
    if (migrations.length > 0)
      throw new UserError(
        `${migrations.length} migrations are pending and database.migrate is false. Run: rtls-ingest migrate`,
      )
  } catch (error) {
    if (error instanceof UserError || judge(error, 'before-commit').code !== '42501') throw error
    log.warn(
      'this user may not read rtls_schema_migrations: whether the schema is that of this version is not known',
    )
  }
}

/** What is wrong with a schema that somebody else makes, he may mend while we wait; a newer one does not get older. */
const isForOperator = (error: unknown, mayMigrate: boolean): boolean =>
  error instanceof IncompatibleSchemaError || (mayMigrate && error instanceof UserError)

const schemaIsAwaited = ({ message }: UserError): Judgement => ({
  verdict: 'fatal',
  because: 'the schema is not there yet',
  code: null,
  isUnknown: false,
  line: undefined,
  isFromServer: true,
  message,
})

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
