-- The assets. What has no column in v2 is put where people who use v2 find it (custom_fields, key "biotrakrV1"); what v2 does not
-- allow (an empty name, a negative price) is replaced by something that says so, and kept by remainder.sql.

-- The last ping of each asset that could be stored: where it is, as far as v1 knows.
CREATE TEMPORARY TABLE last_ping ON COMMIT DROP AS
SELECT p."assetId" AS asset_id, max(p."observedAt") AS observed_at
FROM biotrakr_v1.asset_location_pings p
WHERE {{ping_fault}} IS NULL
GROUP BY 1;

CREATE TEMPORARY TABLE last_fix ON COMMIT DROP AS
SELECT DISTINCT ON (l.asset_id) l.asset_id, l.observed_at, p.latitude, p.longitude
FROM last_ping l
JOIN biotrakr_v1.asset_location_pings p ON p."assetId" = l.asset_id AND p."observedAt" = l.observed_at
WHERE {{ping_fault}} IS NULL
ORDER BY l.asset_id, p.id;

INSERT INTO public.assets (
    id, organization_id, asset_tag_number, equipment_name, description, manufacturer, model_number, serial_number,
    device_category, device_subcategory, tags, asset_status, status_changed_at, criticality_level, risk_classification,
    purchase_date, purchase_cost, useful_life_years, current_facility_id, current_longitude, current_latitude,
    location_method, last_seen_timestamp, primary_custodian_id, custodian_department_id, custom_fields,
    created_at, created_by_id, updated_at, updated_by_id, deleted_at)
SELECT
    a.id, a."organizationId",
    CASE WHEN a.nth = 1 AND a."assetTag" <> '' THEN a."assetTag" ELSE concat_ws(' ', nullif(a."assetTag", ''), '(' || a.id || ')') END,
    coalesce(nullif(a.name, ''), '(no name)'), a.description, coalesce(a.manufacturer, ''), coalesce(a.model, ''),
    CASE WHEN btrim(a."serialNumber") <> '' THEN a."serialNumber" ELSE 'UNKNOWN (v1 asset ' || a.id || ')' END,
    a.device_category, a.category,
    coalesce(a.tags, '{}'), biotrakr_upgrade.translate('statuses', a.status::text)::public.asset_status, biotrakr_upgrade.utc(a."updatedAt"),
    'MEDIUM', 'CLASS_II',
    CASE WHEN isfinite(a."purchaseDate") THEN a."purchaseDate"::date END,
    CASE WHEN a."purchaseCost" >= 0 AND a."purchaseCost" < 'NaN' THEN a."purchaseCost" END, a.useful_life_years,
    a."facilityId", f.longitude, f.latitude,
    CASE WHEN f.asset_id IS NOT NULL THEN 'GPS'::public.tracking_method END, biotrakr_upgrade.utc(f.observed_at),
    c.user_id, coalesce(d.id, 'unassigned:' || a."facilityId"),
    CASE WHEN jsonb_typeof(a."customFields") = 'object' THEN a."customFields" ELSE '{}' END
        || jsonb_build_object('biotrakrV1', jsonb_strip_nulls(jsonb_build_object(
            'condition', a.condition, 'status', a.status)) || CASE WHEN a."currentLocation" IS NULL THEN '{}'
            ELSE jsonb_build_object('currentLocation', a."currentLocation") END),
    biotrakr_upgrade.utc(a."createdAt"), c.user_id, biotrakr_upgrade.utc(a."updatedAt"), c.user_id, biotrakr_upgrade.utc(a."deletedAt")
FROM (
    SELECT a.*, category.device_category, life.value::integer AS useful_life_years,
           row_number() OVER (PARTITION BY a."assetTag" ORDER BY a."createdAt", a.id) AS nth
    FROM biotrakr_v1.assets a
    CROSS JOIN LATERAL (
        SELECT coalesce(biotrakr_upgrade.translate('categories', a.category), 'OTHER')::public.device_category AS device_category
    ) category
    JOIN biotrakr_upgrade.word life ON life.section = 'usefulLifeYears' AND life.key = category.device_category::text
) a
JOIN custodian c ON c.organization_id = a."organizationId"
LEFT JOIN biotrakr_v1.departments d ON d.id = a."departmentId"
LEFT JOIN last_fix f ON f.asset_id = a.id;

INSERT INTO biotrakr_upgrade.report (kind, table_name, row_id, detail)
SELECT 'defaulted', 'assets', a.id, jsonb_build_object(
    'criticality_level', a.criticality_level, 'risk_classification', a.risk_classification,
    'useful_life_years', a.useful_life_years, 'primary_custodian_id', a.primary_custodian_id,
    'created_by_id', a.created_by_id, 'updated_by_id', a.updated_by_id)
    || CASE WHEN a.custodian_department_id = 'unassigned:' || a.current_facility_id
            THEN jsonb_build_object('custodian_department_id', a.custodian_department_id) ELSE '{}' END
    || CASE WHEN a.serial_number = 'UNKNOWN (v1 asset ' || a.id || ')' THEN jsonb_build_object('serial_number', a.serial_number) ELSE '{}' END
FROM public.assets a;

INSERT INTO biotrakr_upgrade.report (kind, table_name, row_id, detail)
SELECT 'unmapped', 'assets', a.id, jsonb_build_object('category', a.category, 'device_category', 'OTHER')
FROM biotrakr_v1.assets a WHERE biotrakr_upgrade.translate('categories', a.category) IS NULL;

-- Assets that rows name and that are not there: deleted in v1, as far as anybody can tell. Pings need none: history belongs to tags.
WITH missing AS (
    SELECT "assetId" AS id FROM biotrakr_v1.maintenance_tasks
    UNION SELECT "assetId" FROM biotrakr_v1.maintenance_event_logs
    UNION SELECT asset_id FROM biotrakr_v1.asset_scan_logs
    UNION SELECT DISTINCT "assetId" FROM biotrakr_v1.asset_location_pings WHERE "assetId" IS NOT NULL
    EXCEPT SELECT id FROM biotrakr_v1.assets
), keeper AS (
    SELECT u.id, u."organizationId" AS organization_id, f.id AS facility_id
    FROM biotrakr_v1.users u
    JOIN LATERAL (
        SELECT f.id FROM public.facilities f ORDER BY f.organization_id <> u."organizationId", f.created_at, f.id LIMIT 1) f ON true
    WHERE u.id = biotrakr_upgrade.setting_of('orphans_to')
), made AS (
    INSERT INTO public.assets (id, organization_id, asset_tag_number, equipment_name, manufacturer, model_number, serial_number,
        device_category, asset_status, useful_life_years, current_facility_id, is_tracked, primary_custodian_id,
        custodian_department_id, notes, created_by_id, updated_by_id, deleted_at)
    SELECT m.id, k.organization_id, '(missing in v1: ' || m.id || ')', '(missing in BioTrakr v1)', '', '', 'UNKNOWN (v1 asset ' || m.id || ')',
           'OTHER', 'DISPOSED', 1, k.facility_id, false, k.id, 'unassigned:' || k.facility_id,
           'Not in BioTrakr v1, but named by rows of it that were kept.', k.id, k.id, now()
    FROM missing m CROSS JOIN keeper k
    RETURNING id
)
INSERT INTO biotrakr_upgrade.report (kind, table_name, row_id, detail)
SELECT 'placeholder', 'assets', id, '{"why": "v1 rows name an asset that is not there"}' FROM made;
