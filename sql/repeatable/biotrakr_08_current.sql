-- The assets as they are now: where, in what state, worth how much.
--
-- A view only grows, at its end: CREATE OR REPLACE keeps the rights given on it and the views built upon it. A migration that adds
-- a column to assets drops assets_current (and what is built on it) first; this file then makes it again.

-- The body is looked up when it runs, so location_history may change without this function standing in its way. The last week
-- first, which is a few chunks: the tags that are silent for longer, and only they, cost a look into each chunk before it.
CREATE OR REPLACE FUNCTION last_ping(tag text, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity')
RETURNS SETOF location_history
LANGUAGE sql STABLE ROWS 1 AS $$
    WITH recent AS MATERIALIZED (
        SELECT * FROM location_history h
        WHERE h.tag_id = tag AND h.t >= since AND h.t < until AND h.t >= now() - INTERVAL '7 days' AND h.t <= now() + INTERVAL '1 minute'
        ORDER BY h.t DESC
        LIMIT 1
    ), older AS MATERIALIZED (
        SELECT * FROM location_history h
        WHERE NOT EXISTS (SELECT FROM recent) AND h.tag_id = tag AND h.t >= since AND h.t < until AND h.t < now() - INTERVAL '7 days'
        ORDER BY h.t DESC
        LIMIT 1
    )
    SELECT * FROM recent UNION ALL SELECT * FROM older
$$;
COMMENT ON FUNCTION last_ping(text, timestamptz, timestamptz) IS
    'The latest ping of a tag in a span of time, at most a minute in the future (a clock that runs ahead).';

CREATE OR REPLACE FUNCTION asset_position(asset assets) RETURNS TABLE (
    tag_id text, t timestamptz, facility_id text, floor real, room_id text, zone text, x double precision, y double precision,
    z double precision, longitude double precision, latitude double precision, accuracy_m real, is_moving boolean,
    battery_pct smallint, tracking_method tracking_method)
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT * FROM (
        SELECT p.tag_id, p.t, p.facility_id, p.floor, p.room_id, p.zone, p.x, p.y, p.z::double precision, p.longitude, p.latitude,
            p.accuracy_m, p.is_moving, p.battery_pct, p.tracking_method
        FROM tag_assignments w
        CROSS JOIN LATERAL last_ping(w.tag_id, w.valid_from, coalesce(w.valid_to, 'infinity')) AS p
        WHERE w.asset_id = asset.id AND w.valid_from <= now() AND (w.valid_to IS NULL OR w.valid_to > now())
        UNION ALL
        SELECT NULL, asset.last_seen_timestamp, f.facility_code, fl.floor_number, asset.current_room_id, asset.current_zone,
            asset.current_x, asset.current_y, asset.current_z, asset.current_longitude, asset.current_latitude,
            asset.location_accuracy_m, asset.is_moving, NULL, asset.location_method
        FROM facilities f LEFT JOIN floors fl ON fl.id = asset.current_floor_id
        WHERE f.id = asset.current_facility_id AND asset.last_seen_timestamp IS NOT NULL
    ) AS known
    ORDER BY t DESC
    LIMIT 1
$$;
COMMENT ON FUNCTION asset_position(assets) IS
    'Where the asset was last: the latest ping of the tags it wears, or what the asset''s own location columns say when that is newer.';

CREATE OR REPLACE VIEW assets_current AS
SELECT
    a.*,
    f.facility_code,
    f.facility_name,
    d.department_name                 AS custodian_department_name,
    u.first_name || ' ' || u.last_name AS primary_custodian_name,
    facility_date(a.current_facility_id) AS today,
    pm_due_date(a)                    AS pm_due_date,
    pm_compliance_status(a)           AS pm_compliance_status,
    book_value(a)                     AS book_value,
    accumulated_depreciation(a)       AS accumulated_depreciation,
    lifetime_maintenance_cost(a)      AS lifetime_maintenance_cost,
    downtime_hours(a)                 AS downtime_hours,
    cost.total_cost                   AS total_cost_of_ownership,
    cost.roi_pct,
    replacement_date(a)               AS replacement_date,
    total_usage_hours(a)              AS total_usage_hours,
    total_usage_cycles(a)             AS total_usage_cycles,
    utilization_pct(a)                AS utilization_pct,
    idle_hours_30d(a)                 AS idle_hours_30d,
    last_used_at(a)                   AS last_used_at,
    usage.average_session_minutes,
    usage.peak_day_hours,
    usage.peak_hour_of_day,
    failure_count(a)                  AS failure_count,
    last_failure_at(a)                AS last_failure_at,
    mtbf_hours(a)                     AS mtbf_hours,
    mttr_hours(a)                     AS mttr_hours,
    failure_probability_score(a)      AS failure_probability_score,
    model.predicted_failure_date,
    model.predicted_failure_category,
    model.confidence                  AS prediction_confidence,
    model.scored_at                   AS prediction_scored_at,
    model.model_name                  AS prediction_model
FROM assets a
JOIN facilities f ON f.id = a.current_facility_id
JOIN departments d ON d.id = a.custodian_department_id
JOIN users u ON u.id = a.primary_custodian_id
-- The aggregates are over one row. They tell the planner that there is no second, and then it leaves out what nobody asks for.
LEFT JOIN LATERAL (
    SELECT max(c.total_cost) AS total_cost, max(c.roi_pct) AS roi_pct
    FROM total_cost_of_ownership(a, facility_date(a.current_facility_id)) c) AS cost ON true
LEFT JOIN LATERAL (
    SELECT max(s.average_session_minutes) AS average_session_minutes, max(s.peak_day_hours) AS peak_day_hours,
        max(s.peak_hour_of_day) AS peak_hour_of_day
    FROM usage_summary(a, now() - INTERVAL '30 days', now()) s) AS usage ON true
LEFT JOIN LATERAL (
    SELECT max(m.predicted_failure_date) AS predicted_failure_date, max(m.predicted_failure_category) AS predicted_failure_category,
        max(m.confidence) AS confidence, max(m.scored_at) AS scored_at, max(l.model_name || ' ' || l.model_version) AS model_name
    FROM model_score(a) m JOIN ml_models l ON l.id = m.model_id) AS model ON true
WHERE a.deleted_at IS NULL;
COMMENT ON VIEW assets_current IS
    'Every asset that is not deleted, with what follows from its facts at this moment. Each column is computed only when it is asked for: name those you need.';

CREATE OR REPLACE VIEW active_assets_with_location AS
SELECT
    a.id AS asset_id, a.asset_tag_number, a.equipment_name, a.device_category, a.device_subcategory, a.asset_status,
    a.criticality_level, a.current_facility_id AS facility_id, p.tag_id, p.t AS last_seen,
    EXTRACT(epoch FROM now() - p.t)::double precision AS seconds_since_seen,
    p.floor, fl.floor_name, b.building_name, r.id AS room_id, coalesce(r.room_name, p.zone) AS room_name,
    p.zone, p.x, p.y, p.z, p.longitude, p.latitude, p.accuracy_m, p.is_moving, p.battery_pct, p.tracking_method,
    a.home_room_id, h.room_name AS home_room_name, r.id = a.home_room_id AS is_at_home,
    p.facility_id AS seen_in_facility_code
FROM assets a
LEFT JOIN LATERAL asset_position(a) AS p ON true
LEFT JOIN rooms r ON r.id = p.room_id
LEFT JOIN floors fl ON fl.id = r.floor_id
LEFT JOIN buildings b ON b.id = fl.building_id
LEFT JOIN rooms h ON h.id = a.home_room_id
WHERE a.deleted_at IS NULL AND a.asset_status IN ('ACTIVE', 'IN_SERVICE');
COMMENT ON VIEW active_assets_with_location IS
    'Every active asset and where it was last, by the latest ping of the tags it wears; without a ping the location is NULL. is_at_home is NULL where the room or the home is not known; seen_in_facility_code: where that was, which may be another facility than the asset''s.';
