/**
 * Keeps the planner's statistics where nobody else does: the embedded TimescaleDB has no autovacuum, and without statistics the
 * planner takes thousands of rows for one and answers in seconds what takes milliseconds.
 * A table is analysed when it has never been, or is twice as large as when it was: by its size, because the embedded database
 * counts no changed rows. A statement each, so that pings wait for one at most.
 */
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { repeat } from '../ops/repeat.ts'
import type { Pool } from './pool.ts'

/** Soon, but after the first pings and the demo hospital. */
const firstAfterMs = 20_000
const everyMs = 60_000

/** A hypertable with all its chunks when one of them has grown; what has less than two pages is read whole anyway. */
const grownSql = `
  SELECT DISTINCT coalesce(h.schema_name, n.nspname) AS schema, coalesce(h.table_name, c.relname) AS name
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN _timescaledb_catalog.chunk k ON k.schema_name = n.nspname AND k.table_name = c.relname
  LEFT JOIN _timescaledb_catalog.hypertable h ON h.id = k.hypertable_id
  WHERE c.relkind = 'r' AND n.nspname IN ('public', '_timescaledb_internal')
    AND pg_relation_size(c.oid) / current_setting('block_size')::integer
      >= CASE WHEN c.reltuples < 0 THEN 2 ELSE 2 * greatest(c.relpages, 1) END
  ORDER BY 1, 2`

/** Which tables it analysed. */
export async function analyzeGrown(pool: Pool, signal?: AbortSignal): Promise<string[]> {
  const tables = await pool.use(
    async (client) => (await client.query<{ schema: string; name: string }>(grownSql)).rows,
    signal,
  )
  for (const { schema, name } of tables)
    await pool.use(
      async (client) => client.query(`ANALYZE ${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`),
      signal,
    )
  return tables.map(({ schema, name }) => `${schema}.${name}`)
}

/** Starts the loop; `close` waits for a table under way. */
export function openAnalyzer(pool: Pool): { close(): Promise<void> } {
  const closing = new AbortController()
  const { signal } = closing
  const loop = (async () => {
    await wait(firstAfterMs, undefined, { signal }).catch(() => undefined)
    // That the database is away is the writer's to report; here it only means later.
    await repeat(
      async () =>
        analyzeGrown(pool, signal).then(
          () => undefined,
          () => undefined,
        ),
      everyMs,
      signal,
    )
  })()
  return {
    async close() {
      closing.abort()
      await loop
    },
  }
}
