/**
 * Keeps the planner's statistics where nobody else does: the embedded TimescaleDB has no autovacuum, and without statistics the
 * planner takes thousands of rows for one and answers in seconds what takes milliseconds.
 * A table is analysed when it has never been, or has grown by half since it was: by its size, because the embedded database
 * counts no changed rows. A statement each, so that pings wait for one at most.
 */
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { repeat } from '../ops/repeat.ts'
import type { Pool } from './pool.ts'

/** Soon, but after the first pings and the demo hospital. */
const firstAfterMs = 20_000
/** In its first minutes a database doubles several times; looking costs a few milliseconds. */
const everyMs = 10_000

/**
 * A hypertable with all its chunks when one of them has grown. An empty table too, once: of what was never analysed the planner
 * expects ten pages of rows.
 */
const grownSql = `
  SELECT DISTINCT coalesce(h.schema_name, n.nspname) AS schema, coalesce(h.table_name, c.relname) AS name
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN _timescaledb_catalog.chunk k ON k.schema_name = n.nspname AND k.table_name = c.relname
  LEFT JOIN _timescaledb_catalog.hypertable h ON h.id = k.hypertable_id
  WHERE c.relkind = 'r' AND n.nspname IN ('public', '_timescaledb_internal')
    AND (c.reltuples < 0 OR pg_relation_size(c.oid) / current_setting('block_size')::integer >= 1.5 * greatest(c.relpages, 1))
    -- What only the chunks hold.
    AND NOT EXISTS (SELECT FROM _timescaledb_catalog.hypertable p WHERE p.schema_name = n.nspname AND p.table_name = c.relname)
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
