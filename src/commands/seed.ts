/**
 * `rtls-ingest seed`: the guide's rows and the demo hospital, into the configured or the embedded database. Migrates it first.
 */
import { type ConfigSources, loadConfig } from '../config.ts'
import { migrate } from '../db/migrate.ts'
import { type SeedOptions, seedDatabase } from '../seed/seed.ts'
import { simulateDefaults } from '../simulate/options.ts'
import { withDatabase } from './database.ts'

export async function seedCommand(sources: ConfigSources, options: Partial<SeedOptions>): Promise<void> {
  const config = loadConfig(sources)
  await withDatabase(config, async (database) => {
    await migrate(database.url)
    const { inserted } = await seedDatabase(database.url, {
      facility: options.facility ?? simulateDefaults.facility,
      tags: options.tags ?? config.simulate.tags,
    })
    for (const [table, rows] of inserted)
      process.stdout.write(`${String(rows).padStart(7)}  ${table.replaceAll('_', ' ')}\n`)
    const total = [...inserted.values()].reduce((sum, rows) => sum + rows, 0)
    process.stdout.write(
      total === 0
        ? `${database.name}: everything was there already.\n`
        : `Seed data created successfully in ${database.name}: ${total} rows.\n`,
    )
  })
}
