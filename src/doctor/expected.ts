/**
 * What sql/ says the hypertables, their compression and their policies are, read out of the statements that make them, so
 * that it is written in one place. Reads the plain calls that our files hold; test/unit/doctor.test.ts fails on one it misses.
 */
import type { MigrationSet } from '../db/migrate.ts'

export type PolicyKind = 'columnstore' | 'retention' | 'refresh'

export interface ExpectedPolicy {
  readonly kind: PolicyKind
  /** A hypertable, or a continuous aggregate. */
  readonly relation: string
  /** As in the configuration of the job (`drop_after`), or `schedule_interval`. */
  readonly key: string
  readonly interval: string
}

export interface ExpectedHypertable {
  readonly table: string
  readonly chunkInterval: string
  /** Null: it has no columnstore of its own. */
  readonly segmentBy: string | null
  readonly orderBy: string | null
}

export interface Expected {
  readonly policies: readonly ExpectedPolicy[]
  readonly hypertables: readonly ExpectedHypertable[]
}

const kinds: Readonly<Record<string, PolicyKind>> = {
  add_columnstore_policy: 'columnstore',
  add_retention_policy: 'retention',
  add_continuous_aggregate_policy: 'refresh',
}

/** The one that TimescaleDB (2.23) keeps under another name in the job. */
const keyOf = (name: string): string => (name === 'after' ? 'compress_after' : name)

const interval = String.raw`INTERVAL\s+'([^']+)'`
const table = String.raw`'(?:public\.)?(\w+)'`

export function readExpected(files: MigrationSet): Expected {
  // Without comments: they may hold anything.
  const sql = [...files.migrations, ...files.repeatable]
    .map(({ text }) => text.replaceAll(/--.*$/gmu, ''))
    .join('\n')

  const policies = new Map<string, ExpectedPolicy>()
  for (const [, call = '', relation = '', rest = ''] of sql.matchAll(
    new RegExp(String.raw`\b(add_\w+_policy)\(\s*${table}([^;]*);`, 'gu'),
  )) {
    const kind = kinds[call]
    if (kind === undefined) continue
    for (const [, name = '', value = ''] of rest.matchAll(
      new RegExp(String.raw`(\w+)\s*=>\s*${interval}`, 'gu'),
    ))
      policies.set(`${kind} ${relation} ${name}`, { kind, relation, key: keyOf(name), interval: value })
  }

  const intervals = new Map<string, string>()
  for (const [, name = '', value = ''] of sql.matchAll(
    new RegExp(String.raw`\bcreate_hypertable\(\s*${table}\s*,\s*by_range\([^)]*${interval}\)`, 'gu'),
  ))
    intervals.set(name, value)
  for (const [, name = '', value = ''] of sql.matchAll(
    new RegExp(String.raw`\bset_chunk_time_interval\(\s*${table}\s*,\s*${interval}`, 'gu'),
  ))
    intervals.set(name, value)

  const settings = new Map<string, Map<string, string>>()
  for (const [, name = '', body = ''] of sql.matchAll(
    /\bALTER TABLE\s+(?:public\.)?(\w+)\s+SET\s*\(([^;]*)\);/gu,
  )) {
    const known = settings.get(name) ?? new Map<string, string>()
    for (const [, key = '', value = ''] of body.matchAll(
      /timescaledb\.(segmentby|orderby)\s*=\s*'([^']*)'/gu,
    ))
      known.set(key, value.replaceAll(/\s/gu, ''))
    settings.set(name, known)
  }
  return {
    policies: [...policies.values()],
    hypertables: [...intervals].map(([name, chunkInterval]) => ({
      table: name,
      chunkInterval,
      segmentBy: settings.get(name)?.get('segmentby') ?? null,
      orderBy: settings.get(name)?.get('orderby') ?? null,
    })),
  }
}
