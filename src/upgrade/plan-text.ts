/** The plan for people: what was found, what would be done, what stops it. */
import type { Facts } from './facts.ts'
import { type Plan, megabytes } from './plan.ts'

const number = (n: number): string => n.toLocaleString('en-US')

/** What `--assign-orphans-to USER` does with rows that point nowhere. */
const repairs = {
  placeholder: 'a placeholder under the missing id, marked and inactive',
  null: 'emptied, as v1 does when a parent is deleted',
  user: 'given to USER',
} as const

export function planText(facts: Facts, plan: Plan): string {
  const { timescale, postgres, user, disk } = facts
  const lines = [
    `Database    ${facts.database}, PostgreSQL ${postgres.version}`,
    `TimescaleDB ${timescale.installed ?? (timescale.available === null ? 'not there' : `${timescale.available} can be created`)}${timescale.license === null || timescale.license === '' ? '' : `, licence ${timescale.license}`}`,
    `User        ${user.name}: create schemas ${yes(user.mayCreateSchema)}, create tables in public ${yes(user.mayCreateInPublic)}, create roles ${yes(user.mayCreateRoles)}, owns v1's tables ${yes(facts.tables.every(({ isOwned }) => isOwned))}`,
    `Disk        about ${megabytes(disk.neededBytes)} needed, ${disk.freeBytes === null ? 'free: cannot be known from here' : `${megabytes(disk.freeBytes)} free`}`,
    '',
    'Rows',
    ...facts.tables.map(
      ({ name, rows, isThere }) =>
        `  ${name.padEnd(26)}${isThere ? number(rows).padStart(12) : '     missing'}`,
    ),
  ]
  const section = (title: string, items: readonly string[]): void => {
    if (items.length > 0) lines.push('', title, ...items.map((item) => `  ${item}`))
  }
  section(
    'Rows that point nowhere (with --assign-orphans-to USER)',
    facts.orphans.map(
      ({ table, column, parent, rows, repair }) =>
        `${table}."${column}" → ${parent}: ${number(rows)} (${repairs[repair]})`,
    ),
  )
  section(
    'Categories without a device_category (become OTHER; the word is kept in device_subcategory)',
    plan.unmappedCategories.map(({ word, rows }) => `"${word}": ${number(rows)}`),
  )
  section(
    'What v2 requires and v1 does not have',
    facts.defaults.map(({ column, value, rows }) => `${column} = ${value}: ${number(rows)} rows`),
  )
  section('Notes', plan.notes)
  const { seconds, because } = plan.downtime
  lines.push('', `Downtime    about ${duration(seconds)} (${because})`)
  section(
    'apply would refuse',
    plan.refusals.map((refusal, at) => `${at + 1}. ${refusal}`),
  )
  return lines.join('\n')
}

const yes = (is: boolean): string => (is ? 'yes' : 'NO')

const duration = (seconds: number): string =>
  seconds < 120 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`
