-- Maintenance tasks and their events, telemetry, scans.

-- work_order_type is for everyone the same: v1 did not know it, and a guess for each would move MTBF and MTTR.
WITH made AS (
    INSERT INTO public.maintenance_history (
        id, asset_id, work_order_number, work_order_type, work_order_status, priority, summary, details,
        requested_by_id, assigned_to_id, reported_at, scheduled_for, completed_at, metadata, created_at, updated_at)
    SELECT t.id, t."assetId", 'V1-' || t.id, biotrakr_upgrade.setting_of('task_type')::public.work_order_type,
           biotrakr_upgrade.translate('taskStatuses', t.status::text)::public.work_order_status,
           coalesce(nullif(t.priority::text, ''), 'medium'), coalesce(t.summary, ''), t.details,
           coalesce(requester.id, biotrakr_upgrade.setting_of('orphans_to')), assignee.id,
           biotrakr_upgrade.utc(t."createdAt"), biotrakr_upgrade.utc(t."scheduledFor"), biotrakr_upgrade.utc(t."completedAt"),
           jsonb_build_object('biotrakrV1', jsonb_build_object('status', t.status)),
           biotrakr_upgrade.utc(t."createdAt"), biotrakr_upgrade.utc(t."updatedAt")
    FROM biotrakr_v1.maintenance_tasks t
    LEFT JOIN biotrakr_v1.users requester ON requester.id = t."requestedById"
    LEFT JOIN biotrakr_v1.users assignee ON assignee.id = t."assignedToId"
    RETURNING id, work_order_type
)
INSERT INTO biotrakr_upgrade.report (kind, table_name, row_id, detail)
SELECT 'defaulted', 'maintenance_tasks', id, jsonb_build_object('work_order_type', work_order_type) FROM made;

-- Tasks that events name and that are not there.
WITH missing AS (
    SELECT "maintenanceId" AS id, min("assetId") AS asset_id, min("occurredAt") AS first_at
    FROM biotrakr_v1.maintenance_event_logs e
    WHERE NOT EXISTS (SELECT FROM biotrakr_v1.maintenance_tasks t WHERE t.id = e."maintenanceId")
    GROUP BY 1
), made AS (
    INSERT INTO public.maintenance_history (id, asset_id, work_order_number, work_order_type, work_order_status, summary,
        requested_by_id, reported_at)
    SELECT id, asset_id, 'V1-MISSING-' || id, biotrakr_upgrade.setting_of('task_type')::public.work_order_type, 'CANCELLED',
           '(missing in BioTrakr v1)', biotrakr_upgrade.setting_of('orphans_to'), biotrakr_upgrade.utc(first_at)
    FROM missing
    RETURNING id
)
INSERT INTO biotrakr_upgrade.report (kind, table_name, row_id, detail)
SELECT 'placeholder', 'maintenance_tasks', id, '{"why": "v1 events name a task that is not there"}' FROM made;

INSERT INTO public.maintenance_event_logs (id, maintenance_id, asset_id, event_type, payload, occurred_at)
SELECT id, "maintenanceId", "assetId", coalesce(nullif("eventType"::text, ''), '(none)'), payload, biotrakr_upgrade.utc("occurredAt")
FROM biotrakr_v1.maintenance_event_logs;

INSERT INTO public.telemetry_ingest_events (id, asset_id, device_id, raw_payload, received_at, processed_at, status)
SELECT e.id, a.id, coalesce(e."deviceId", ''), e."rawPayload", biotrakr_upgrade.utc(e."receivedAt"),
       biotrakr_upgrade.utc(e."processedAt"), coalesce(e.status::text, '')
FROM biotrakr_v1.telemetry_ingest_events e LEFT JOIN biotrakr_v1.assets a ON a.id = e."assetId";

INSERT INTO public.asset_scan_logs (id, asset_id, qr_payload, notes, location_hint, created_at)
SELECT id, asset_id, coalesce(qr_payload, ''), notes, location_hint, biotrakr_upgrade.utc(created_at)
FROM biotrakr_v1.asset_scan_logs;

-- The synthetic tag of every asset that has v1 pings, and the facility they are counted for; read once for every ping.
CREATE TABLE biotrakr_upgrade.worn_tag AS
SELECT p.asset_id, biotrakr_upgrade.tag_of(p.asset_id) AS tag_id, coalesce(f.facility_code, 'unknown') AS facility_code,
       biotrakr_upgrade.tag_of(p.asset_id) LIKE 'asset:md5:%' AS is_hashed
FROM (SELECT DISTINCT "assetId" AS asset_id FROM biotrakr_v1.asset_location_pings WHERE "assetId" IS NOT NULL) p
LEFT JOIN public.assets a ON a.id = p.asset_id
LEFT JOIN public.facilities f ON f.id = a.current_facility_id;
ALTER TABLE biotrakr_upgrade.worn_tag ADD PRIMARY KEY (asset_id);
ANALYZE biotrakr_upgrade.worn_tag;

-- On its asset for all time.
WITH made AS (
    INSERT INTO public.tag_assignments (id, tag_id, asset_id, valid_from)
    SELECT tag_id, tag_id, asset_id, '-infinity' FROM biotrakr_upgrade.worn_tag
    RETURNING asset_id, tag_id
)
INSERT INTO biotrakr_upgrade.report (kind, table_name, row_id, detail)
SELECT 'derived', 'assets', asset_id, jsonb_build_object('tag_id', tag_id) FROM made;

-- The second and later pings of one asset and millisecond: they get gateways of their own, so that both are kept.
CREATE TABLE biotrakr_upgrade.repeated_ping AS
SELECT id, nth FROM (
    SELECT id, row_number() OVER (PARTITION BY "assetId", "observedAt" ORDER BY id) AS nth
    FROM biotrakr_v1.asset_location_pings p
    WHERE {{ping_fault}} IS NULL) p
WHERE nth > 1;
ALTER TABLE biotrakr_upgrade.repeated_ping ADD PRIMARY KEY (id);
ANALYZE biotrakr_upgrade.repeated_ping;
