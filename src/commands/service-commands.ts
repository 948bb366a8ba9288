/** The commands of the service itself: run, migrate, check, seed. Loaded when they are called: help and mistakes are answered at once. */
import { Command } from 'commander'
import { configSchema } from '../config-schema.ts'
import { simulateDefaults } from '../simulate/options.ts'
import { type ConfigFlags, sourcesOf, topicLevel, whole, withConfig } from './options.ts'

const byDefault = configSchema.parse({})
const runHelp = `
Without a broker or a database of your own, one runs inside the process.

What most people set (every key: config/rtls-ingest.example.yaml; what is in force: rtls-ingest check):
  MQTT_URL          your broker                   (else an embedded one on port ${byDefault.mqtt.port})
  DATABASE_URL      your TimescaleDB              (else an embedded one on port ${byDefault.database.port}, data in ${byDefault.database.dataDir})
  MQTT_CLIENT_ID    its own for every replica     (${byDefault.mqtt.clientId})
  MQTT_SHARE_GROUP  one for all replicas, which then share the load
  HTTP_PORT         assets, metrics and health    (${byDefault.http.port}; HTTP_HOST ${byDefault.http.host})
  HTTP_WRITE_TOKEN  lets its bearer add and change assets (off)
  LOG_LEVEL         trace, debug, info, warn, error, fatal, silent  (${byDefault.log.level})
MQTT_URL, MQTT_PASSWORD, DATABASE_URL, DATABASE_PASSWORD, HTTP_WRITE_TOKEN and HTTP_DATABASE_URL may each come
from a file: MQTT_URL_FILE and so on.
A flag wins over a variable, a variable over the file.

Ctrl-C or SIGTERM writes and acknowledges what is buffered, then stops; a second one stops at once.

Examples:
  $ rtls-ingest run
  $ MQTT_URL=mqtt://broker:1883 DATABASE_URL=postgres://rtls@db/rtls rtls-ingest run
  $ rtls-ingest run --config rtls-ingest.yaml --set batch.maxAgeMs=500`

const run = withConfig(new Command('run'))
  .description('ingest until stopped (the default with npm start)')
  .option('--simulate', 'publish as a simulated hospital, also to a broker of your own')
  .option('--no-simulate', 'do not simulate, also with the embedded broker')
  .addHelpText('after', runHelp)
  .action(async (flags: ConfigFlags & { simulate?: boolean }) => {
    const enabled = flags.simulate === undefined ? undefined : flags.simulate ? 'on' : 'off'
    const command = await import('./run.ts')
    await command.run(sourcesOf(flags, { 'simulate.enabled': enabled }))
  })

const migrate = withConfig(new Command('migrate'))
  .description('bring the database to the schema of this version')
  .option('--check', 'change nothing; exit 1 when something is pending')
  .action(async (flags: ConfigFlags & { check?: boolean }) => {
    const { migrateCommand } = await import('./migrate.ts')
    await migrateCommand(sourcesOf(flags), flags.check === true)
  })

const check = withConfig(new Command('check'))
  .description('validate the configuration without connecting to anything, and print it')
  .action(async (flags: ConfigFlags) => {
    const command = await import('./check.ts')
    command.check(sourcesOf(flags))
  })

const doctor = withConfig(new Command('doctor'))
  .description('connect as the service would, and say what will hurt and what to do about it')
  .option('--json', 'JSON instead of text')
  .option('--timeout <seconds>', 'how long a check may take before it counts as failed', whole(1, 600), 10)
  .addHelpText(
    'after',
    `
Works beside a running service and without one; disturbs neither it nor its session at the broker.
Exit code 1 when anything is red.

Examples:
  $ rtls-ingest doctor
  $ MQTT_URL=mqtt://broker:1883 DATABASE_URL=postgres://rtls@db/rtls rtls-ingest doctor --json`,
  )
  .action(async (flags: ConfigFlags & { json?: boolean; timeout: number }) => {
    const { doctorCommand } = await import('./doctor.ts')
    await doctorCommand(sourcesOf(flags), flags)
  })

const seed = withConfig(new Command('seed'))
  .description('fill the database with a demo hospital: the one whose tags the simulator moves')
  .option('--facility <code>', `the facility level of the topics (${simulateDefaults.facility})`, topicLevel)
  .option('--tags <n>', `assets with a tag (${byDefault.simulate.tags})`, whole(1, 100_000))
  .addHelpText(
    'after',
    `
Running it again changes nothing. With the embedded database \`run\` does it by itself while it simulates
(simulate.seedDatabase).

Examples:
  $ rtls-ingest seed
  $ DATABASE_URL=postgres://rtls@db/rtls rtls-ingest seed --facility north --tags 1000`,
  )
  .action(async (flags: ConfigFlags & { facility?: string; tags?: number }) => {
    const { seedCommand } = await import('./seed.ts')
    await seedCommand(sourcesOf(flags), flags)
  })

const hashPassword = new Command('hash-password')
  .description('print the scrypt hash of a password, for mqtt.users (the embedded broker)')
  .addHelpText(
    'after',
    `
The password is the first line of standard input.

Examples:
  $ openssl rand -base64 18 | tee gateway-password | rtls-ingest hash-password
  $ rtls-ingest hash-password < gateway-password`,
  )
  .action(async () => {
    const { hashPasswordCommand } = await import('./hash-password.ts')
    await hashPasswordCommand()
  })

export const serviceCommands: readonly Command[] = [run, migrate, check, doctor, seed, hashPassword]
