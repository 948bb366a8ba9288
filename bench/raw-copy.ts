/** The yardstick: binary COPY of prepared bytes over one connection, one batch after the other. Nothing else is timed. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { columnList } from '../src/ingest/copy-format.ts'

const copySql = `COPY location_history (${columnList}) FROM STDIN (FORMAT binary)`

/** Seconds. */
export async function rawCopy(url: string, batches: readonly Buffer[]): Promise<number> {
  const client = new pg.Client({ connectionString: url, application_name: 'rtls-bench-copy' })
  await client.connect()
  try {
    const startedMs = performance.now()
    for (const batch of batches)
      await pipeline(Readable.from([batch], { objectMode: false }), client.query(copyFrom(copySql)))
    return (performance.now() - startedMs) / 1000
  } finally {
    await client.end()
  }
}
