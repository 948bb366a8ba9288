/** What the migration guide says one should see after the TimescaleDB step, with the values of this database. */
import type pg from 'pg'

export async function expectedOutput(client: pg.ClientBase): Promise<string[]> {
  const hypertables = await client.query<{ line: string }>(
    `SELECT format('(%s,%s)', hypertable_name, primary_dimension) AS line FROM (
       SELECT h.hypertable_name, d.column_name AS primary_dimension
       FROM timescaledb_information.hypertables h
       JOIN timescaledb_information.dimensions d USING (hypertable_schema, hypertable_name)
       WHERE h.hypertable_schema = 'public' AND d.dimension_number = 1) h ORDER BY 1`,
  )
  const policies = await client.query<{ line: string }>(
    `SELECT format('%s  %s, after %s', job_id, hypertable_name, coalesce(config ->> 'compress_after', config ->> 'compress_created_before')) AS line
     FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression' ORDER BY job_id`,
  )
  const rollups = await client.query<{ line: string }>(
    `SELECT view_name AS line FROM timescaledb_information.continuous_aggregates WHERE view_schema = 'public' ORDER BY 1`,
  )
  const list = (lines: readonly { line: string }[]): string[] => lines.map(({ line }) => ` ${line}`)
  return [
    ' create_hypertable',
    '-------------------',
    ...list(hypertables.rows),
    '',
    ' add_compression_policy',
    '------------------------',
    ...list(policies.rows),
    '',
    '✔ TimescaleDB hypertables created',
    '✔ Compression policies added',
    `✔ Continuous aggregates created: ${rollups.rows.map(({ line }) => line).join(', ')}`,
  ]
}
