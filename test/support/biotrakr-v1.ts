/**
 * A BioTrakr v1 database as hospitals have it: the ORM's schema (biotrakr-v1.sql), ids that are no UUIDs, nulls, an odd status,
 * categories nobody mapped, pings that cannot be true, and, where asked for, rows that point nowhere.
 * Deterministic: the same options give the same rows.
 */
import { readFileSync } from 'node:fs'
import pg from 'pg'

export interface V1Options {
  /** Made besides the special ones. */
  readonly assets: number
  readonly pings: number
  /** Days over which the pings are spread, ending today. */
  readonly days: number
  /** Foreign keys that are missing, and rows that point nowhere. */
  readonly hasOrphans: boolean
  /** An asset whose status no mapping knows. */
  readonly hasOddStatus: boolean
}

const schema = readFileSync(new URL('biotrakr-v1.sql', import.meta.url), 'utf8')
const at = `timestamp '2024-03-01 08:00:00.123'`

const masterSql = `
INSERT INTO organizations VALUES
  ('org-demo-001', 'General Hospital', 'hospital', '{"currency": "USD", "beds": 512}', ${at}, ${at}),
  ('7d0f5f5e-2f0e-4b60-a3b8-58b9d9a8c001', 'St. Mary''s Clinic', 'clinic', NULL, ${at}, ${at});
INSERT INTO facilities VALUES
  ('fac-demo-001', 'org-demo-001', 'Main Campus', '{"street": "1 Hospital Rd", "city": "Boston", "zip": "02115"}', 'America/New_York', '[{"floor": 1, "url": "/f1.png"}]', ${at}, ${at}),
  ('fac-demo-002', 'org-demo-001', 'Main Campus', '"a string, not an object"', 'EST', NULL, ${at}, ${at}),
  ('7d0f5f5e-2f0e-4b60-a3b8-58b9d9a8c002', '7d0f5f5e-2f0e-4b60-a3b8-58b9d9a8c001', 'Klinik für Ärzte', '{}', 'Mars/Olympus', 'null', ${at}, ${at});
INSERT INTO departments VALUES
  ('dept-demo-001', 'fac-demo-001', 'Emergency', 'ED', 0, ${at}, ${at}),
  ('dept-demo-002', 'fac-demo-001', 'Radiology', 'RAD', -1, ${at}, ${at}),
  ('dept-demo-003', 'fac-demo-002', '', 'ED', NULL, ${at}, ${at});
INSERT INTO users VALUES
  ('user-admin-001', 'org-demo-001', 'admin@biotrakr.com', '$2b$10$abcdefghijklmnopqrstuv', 'System', 'Administrator', 'admin', '{"all": true}', true, timestamp '2025-01-02 03:04:05.678', ${at}, ${at}),
  ('user-admin-002', '7d0f5f5e-2f0e-4b60-a3b8-58b9d9a8c001', 'admin@stmarys.example', NULL, 'Mary', '', 'admin', NULL, true, NULL, ${at}, ${at}),
  ('user-tech-001', 'org-demo-001', 'Tech@biotrakr.com', 'x', 'Tom', 'Techman', 'technician', '["fix"]', true, NULL, ${at}, ${at}),
  ('user-tech-002', 'org-demo-001', 'tech@biotrakr.com', NULL, 'Tim', 'Techman', 'clinical_staff', NULL, false, NULL, ${at}, ${at});
INSERT INTO assets VALUES
  ('asset-1', 'org-demo-001', 'fac-demo-001', 'dept-demo-002', 'MRI Scanner', 'in the cellar', 'BME-001', 'SN-1', 'imaging', 'GE', 'Optima MR360', timestamp '2020-02-29 00:00:00', 1500000.00, 'in_use', 'excellent', '{"room": "B-12", "lat": 42.3}', '{"asset tag": "old 7", "condition": "text of theirs"}', '{mri,"big, heavy"}', ${at}, ${at}, NULL),
  ('asset-2', 'org-demo-001', 'fac-demo-001', NULL, E'Pump "A"\\n\\tü 💉', NULL, 'BME-002', NULL, 'infusion_pump', '', '', NULL, NULL, 'available', 'good', NULL, NULL, NULL, ${at}, ${at}, NULL),
  ('asset-3', 'org-demo-001', 'fac-demo-002', NULL, 'Hover bed', '', ' BME 003 ', '', 'hovercraft', 'ACME', 'H-1', timestamp '1971-01-01 12:34:56.789', -1.00, 'maintenance', 'poor', 'null', '[1, 2]', '{}', ${at}, ${at}, NULL),
  ('asset-4', '7d0f5f5e-2f0e-4b60-a3b8-58b9d9a8c001', '7d0f5f5e-2f0e-4b60-a3b8-58b9d9a8c002', NULL, '', NULL, 'BME-004', 'SN-1', 'Wheelchair', 'ACME', 'W', timestamp '2019-05-05 23:30:00', 99999999.99, 'retired', 'shiny', NULL, '{"deep": {"a": [null, 1.50]}}', '{a,NULL}', ${at}, ${at}, timestamp '2025-06-06 06:06:06.006');
INSERT INTO maintenance_tasks VALUES
  ('task-1', 'asset-1', 'user-admin-001', 'user-tech-001', 'completed', 'high', 'Coil', 'replaced', ${at}, timestamp '2024-03-02 10:00:00', ${at}, ${at}),
  ('task-2', 'asset-2', 'user-tech-001', NULL, 'scheduled', 'medium', 'Yearly check', NULL, timestamp '2030-01-01 00:00:00', NULL, ${at}, ${at}),
  ('task-3', 'asset-3', 'user-tech-001', 'user-tech-002', 'waiting for godot', 'asap!', '', NULL, NULL, timestamp '2023-01-01 00:00:00', ${at}, ${at}),
  ('task-4', 'asset-1', 'user-tech-001', 'user-tech-002', 'in_progress', 'low', 'Fan', NULL, NULL, NULL, ${at}, ${at}),
  ('task-5', 'asset-1', 'user-tech-001', NULL, 'cancelled', 'critical', 'Fan again', NULL, NULL, NULL, ${at}, ${at});
INSERT INTO maintenance_event_logs VALUES
  ('event-1', 'task-1', 'asset-1', 'created', '{"by": "admin"}', ${at}),
  ('event-2', 'task-1', 'asset-1', 'completed', NULL, timestamp '2024-03-02 10:00:00'),
  ('event-3', 'task-3', 'asset-1', '', '[]', ${at});
INSERT INTO telemetry_ingest_events VALUES
  ('tele-1', 'asset-1', 'dev-1', '{"temp": 21.50}', ${at}, ${at}, 'processed'),
  ('tele-2', NULL, '', '"text"', ${at}, NULL, 'odd');
INSERT INTO asset_scan_logs VALUES
  ('scan-1', 'asset-1', 'BME-001', 'seen', 'cellar', ${at}), ('scan-2', 'asset-2', '', NULL, NULL, ${at});
INSERT INTO _prisma_migrations VALUES
  ('2f1c7c7a-0000-4000-8000-000000000001', repeat('a', 64), now(), '20240101000000_init', NULL, NULL, now(), 1);
-- What gateways and phones really sent: two fixes in one millisecond, off the globe, not a number, clocks that were never set.
INSERT INTO asset_location_pings VALUES
  ('ping-same-1', 'asset-1', 42.1, -71.1, 'in_use', timestamp '2025-05-05 05:05:05.005', NULL),
  ('ping-same-2', 'asset-1', 42.2, -71.2, 'in_use', timestamp '2025-05-05 05:05:05.005', '{"method": "ble", "accuracy": 3.50}'),
  ('ping-same-3', 'asset-1', 42.2, -71.2, '', timestamp '2025-05-05 05:05:05.005', 'null'),
  ('ping-nan', 'asset-1', 'NaN', 1, 'in_use', timestamp '2025-05-06 05:05:05.005', NULL),
  ('ping-off', 'asset-1', 91, 181.5, 'in_use', timestamp '2025-05-07 05:05:05.005', '[1]'),
  ('ping-1970', 'asset-2', 1, 1, 'in_use', timestamp '1970-01-01 00:00:00', NULL),
  ('ping-2063', 'asset-2', 1, 1, 'in_use', timestamp '2063-04-05 00:00:00', NULL),
  ('ping-old', 'asset-2', 0, -0.0, 'in_use', (now() AT TIME ZONE 'UTC')::date - interval '1200 days', NULL);
`

