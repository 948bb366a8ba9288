/**
 * v1's tables out of the way, and back: a change of names only, which takes no time and touches no row. Makes and removes the
 * upgrade's own schema in the same transaction, so that a database is either v1 as it was or an upgrade that knows where it is.
 */
import type pg from 'pg'
import type { Manifest } from './backup.ts'
import type { Facts } from './facts.ts'
import type { Fingerprints } from './fingerprint.ts'
import { type Mapping, wordKey } from './mapping.ts'
import { upgradeSql } from './sql.ts'
import { ormTable, quoted, typesOfV1Sql, v1Schema, v1Tables } from './v1-tables.ts'

export interface Move {
  readonly facts: Facts
  readonly mapping: Mapping
  readonly fingerprint: Fingerprints
  readonly backup: Manifest | null
}

/** In the caller's transaction, in which nobody else can write v1's tables. */
export async function moveAway(
  client: pg.ClientBase,
  { facts, mapping, fingerprint, backup }: Move,
): Promise<void> {
  await client.query(upgradeSql('workspace'))
  const tables = await v1TablesIn(client, 'public')
  await client.query(
    `INSERT INTO biotrakr_upgrade.state (phase, fingerprint, backup, foreign_objects, v1_objects) VALUES ('moved', $1, $2, $3, $4)`,
    [
      JSON.stringify(fingerprint),
      backup === null ? null : JSON.stringify(backup),
      facts.foreignObjects.map(({ name }) => name),
      tables,
    ],
  )
  const settings = [
    ['task_type', mapping.taskType],
    ['retention_until_oldest', facts.pings.oldest?.toISOString() ?? ''],
    ...(facts.orphansTo === null ? [] : [['orphans_to', facts.orphansTo.id]]),
  ]
  await client.query('INSERT INTO biotrakr_upgrade.setting SELECT * FROM unnest($1::text[], $2::text[])', [
    settings.map(([name]) => name),
    settings.map(([, value]) => value),
  ])
  const words = (['categories', 'statuses', 'roles', 'taskStatuses', 'usefulLifeYears'] as const).flatMap(
    (section) =>
      Object.entries(mapping[section]).map(([word, value]) => [
        section,
        section === 'usefulLifeYears' ? word : wordKey(word),
        String(value),
      ]),
  )
  await client.query(
    'INSERT INTO biotrakr_upgrade.word SELECT * FROM unnest($1::text[], $2::text[], $3::text[])',
    [0, 1, 2].map((at) => words.map((word) => word[at])),
  )
  await client.query(`CREATE SCHEMA ${v1Schema}`)
  for (const type of await typesOf(client, 'public'))
    await client.query(`ALTER TYPE public.${quoted(type)} SET SCHEMA ${v1Schema}`)
  for (const table of tables) await client.query(`ALTER TABLE public.${quoted(table)} SET SCHEMA ${v1Schema}`)
}

/** In the caller's transaction, in which nothing of v2 is in the way any more. */
export async function moveBack(client: pg.ClientBase): Promise<void> {
  for (const table of await v1TablesIn(client, v1Schema))
    await client.query(`ALTER TABLE ${v1Schema}.${quoted(table)} SET SCHEMA public`)
  for (const type of await typesOf(client, v1Schema))
    await client.query(`ALTER TYPE ${v1Schema}.${quoted(type)} SET SCHEMA public`)
  // Without CASCADE: whatever else somebody put there stops the rollback instead of being dropped.
  await client.query(`DROP SCHEMA ${v1Schema}`)
  await client.query('DROP SCHEMA biotrakr_upgrade CASCADE')
}

/** Keeps writers out until the end of the transaction, and readers in: pg_dump must still read. */
export async function lockV1(client: pg.ClientBase): Promise<void> {
  const tables = await v1TablesIn(client, 'public')
  if (tables.length === 0) return
  await client.query(`SET LOCAL lock_timeout = '20s'`)
  await client.query(
    `LOCK TABLE ${tables.map((table) => `public.${quoted(table)}`).join(', ')} IN SHARE MODE`,
  )
}

/** Enumerations and domains of a schema that v1's tables, wherever they are, use: they belong to v1 and go with it. */
async function typesOf(client: pg.ClientBase, schema: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(typesOfV1Sql, [
    schema,
    v1Tables.map(({ name }) => name),
  ])
  return rows.map(({ name }) => name)
}

async function v1TablesIn(client: pg.ClientBase, schema: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname::text AS name FROM pg_class
     WHERE relnamespace = $1::regnamespace AND relkind = 'r' AND relname = ANY ($2) ORDER BY relname`,
    [schema, [...v1Tables.map(({ name }) => name), ormTable]],
  )
  return rows.map(({ name }) => name)
}
