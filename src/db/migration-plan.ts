/**
 * What is to be done to a database, from what its ledger says and what the files say; changes nothing.
 * A schema made by a newer version is left as it is: an older process that starts again during a rolling upgrade must not put
 * back its own views and functions. Where the newer version says that older ones cannot work with it, the older one refuses.
 */
import type pg from 'pg'
import { UserError } from '../ops/user-error.ts'
import { version as ownVersion } from '../ops/version.ts'
import { type MigrationSet, type SqlFile, isMigrationName } from './migration-files.ts'

interface PendingFile {
  readonly file: SqlFile
  readonly isRepeatable: boolean
  /** It is applied as it is, and runs once more. */
  readonly isAgain: boolean
}

export interface MigrationPlan {
  /** Files to run, in order. */
  readonly pending: readonly PendingFile[]
  readonly applied: readonly string[]
  /** Applied by another, newer version of rtls-ingest. */
  readonly unknown: readonly string[]
  /** The schema is that of a newer version, which this one works with, and nothing of ours is put over it. */
  readonly isNewer: boolean
}

/** A newer version has changed the schema so that this one cannot work with it. */
export class IncompatibleSchemaError extends UserError {}

/** One line of rtls_schema_migrations. */
export interface AppliedFile {
  readonly name: string
  readonly checksum: string
  /** The version of rtls-ingest that ran it; null: one that did not note it. */
  readonly appliedBy: string | null
  /** Why versions that do not know the file cannot work with it. */
  readonly incompatible: string | null
}

export async function readPlan(client: pg.ClientBase, files: MigrationSet): Promise<MigrationPlan> {
  const found = await client.query<{ name: string | null }>(
    `SELECT to_regclass('public.rtls_schema_migrations')::text AS name`,
  )
  if (found.rows[0]?.name === null) return planFor(files, [])
  // Through JSON: the ledger of an older version has fewer columns.
  const { rows } = await client.query<AppliedFile>(
    `SELECT name, checksum, to_jsonb(m) ->> 'applied_by' AS "appliedBy", to_jsonb(m) ->> 'incompatible' AS incompatible
     FROM rtls_schema_migrations m`,
  )
  return planFor(files, rows)
}

/** Pure. Throws UserError. */
export function planFor(
  files: MigrationSet,
  ledger: readonly AppliedFile[],
  version: string = ownVersion,
): MigrationPlan {
  const applied = new Map(ledger.map((row) => [row.name, row.checksum]))
  const known = new Set([...files.migrations, ...files.repeatable].map((file) => file.name))
  const unknown = ledger.filter(({ name }) => !known.has(name))
  refuseIncompatible(unknown, version)

  for (const file of files.migrations) {
    const checksum = applied.get(file.name)
    if (checksum !== undefined && checksum !== file.checksum)
      throw new UserError(
        `sql/migrations/${file.name} was changed after it had been applied to this database ` +
          `(applied: ${checksum.slice(0, 12)}…, file: ${file.checksum.slice(0, 12)}…). ` +
          `Restore the file as it was released and put the change into a new migration.`,
      )
  }
  const migrations = files.migrations.filter((file) => !applied.has(file.name))
  // Where each side lacks a migration of the other, they are branches of one version, and neither is newer.
  const isNewer =
    migrations.length === 0 &&
    (unknown.some(({ name }) => isMigrationName(name)) ||
      ledger.some(({ appliedBy }) => appliedBy !== null && compareVersions(appliedBy, version) > 0))
  const repeatable = isNewer
    ? []
    : files.repeatable
        // After a migration all of them: a view that says a.* has the columns of the day it was made.
        .filter((file) => migrations.length > 0 || applied.get(file.name) !== file.checksum)
        .map((file) => ({ file, isRepeatable: true, isAgain: applied.get(file.name) === file.checksum }))
  return {
    pending: [...migrations.map((file) => ({ file, isRepeatable: false, isAgain: false })), ...repeatable],
    applied: [...applied.keys()].toSorted(),
    unknown: unknown.map(({ name }) => name).toSorted(),
    isNewer,
  }
}

function refuseIncompatible(unknown: readonly AppliedFile[], version: string): void {
  const [first, ...others] = unknown
    .filter(({ incompatible }) => incompatible !== null)
    .toSorted((a, b) => compareVersions(b.appliedBy ?? '', a.appliedBy ?? ''))
  if (first === undefined) return
  const newer = first.appliedBy === null ? 'a newer version' : `rtls-ingest ${first.appliedBy}`
  const names = [first, ...others].map(({ name, incompatible }) => `${name} (${incompatible})`).join(', ')
  throw new IncompatibleSchemaError(
    `This is rtls-ingest ${version}, and the database was migrated by ${newer} in a way that older versions cannot work with: ${names}. ` +
      `Nothing was changed. Start ${newer} or later; to go back, restore the backup that was taken before the upgrade.`,
  )
}

/** By major, minor and patch; what is no number counts as 0. */
function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split(/[.+-]/u).map((part) => Number(part) || 0))
  for (const at of [0, 1, 2]) {
    const difference = (left?.[at] ?? 0) - (right?.[at] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