const generatedAssetsSql = `
INSERT INTO assets
SELECT 'gen-' || i, 'org-demo-001', CASE WHEN i % 3 = 0 THEN 'fac-demo-002' ELSE 'fac-demo-001' END,
       CASE WHEN i % 3 = 0 THEN 'dept-demo-003' WHEN i % 5 = 0 THEN NULL ELSE 'dept-demo-001' END,
       'Asset ' || i, NULL, 'GEN-' || i, CASE WHEN i % 7 = 0 THEN NULL ELSE 'S' || i END,
       (ARRAY['infusion_pump', 'monitor', 'wheelchair', 'imaging', 'ventilator'])[1 + i % 5], 'ACME', 'M' || i % 10,
       timestamp '2018-01-01' + i % 2000 * interval '1 day', (i % 1000) * 10.25,
       (ARRAY['available', 'in_use', 'maintenance', 'retired'])[1 + i % 4], (ARRAY['excellent', 'good', 'fair', 'poor'])[1 + i % 4],
       NULL, CASE WHEN i % 2 = 0 THEN jsonb_build_object('n', i) END, ARRAY['t' || i % 3], ${at}, ${at},
       CASE WHEN i % 50 = 0 THEN ${at} END
FROM generate_series(1, $1::integer) i`

const generatedPingsSql = `
INSERT INTO asset_location_pings
SELECT 'p' || i, 'gen-' || 1 + i % $1::integer, 42.3 + i % 1000 / 10000.0, -71.1 - i % 777 / 10000.0, 'available',
       (date_trunc('second', now()) AT TIME ZONE 'UTC') - ($2::bigint - i) * interval '1 second' * ($3::float8 * 86400 / $2::bigint),
       CASE WHEN i % 10 = 0 THEN '{"source": "gps", "battery": 80}'::jsonb END
FROM generate_series(1, $2::bigint) i`

