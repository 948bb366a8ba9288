// Runs once, before all test files: dist/ is brought up to date (the end-to-end tests run it), and with
// RTLS_TEST_CONTAINERS=1 the production database and broker are started in Docker, one of each for all files.
//
// Where Docker was asked for but is not there, the tests run as without it and test/unit/support-brokers.test.ts is
// reported as skipped with the reason.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { GenericContainer, Wait, getContainerRuntimeClient } from 'testcontainers'
import type { StartedTestContainer } from 'testcontainers'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  export interface ProvidedContext {
    /** A superuser's URL of the TimescaleDB container. */
    containerDatabaseUrl: string | undefined
    containerBrokerUrl: string | undefined
    /** False where the sources do not compile: what runs the built program must fail, the rest may run. */
    isDistCurrent: boolean
    /** Why there are no containers, or undefined where there are. */
    containersMissing: string | undefined
  }
}

// The same TimescaleDB as the embedded one (2.23), in its production form.
const DATABASE_IMAGE = 'timescale/timescaledb:2.23.1-pg17'
const BROKER_IMAGE = 'eclipse-mosquitto:2'
const BROKER_CONFIG = 'listener 1883\nallow_anonymous true\npersistence true\n'

export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  project.provide('isDistCurrent', buildDist(project.config.root))
  const missing = await whyNoContainers()
  project.provide('containersMissing', missing)
  if (missing !== undefined) {
    project.provide('containerDatabaseUrl', undefined)
    project.provide('containerBrokerUrl', undefined)
    return undefined
  }
  const [database, broker] = await Promise.all([startDatabase(), startBroker()])
  project.provide(
    'containerDatabaseUrl',
    `postgres://postgres:postgres@${addressOf(database, 5432)}/postgres`,
  )
  project.provide('containerBrokerUrl', `mqtt://${addressOf(broker, 1883)}`)
  return async () => {
    await Promise.all([database.stop(), broker.stop()])
  }
}

function buildDist(root: string): boolean {
  const script = path.join(root, 'scripts', 'setup.mjs')
  const stdio = ['ignore', 'inherit', 'inherit'] as const
  return spawnSync(process.execPath, [script, '--build-only'], { stdio: [...stdio] }).status === 0
}

async function whyNoContainers(): Promise<string | undefined> {
  if (process.env['RTLS_TEST_CONTAINERS'] !== '1') return 'RTLS_TEST_CONTAINERS=1 is not set'
  try {
    await getContainerRuntimeClient()
    return undefined
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return `RTLS_TEST_CONTAINERS=1 is set, but Docker does not answer: ${reason}`
  }
}

async function startDatabase(): Promise<StartedTestContainer> {
  return (
    new GenericContainer(DATABASE_IMAGE)
      .withEnvironment({ POSTGRES_PASSWORD: 'postgres', TIMESCALEDB_TELEMETRY: 'off' })
      .withExposedPorts(5432)
      // Twice: once for the server that initialises the data folder, once for the one that stays.
      .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
      .start()
  )
}

async function startBroker(): Promise<StartedTestContainer> {
  return new GenericContainer(BROKER_IMAGE)
    .withCopyContentToContainer([{ content: BROKER_CONFIG, target: '/mosquitto/config/mosquitto.conf' }])
    .withExposedPorts(1883)
    .withWaitStrategy(Wait.forListeningPorts())
    .start()
}

function addressOf(container: StartedTestContainer, port: number): string {
  return `${container.getHost()}:${container.getMappedPort(port)}`
}
