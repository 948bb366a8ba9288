/**
 * The files of sql/, and what they say of themselves. A migration that versions which run meanwhile cannot work with says so in
 * a comment of its own line: `-- incompatible-with-running: why`. All others leave what the previous version writes and reads.
 */
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface SqlFile {
  readonly name: string
  readonly text: string
  readonly checksum: string
}

export interface MigrationSet {
  readonly migrations: readonly SqlFile[]
  readonly repeatable: readonly SqlFile[]
}

/** The repository's or the package's own sql/, from src/ as well as from dist/. */
const sqlFolder = fileURLToPath(new URL('../../sql/', import.meta.url))

export function readMigrations(folder: string = sqlFolder): MigrationSet {
  const read = (kind: string): SqlFile[] =>
    readdirSync(`${folder}/${kind}`)
      .filter((name) => name.endsWith('.sql'))
      .toSorted()
      .map((name) => {
        // A checkout with CRLF must not look like a changed file.
        const text = readFileSync(`${folder}/${kind}/${name}`, 'utf8').replaceAll('\r\n', '\n')
        return { name, text, checksum: createHash('sha256').update(text).digest('hex') }
      })
  return { migrations: read('migrations'), repeatable: read('repeatable') }
}

/** Why older versions cannot work with the schema this file makes; null when they can. */
export const incompatibleBecause = ({ text }: Pick<SqlFile, 'text'>): string | null =>
  /^-- incompatible-with-running: *(\S.*?)\s*$/mu.exec(text)?.[1] ?? null

/** Migrations are numbered, repeatable files are not: also of files that only the database knows. */
export const isMigrationName = (name: string): boolean => /^\d{4}_/u.test(name)
