// A migrated database and the stages that write into it, for tests below the command line.
import type pg from 'pg'
import { type Pool, createPool } from '../../src/db/pool.ts'
import type { Judgement } from '../../src/db/failure.ts'
import { type Batch, emptyBatch } from '../../src/ingest/batcher.ts'
import { createDecode } from '../../src/ingest/decode.ts'
import { type Writer, createWriter } from '../../src/ingest/writer.ts'
import { openMigratedDatabase } from './database.ts'
import { delivery, limits, receivedAtUs } from './pings.ts'

export interface Ingest {
  readonly url: string
  readonly pool: Pool
  readonly writer: Writer
  /** What the writer reported since it was last emptied. */
  readonly failures: Judgement[]
  query<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>
  close(): Promise<void>
}

export async function openIngest(): Promise<Ingest> {
  const database = await openMigratedDatabase()
  const pool = createPool(
    { url: database.url, max: 4, connectTimeoutMs: 60_000, statementTimeoutMs: 60_000 },
    () => undefined,
  )
  const failures: Judgement[] = []
  return {
    url: database.url,
    pool,
    failures,
    writer: createWriter(pool, 65_536, {
      onFailure: (judgement) => failures.push(judgement),
      onSuccess: () => undefined,
    }),
    query: async (sql, values) => pool.use(async (client) => (await client.query<never>(sql, values)).rows),
    async close() {
      await pool.close()
      await database.close()
    },
  }
}

export const decode = createDecode(limits)

/** One message as a batch. */
export function batchOf(payload: unknown, at = receivedAtUs): Batch {
  const message = delivery(payload, undefined, at)
  const { pings, rejections } = decode(message)
  return {
    ...emptyBatch(),
    deliveries: [message],
    pings: [...pings],
    rejections: [...rejections],
    bytes: message.payload.length,
  }
}
