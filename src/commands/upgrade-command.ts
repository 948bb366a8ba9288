/** `upgrade plan|apply|verify|rollback|finalize` on the command line. */
import { Command } from 'commander'
import { type ConfigFlags, sourcesOf, withConfig } from './options.ts'
import type { RollbackFlags } from './upgrade-after.ts'
import type { ApplyFlags } from './upgrade.ts'

const withRepairs = (command: Command): Command =>
  withConfig(command)
    .option('--mapping <file>', "how v1's words become v2's; a copy of config/biotrakr-upgrade.yaml")
    .option('--assign-orphans-to <user>', 'id or email of the user who gets what points nowhere')

const plan = withRepairs(new Command('plan'))
  .description('look at a BioTrakr v1 database, change nothing; exit 1 when apply would refuse')
  .option('--json', 'JSON instead of text')
  .action(async (flags: ConfigFlags & { mapping?: string; assignOrphansTo?: string; json?: boolean }) => {
    const { planCommand } = await import('./upgrade.ts')
    await planCommand(sourcesOf(flags), flags)
  })

const apply = withRepairs(new Command('apply'))
  .description(
    'back up v1, keep it in schema biotrakr_v1, and convert it into v2; can be run again when interrupted',
  )
  .option('--backup-dir <dir>', 'where the backup and the report go', 'backups')
  .option('--pg-bin <dir>', 'where pg_dump and pg_restore are, if not on PATH')
  .option('--i-have-a-backup', 'make none')
  .action(async (flags: ConfigFlags & ApplyFlags) => {
    const { applyCommand } = await import('./upgrade.ts')
    await applyCommand(sourcesOf(flags), flags)
  })

const verify = withConfig(new Command('verify'))
  .description("the guide's ten-point checklist; exit 1 when a point fails")
  .option('--api <url>', 'also ask the HTTP API there, such as http://127.0.0.1:3001')
  .option('--json', 'JSON instead of text')
  .action(async (flags: ConfigFlags & { api?: string; json?: boolean }) => {
    const { verifyCommand } = await import('./upgrade-after.ts')
    await verifyCommand(sourcesOf(flags), flags)
  })

const rollback = withConfig(new Command('rollback'))
  .description('v1 as it was, from its kept schema or from the backup, proved by checksums')
  .option('--from-dump <file>', 'from the backup that apply made, not from the kept schema')
  .option('--export <dir>', 'write what is in v2 only as CSV files first')
  .option('--discard-new-data', 'lose what is in v2 only')
  .option('--pg-bin <dir>', 'where pg_restore is, if not on PATH')
  .action(async (flags: ConfigFlags & RollbackFlags) => {
    const { rollbackCommand } = await import('./upgrade-after.ts')
    await rollbackCommand(sourcesOf(flags), flags)
  })

const finalize = withConfig(new Command('finalize'))
  .description('verify, then drop v1 for good')
  .option('--yes', 'do not ask')
  .action(async (flags: ConfigFlags & { yes?: boolean }) => {
    const { finalizeCommand } = await import('./upgrade-after.ts')
    await finalizeCommand(sourcesOf(flags), flags.yes === true)
  })

export const upgradeCommand = new Command('upgrade')
  .description('BioTrakr v1 to v2: plan, apply, verify, rollback, finalize')
  .addHelpText(
    'after',
    `
Stop BioTrakr v1 and rtls-ingest first. docs/upgrade.md goes through it step by step.

Examples:
  $ export DATABASE_URL=postgres://biotrakr@db/biotrakr
  $ rtls-ingest upgrade plan
  $ rtls-ingest upgrade apply --backup-dir /srv/backups
  $ rtls-ingest upgrade verify --api http://127.0.0.1:3001
  $ rtls-ingest upgrade rollback`,
  )
for (const command of [plan, apply, verify, rollback, finalize]) upgradeCommand.addCommand(command)
