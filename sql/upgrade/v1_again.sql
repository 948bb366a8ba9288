-- Every v1 row read back from v2's own columns, one view a table: the proof that nothing was lost starts here. What a view cannot
-- give back is in biotrakr_upgrade.remainder (remainder.sql fills it by comparing, verify compares again).
-- `row` has v1's columns, JSON ones as text; `changed_at` is when v2 last changed the row, where v2 keeps that.

CREATE VIEW biotrakr_upgrade.organizations_again AS
SELECT id, updated_at AS changed_at, jsonb_build_object('id', id, 'name', name, 'type', type, 'settings', settings::text,
    'createdAt', biotrakr_upgrade.v1_time(created_at), 'updatedAt', biotrakr_upgrade.v1_time(updated_at)) AS row
FROM public.organizations;

CREATE VIEW biotrakr_upgrade.facilities_again AS
SELECT id, updated_at AS changed_at, jsonb_build_object('id', id, 'organizationId', organization_id, 'name', facility_name,
    'address', address::text, 'timezone', timezone, 'floorPlans', floor_plans::text,
    'createdAt', biotrakr_upgrade.v1_time(created_at), 'updatedAt', biotrakr_upgrade.v1_time(updated_at)) AS row
FROM public.facilities;

CREATE VIEW biotrakr_upgrade.departments_again AS
SELECT id, updated_at AS changed_at, jsonb_build_object('id', id, 'facilityId', facility_id, 'name', department_name,
    'code', department_code, 'floor', floor_number,
    'createdAt', biotrakr_upgrade.v1_time(created_at), 'updatedAt', biotrakr_upgrade.v1_time(updated_at)) AS row
FROM public.departments;

CREATE VIEW biotrakr_upgrade.users_again AS
SELECT id, updated_at AS changed_at, jsonb_build_object('id', id, 'organizationId', organization_id, 'email', email,
    'password', password_hash, 'firstName', first_name, 'lastName', last_name, 'role', lower(role),
    'permissions', permissions::text, 'isActive', is_active, 'lastLoginAt', biotrakr_upgrade.v1_time(last_login_at),
    'createdAt', biotrakr_upgrade.v1_time(created_at), 'updatedAt', biotrakr_upgrade.v1_time(updated_at)) AS row
FROM public.users;

-- jsonb_build_object takes at most 100 arguments; assets stay below.
CREATE VIEW biotrakr_upgrade.assets_again AS
SELECT id, updated_at AS changed_at, jsonb_build_object('id', id, 'organizationId', organization_id, 'facilityId', current_facility_id,
    'departmentId', CASE WHEN custodian_department_id NOT LIKE 'unassigned:%' THEN custodian_department_id END,
    'name', equipment_name, 'description', description, 'assetTag', asset_tag_number, 'serialNumber', serial_number,
    'category', device_subcategory, 'manufacturer', manufacturer, 'model', model_number,
    'purchaseDate', purchase_date::timestamp(3), 'purchaseCost', purchase_cost::numeric(10, 2),
    'status', CASE asset_status WHEN 'ACTIVE' THEN 'available' WHEN 'IN_SERVICE' THEN 'in_use'
                                WHEN 'IN_MAINTENANCE' THEN 'maintenance' WHEN 'RETIRED' THEN 'retired' END,
    'condition', custom_fields -> 'biotrakrV1' ->> 'condition',
    'currentLocation', (custom_fields -> 'biotrakrV1' -> 'currentLocation')::text,
    'customFields', nullif(custom_fields - 'biotrakrV1', '{}')::text, 'tags', tags,
    'createdAt', biotrakr_upgrade.v1_time(created_at), 'updatedAt', biotrakr_upgrade.v1_time(updated_at),
    'deletedAt', biotrakr_upgrade.v1_time(deleted_at)) AS row
FROM public.assets;

CREATE VIEW biotrakr_upgrade.maintenance_tasks_again AS
SELECT id, updated_at AS changed_at, jsonb_build_object('id', id, 'assetId', asset_id, 'requestedById', requested_by_id,
    'assignedToId', assigned_to_id,
    'status', CASE work_order_status WHEN 'PENDING' THEN 'scheduled' ELSE lower(work_order_status::text) END,
    'priority', priority, 'summary', summary, 'details', details,
    'scheduledFor', biotrakr_upgrade.v1_time(scheduled_for), 'completedAt', biotrakr_upgrade.v1_time(completed_at),
    'createdAt', biotrakr_upgrade.v1_time(created_at), 'updatedAt', biotrakr_upgrade.v1_time(updated_at)) AS row
FROM public.maintenance_history;

CREATE VIEW biotrakr_upgrade.maintenance_event_logs_again AS
SELECT id, NULL::timestamptz AS changed_at, jsonb_build_object('id', id, 'maintenanceId', maintenance_id, 'assetId', asset_id,
    'eventType', event_type, 'payload', payload::text, 'occurredAt', biotrakr_upgrade.v1_time(occurred_at)) AS row
FROM public.maintenance_event_logs;

CREATE VIEW biotrakr_upgrade.telemetry_ingest_events_again AS
SELECT id, NULL::timestamptz AS changed_at, jsonb_build_object('id', id, 'assetId', asset_id, 'deviceId', device_id,
    'rawPayload', raw_payload::text, 'receivedAt', biotrakr_upgrade.v1_time(received_at),
    'processedAt', biotrakr_upgrade.v1_time(processed_at), 'status', status) AS row
FROM public.telemetry_ingest_events;

CREATE VIEW biotrakr_upgrade.asset_scan_logs_again AS
SELECT id, NULL::timestamptz AS changed_at, jsonb_build_object('id', id, 'asset_id', asset_id, 'qr_payload', qr_payload,
    'notes', notes, 'location_hint', location_hint, 'created_at', biotrakr_upgrade.v1_time(created_at)) AS row
FROM public.asset_scan_logs;

-- Pings keep everything in their own row, so they need no remainder: what has no column is in props (copy_pings.sql), and
-- those that could not be stored are whole in dead_letter.
CREATE VIEW biotrakr_upgrade.asset_location_pings_again AS
SELECT l.props ->> 'v1Id' AS id, NULL::timestamptz AS changed_at,
    jsonb_build_object('id', l.props ->> 'v1Id', 'assetId', coalesce(l.props ->> 'v1AssetId', substr(l.tag_id, 7)),
        'latitude', l.latitude, 'longitude', l.longitude, 'status', l.props ->> 'status',
        'observedAt', biotrakr_upgrade.v1_time(l.t), 'metadata', (l.props -> 'metadata')::text)
    || coalesce(l.props -> 'v1Columns', '{}') AS row
FROM public.location_history l
WHERE l.gateway_id LIKE 'biotrakr-v1%'
UNION ALL
SELECT convert_from(payload, 'UTF8')::jsonb ->> 'id', NULL, convert_from(payload, 'UTF8')::jsonb
FROM public.dead_letter WHERE topic = 'biotrakr-v1/asset_location_pings';
