/**
 * When the service simulates a hospital, the database knows that hospital: names instead of MAC addresses for a newcomer.
 * A convenience: when it fails, that is a warning, and pings are taken all the same.
 */
import type { Config } from '../config-schema.ts'
import type { Logger } from '../ops/logger.ts'
import { isSeeded, seedDatabase } from './seed.ts'

/** Assets beyond this many are not made by themselves: whoever simulates a city runs `rtls-ingest seed`. */
const mostTags = 5000

/** auto: only the embedded database, where demo assets mix with nothing real. */
export const seedsDemo = (config: Config): boolean =>
  config.simulate.seedDatabase === 'on' ||
  (config.simulate.seedDatabase === 'auto' && config.database.url === null)

/** Never rejects. */
export async function seedDemo(url: string, facility: string, tags: number, log: Logger): Promise<void> {
  const startedMs = performance.now()
  try {
    const options = { facility, tags: Math.min(tags, mostTags) }
    if (await isSeeded(url, options)) return
    const { inserted } = await seedDatabase(url, options)
    log.info(
      { assets: inserted.get('assets') ?? 0, ms: Math.round(performance.now() - startedMs) },
      'demo hospital seeded',
    )
  } catch (error) {
    log.warn({ err: error }, 'the demo hospital could not be seeded; tags have no names')
  }
}
