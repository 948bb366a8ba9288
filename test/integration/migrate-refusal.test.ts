// Databases that migrate must leave alone: BioTrakr v1, and somebody else's tables.
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrate, planMigrations, readMigrations } from '../../src/db/migrate.ts'
import { type TestDatabase, openTestDatabase } from '../support/database.ts'

let database: TestDatabase
let client: pg.Client
beforeAll(async () => {
  database = await openTestDatabase()
  client = new pg.Client(database.url)
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await database.close()
})

/** Everything in the database that a migration could have made. */
const inventory = async (): Promise<unknown> =>
  (
    await client.query(
      `SELECT nspname || '.' || relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE nspname NOT LIKE 'pg_%' AND nspname NOT LIKE '%timescaledb%' AND nspname <> 'information_schema' ORDER BY 1`,
    )
  ).rows

describe('migrate', () => {
  it('refuses a database of BioTrakr v1 with the way to go, and leaves it as it was', async () => {
    await client.query(`
      CREATE TABLE organizations (id text PRIMARY KEY, name text);
      CREATE TABLE assets (id text PRIMARY KEY, "organizationId" text, "assetTag" text UNIQUE, name text);
      CREATE TABLE asset_location_pings (id text PRIMARY KEY, "assetId" text REFERENCES assets)`)
    const before = await inventory()
    await expect(migrate(database.url)).rejects.toThrow(
      /^Database "\w+" holds BioTrakr v1, which is upgraded and not migrated: nothing was changed\. See what would happen to it with: rtls-ingest upgrade plan$/u,
    )
    await expect(planMigrations(database.url)).rejects.toThrow(/upgrade plan/u)
    expect(await inventory()).toEqual(before)
    await client.query('DROP TABLE asset_location_pings, assets, organizations')
  })

  it('refuses a database in which another program has a table of a name we need', async () => {
    await client.query('CREATE TABLE users (id int); CREATE VIEW rooms AS SELECT 1 AS id')
    const before = await inventory()
    await expect(migrate(database.url)).rejects.toThrow(
      /holds public\.rooms, public\.users, which rtls-ingest did not make/u,
    )
    expect(await inventory()).toEqual(before)
    await client.query('DROP TABLE users; DROP VIEW rooms')
  })

  it("migrates beside tables that are in nobody's way, and beside v1 in a schema of its own", async () => {
    await client.query(`
      CREATE TABLE invoices (id int);
      CREATE SCHEMA biotrakr_v1;
      CREATE TABLE biotrakr_v1.assets (id text PRIMARY KEY, "assetTag" text UNIQUE)`)
    expect((await migrate(database.url)).length).toBeGreaterThan(10)
    expect(await migrate(database.url)).toEqual([])
  })

  it('goes on where it was stopped, after any of the files: what one made and a later one makes anew is ours', async () => {
    const { migrations, repeatable } = readMigrations()
    const halfway = await openTestDatabase()
    try {
      for (const [index] of migrations.entries())
        await migrate(halfway.url, undefined, { migrations: migrations.slice(0, index + 1), repeatable: [] })
      expect(await migrate(halfway.url)).toEqual(repeatable.map(({ name }) => name))
    } finally {
      await halfway.close()
    }
  })
})
