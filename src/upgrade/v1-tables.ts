/**
 * BioTrakr v1 as found in real databases: its tables in the order in which they can be converted, their columns, and the
 * foreign keys they should have. What a hospital added (columns, tables, views) is not listed here and is kept all the same.
 */

export interface V1Table {
  readonly name: string
  readonly columns: readonly string[]
}

const named = (columns: string): string[] => columns.split(' ')

export const v1Tables: readonly V1Table[] = [
  { name: 'organizations', columns: named('id name type settings createdAt updatedAt') },
  {
    name: 'facilities',
    columns: named('id organizationId name address timezone floorPlans createdAt updatedAt'),
  },
  { name: 'departments', columns: named('id facilityId name code floor createdAt updatedAt') },
  {
    name: 'users',
    columns: named(
      'id organizationId email password firstName lastName role permissions isActive lastLoginAt createdAt updatedAt',
    ),
  },
  {
    name: 'assets',
    columns: named(
      'id organizationId facilityId departmentId name description assetTag serialNumber category manufacturer model purchaseDate purchaseCost status condition currentLocation customFields tags createdAt updatedAt deletedAt',
    ),
  },
  {
    name: 'maintenance_tasks',
    columns: named(
      'id assetId requestedById assignedToId status priority summary details scheduledFor completedAt createdAt updatedAt',
    ),
  },
  {
    name: 'maintenance_event_logs',
    columns: named('id maintenanceId assetId eventType payload occurredAt'),
  },
  {
    name: 'telemetry_ingest_events',
    columns: named('id assetId deviceId rawPayload receivedAt processedAt status'),
  },
  {
    name: 'asset_scan_logs',
    columns: named('id asset_id qr_payload notes location_hint created_at'),
  },
  {
    name: 'asset_location_pings',
    columns: named('id assetId latitude longitude status observedAt metadata'),
  },
]

/** The ORM's own bookkeeping: moved with the others, converted into nothing. */
export const ormTable = '_prisma_migrations'

export interface V1ForeignKey {
  readonly table: string
  readonly column: string
  readonly parent: string
  /** What `--assign-orphans-to USER` does with a row that points nowhere; plan.ts says it in words. */
  readonly repair: 'placeholder' | 'null' | 'user'
}

export const v1ForeignKeys: readonly V1ForeignKey[] = [
  { table: 'facilities', column: 'organizationId', parent: 'organizations', repair: 'placeholder' },
  { table: 'departments', column: 'facilityId', parent: 'facilities', repair: 'placeholder' },
  { table: 'users', column: 'organizationId', parent: 'organizations', repair: 'placeholder' },
  { table: 'assets', column: 'organizationId', parent: 'organizations', repair: 'placeholder' },
  { table: 'assets', column: 'facilityId', parent: 'facilities', repair: 'placeholder' },
  { table: 'assets', column: 'departmentId', parent: 'departments', repair: 'null' },
  { table: 'maintenance_tasks', column: 'assetId', parent: 'assets', repair: 'placeholder' },
  { table: 'maintenance_tasks', column: 'requestedById', parent: 'users', repair: 'user' },
  { table: 'maintenance_tasks', column: 'assignedToId', parent: 'users', repair: 'null' },
  {
    table: 'maintenance_event_logs',
    column: 'maintenanceId',
    parent: 'maintenance_tasks',
    repair: 'placeholder',
  },
  { table: 'maintenance_event_logs', column: 'assetId', parent: 'assets', repair: 'placeholder' },
  { table: 'telemetry_ingest_events', column: 'assetId', parent: 'assets', repair: 'null' },
  { table: 'asset_scan_logs', column: 'asset_id', parent: 'assets', repair: 'placeholder' },
  { table: 'asset_location_pings', column: 'assetId', parent: 'assets', repair: 'placeholder' },
]

/** Where v1 waits, untouched, until `upgrade finalize`. */
export const v1Schema = 'biotrakr_v1'

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** Names of the enumerations and domains in schema $1 that columns of the tables $2, there or in public, have. */
export const typesOfV1Sql = `
  SELECT DISTINCT t.typname::text AS name FROM pg_type t
  JOIN pg_attribute a ON a.atttypid IN (t.oid, t.typarray) AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_class c ON c.oid = a.attrelid AND c.relname = ANY ($2) AND c.relnamespace IN (t.typnamespace, 'public'::regnamespace)
  WHERE t.typnamespace = to_regnamespace($1) AND t.typtype IN ('e', 'd')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = t.oid AND d.classid = 'pg_type'::regclass AND d.deptype = 'e')
  ORDER BY 1`
