-- Copies the v1 pings that lie in the table's blocks from $1 to below $2 into location_history, or whole into dead_letter.
-- $3: whether the hospital added columns to the table.
-- By blocks and not by time: a range of blocks is read in one go without an index, and v1's tables do not change any more.
-- Sorted by day and then by the key of location_history: one chunk after the other, each in the order of its index.
--
-- gateway_id tells the pings of one asset and millisecond apart: biotrakr-v1, biotrakr-v1#2, … All that has no column is in props.
-- received_at is t: v1 did not know when it received a ping.
WITH pings AS MATERIALIZED (
    SELECT p.*, {{ping_fault}} AS fault, r.nth, w.tag_id, w.facility_code, w.is_hashed,
           CASE WHEN $3::boolean
                THEN to_jsonb(p) - ARRAY['id', 'assetId', 'latitude', 'longitude', 'status', 'observedAt', 'metadata'] END AS added,
           upper(coalesce(p.metadata ->> 'method', p.metadata ->> 'trackingMethod', p.metadata ->> 'source')) AS method
    FROM biotrakr_v1.asset_location_pings p
    LEFT JOIN biotrakr_upgrade.repeated_ping r ON r.id = p.id
    LEFT JOIN biotrakr_upgrade.worn_tag w ON w.asset_id = p."assetId"
    WHERE p.ctid >= format('(%s,0)', $1::bigint)::tid AND p.ctid < format('(%s,0)', $2::bigint)::tid
), stored AS (
    INSERT INTO public.location_history (t, received_at, facility_id, gateway_id, tag_id, longitude, latitude, tracking_method, time_source, props)
    SELECT biotrakr_upgrade.utc("observedAt"), biotrakr_upgrade.utc("observedAt"), facility_code,
           coalesce('biotrakr-v1#' || nth, 'biotrakr-v1'), tag_id, longitude, latitude,
           CASE WHEN method IN ('RFID', 'BLE', 'QR', 'GPS', 'MANUAL', 'NFC', 'UWB', 'WIFI') THEN method ELSE 'GPS' END::public.tracking_method,
           'device',
           jsonb_build_object('v1Id', id, 'status', status)
               || CASE WHEN metadata IS NULL THEN '{}' ELSE jsonb_build_object('metadata', metadata) END
               || CASE WHEN added IS NULL THEN '{}' ELSE jsonb_build_object('v1Columns', added) END
               || CASE WHEN is_hashed THEN jsonb_build_object('v1AssetId', "assetId") ELSE '{}' END
    FROM pings
    WHERE fault IS NULL
    ORDER BY "observedAt"::date, tag_id, "observedAt"
), dead AS (
    INSERT INTO public.dead_letter (id, received_at, topic, payload, payload_bytes, reason, detail)
    SELECT md5('biotrakr-v1 ' || w.id)::uuid, now(), 'biotrakr-v1/asset_location_pings', w.payload, length(w.payload),
           'invalid_ping', w.fault
    FROM (
        SELECT id, fault, convert_to((jsonb_build_object('id', id, 'assetId', "assetId", 'latitude', latitude, 'longitude', longitude,
                   'status', status, 'observedAt', "observedAt", 'metadata', metadata::text) || coalesce(added, '{}'))::text, 'UTF8') AS payload
        FROM pings WHERE fault IS NOT NULL) w
), days AS (
    -- The rollups of these days are to be computed again; in the same transaction, so that it cannot be forgotten.
    INSERT INTO public.rollup_refresh_queue (day, requested_at)
    SELECT DISTINCT "observedAt"::date, now() FROM pings WHERE fault IS NULL
    ON CONFLICT (day) DO UPDATE SET requested_at = excluded.requested_at
), told AS (
    INSERT INTO biotrakr_upgrade.report (kind, table_name, row_id, detail)
    SELECT 'dead_letter', 'asset_location_pings', id, jsonb_build_object('why', fault) FROM pings WHERE fault IS NOT NULL
    UNION ALL
    SELECT 'repeated', 'asset_location_pings', id, jsonb_build_object('gateway_id', 'biotrakr-v1#' || nth)
    FROM pings WHERE fault IS NULL AND nth IS NOT NULL
)
SELECT count(*)::float8 AS copied FROM pings
