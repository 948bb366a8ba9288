/**
 * The hospital that `run` plays where nobody else publishes: the simulator's traffic, and a database that knows the building,
 * so that a newcomer sees names instead of MAC addresses.
 * The seed is a convenience: it runs beside the first pings, and when it fails that is a warning.
 */
import type { Config } from '../config-schema.ts'
import type { Logger } from '../ops/logger.ts'
import { type SimulateOptions, simulateDefaults } from '../simulate/options.ts'
import { openSimulation } from '../simulate/simulate.ts'
import { type SeedOptions, isSeeded, seedDatabase } from './seed.ts'

/** Assets beyond this many are not made by themselves: whoever simulates a city runs `rtls-ingest seed`. */
const mostTags = 5000

export function openDemo(
  config: Config,
  mqttUrl: string,
  databaseUrl: string,
  log: Logger,
): { close(): Promise<void> } {
  const options = { ...simulateDefaults, ...config.simulate, ...credentialsIn(config.mqtt), url: mqttUrl }
  const { facility, tags } = options
  const seeding = seedsDemo(config)
    ? seed(databaseUrl, { facility, tags: Math.min(tags, mostTags) }, log)
    : undefined
  const simulation = openSimulation(options, (event, detail) =>
    log.debug(detail ?? {}, `simulation: ${event}`),
  )
  return {
    async close() {
      await Promise.all([simulation.stop(), seeding])
    },
  }
}

/** What is not set, the simulator does without. */
function credentialsIn({
  username,
  password,
  caFile,
  certFile,
  keyFile,
}: Config['mqtt']): Partial<SimulateOptions> {
  const all = { username, password, caFile, certFile, keyFile }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null))
}

/** auto: only the embedded database, where demo assets mix with nothing real. */
const seedsDemo = (config: Config): boolean =>
  config.simulate.seedDatabase === 'on' ||
  (config.simulate.seedDatabase === 'auto' && config.database.url === null)

/** Never rejects. */
async function seed(url: string, options: SeedOptions, log: Logger): Promise<void> {
  const startedMs = performance.now()
  try {
    if (await isSeeded(url, options)) return
    const { inserted } = await seedDatabase(url, options)
    log.info(
      { assets: inserted.get('assets') ?? 0, ms: Math.round(performance.now() - startedMs) },
      'demo hospital seeded',
    )
  } catch (error) {
    log.warn({ err: error }, 'the demo hospital could not be seeded; its tags have no names')
  }
}
