// One query over a connection of its own, as somebody beside the service would ask it.
import pg from 'pg'

/** Without values there may be several statements. */
export async function queryOnce<Row extends pg.QueryResultRow>(
  url: string,
  sql: string,
  values?: unknown[],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 60_000 })
  // The database may be killed meanwhile; the query under way reports it.
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query<Row>(sql, values)).rows
  } finally {
    await client.end().catch(() => undefined)
  }
}
