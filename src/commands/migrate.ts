/**
 * `rtls-ingest migrate [--check]`: the schema, without the service. Works on the embedded database too.
 */
import { type ConfigSources, loadConfig, redactUrl } from '../config.ts'
import { judge } from '../db/failure.ts'
import { migrate, planMigrations } from '../db/migrate.ts'
import { openEmbeddedDatabase } from '../embedded/database.ts'
import { UserError } from '../ops/user-error.ts'

export async function migrateCommand(sources: ConfigSources, isCheck: boolean): Promise<void> {
  const config = loadConfig(sources)
  const embedded =
    config.database.url === null
      ? await openEmbeddedDatabase({
          ...config.database,
          onCrash(error) {
            throw error
          },
        })
      : undefined
  const url = config.database.url ?? embedded?.url ?? ''
  const where =
    embedded === undefined ? redactUrl(url) : `the embedded database in ${config.database.dataDir}`
  try {
    if (isCheck) await checkOnly(url, where)
    else {
      const names = await migrate(url, (name) => process.stdout.write(`applied  ${name}\n`))
      process.stdout.write(
        names.length === 0 ? `${where} is up to date.\n` : `${where}: ${names.length} applied.\n`,
      )
    }
  } catch (error) {
    if (error instanceof UserError) throw error
    const { because, message } = judge(error, 'before-commit')
    throw new UserError(`${where}: ${because}: ${message}`, 1, { cause: error })
  } finally {
    await embedded?.close()
  }
}

async function checkOnly(url: string, where: string): Promise<void> {
  const { pending, unknown } = await planMigrations(url)
  for (const { file } of pending) process.stdout.write(`pending  ${file.name}\n`)
  for (const name of unknown) process.stdout.write(`unknown  ${name} (applied by a newer version)\n`)
  if (pending.length > 0) throw new UserError(`${where}: ${pending.length} pending. Run: rtls-ingest migrate`)
  process.stdout.write(`${where} is up to date.\n`)
}
