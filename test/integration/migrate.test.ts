import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrate, planMigrations, readMigrations } from '../../src/db/migrate.ts'
import { type TestDatabase, isEmbedded, openTestDatabase } from '../support/database.ts'
import { queryOnce } from '../support/query.ts'
import { waitFor } from '../support/wait-for.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await openTestDatabase()
})
afterAll(async () => {
  await database.close()
})

const query = async <Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> =>
  queryOnce<Row>(database.url, sql)

describe('migrations', () => {
  it('are pending on an empty database', async () => {
    const { pending, applied } = await planMigrations(database.url)
    expect(pending[0]?.file.name).toBe('0001_location_history.sql')
    expect(applied).toEqual([])
  })

  it('make the hypertable, its key, its policies and the rollup, by two processes at once as by one', async () => {
    const [one, two] = await Promise.all([migrate(database.url), migrate(database.url)])
    expect([one.length, two.length].toSorted((a, b) => a - b)[0]).toBe(0)
    expect(
      await query(`SELECT d.column_name, d.time_interval::text, h.compression_enabled
        FROM timescaledb_information.hypertables h JOIN timescaledb_information.dimensions d USING (hypertable_name)
        WHERE h.hypertable_name = 'location_history'`),
    ).toEqual([{ column_name: 't', time_interval: '1 day', compression_enabled: true }])
    expect(
      await query(
        `SELECT indexdef FROM pg_indexes WHERE tablename = 'location_history' AND schemaname = 'public'`,
      ),
    ).toEqual([{ indexdef: expect.stringMatching(/UNIQUE INDEX .*\(tag_id, t, gateway_id\)/u) as string }])
    expect(
      (
        await query<{ job: string }>(
          `SELECT proc_name || ':' || coalesce(hypertable_name, config ->> 'hypertable', '') AS job FROM timescaledb_information.jobs
           WHERE hypertable_name IS NOT NULL OR proc_schema = 'public'`,
        )
      )
        .map(({ job }) => job)
        .toSorted(),
    ).toEqual([
      'erase_expired_person_pings:',
      'policy_compression:gateway_1m',
      'policy_compression:iot_sensor_readings',
      'policy_compression:location_1d',
      'policy_compression:location_1h',
      'policy_compression:location_1m',
      'policy_compression:location_history',
      'policy_compression:room_presence_1h',
      'policy_compression:room_presence_1m',
      'policy_compression:usage_logs',
      'policy_refresh_continuous_aggregate:gateway_1m',
      'policy_refresh_continuous_aggregate:location_1d',
      'policy_refresh_continuous_aggregate:location_1h',
      'policy_refresh_continuous_aggregate:location_1m',
      'policy_refresh_continuous_aggregate:room_presence_1h',
      'policy_refresh_continuous_aggregate:room_presence_1m',
      'policy_retention:gateway_1m',
      'policy_retention:iot_sensor_readings',
      'policy_retention:location_1h',
      'policy_retention:location_1m',
      'policy_retention:location_history',
      'policy_retention:room_presence_1h',
      'policy_retention:room_presence_1m',
      'refresh_late_rollups:',
      'retire_usage_logs:usage_logs',
      'watch_restricted_rooms:',
    ])
  })

  it('run again change nothing', async () => {
    expect(await migrate(database.url)).toEqual([])
  })

  it('refuse an applied file that was edited, by name', async () => {
    const files = readMigrations()
    const [first, ...rest] = files.migrations
    if (first === undefined) throw new Error('no migrations')
    const edited = { ...files, migrations: [{ ...first, checksum: 'f'.repeat(64) }, ...rest] }
    await expect(migrate(database.url, undefined, edited)).rejects.toThrow(
      /0001_location_history\.sql was changed after it had been applied/u,
    )
  })

  it('name file, line and SQLSTATE of a statement that fails, and undo the whole file', async () => {
    const files = readMigrations()
    const bad = {
      name: '9999_bad.sql',
      text: 'CREATE TABLE half_done (a int);\nSELECT * FROM nowhere;',
      checksum: 'x',
    }
    await expect(
      migrate(database.url, undefined, { ...files, migrations: [...files.migrations, bad] }),
    ).rejects.toThrow(/9999_bad\.sql line 2: relation "nowhere" does not exist \(SQLSTATE 42P01\)/u)
    expect(await query(`SELECT to_regclass('half_done')::text AS found`)).toEqual([{ found: null }])
  })

  it('apply all repeatable files again after a migration', async () => {
    const files = readMigrations()
    const added = { name: '9998_added.sql', text: 'SELECT 1', checksum: 'y' }
    const more = { ...files, migrations: [...files.migrations, added] }
    expect(await migrate(database.url, undefined, more)).toEqual([
      added.name,
      ...files.repeatable.map(({ name }) => name),
    ])
    expect(await migrate(database.url, undefined, more)).toEqual([])
    await query(`DELETE FROM rtls_schema_migrations WHERE name = '${added.name}'`)
  })

  it('apply a repeatable file again when it changed', async () => {
    const files = readMigrations()
    const repeatable = files.repeatable.map((file) => ({ ...file, checksum: `${file.checksum}x` }))
    expect(await migrate(database.url, undefined, { ...files, repeatable })).toEqual(
      repeatable.map((file) => file.name),
    )
    expect(await migrate(database.url)).toEqual(files.repeatable.map((file) => file.name))
  })

  it('wait for a table that somebody reads without making its writers wait', async ({ skip }) => {
    skip(isEmbedded(), 'one backend: nobody reads beside a migration')
    const files = readMigrations()
    const adds = {
      name: '9997_adds.sql',
      text: 'ALTER TABLE dead_letter ADD COLUMN next text',
      checksum: 'z',
    }
    const analyst = new pg.Client(database.url)
    await analyst.connect()
    await analyst.query('BEGIN; SELECT count(*) FROM dead_letter')
    let isWaiting = false
    const migrating = migrate(
      database.url,
      {
        onWaiting() {
          isWaiting = true
        },
      },
      { ...files, migrations: [...files.migrations, adds] },
    )
    try {
      await waitFor(() => isWaiting, { what: 'the migration to give up its place in the queue' })
      await query(`UPDATE dead_letter SET detail = ''`)
    } finally {
      await analyst.end()
    }
    expect(await migrating).toContain(adds.name)
    await query(`DELETE FROM rtls_schema_migrations WHERE name = '${adds.name}'`)
    await query('ALTER TABLE dead_letter DROP COLUMN next')
  })
})