const orphansSql = `
ALTER TABLE facilities DROP CONSTRAINT "facilities_organizationId_fkey";
ALTER TABLE assets DROP CONSTRAINT "assets_departmentId_fkey", DROP CONSTRAINT "assets_facilityId_fkey", DROP CONSTRAINT "assets_organizationId_fkey";
ALTER TABLE maintenance_tasks DROP CONSTRAINT "maintenance_tasks_requestedById_fkey", DROP CONSTRAINT "maintenance_tasks_assignedToId_fkey";
ALTER TABLE asset_location_pings DROP CONSTRAINT "asset_location_pings_assetId_fkey";
ALTER TABLE maintenance_event_logs DROP CONSTRAINT "maintenance_event_logs_maintenanceId_fkey";
ALTER TABLE telemetry_ingest_events DROP CONSTRAINT "telemetry_ingest_events_assetId_fkey";
ALTER TABLE asset_scan_logs DROP CONSTRAINT "asset_scan_logs_asset_id_fkey";
INSERT INTO facilities VALUES ('fac-lost', 'org-gone', 'Lost Annex', '{}', 'UTC', NULL, ${at}, ${at});
INSERT INTO assets (id, "organizationId", "facilityId", "departmentId", name, "assetTag", category, manufacturer, model, "updatedAt") VALUES
  ('asset-o1', 'org-demo-001', 'fac-gone', NULL, 'o1', 'O-1', 'monitor', 'm', 'm', ${at}),
  ('asset-o2', 'org-gone', 'fac-lost', 'dept-gone', 'o2', 'O-2', 'monitor', 'm', 'm', ${at});
INSERT INTO maintenance_tasks (id, "assetId", "requestedById", "assignedToId", summary, "updatedAt") VALUES
  ('task-o1', 'asset-1', 'user-gone', 'user-gone-too', 'who asked for this?', ${at});
INSERT INTO asset_location_pings VALUES ('ping-o1', 'asset-gone', 1, 2, 'in_use', ${at}, NULL);
INSERT INTO maintenance_event_logs VALUES ('event-o1', 'task-gone', 'asset-1', 'created', NULL, ${at});
INSERT INTO telemetry_ingest_events VALUES ('tele-o1', 'asset-gone', 'd', '{}', ${at}, NULL, 'pending');
INSERT INTO asset_scan_logs VALUES ('scan-o1', 'asset-gone', 'q', NULL, NULL, ${at});`

const oddStatusSql = `
INSERT INTO assets (id, "organizationId", "facilityId", name, "assetTag", category, manufacturer, model, status, "updatedAt") VALUES
  ('asset-odd', 'org-demo-001', 'fac-demo-001', 'odd', 'ODD-1', 'monitor', 'm', 'm', 'lost?', ${at})`

/** Fills an empty database. The session's time zone must not matter: v1's times have none. */
export async function fillBiotrakrV1(url: string, options: Partial<V1Options> = {}): Promise<void> {
  const { assets = 40, pings = 0, days = 60, hasOrphans = false, hasOddStatus = false } = options
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(schema)
    await client.query(masterSql)
    await client.query(generatedAssetsSql, [assets])
    if (pings > 0) await client.query(generatedPingsSql, [assets, pings, days])
    if (hasOrphans) await client.query(orphansSql)
    if (hasOddStatus) await client.query(oddStatusSql)
    await client.query('ANALYZE')
  } finally {
    await client.end()
  }
}
