#!/usr/bin/env node
/**
 * argv → command, exit code, signals. The only user of process.argv and process.exit.
 * Exit codes: 0 fine, 1 failed, 2 bad configuration or usage.
 * Commands are loaded when they are called: help and mistakes are answered at once.
 */
import { readFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { configSchema, isBrokerUrl } from './config-schema.ts'
import type { ConfigSources } from './config.ts'
import { UserError } from './ops/user-error.ts'
import { simulateDefaults } from './simulate/simulate.ts'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
}

/** A number in a range, with a message that says so. */
const number =
  (least: number, most: number, isWhole: boolean) =>
  (text: string): number => {
    const value = Number(text)
    if (
      text.trim() === '' ||
      !Number.isFinite(value) ||
      value < least ||
      value > most ||
      (isWhole && !Number.isSafeInteger(value))
    )
      throw new InvalidArgumentError(
        `Expected a ${isWhole ? 'whole ' : ''}number ${most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`}.`,
      )
    return value
  }
const whole = (least: number, most = Infinity): ((text: string) => number) => number(least, most, true)
const share = number(0, 1, false)

const topicLevel = (text: string): string => {
  if (!/^[^/+#\s]+$/u.test(text))
    throw new InvalidArgumentError('Expected one level of a topic: no "/", "+", "#" or space.')
  return text
}

const date = (text: string): Date => {
  const value = new Date(text)
  if (Number.isNaN(value.getTime()))
    throw new InvalidArgumentError('Expected a time such as 2026-11-22T07:00:00Z.')
  return value
}

/** `--set batch.maxRows=500`: any key of the configuration, read as its kind wants it; `key=` and `key=null`: not set. */
const assignment = (text: string, before: Record<string, unknown> = {}): Record<string, unknown> => {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('Expected key=value, such as batch.maxRows=500.')
  const value = text.slice(at + 1)
  return { ...before, [text.slice(0, at)]: value === '' || value === 'null' ? null : value }
}

interface ConfigFlags {
  readonly config?: string
  readonly set?: Record<string, unknown>
}

const sourcesOf = (flags: ConfigFlags, more: Record<string, unknown> = {}): ConfigSources => ({
  file: flags.config,
  environment: process.env,
  flags: { ...more, ...flags.set },
})

const withConfig = (command: Command): Command =>
  command
    .addOption(
      new Option('-c, --config <file>', 'YAML file; every key is in config/rtls-ingest.example.yaml').env(
        'RTLS_CONFIG',
      ),
    )
    .addOption(
      new Option(
        '--set <key=value>',
        'a key of the configuration, over file and environment; repeatable',
      ).argParser(assignment),
    )

const byDefault = configSchema.parse({})
const runHelp = `
Without a broker or a database of your own, one runs inside the process.

What most people set (every key: config/rtls-ingest.example.yaml; what is in force: rtls-ingest check):
  MQTT_URL          your broker                   (else an embedded one on port ${byDefault.mqtt.port})
  DATABASE_URL      your TimescaleDB              (else an embedded one on port ${byDefault.database.port}, data in ${byDefault.database.dataDir})
  MQTT_CLIENT_ID    its own for every replica     (${byDefault.mqtt.clientId})
  MQTT_SHARE_GROUP  one for all replicas, which then share the load
  HTTP_PORT         metrics and health            (${byDefault.http.port}; HTTP_HOST ${byDefault.http.host})
  LOG_LEVEL         trace, debug, info, warn, error, fatal, silent  (${byDefault.log.level})
MQTT_URL, MQTT_PASSWORD, DATABASE_URL and DATABASE_PASSWORD may each come from a file: MQTT_URL_FILE and so on.
A flag wins over a variable, a variable over the file.

Ctrl-C or SIGTERM writes and acknowledges what is buffered, then stops; a second one stops at once.

Examples:
  $ rtls-ingest run
  $ MQTT_URL=mqtt://broker:1883 DATABASE_URL=postgres://rtls@db/rtls rtls-ingest run
  $ rtls-ingest run --config rtls-ingest.yaml --set batch.maxAgeMs=500`

const program = new Command('rtls-ingest')
  .description(
    'RTLS pings from MQTT into TimescaleDB: acknowledged after COMMIT, as fast as COPY, every ping once.',
  )
  .version(version)
  .showSuggestionAfterError()
  .configureHelp({ sortSubcommands: false })
  .addHelpText(
    'after',
    `
Without MQTT_URL and DATABASE_URL a broker, a TimescaleDB and a simulated hospital run inside the process.

Examples:
  $ rtls-ingest run
  $ MQTT_URL=mqtt://broker:1883 DATABASE_URL=postgres://rtls@db/rtls rtls-ingest run
  $ rtls-ingest simulate --url mqtt://broker:1883 --rate 500 --duration 60

Exit codes: 0 fine, 1 failed, 2 bad configuration or usage.`,
  )

withConfig(program.command('run'))
  .description('ingest until stopped (the default with npm start)')
  .option('--simulate', 'publish as a simulated hospital, also to a broker of your own')
  .option('--no-simulate', 'do not simulate, also with the embedded broker')
  .addHelpText('after', runHelp)
  .action(async (flags: ConfigFlags & { simulate?: boolean }) => {
    const enabled = flags.simulate === undefined ? undefined : flags.simulate ? 'on' : 'off'
    const { run } = await import('./commands/run.ts')
    await run(sourcesOf(flags, { 'simulate.enabled': enabled }))
  })

withConfig(program.command('migrate'))
  .description('bring the database to the schema of this version')
  .option('--check', 'change nothing; exit 1 when something is pending')
  .action(async (flags: ConfigFlags & { check?: boolean }) => {
    const { migrateCommand } = await import('./commands/migrate.ts')
    await migrateCommand(sourcesOf(flags), flags.check === true)
  })

withConfig(program.command('check'))
  .description('validate the configuration without connecting to anything, and print it')
  .action(async (flags: ConfigFlags) => {
    const { check } = await import('./commands/check.ts')
    check(sourcesOf(flags))
  })

const defaults = simulateDefaults
program
  .command('simulate')
  .description('publish as a hospital of gateways, to any broker')
  .addOption(new Option('--url <url>', 'MQTT broker').env('MQTT_URL').default('mqtt://127.0.0.1:1883'))
  .addOption(new Option('--username <name>', 'user at the broker').env('MQTT_USERNAME'))
  .addOption(new Option('--password <text>', 'password at the broker').env('MQTT_PASSWORD'))
  .option(
    '--rate <pings/s>',
    'everything counted; 0: as fast as the broker acknowledges',
    number(0, 1e7, false),
    defaults.rate,
  )
  .option('--tags <n>', 'tagged assets', whole(1), defaults.tags)
  .option('--gateways <n>', 'gateways', whole(1), defaults.gateways)
  .option('--pings-per-message <n>', 'at most this many', whole(1, 10_000), defaults.pingsPerMessage)
  .option('--qos <0|1>', 'MQTT quality of service', whole(0, 1), defaults.qos)
  .option('--duration <s>', '0: until stopped', number(0, Infinity, false), defaults.durationS)
  .option('--count <pings>', 'stop after exactly this many; 0: no limit', whole(0), defaults.count)
  .option('--seed <n>', 'same seed and start, same traffic', whole(0, 4_294_967_295), defaults.seed)
  .option('--bad <share>', 'share of pings that cannot be stored, 0 to 1', share, defaults.badShare)
  .option('--duplicates <share>', 'share of pings published again', share, defaults.duplicateShare)
  .option('--late <share>', 'share of pings minutes to hours old', share, defaults.lateShare)
  .option('--facility <id>', 'the facility level of the topic', topicLevel, defaults.facility)
  .option('--start <time>', 'where the virtual clock starts (default: now)', date)
  .option('--json', 'print the account as JSON')
  .action(async (flags: Record<string, never>) => {
    const { json, duration, bad, duplicates, late, ...rest } = flags as unknown as SimulateFlags
    // Not an argParser: commander would show the value, which may hold a password.
    if (!isBrokerUrl(rest.url))
      throw new UserError(
        '--url (MQTT_URL): expected a URL such as mqtt://127.0.0.1:1883, got something else (not shown: it may hold a secret)',
        2,
      )
    const { simulate } = await import('./commands/simulate.ts')
    await simulate(
      { ...rest, durationS: duration, badShare: bad, duplicateShare: duplicates, lateShare: late },
      json === true,
    )
  })

interface SimulateFlags {
  url: string
  username?: string
  password?: string
  rate: number
  tags: number
  gateways: number
  pingsPerMessage: number
  qos: 0 | 1
  duration: number
  count: number
  seed: number
  bad: number
  duplicates: number
  late: number
  facility: string
  start?: Date
  json?: boolean
}

// Set on every command: commander does not hand it down.
for (const command of [program, ...program.commands])
  command
    .exitOverride()
    .allowExcessArguments(false)
    // One line, also with "(Did you mean …?)".
    .configureOutput({
      outputError: (text, write) =>
        write(text.replace(/^error: /u, 'rtls-ingest: ').replaceAll(/\n(?=\()/gu, ' ')),
    })

// Set but empty counts as not set, also where commander reads the variable.
for (const name of ['RTLS_CONFIG', 'MQTT_URL', 'MQTT_USERNAME', 'MQTT_PASSWORD'])
  if (process.env[name]?.trim() === '') Reflect.deleteProperty(process.env, name)

try {
  await program.parseAsync(process.argv)
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else if (error instanceof UserError) {
    process.stderr.write(`rtls-ingest: ${error.message}\n`)
    process.exitCode = error.exitCode
  } else {
    process.stderr.write(
      `rtls-ingest: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    )
    process.exitCode = 1
  }
}
