/**
 * The jobs of location_history during and after the upgrade: compression and retention rest while old pings are copied, and
 * retention is widened so far that no ping of v1 is dropped for two years.
 */
import type pg from 'pg'
import { retentionYearsFor } from './plan.ts'
import { inTransaction } from './state.ts'

const jobsSql = `
  SELECT job_id AS id, proc_name AS name, scheduled, config ->> 'drop_after' AS "dropAfter" FROM timescaledb_information.jobs
  WHERE hypertable_schema = 'public' AND hypertable_name = 'location_history' AND proc_name IN ('policy_compression', 'policy_retention')`

/** Idempotent: what it paused is noted in the transaction that pauses it. */
export async function pauseJobs(client: pg.ClientBase): Promise<void> {
  await inTransaction(client, async () => {
    const noted = await client.query(`SELECT FROM biotrakr_upgrade.setting WHERE name = 'paused_jobs'`)
    if (noted.rowCount === 1) return
    const { rows } = await client.query<{
      id: number
      name: string
      scheduled: boolean
      dropAfter: string | null
    }>(jobsSql)
    const oldest = await client.query<{ value: string }>(
      `SELECT value FROM biotrakr_upgrade.setting WHERE name = 'retention_until_oldest'`,
    )
    const since = oldest.rows[0]?.value ?? ''
    for (const { id, name, scheduled, dropAfter } of rows) {
      if (scheduled) await client.query('SELECT alter_job($1, scheduled => false)', [id])
      if (name === 'policy_retention' && dropAfter !== null && since !== '')
        await widenRetention(client, id, dropAfter, retentionYearsFor(new Date(since)))
    }
    await client.query(`INSERT INTO biotrakr_upgrade.setting VALUES ('paused_jobs', $1)`, [
      rows
        .filter(({ scheduled }) => scheduled)
        .map(({ id }) => id)
        .join(' '),
    ])
  })
}

/** Never narrower than it is. */
async function widenRetention(
  client: pg.ClientBase,
  job: number,
  before: string,
  years: number,
): Promise<void> {
  const after = `${years} years`
  const { rowCount } = await client.query(
    `SELECT alter_job(job_id, config => jsonb_set(config, '{drop_after}', to_jsonb($2::text)))
     FROM timescaledb_information.jobs WHERE job_id = $1 AND (config ->> 'drop_after')::interval < $2::interval`,
    [job, after],
  )
  if (rowCount === 1)
    await client.query(
      `INSERT INTO biotrakr_upgrade.report (kind, table_name, row_id, detail) VALUES ('setting', 'location_history', 'retention', $1)`,
      [
        JSON.stringify({
          drop_after: after,
          before,
          why: 'no ping of v1 is dropped in the two years after the upgrade',
        }),
      ],
    )
}

export async function resumeJobs(client: pg.ClientBase): Promise<void> {
  await client.query(
    `SELECT alter_job(j.job_id, scheduled => true) FROM timescaledb_information.jobs j
     JOIN biotrakr_upgrade.setting s ON s.name = 'paused_jobs' AND j.job_id::text = ANY (string_to_array(s.value, ' '))`,
  )
}
