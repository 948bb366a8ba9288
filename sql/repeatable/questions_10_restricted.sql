-- Entries into restricted rooms: found among the visits, counted on the asset and alerted once.

CREATE OR REPLACE FUNCTION restricted_visits(since timestamptz, until timestamptz, min_dwell interval DEFAULT '30 seconds',
    margin_m double precision DEFAULT 0, max_gap interval DEFAULT '15 minutes')
RETURNS TABLE (
    asset_id text, asset_tag_number text, equipment_name text, facility_id text, room_id text, room_name text, entered_at timestamptz,
    left_at timestamptz, dwell interval, is_open boolean, confidence double precision)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT a.id, a.asset_tag_number, a.equipment_name, v.facility_id, v.room_id, r.room_name, v.entered_at, v.left_at, v.dwell, v.is_open, v.confidence
    -- Of the assets that a rollup has in such a room for a moment; whether it was a visit the pings say.
    FROM room_visits(ARRAY(
        SELECT DISTINCT p.asset_id FROM rtls.asset_presence_1m p
        WHERE p.bucket > since - INTERVAL '1 minute' AND p.bucket < until
          AND p.room_id = ANY (ARRAY(SELECT s.id FROM rtls.rooms s WHERE s.is_restricted))), since, until, min_dwell, margin_m, max_gap) v
    JOIN rtls.rooms r ON r.id = v.room_id AND r.is_restricted
    JOIN rtls.assets a ON a.id = v.asset_id
    WHERE a.home_room_id IS DISTINCT FROM v.room_id AND a.deleted_at IS NULL
    ORDER BY v.entered_at, a.id
$$;
COMMENT ON FUNCTION restricted_visits(timestamptz, timestamptz, interval, double precision, interval) IS
    'Visits of assets to restricted rooms that are not their home, by the rules of room_visits: a jump through the wall is none. sql/queries/restricted.sql';

CREATE OR REPLACE FUNCTION record_restricted_entries(since timestamptz, until timestamptz DEFAULT now())
RETURNS TABLE (entered bigint, withdrawn bigint)
LANGUAGE plpgsql AS $$
BEGIN
    -- Two runs at once would both find the same entry new.
    LOCK TABLE restricted_area_entries IN SHARE ROW EXCLUSIVE MODE;
    RETURN QUERY
    WITH found AS MATERIALIZED (
        SELECT * FROM restricted_visits(since, until)
    ), pair AS (
        -- The same entry: the same asset in the same room, overlapping. Each is matched with the first of the other.
        SELECT f.asset_id, f.room_id, f.entered_at, f.left_at, e.entered_at AS recorded_at,
            row_number() OVER (PARTITION BY f.asset_id, f.room_id, f.entered_at ORDER BY e.entered_at) AS of_found,
            row_number() OVER (PARTITION BY e.asset_id, e.room_id, e.entered_at ORDER BY f.entered_at) AS of_recorded
        FROM found f JOIN restricted_area_entries e ON e.asset_id = f.asset_id AND e.room_id = f.room_id
            AND e.entered_at <= f.left_at AND e.left_at >= f.entered_at
    ), known AS (
        SELECT * FROM pair WHERE of_found = 1 AND of_recorded = 1
    ), kept AS (
        -- What began before this look keeps its beginning.
        UPDATE restricted_area_entries e
        SET left_at = k.left_at, entered_at = CASE WHEN k.recorded_at < since THEN k.recorded_at ELSE k.entered_at END
        FROM known k WHERE e.asset_id = k.asset_id AND e.room_id = k.room_id AND e.entered_at = k.recorded_at
    ), gone AS (
        -- Late pings have shown that it was none, or part of another.
        DELETE FROM restricted_area_entries e
        WHERE e.entered_at >= since AND e.left_at < until
          AND NOT EXISTS (SELECT FROM known k WHERE k.asset_id = e.asset_id AND k.room_id = e.room_id AND k.recorded_at = e.entered_at)
        RETURNING e.asset_id, e.alert_id
    ), resolved AS (
        UPDATE alert_history h
        SET resolved_at = greatest(now(), h.raised_at), metadata = coalesce(h.metadata, '{}') || '{"withdrawn": "later pings"}'
        FROM gone g WHERE h.id = g.alert_id AND h.resolved_at IS NULL
    ), fresh AS MATERIALIZED (
        SELECT f.*, CASE WHEN a.is_alerting_enabled THEN gen_random_uuid()::text END AS alert_id, a.current_facility_id
        FROM found f JOIN assets a ON a.id = f.asset_id
        WHERE NOT EXISTS (SELECT FROM known k WHERE k.asset_id = f.asset_id AND k.room_id = f.room_id AND k.entered_at = f.entered_at)
    ), alerted AS (
        INSERT INTO alert_history (id, asset_id, facility_id, alert_type, severity, title, message, source, metadata)
        SELECT f.alert_id, f.asset_id, f.current_facility_id, 'RESTRICTED_AREA', 'WARNING',
            format('%s in restricted room %s', f.asset_tag_number, f.room_name),
            format('%s (%s) was in %s from %s.', f.equipment_name, f.asset_tag_number, f.room_name, f.entered_at), 'rtls-ingest',
            jsonb_build_object('room_id', f.room_id, 'entered_at', f.entered_at, 'confidence', f.confidence)
        FROM fresh f WHERE f.alert_id IS NOT NULL
        RETURNING id
    ), recorded AS (
        -- Joined with the alerts, which must be there first.
        INSERT INTO restricted_area_entries (asset_id, room_id, entered_at, left_at, alert_id)
        SELECT f.asset_id, f.room_id, f.entered_at, f.left_at, h.id FROM fresh f LEFT JOIN alerted h ON h.id = f.alert_id
        RETURNING asset_id
    ), counted AS (
        UPDATE assets a SET geofence_violations = greatest(0, a.geofence_violations + c.n)
        FROM (SELECT x.asset_id, sum(x.n)::integer AS n
            FROM (SELECT r.asset_id, 1 AS n FROM recorded r UNION ALL SELECT g.asset_id, -1 FROM gone g) AS x
            GROUP BY x.asset_id HAVING sum(x.n) <> 0) AS c
        WHERE a.id = c.asset_id
    )
    SELECT (SELECT count(*) FROM recorded), (SELECT count(*) FROM gone);
END
$$;
COMMENT ON FUNCTION record_restricted_entries(timestamptz, timestamptz) IS
    'Records the entries into restricted rooms in a span of time: one row of restricted_area_entries, one alert and one on assets.geofence_violations each, however often it is called. Entries that late pings have disproved are withdrawn: counted back, their alerts resolved.';
REVOKE ALL ON FUNCTION record_restricted_entries(timestamptz, timestamptz) FROM PUBLIC;

CREATE OR REPLACE PROCEDURE watch_restricted_rooms(job_id integer DEFAULT NULL, config jsonb DEFAULT NULL)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.record_restricted_entries(now() - coalesce(config ->> 'lookback', '6 hours')::interval, now());
END
$$;
COMMENT ON PROCEDURE watch_restricted_rooms(integer, jsonb) IS
    'record_restricted_entries over the last hours ("lookback" in the job''s configuration, 6 hours). Runs every five minutes as a job; pings that come later than that are looked at when somebody calls record_restricted_entries.';

SELECT add_job('public.watch_restricted_rooms', INTERVAL '5 minutes', config => '{"lookback": "6 hours"}')
WHERE NOT EXISTS (SELECT FROM timescaledb_information.jobs j WHERE j.proc_name = 'watch_restricted_rooms');
