/** `simulate` on the command line. */
import { Command, Option } from 'commander'
import { isBrokerUrl } from '../config-schema.ts'
import { type FormatName, formatNames } from '../formats/format.ts'
import { UserError } from '../ops/user-error.ts'
import { simulateDefaults } from '../simulate/options.ts'
import { date, number, share, topicLevel, whole } from './options.ts'

const defaults = simulateDefaults
export const simulateCommand = new Command('simulate')
  .description('publish as a hospital of gateways, to any broker')
  .addOption(new Option('--url <url>', 'MQTT broker').env('MQTT_URL').default('mqtt://127.0.0.1:1883'))
  .addOption(new Option('--username <name>', 'user at the broker').env('MQTT_USERNAME'))
  .addOption(new Option('--password <text>', 'password at the broker').env('MQTT_PASSWORD'))
  .addOption(new Option('--ca-file <pem>', 'who signed the certificate of the broker').env('MQTT_CA_FILE'))
  .addOption(
    new Option('--cert-file <pem>', 'our certificate, where the broker wants one').env('MQTT_CERT_FILE'),
  )
  .addOption(new Option('--key-file <pem>', 'its private key').env('MQTT_KEY_FILE'))
  .option(
    '--rate <pings/s>',
    'everything counted; 0: as fast as the broker acknowledges',
    number(0, 1e7, false),
    defaults.rate,
  )
  .addOption(
    new Option('--format <name>', 'what the gateways speak; others than native send good pings only')
      .choices(formatNames)
      .default(defaults.format),
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
    const { simulate } = await import('./simulate.ts')
    await simulate(
      { ...rest, durationS: duration, badShare: bad, duplicateShare: duplicates, lateShare: late },
      json === true,
    )
  })

interface SimulateFlags {
  url: string
  username?: string
  password?: string
  caFile?: string
  certFile?: string
  keyFile?: string
  rate: number
  format: FormatName
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
