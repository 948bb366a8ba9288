/** `dead-letter list|show|replay|purge` on the command line. */
import { Command } from 'commander'
import type { DeadLetterFlags } from './dead-letter.ts'
import { type ConfigFlags, sourcesOf, time, whole, withConfig } from './options.ts'

interface Flags extends ConfigFlags {
  readonly since?: Date
  readonly until?: Date
  readonly reason?: string
  readonly topic?: string
  readonly gateway?: string
  readonly replayed?: boolean
  readonly limit?: number
  readonly json?: boolean
  readonly yes?: boolean
  readonly all?: boolean
}

const filterOf = ({
  since,
  until,
  reason,
  topic,
  gateway,
  replayed,
  limit = 50,
  json = false,
}: Flags): DeadLetterFlags => ({
  ...(since === undefined ? {} : { since }),
  ...(until === undefined ? {} : { until }),
  ...(reason === undefined ? {} : { reason }),
  ...(topic === undefined ? {} : { topic }),
  ...(gateway === undefined ? {} : { gateway }),
  ...(replayed === undefined ? {} : { isReplayed: replayed }),
  limit,
  isJson: json,
})

const withFilter = (command: Command): Command =>
  withConfig(command)
    .option('--since <time>', 'received at or after, a time or how long ago (2h, 7d)', time)
    .option('--until <time>', 'received before', time)
    .option('--reason <reason>', 'such as invalid_ping')
    .option('--topic <filter>', 'MQTT topic filter, with + and #')
    .option('--gateway <id>', 'of its topics, as the configuration maps them')
    .option('--json', 'JSON instead of text')

const list = withFilter(new Command('list'))
  .description('the newest first')
  .option('--replayed', 'only those that were replayed')
  .option('--no-replayed', 'only those that were not')
  .option('--limit <n>', 'at most this many', whole(1, 100_000), 50)
  .action(async (flags: Flags) => {
    const { listCommand } = await import('./dead-letter.ts')
    await listCommand(sourcesOf(flags), filterOf(flags))
  })

const show = withConfig(new Command('show'))
  .description('one of them with its payload')
  .argument('<id>', 'an id or the beginning of one')
  .option('--json', 'JSON instead of text')
  .action(async (id: string, flags: Flags) => {
    const { showCommand } = await import('./dead-letter.ts')
    await showCommand(sourcesOf(flags), id, flags.json === true)
  })

const replay = withFilter(new Command('replay'))
  .description('decode and store again what was not replayed yet; what is still bad stays')
  .action(async (flags: Flags) => {
    const { replayCommand } = await import('./dead-letter.ts')
    await replayCommand(sourcesOf(flags), filterOf(flags))
  })

const purge = withFilter(new Command('purge'))
  .description('delete for good')
  .option('--replayed', 'only those that were replayed')
  .option('--all', 'all of them')
  .option('--yes', 'do not ask')
  .action(async (flags: Flags) => {
    const { purgeCommand } = await import('./dead-letter.ts')
    await purgeCommand(sourcesOf(flags), filterOf(flags), flags.yes === true, flags.all === true)
  })

export const deadLetterCommand = new Command('dead-letter').description(
  'what could not be stored: list, show, replay, purge',
)
for (const command of [list, show, replay, purge]) deadLetterCommand.addCommand(command)