describe('the schema of a newer version', () => {
  const files = readMigrations()
  const recreate = async (): Promise<string[]> => migrate(database.url)

  it('is left as it is by an older one that starts again, its views and functions included', async () => {
    const next = {
      migrations: [...files.migrations, { name: '9001_next.sql', text: 'SELECT 1', checksum: 'next' }],
      repeatable: files.repeatable.map((file) => ({ ...file, checksum: `${file.checksum}next` })),
    }
    await migrate(database.url, undefined, next)
    expect(await planMigrations(database.url)).toMatchObject({
      pending: [],
      unknown: ['9001_next.sql'],
      isNewer: true,
    })
    expect(await recreate()).toEqual([])
    expect(await migrate(database.url, undefined, next)).toEqual([])
  })

  it('is refused by an older one where the newer says that it cannot work with it', async () => {
    const breaks = {
      name: '9002_breaks.sql',
      text: '-- Why.\n-- incompatible-with-running: pings moved to another table\nSELECT 1',
      checksum: 'breaks',
    }
    await migrate(database.url, undefined, { ...files, migrations: [...files.migrations, breaks] })
    const refusal =
      /^This is rtls-ingest \S+, and the database was migrated by rtls-ingest \S+ in a way that older versions cannot work with: 9002_breaks\.sql \(pings moved to another table\)\. Nothing was changed\. /u
    await expect(planMigrations(database.url)).rejects.toThrow(refusal)
    await expect(recreate()).rejects.toThrow(refusal)
    await query(`DELETE FROM rtls_schema_migrations WHERE name LIKE '9%'`)
    expect(await recreate()).toEqual([])
  })

  it('is noted in the ledger, also in one that an older version made', async () => {
    await query('ALTER TABLE rtls_schema_migrations DROP COLUMN applied_by, DROP COLUMN incompatible')
    expect((await planMigrations(database.url)).pending).toEqual([])
    expect(await recreate()).toEqual([])
    const ledger = `SELECT count(*)::int AS n FROM rtls_schema_migrations WHERE applied_by IS NULL AND incompatible IS NULL`
    expect((await query<{ n: number }>(ledger))[0]?.n).toBeGreaterThan(10)
  })
})

describe('the rollup', () => {
  it('answers for the minute that is still being filled, before and after a refresh', async () => {
    await query(`INSERT INTO location_history (t, facility_id, gateway_id, tag_id, x)
      SELECT now() - i * interval '1 second', 'h1', 'g', 'T', i FROM generate_series(0, 99) i`)
    const total = `SELECT sum(pings)::int AS pings FROM location_1m`
    expect(await query(total)).toEqual([{ pings: 100 }])
    await query(`CALL refresh_continuous_aggregate('location_1m', NULL, now() - interval '1 minute')`)
    expect(await query(total)).toEqual([{ pings: 100 }])
  })
})
