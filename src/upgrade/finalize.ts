/**
 * `upgrade finalize`: v1 is dropped for good, after every check of `verify` passed and only when nothing else hangs on it.
 * The report and what v2 has no column for stay in schema biotrakr_upgrade.
 */
import type pg from 'pg'
import { UserError } from '../ops/user-error.ts'
import { inTransaction, setPhase } from './state.ts'
import { quoted, v1Schema } from './v1-tables.ts'

/** The caller has verified. Errors: UserError naming what hangs on v1's tables. Returns the bytes given back. */
export async function dropV1(client: pg.ClientBase): Promise<number> {
  const { rows: users } = await client.query<{ name: string }>(
    `SELECT DISTINCT coalesce(r.ev_class::regclass::text, c.conrelid::regclass::text) AS name
     FROM pg_depend d
     JOIN pg_class t ON t.oid = d.refobjid AND t.relnamespace = $1::regnamespace
     LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
     LEFT JOIN pg_constraint c ON d.classid = 'pg_constraint'::regclass AND c.oid = d.objid
     JOIN pg_class o ON o.oid = coalesce(r.ev_class, c.conrelid) AND o.relnamespace <> $1::regnamespace
     WHERE d.refclassid = 'pg_class'::regclass ORDER BY 1`,
    [v1Schema],
  )
  if (users.length > 0)
    throw new UserError(
      `${users.map(({ name }) => name).join(', ')} still read v1's tables in schema ${v1Schema}; they would be dropped with them. Drop them, or point them to v2, and run it again.`,
    )
  return inTransaction(client, async () => {
    const { rows } = await client.query<{ name: string; bytes: number }>(
      `SELECT relname::text AS name, pg_total_relation_size(oid)::float8 AS bytes FROM pg_class
       WHERE relnamespace = $1::regnamespace AND relkind = 'r'`,
      [v1Schema],
    )
    if (rows.length > 0)
      await client.query(`DROP TABLE ${rows.map(({ name }) => `${v1Schema}.${quoted(name)}`).join(', ')}`)
    const { rows: types } = await client.query<{ name: string }>(
      `SELECT typname::text AS name FROM pg_type WHERE typnamespace = $1::regnamespace AND typtype IN ('e', 'd')`,
      [v1Schema],
    )
    for (const { name } of types) await client.query(`DROP TYPE ${v1Schema}.${quoted(name)}`)
    // Without CASCADE: whatever else somebody put there stops it.
    await client.query(`DROP SCHEMA ${v1Schema}`)
    await setPhase(client, 'finalized')
    return rows.reduce((sum, { bytes }) => sum + bytes, 0)
  })
}
