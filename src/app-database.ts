/**
 * The part of the composition root between the service and its database: the embedded one where none is configured, the schema,
 * the pool, and what runs beside the data path: the watch, jobs, chunks of the coming days, the refresh of late days.
 */
import type { AppHooks } from './app.ts'
import type { Config } from './config-schema.ts'
import { openAnalyzer } from './db/analyze.ts'
import { openJobRunner } from './db/jobs.ts'
import { type Pool, createPool } from './db/pool.ts'
import { openChunkPreparation, prepareDatabase } from './db/prepare.ts'
import { openRollupRefresh } from './db/rollup-refresh.ts'
import { type RoomOutline, openRooms } from './db/rooms.ts'
import { type DatabaseWatch, openDatabaseWatch } from './db/watch.ts'
import { openEmbeddedDatabase } from './embedded/database.ts'
import { templateDir } from './embedded/template.ts'
import type { Closers } from './ops/closers.ts'
import type { Logger } from './ops/logger.ts'
import type { Reports } from './ops/reports.ts'
import { errorOf } from './ops/user-error.ts'

export interface AppDatabase {
  readonly url: string
  /** Undefined where the database is a server. */
  readonly embeddedPort: number | undefined
  readonly pool: Pool
  readonly watch: DatabaseWatch
}

/** What it opens is closed by `closers`. Errors: UserError for what the operator can mend. */
export async function openAppDatabase(
  config: Config,
  log: Logger,
  reports: Reports,
  hooks: AppHooks,
  signal: AbortSignal,
  closers: Closers,
): Promise<AppDatabase> {
  const embedded =
    config.database.url === null
      ? await openEmbeddedDatabase({
          ...config.database,
          templateDir: templateDir('migrated'),
          onCrash: (error) => hooks.onFatal(error),
          onReopen: (cause) =>
            log.warn({ err: cause }, 'the embedded database failed and was opened again; nothing is lost'),
        })
      : undefined
  if (embedded !== undefined) closers.add('embedded database', async () => embedded.close())
  const url = config.database.url ?? embedded?.url ?? ''

  const preparing = prepareDatabase({ url, mayMigrate: config.database.migrate }, log, reports, signal)
  // With a spool pings are taken while the database is away; without one there is nowhere to put them yet.
  if (config.ack.mode === 'commit') await preparing
  else
    preparing.catch((error: unknown) => {
      if (!signal.aborted) hooks.onFatal(errorOf(error))
    })
  const pool = createPool(
    {
      url,
      // Beside the hot lane: the late one, the spool's drain, the refresh of rollups, the watch, the jobs, /health/db,
      // and the replicas' table and their session.
      max: config.copy.concurrency + (config.mqtt.shareGroup === null ? 6 : 10),
      connectTimeoutMs: config.database.connectTimeoutMs,
      statementTimeoutMs: config.database.statementTimeoutMs,
    },
    (error) => log.debug({ err: error }, 'an idle database connection broke'),
  )
  closers.add('database pool', async () => pool.close())
  const watch = openDatabaseWatch(pool, reports)
  closers.add('database watch', async () => watch.close())
  return { url, embeddedPort: embedded?.port, pool, watch }
}

/** What runs beside the data path. */
export async function openHousekeeping(
  { pool, embeddedPort }: AppDatabase,
  log: Logger,
  reports: Reports,
  closers: Closers,
  onRooms: (outlines: readonly RoomOutline[]) => void,
): Promise<void> {
  if (embeddedPort !== undefined) {
    const jobs = openJobRunner(pool, reports)
    closers.add('job runner', async () => jobs.close())
    const analyzer = openAnalyzer(pool)
    closers.add('analyzer', async () => analyzer.close())
  }
  const chunks = await openChunkPreparation(pool, log)
  closers.add('chunk preparation', () => chunks.close())
  const refresher = openRollupRefresh(pool, reports)
  closers.add('rollup refresh', async () => refresher.close())
  const rooms = await openRooms(pool, log, onRooms)
  closers.add('rooms', async () => rooms.close())
}
