/** `formats`, `decode` and `replay` on the command line: what an integrator needs on site. */
import { Command, Option } from 'commander'
import { isBrokerUrl } from '../config-schema.ts'
import { type FormatName, formatNames } from '../formats/format.ts'
import { UserError } from '../ops/user-error.ts'
import { lengthUnits, timeUnits, type LengthUnit, type TimeUnit } from '../replay/options.ts'
import { columns, speed, zone } from '../replay/arguments.ts'
import { type ConfigFlags, date, sourcesOf, topicLevel, withConfig } from './options.ts'

const formats = new Command('formats')
  .description('list the formats of gateways: topics, evidence, example')
  .option('--json', 'JSON instead of text')
  .action(async (flags: { json?: boolean }) => {
    const { listFormats } = await import('./formats.ts')
    listFormats(flags.json === true)
  })

const decodeHelp = `
Without --format the formats of the configuration are used, as the service would. Exit code 1 when anything is rejected.

Examples:
  $ rtls-ingest decode --format minew --topic /gw/AC233FC00001/status payload.json
  $ mosquitto_sub -C 1 -t 'tags' | rtls-ingest decode --format pozyx --topic tags -
  $ rtls-ingest decode --config rtls-ingest.yaml --topic dwm/node/9609/uplink/location payload.json`

interface DecodeFlags extends ConfigFlags {
  readonly format?: FormatName
  readonly topic: string
  readonly facility: string
  readonly gateway: string
  readonly received?: Date
  readonly json?: boolean
}

const decode = withConfig(new Command('decode'))
  .description('show what becomes of one payload, ping by ping, with the reason for every rejection')
  .argument('<file>', 'the payload as it came; - reads standard input')
  .addOption(new Option('--format <name>', 'one of the formats, on its usual topic').choices(formatNames))
  .requiredOption('--topic <topic>', 'the topic it came on')
  .option(
    '--facility <id>',
    'with --format: the facility, where the topic does not name it',
    topicLevel,
    'facility',
  )
  .option(
    '--gateway <id>',
    'with --format: the gateway, where the topic does not name it',
    topicLevel,
    'gateway',
  )
  .option('--received <time>', 'when it was received (default: now)', date)
  .option('--json', 'JSON instead of text')
  .addHelpText('after', decodeHelp)
  .action(async (file: string, flags: DecodeFlags) => {
    const { decodeFile } = await import('./decode.ts')
    await decodeFile(file, { ...flags, isJson: flags.json === true, sources: sourcesOf(flags) })
  })

const replayHelp = `
FILE is one of two, told apart by its first character ({ is JSON; --as says it otherwise):
  newline-delimited JSON  {"topic":…,"payload":…,"at":…} a line; the payload is text, any JSON, or base64 with "encoding":"base64";
                          "at" is ISO 8601 or epoch milliseconds. What mosquitto_sub -F %j prints is taken as well.
  CSV                     a header, and a row for each position: time, tag, x, y, and z if there is one. Separator (, ; tab |) and
                          the usual names of columns are found by themselves; --columns names others.
A row that cannot be read is named with file and line, and the others are sent; the exit code is then 1.
Nothing is guessed from the size of a number: say --unit and --time where they are not metres and ISO 8601.

Examples:
  $ rtls-ingest replay recorded.ndjson --speed 10
  $ rtls-ingest replay trace.csv --unit mm --facility lab --gateway pozyx --speed max
  $ rtls-ingest replay log.csv --columns t=when,tag=beacon,x=east,y=north --time s --url mqtt://broker:1883`

interface ReplayFlags {
  readonly url: string
  readonly username?: string
  readonly password?: string
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
  readonly speed: number
  readonly as?: 'ndjson' | 'csv'
  readonly columns?: Readonly<Record<string, string>>
  readonly unit?: LengthUnit
  readonly time: TimeUnit
  readonly zone: string
  readonly decimal: 'point' | 'comma'
  readonly facility: string
  readonly gateway: string
  readonly topic?: string
  readonly shift?: boolean
  readonly json?: boolean
}

const replay = new Command('replay')
  .description('publish recorded traffic to a broker, at the speed it had or another')
  .argument('<file>', 'newline-delimited JSON, or CSV of positions; - reads standard input')
  .addOption(new Option('--url <url>', 'MQTT broker').env('MQTT_URL').default('mqtt://127.0.0.1:1883'))
  .addOption(new Option('--username <name>', 'user at the broker').env('MQTT_USERNAME'))
  .addOption(new Option('--password <text>', 'password at the broker').env('MQTT_PASSWORD'))
  .addOption(new Option('--ca-file <pem>', 'who signed the certificate of the broker').env('MQTT_CA_FILE'))
  .addOption(
    new Option('--cert-file <pem>', 'our certificate, where the broker wants one').env('MQTT_CERT_FILE'),
  )
  .addOption(new Option('--key-file <pem>', 'its private key').env('MQTT_KEY_FILE'))
  .option(
    '--speed <factor>',
    '1: as it was; 10: ten times that; max: as fast as the broker acknowledges',
    speed,
    1,
  )
  .addOption(new Option('--as <kind>', 'what the file is').choices(['ndjson', 'csv']))
  .option(
    '--columns <list>',
    'CSV: which column is what, such as t=when,tag=beacon,x=east,y=north,z=up',
    columns,
  )
  .addOption(
    new Option('--unit <unit>', 'CSV: of x, y and z (default: m, or as a header such as x_mm says)').choices(
      lengthUnits,
    ),
  )
  .addOption(new Option('--time <unit>', 'how numbers and texts are times').choices(timeUnits).default('iso'))
  .option('--zone <offset>', 'of ISO times that name none, such as +02:00', zone, 'Z')
  .addOption(new Option('--decimal <mark>', 'CSV: in numbers').choices(['point', 'comma']).default('point'))
  .option('--facility <id>', 'CSV: the facility level of the topic', topicLevel, 'replay')
  .option('--gateway <id>', 'CSV: the gateway level of the topic', topicLevel, 'replay')
  .option('--topic <topic>', 'NDJSON: for lines without one')
  .option('--shift', 'CSV: move all times so that the last is now')
  .option('--json', 'print the account as JSON')
  .addHelpText('after', replayHelp)
  .action(async (file: string, flags: ReplayFlags) => {
    // Not an argParser: commander would show the value, which may hold a password.
    if (!isBrokerUrl(flags.url))
      throw new UserError(
        '--url (MQTT_URL): expected a URL such as mqtt://127.0.0.1:1883, got something else (not shown: it may hold a secret)',
        2,
      )
    const { json, shift, ...rest } = flags
    const { replayFile } = await import('./replay.ts')
    await replayFile(file, { ...rest, isShifted: shift === true }, json === true)
  })

export const formatCommands: readonly Command[] = [formats, decode, replay]
