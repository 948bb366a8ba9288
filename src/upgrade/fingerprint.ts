/**
 * Rows and content checksum of a table or query: equal for equal rows in any order, on any server and version.
 * A sum of 64 bits of MD5 over each row as JSON: made to find accidents, not forgeries.
 */
import type pg from 'pg'
import { quoted, v1Tables } from './v1-tables.ts'

export interface Fingerprint {
  readonly rows: number
  readonly checksum: string
}
export type Fingerprints = Readonly<Record<string, Fingerprint>>

/** `rowsSql` must give one column, `row`, of jsonb. */
export async function fingerprintOf(client: pg.ClientBase, rowsSql: string): Promise<Fingerprint> {
  const { rows } = await client.query<Fingerprint>(
    `SELECT count(*)::float8 AS rows,
            coalesce(sum(('x' || left(md5(row::text), 16))::bit(64)::bigint::numeric), 0)::text AS checksum
     FROM (${rowsSql}) AS r`,
  )
  return rows[0] ?? { rows: 0, checksum: '0' }
}

/**
 * The rows of a v1 table as `SELECT id, row`, with every column it has, also those the hospital added. JSON columns are taken as
 * text: in a JSON document SQL's NULL and JSON's null would look alike.
 */
export async function v1RowsSql(client: pg.ClientBase, schema: string, table: string): Promise<string> {
  const { rows } = await client.query<{ name: string; isJson: boolean }>(
    `SELECT attname::text AS name, atttypid IN ('json'::regtype, 'jsonb'::regtype) AS "isJson" FROM pg_attribute
     WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [`${quoted(schema)}.${quoted(table)}`],
  )
  const columns = rows.map(
    ({ name, isJson }) => `${quoted(name)}${isJson ? `::text AS ${quoted(name)}` : ''}`,
  )
  return `SELECT id, to_jsonb(v) AS row FROM (SELECT ${columns.join(', ')} FROM ${quoted(schema)}.${quoted(table)}) AS v`
}

/** Of all v1 tables. */
export async function fingerprintV1(client: pg.ClientBase, schema: string): Promise<Fingerprints> {
  const found: Record<string, Fingerprint> = {}
  for (const { name } of v1Tables)
    found[name] = await fingerprintOf(client, await v1RowsSql(client, schema, name))
  return found
}

/** Names of the tables whose rows differ, with both counts; empty: all the same. */
export function differences(expected: Fingerprints, found: Fingerprints): string[] {
  return Object.keys(expected).flatMap((name) => {
    const [a, b] = [expected[name], found[name]]
    if (a !== undefined && b?.rows === a.rows && b.checksum === a.checksum) return []
    return [
      `${name} (${a?.rows ?? 0} rows expected, ${b?.rows ?? 0} found, ${a?.rows === b?.rows ? 'other content' : 'other rows'})`,
    ]
  })
}
