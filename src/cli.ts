#!/usr/bin/env node
/**
 * argv → command, exit code, signals. The only user of process.argv and process.exit.
 * Exit codes: 0 fine, 1 failed, 2 bad configuration or usage.
 */
import { Command, CommanderError } from 'commander'
import { formatCommands } from './commands/format-commands.ts'
import { deadLetterCommand } from './commands/dead-letter-command.ts'
import { serviceCommands } from './commands/service-commands.ts'
import { simulateCommand } from './commands/simulate-command.ts'
import { upgradeCommand } from './commands/upgrade-command.ts'
import { UserError } from './ops/user-error.ts'
import { version } from './ops/version.ts'

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

for (const command of [
  ...serviceCommands,
  ...formatCommands,
  simulateCommand,
  deadLetterCommand,
  upgradeCommand,
])
  program.addCommand(command)

// Set on every command: commander does not hand it down.
for (const command of [
  program,
  ...program.commands,
  ...deadLetterCommand.commands,
  ...upgradeCommand.commands,
])
  command
    .exitOverride()
    .allowExcessArguments(false)
    // One line, also with "(Did you mean …?)".
    .configureOutput({
      outputError: (text, write) =>
        write(text.replace(/^error: /u, 'rtls-ingest: ').replaceAll(/\n(?=\()/gu, ' ')),
    })

// Set but empty counts as not set, also where commander reads the variable.
const read = 'RTLS_CONFIG MQTT_URL MQTT_USERNAME MQTT_PASSWORD MQTT_CA_FILE MQTT_CERT_FILE MQTT_KEY_FILE'
for (const name of read.split(' '))
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

// The work is done and told; what still holds the process (a peer that is frozen) is not worth waiting for.
setTimeout(() => process.exit(), 2000).unref()
