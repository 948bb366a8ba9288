// `rtls-ingest seed` and `migrate` as an operator uses them.
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../support/child.ts'
import { type TestDatabase, openMigratedDatabase } from '../support/database.ts'

let database: TestDatabase
let client: pg.Client
let env: Record<string, string>

beforeAll(async () => {
  database = await openMigratedDatabase()
  client = new pg.Client(database.url)
  await client.connect()
  env = { DATABASE_URL: database.url }
})
afterAll(async () => {
  await client.end()
  await database.close()
})

const query = async <Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> =>
  (await client.query<Row>(sql)).rows

describe('rtls-ingest seed', () => {
  it('makes the rows of the guide and 300 assets with tags, and a second time nothing', async () => {
    const { stdout } = await runCli(['seed'], { env })
    expect(stdout).toMatch(/^ +301 {2}assets$/mu)
    expect(stdout).toMatch(/^Seed data created successfully in postgres:.*: \d+ rows\.$/mu)
    const counts = `SELECT (SELECT count(*) FROM assets) AS assets, (SELECT count(*) FROM usage_logs) AS usage, (SELECT count(*) FROM maintenance_history) AS work`
    const before = await query(counts)
    await client.query(`UPDATE assets SET notes = 'edited' WHERE asset_tag_number = 'BME-2024-001'`)
    const again = await runCli(['seed'], { env })
    expect(again.stdout).toMatch(/: everything was there already\.$/u)
    expect(await query(counts)).toEqual(before)
    expect(await query(`SELECT notes FROM assets WHERE asset_tag_number = 'BME-2024-001'`)).toEqual([
      { notes: 'edited' },
    ])
  })

  it('has exactly the values of the guide', async () => {
    expect(
      await query(
        `SELECT u.username, u.email, u.first_name, u.last_name, u.role, u.is_active, v.vendor_code, v.vendor_name, v.vendor_type::text,
           v.email AS vendor_email, a.asset_tag_number, a.equipment_name, a.manufacturer, a.model_number, a.serial_number,
           a.device_category::text, a.asset_status::text, a.criticality_level::text, a.risk_classification::text, a.purchase_date::text,
           a.purchase_cost, a.useful_life_years, a.depreciation_method::text, a.current_facility_id = f.id AS is_here,
           a.created_by_id = u.id AND a.updated_by_id = u.id AS is_by_admin, d.facility_id = f.id AS has_department
         FROM assets a JOIN users u ON u.id = a.primary_custodian_id JOIN vendors v ON v.id = a.vendor_id
           JOIN facilities f ON f.facility_code = 'demo' JOIN departments d ON d.id = a.custodian_department_id
         WHERE a.asset_tag_number = 'BME-2024-001'`,
      ),
    ).toEqual([
      {
        username: 'admin',
        email: 'admin@biotrakr.com',
        first_name: 'System',
        last_name: 'Administrator',
        role: 'ADMIN',
        is_active: true,
        vendor_code: 'GE001',
        vendor_name: 'GE Healthcare',
        vendor_type: 'MANUFACTURER',
        vendor_email: 'support@gehealthcare.com',
        asset_tag_number: 'BME-2024-001',
        equipment_name: 'GE Optima MR360',
        manufacturer: 'General Electric',
        model_number: 'Optima MR360 1.5T',
        serial_number: 'SN123456789',
        device_category: 'IMAGING',
        asset_status: 'ACTIVE',
        criticality_level: 'CRITICAL',
        risk_classification: 'CLASS_II',
        purchase_date: '2024-01-15',
        purchase_cost: '1500000.00',
        useful_life_years: 10,
        depreciation_method: 'STRAIGHT_LINE',
        is_here: true,
        is_by_admin: true,
        has_department: true,
      },
    ])
  })

  it('gives every report something to show', async () => {
    const reports = [
      'overdue_maintenance',
      'high_risk_assets',
      'asset_utilization',
      'asset_reliability',
      'asset_total_cost',
      'replacement_forecast',
      'certification_expiry',
      'contract_expiry',
      'recalled_assets',
      'udi_completeness',
      'active_assets_with_location',
    ]
    for (const report of reports) {
      const [first] = await query<{ rows: number }>(`SELECT count(*)::integer AS rows FROM ${report}`)
      expect({ report, hasRows: (first?.rows ?? 0) > 0 }).toEqual({ report, hasRows: true })
    }
  })

  it('makes a second hospital beside the first; tags that are worn stay where they are', async () => {
    const { stdout } = await runCli(['seed', '--facility', 'north', '--tags', '30'], { env })
    expect(stdout).toMatch(/^ +30 {2}assets$/mu)
    expect(stdout).toMatch(/^ +0 {2}tag assignments$/mu)
    expect(
      await query(
        `SELECT count(*)::integer AS future FROM maintenance_history WHERE completed_at > now() OR reported_at > now()`,
      ),
    ).toEqual([{ future: 0 }])
    expect(
      await query(`SELECT count(*)::integer AS future FROM usage_logs WHERE session_end > now()`),
    ).toEqual([{ future: 0 }])
  })

  it('does not fill in what somebody has cleared, and takes an admin of that address for the admin', async () => {
    const [cleared] = await query<{ id: string }>(
      `UPDATE departments SET manager_id = NULL WHERE id = (SELECT id FROM departments WHERE manager_id IS NOT NULL ORDER BY id LIMIT 1) RETURNING id`,
    )
    await query(`UPDATE users SET username = 'chief' WHERE username = 'admin'`)
    await runCli(['seed', '--facility', 'south', '--tags', '10'], { env })
    await runCli(['seed'], { env })
    expect(await query(`SELECT id FROM departments WHERE manager_id IS NULL`)).toContainEqual(cleared)
    expect(
      await query(`SELECT DISTINCT u.username FROM assets a JOIN users u ON u.id = a.created_by_id`),
    ).toEqual([{ username: 'chief' }])
    await query(`UPDATE users SET username = 'admin' WHERE username = 'chief'`)
  })

  it("leaves a real organisation with the demo's id alone", async () => {
    await query(`UPDATE organizations SET name = 'General Hospital' WHERE id = 'org-demo-001'`)
    const { stderr } = await runCli(['seed', '--facility', 'west', '--tags', '10'], { env, expectCode: 1 })
    expect(stderr).toBe(
      'rtls-ingest: The database has an organisation "org-demo-001" (General Hospital) that is not the demo\'s: nothing was changed. Seed a database of its own.',
    )
    await query(`UPDATE organizations SET name = 'Demo Health System' WHERE id = 'org-demo-001'`)
  })

  it('leaves a real hospital of the same code alone', async () => {
    await client.query(
      `INSERT INTO facilities (organization_id, facility_code, facility_name) VALUES ('org-demo-001', 'real', 'County Hospital')`,
    )
    const { stderr } = await runCli(['seed', '--facility', 'real'], { env, expectCode: 1 })
    expect(stderr).toBe(
      'rtls-ingest: The database has a facility "real" (County Hospital) that is not the demo hospital: nothing was changed. Choose another code with --facility.',
    )
  })
})

const examples = Array.from(
  readFileSync(new URL('../../docs/biotrakr.md', import.meta.url), 'utf8').matchAll(/```sql\n(.+?)```/gsu),
  ([, sql = '']) => sql,
)

describe('docs/biotrakr.md', () => {
  it.each(examples)('tells the truth: %s', async (sql) => {
    await client.query('BEGIN')
    try {
      expect((await client.query(sql)).rows).not.toEqual([])
    } finally {
      await client.query('ROLLBACK')
    }
  })
})

describe('rtls-ingest migrate', () => {
  it('sends whoever points it at BioTrakr v1 to upgrade plan', async () => {
    await client.query(`DELETE FROM rtls_schema_migrations WHERE name >= '0011'`)
    await client.query(`ALTER TABLE assets RENAME COLUMN asset_tag_number TO "assetTag"`)
    const { stderr } = await runCli(['migrate'], { env, expectCode: 1 })
    expect(stderr).toMatch(/^rtls-ingest: Database "\w+" holds BioTrakr v1, .* rtls-ingest upgrade plan$/u)
  })
})
