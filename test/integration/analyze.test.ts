// The planner's statistics where there is no autovacuum: what has grown is analysed, once, hypertables with their chunks.
import { expect, it } from 'vitest'
import { analyzeGrown } from '../../src/db/analyze.ts'
import { createPool } from '../../src/db/pool.ts'
import { queryOnce } from '../support/query.ts'
import { useSuite } from '../support/suite.ts'

const { database, closers } = useSuite()

it('analyses what has grown, and nothing twice', async () => {
  const pool = createPool(
    { url: database.url, max: 1, connectTimeoutMs: 30_000, statementTimeoutMs: 120_000 },
    () => undefined,
  )
  closers.push(async () => pool.close())
  const store = async (from: number, to: number): Promise<unknown> =>
    queryOnce(
      database.url,
      `INSERT INTO location_history (t, received_at, facility_id, gateway_id, tag_id, x, y)
       SELECT now() - n * interval '1 second', now(), 'h', 'g', 'tag ' || n % 50, 1, 2 FROM generate_series(${from}, ${to}) n`,
    )
  const expected = async (): Promise<number> => {
    const rows = await queryOnce<{ tuples: number }>(
      database.url,
      `SELECT sum(c.reltuples)::float8 AS tuples FROM show_chunks('location_history') k JOIN pg_class c ON c.oid = k`,
    )
    return rows[0]?.tuples ?? 0
  }
  // Nobody else's: a server's autovacuum would be as good.
  await queryOnce(database.url, `ALTER TABLE location_history SET (autovacuum_enabled = off)`)
  await store(1, 2000)
  expect(await analyzeGrown(pool)).toContain('public.location_history')
  expect(await expected()).toBe(2000)
  expect(await analyzeGrown(pool)).not.toContain('public.location_history')

  await store(2001, 2100)
  expect(await analyzeGrown(pool)).not.toContain('public.location_history')
  await store(2101, 6000)
  expect(await analyzeGrown(pool)).toContain('public.location_history')
  expect(await expected()).toBe(6000)
})

it('after a migration the planner knows that nobody wears a tag yet', async () => {
  const tables = await queryOnce(
    database.url,
    `SELECT reltuples FROM pg_class WHERE oid = 'person_tags'::regclass`,
  )
  expect(tables).toEqual([{ reltuples: 0 }])
})
