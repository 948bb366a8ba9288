// The road from BioTrakr v1 to v2 and back, as an operator walks it: plan, apply, verify, rollback, apply again, finalize.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../support/child.ts'
import { freePort } from '../support/free-port.ts'
import { openService } from '../support/service.ts'
import { type Hospital, hasServer, openHospital } from '../support/upgrade.ts'

/** On the embedded database a quarter: it takes ten times as long a row, and CI has two slow cores. */
const pings = hasServer() ? 200_000 : 50_000
/** Slow, because it is all of a hospital: on a loaded machine the embedded database copies some 5,000 pings a second. */
const patience = { timeout: 600_000 }

const repairs = [
  '--mapping',
  'test/support/biotrakr-mapping.yaml',
  '--assign-orphans-to',
  'admin@biotrakr.com',
]

let hospital: Hospital
beforeAll(async () => {
  hospital = await openHospital({ pings, days: 12, hasOrphans: true, hasOddStatus: true })
}, patience.timeout)
afterAll(async () => {
  await hospital.close()
})

const backup = (): string =>
  path.join(
    hospital.backupDir,
    readdirSync(hospital.backupDir).find((name) => !/json$|partial$/u.test(name)) ?? 'none',
  )

interface PlanOutput {
  facts: {
    tables: { name: string; rows: number }[]
    orphans: { table: string; column: string; rows: number }[]
  }
  plan: {
    refusals: string[]
    notes: string[]
    unmappedCategories: { word: string }[]
    retentionYears: number
  }
}

