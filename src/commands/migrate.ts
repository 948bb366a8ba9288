/**
 * `rtls-ingest migrate [--check]`: the schema, without the service. Works on the embedded database too.
 */
import { type ConfigSources, loadConfig } from '../config.ts'
import { migrate, planMigrations } from '../db/migrate.ts'
import { UserError } from '../ops/user-error.ts'
import { type CommandDatabase, withDatabase } from './database.ts'

export async function migrateCommand(sources: ConfigSources, isCheck: boolean): Promise<void> {
  await withDatabase(loadConfig(sources), async (database) => {
    if (isCheck) return checkOnly(database)
    const names = await migrate(database.url, {
      onApplied: (name) => process.stdout.write(`applied  ${name}\n`),
      onWaiting: (name) =>
        process.stdout.write(
          `waiting  ${name}: another session holds a table that it changes (pg_stat_activity, oldest xact_start)\n`,
        ),
    })
    process.stdout.write(
      names.length === 0
        ? `${database.name} is up to date.\n`
        : `${database.name}: ${names.length} applied.\n`,
    )
  })
}

async function checkOnly({ url, name }: CommandDatabase): Promise<void> {
  const { pending, unknown, isNewer } = await planMigrations(url)
  for (const { file } of pending) process.stdout.write(`pending  ${file.name}\n`)
  for (const newer of unknown) process.stdout.write(`unknown  ${newer} (applied by a newer version)\n`)
  if (pending.length > 0) throw new UserError(`${name}: ${pending.length} pending. Run: rtls-ingest migrate`)
  process.stdout.write(
    isNewer
      ? `${name} has the schema of a newer version, which this one works with; nothing is pending.\n`
      : `${name} is up to date.\n`,
  )
}