describe('upgrade', { timeout: patience.timeout }, () => {
  it('plan names every orphan, every word without a translation and every refusal, and exits 1', async () => {
    const { stdout, stderr } = await hospital.upgrade(['plan', '--json'], 1)
    const { facts, plan } = JSON.parse(stdout) as PlanOutput
    expect(facts.tables.find(({ name }) => name === 'asset_location_pings')?.rows).toBe(pings + 9)
    expect(facts.orphans.map(({ table, column }) => `${table}.${column}`)).toEqual([
      'facilities.organizationId',
      'assets.organizationId',
      'assets.facilityId',
      'assets.departmentId',
      'maintenance_tasks.requestedById',
      'maintenance_tasks.assignedToId',
      'maintenance_event_logs.maintenanceId',
      'telemetry_ingest_events.assetId',
      'asset_scan_logs.asset_id',
      'asset_location_pings.assetId',
    ])
    expect(plan.unmappedCategories).toEqual([{ word: 'hovercraft', rows: 1 }])
    expect(plan.refusals).toHaveLength(12)
    expect(plan.refusals.join('\n')).toContain('assets.status is "lost?" in 1 rows')
    // The oldest is 1,200 days old.
    expect(plan.retentionYears).toBe(6)
    expect(stderr).toContain('apply would refuse for 12 reasons.')
  })

  it('apply refuses for the same reasons, and changes nothing', async () => {
    const { stderr } = await hospital.upgrade(['apply', '--backup-dir', hospital.backupDir], 1)
    expect(stderr).toContain('The upgrade cannot be applied; nothing was changed:')
    expect(stderr).toContain(
      'maintenance_tasks."requestedById" points to no row of users in 1 rows (task-o1).',
    )
    expect(readdirSync(hospital.backupDir)).toEqual([])
  })

  it('apply backs up, converts and reports; verify finds every row again', async () => {
    const { stdout: planned } = await hospital.upgrade(['plan', ...repairs])
    expect(planned).toMatch(/^Downtime {4}about \d/mu)
    const { stdout } = await hospital.upgrade(['apply', '--backup-dir', hospital.backupDir, ...repairs])
    for (const line of [
      ' (location_history,t)',
      ' add_compression_policy',
      '✔ TimescaleDB hypertables created',
      '✔ Compression policies added',
    ])
      expect(stdout.split('\n')).toContain(line)
    expect(stdout).toContain('✔ Continuous aggregates created: ')
    expect(backup().endsWith('.dump')).toBe(hospital.isServer)
    const manifest = JSON.parse(readFileSync(`${backup()}.manifest.json`, 'utf8')) as {
      sha256: string
      fingerprint: Record<string, { rows: number }>
    }
    expect(manifest.sha256).toMatch(/^[0-9a-f]{64}$/u)
    expect(manifest.fingerprint['asset_location_pings']?.rows).toBe(pings + 9)

    const { stdout: checks } = await hospital.upgrade(['verify', '--json'])
    expect((JSON.parse(checks) as { number: number; result: string }[]).map(({ result }) => result)).toEqual([
      'passed',
      'passed',
      'passed',
      'not tried',
      ...Array.from({ length: 6 }, () => 'passed'),
    ])
  })

  it('has reported everything that is not as it was, by row', async () => {
    const file = readdirSync(hospital.backupDir).find((name) => name.endsWith('.report.json')) ?? ''
    const { rows } = JSON.parse(readFileSync(path.join(hospital.backupDir, file), 'utf8')) as {
      rows: { kind: string; table: string; row: string; detail: unknown }[]
    }
    const detail = (kind: string, table: string, row: string): unknown =>
      rows.find((line) => line.kind === kind && line.table === table && line.row === row)?.detail
    expect(detail('defaulted', 'assets', 'asset-2')).toMatchObject({
      criticality_level: 'MEDIUM',
      risk_classification: 'CLASS_II',
      primary_custodian_id: 'user-admin-001',
      custodian_department_id: 'unassigned:fac-demo-001',
      serial_number: 'UNKNOWN (v1 asset asset-2)',
    })
    expect(detail('unmapped', 'assets', 'asset-3')).toEqual({
      category: 'hovercraft',
      device_category: 'OTHER',
    })
    expect(detail('differs', 'assets', 'asset-3')).toMatchObject({ purchaseCost: { v1: -1, v2: null } })
    expect(detail('differs', 'maintenance_tasks', 'task-o1')).toMatchObject({
      requestedById: { v1: 'user-gone', v2: 'user-admin-001' },
    })
    expect(detail('placeholder', 'organizations', 'org-gone')).toBeDefined()
    expect(detail('dead_letter', 'asset_location_pings', 'ping-nan')).toEqual({
      why: 'its latitude is not from -90 to 90',
    })
    expect(detail('dead_letter', 'asset_location_pings', 'ping-2063')).toEqual({
      why: 'it was observed in the future',
    })
    expect(detail('repeated', 'asset_location_pings', 'ping-same-2')).toEqual({ gateway_id: 'biotrakr-v1#2' })
    expect(detail('setting', 'location_history', 'retention')).toMatchObject({ drop_after: '6 years' })
  })

  it('puts v1 where people look for it in v2', async () => {
    const [asset] = await hospital.query<Record<string, unknown>>(
      `SELECT a.asset_tag_number, a.equipment_name, a.device_category, a.device_subcategory, a.asset_status, a.purchase_date::text,
              a.custom_fields -> 'biotrakrV1' ->> 'condition' AS condition, a.last_seen_timestamp::text AS seen, a.version,
              a.deleted_at, t.tag_id,
              (SELECT array_agg(l.gateway_id || ' ' || l.tracking_method ORDER BY l.gateway_id)
               FROM location_history l WHERE l.tag_id = t.tag_id AND l.t = '2025-05-05 05:05:05.005+00') AS repeated,
              (SELECT count(*)::int FROM dead_letter WHERE topic = 'biotrakr-v1/asset_location_pings') AS dead
       FROM assets a JOIN tag_assignments t ON t.asset_id = a.id WHERE a.id = 'asset-1'`,
    )
    expect(asset).toEqual({
      asset_tag_number: 'BME-001',
      equipment_name: 'MRI Scanner',
      device_category: 'IMAGING',
      device_subcategory: 'imaging',
      asset_status: 'IN_SERVICE',
      purchase_date: '2020-02-29',
      condition: 'excellent',
      seen: '2025-05-05 05:05:05.005+00',
      version: 1,
      deleted_at: null,
      tag_id: 'asset:asset-1',
      repeated: ['biotrakr-v1 GPS', 'biotrakr-v1#2 BLE', 'biotrakr-v1#3 GPS'],
      dead: 4,
    })
  })

  it('apply again does nothing; verify notices a row that was lost or changed behind its back', async () => {
    const { stdout } = await hospital.upgrade(['apply', '--backup-dir', hospital.backupDir, ...repairs])
    expect(stdout).toBe('The upgrade is done already; nothing was changed.')
    await hospital.query(
      `UPDATE biotrakr_upgrade.remainder SET v1 = '{}' WHERE row_id = 'asset-2'`,
      `DELETE FROM location_history WHERE props ->> 'v1Id' = 'ping-same-2'`,
    )
    const { stdout: checks } = await hospital.upgrade(['verify'], 1)
    expect(checks).toMatch(/✘ {2}1\. .*assets \d+ \(1 different; asset-2;/u)
    expect(checks).toContain(
      `asset_location_pings ${(pings + 9).toLocaleString('en-US')} (1 missing; ping-same-2)`,
    )
    expect(checks).toMatch(/✘ {2}7\. .*location_1m counts \d+ of \d+ pings/u)
  })

  it('rollback counts what is in v2 only, exports it, and refuses to lose it', async () => {
    await hospital.query(
      `INSERT INTO vendors (vendor_code, vendor_name, vendor_type) VALUES ('GE001', 'GE Healthcare', 'MANUFACTURER')`,
      `UPDATE assets SET equipment_name = 'MRI' WHERE id = 'asset-1'`,
      `INSERT INTO location_history (t, facility_id, gateway_id, tag_id) VALUES (now(), 'h', 'gw', 'AC233FA1B2C3')`,
    )
    const exported = path.join(path.dirname(hospital.backupDir), 'exported')
    const { stderr } = await hospital.upgrade(['rollback', '--export', exported], 1)
    expect(stderr).toContain('- assets: 1 rows made or edited since the upgrade, or sent by gateways')
    expect(stderr).toContain('- location_history: 1 rows')
    expect(stderr).toContain('- vendors: 1 rows')
    expect(readFileSync(path.join(exported, 'vendors.csv'), 'utf8')).toContain('GE Healthcare')
    expect(readFileSync(path.join(exported, 'location_history.csv'), 'utf8')).toContain('AC233FA1B2C3')
  })

  it('rollback gives v1 back, proved by its checksums, and apply works again', async () => {
    const { stdout } = await hospital.upgrade(['rollback', '--discard-new-data'])
    expect(stdout).toContain('✔ BioTrakr v1 is as it was')
    expect(
      await hospital.query(
        `SELECT (SELECT count(*)::int FROM "asset_location_pings") AS pings, (SELECT "assetTag" FROM assets WHERE id = 'asset-1') AS tag,
                to_regnamespace('biotrakr_upgrade') IS NULL AND to_regclass('location_history') IS NULL AS clean,
                (SELECT count(*)::int FROM pg_constraint WHERE conrelid = 'users'::regclass) AS constraints`,
      ),
    ).toEqual([{ pings: pings + 9, tag: 'BME-001', clean: true, constraints: 2 }])
    await hospital.upgrade(['apply', '--backup-dir', hospital.backupDir, '--i-have-a-backup', ...repairs])
    expect((await hospital.upgrade(['verify'])).stdout).toContain('9 passed, 0 failed, 1 not tried')
  })

  it('the service runs on what was upgraded, and verify asks its API', async () => {
    const port = hospital.isServer ? '0' : String(await freePort())
    const env = { ...hospital.env, DATABASE_PORT: port }
    const service = await openService({ env, args: ['--no-simulate'] })
    const verify = ['upgrade', 'verify', '--api', service.http]
    expect((await runCli(verify, { env })).stdout).toContain('10 passed, 0 failed, 0 not tried')
    const { items } = (await (await fetch(`${service.http}/assets?q=BME-001`)).json()) as { items: unknown[] }
    expect(items[0]).toMatchObject({ assetTagNumber: 'BME-001', equipmentName: 'MRI Scanner' })
    expect((await service.kill()).code).toBe(0)
    const { stdout } = await runCli(verify, { env, expectCode: 1 })
    expect(stdout).toMatch(/✘ {2}4\. API endpoints responding: GET \/health\/db no answer/u)
  })

  it('rollback --from-dump refuses a backup that was changed', async () => {
    const manifest = `${backup()}.manifest.json`
    const text = readFileSync(manifest, 'utf8')
    writeFileSync(manifest, text.replace(/"sha256": "../u, '"sha256": "00'))
    const { stderr } = await hospital.upgrade(['rollback', '--from-dump', backup(), '--discard-new-data'], 1)
    expect(stderr).toMatch(/The backup .* is not what was written: its SHA-256 is /u)
    writeFileSync(manifest, text)
  })

  it('finalize drops v1, and then only the backup brings it back, proved by the manifest', async () => {
    const { stderr } = await hospital.upgrade(['finalize'], 2)
    expect(stderr).toContain('finalize: schema biotrakr_v1 would be dropped for good; add --yes to do it.')
    expect((await hospital.upgrade(['finalize', '--yes'])).stdout).toContain('✔ schema biotrakr_v1 dropped')
    expect((await hospital.upgrade(['verify'])).stdout).toContain('9 passed, 0 failed, 1 not tried')
    expect((await hospital.upgrade(['rollback'], 1)).stderr).toContain(
      'v1 was dropped by `upgrade finalize`.',
    )
    const { stdout } = await hospital.upgrade(['rollback', '--from-dump', backup(), '--discard-new-data'])
    expect(stdout).toContain('✔ BioTrakr v1 is as it was')
    expect(existsSync(backup())).toBe(true)
    expect(
      await hospital.query(
        `SELECT count(*)::int AS pings, to_regnamespace('biotrakr_v1')::text AS v1 FROM "asset_location_pings"`,
      ),
    ).toEqual([{ pings: pings + 9, v1: null }])
  })
})
