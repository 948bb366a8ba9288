-- How long equipment stays in a room at a time, over many assets: visits by the stays of a rollup, for questions in which
-- room_visits would have to read every ping.
--
-- The rule of room_visits with minutes for pings (the room of a minute is the one most of its pings name): a run of minutes in one
-- room, at least two, proves that the asset has come; it has left with a proof elsewhere, or with silence of more than max_gap. So a
-- single minute elsewhere is neither a visit nor the end of one.

CREATE OR REPLACE FUNCTION rtls.minute_visits(facility text, since timestamptz, until timestamptz, max_gap interval DEFAULT '15 minutes')
RETURNS TABLE (asset_id text, room_id text, entered_at timestamptz, left_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    WITH compared AS (
        SELECT s.*, coalesce(s.from_t > lag(s.to_t) OVER w, true) AS after_silence, s.room_id IS DISTINCT FROM lag(s.room_id) OVER w AS is_other
        FROM rtls.facility_stays(facility, since, until, max_gap) s
        WINDOW w AS (PARTITION BY s.asset_id ORDER BY s.from_t)
    ), numbered AS (
        SELECT c.*, count(*) FILTER (WHERE c.after_silence) OVER w AS stretch, count(*) FILTER (WHERE c.after_silence OR c.is_other) OVER w AS run
        FROM compared c
        WINDOW w AS (PARTITION BY c.asset_id ORDER BY c.from_t)
    ), runs AS (
        SELECT n.asset_id, n.stretch, n.run, n.room_id, min(n.from_t) AS first_t, max(n.to_t) AS end_t,
            -- A power of two has one bit: one minute.
            count(*) > 1 OR bool_or(n.heard & (n.heard - 1) <> 0) AS is_proof
        FROM numbered n GROUP BY n.asset_id, n.stretch, n.run, n.room_id
    ), proven AS (
        SELECT r.*, max(r.run) FILTER (WHERE r.is_proof) OVER (PARTITION BY r.asset_id, r.stretch ORDER BY r.run) AS proof_run FROM runs r
    ), placed AS (
        SELECT p.*, q.room_id AS in_room FROM proven p JOIN runs q ON q.asset_id = p.asset_id AND q.run = p.proof_run
    ), moves AS (
        SELECT p.*, (p.stretch, p.in_room) IS DISTINCT FROM (lag(p.stretch) OVER w, lag(p.in_room) OVER w) AS has_come
        FROM placed p
        WINDOW w AS (PARTITION BY p.asset_id ORDER BY p.run)
    ), stay AS (
        SELECT m.*, count(*) FILTER (WHERE m.has_come) OVER (PARTITION BY m.asset_id ORDER BY m.run) AS stay FROM moves m
    )
    SELECT s.asset_id, s.in_room, min(s.first_t), max(s.end_t) FILTER (WHERE s.room_id IS NOT DISTINCT FROM s.in_room)
    FROM stay s
    WHERE s.in_room IS NOT NULL
    GROUP BY s.asset_id, s.stay, s.in_room
$$;
COMMENT ON FUNCTION rtls.minute_visits(text, timestamptz, timestamptz, interval) IS
    'Visits of all assets of a facility to rooms, to the minute: from the first minute of two in the room, until it is heard elsewhere or for max_gap not at all. Cut at since and until.';

CREATE OR REPLACE FUNCTION dwell_distribution(facility text, since timestamptz, until timestamptz, by_what text DEFAULT 'ROOM',
    max_gap interval DEFAULT '15 minutes')
RETURNS TABLE (
    group_id text, group_name text, visits bigint, assets bigint, dwell interval, median interval, p95 interval, longest interval,
    to_5_min bigint, to_15_min bigint, to_1_h bigint, to_4_h bigint, to_12_h bigint, to_24_h bigint, longer bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    WITH visit AS (
        SELECT v.asset_id, v.left_at - v.entered_at AS dwell,
            CASE by_what WHEN 'ROOM' THEN v.room_id WHEN 'DEPARTMENT' THEN r.department_id WHEN 'CATEGORY' THEN a.device_category::text END AS id,
            CASE by_what WHEN 'ROOM' THEN r.room_name WHEN 'DEPARTMENT' THEN d.department_name WHEN 'CATEGORY' THEN a.device_category::text END AS name
        FROM rtls.minute_visits(facility, since, until, max_gap) v
        JOIN rtls.assets a ON a.id = v.asset_id
        LEFT JOIN rtls.rooms r ON r.id = v.room_id
        LEFT JOIN rtls.departments d ON d.id = r.department_id
    )
    SELECT v.id, v.name, count(*), count(DISTINCT v.asset_id), sum(v.dwell), percentile_disc(0.5) WITHIN GROUP (ORDER BY v.dwell),
        percentile_disc(0.95) WITHIN GROUP (ORDER BY v.dwell), max(v.dwell),
        count(*) FILTER (WHERE v.dwell <= INTERVAL '5 minutes'),
        count(*) FILTER (WHERE v.dwell > INTERVAL '5 minutes' AND v.dwell <= INTERVAL '15 minutes'),
        count(*) FILTER (WHERE v.dwell > INTERVAL '15 minutes' AND v.dwell <= INTERVAL '1 hour'),
        count(*) FILTER (WHERE v.dwell > INTERVAL '1 hour' AND v.dwell <= INTERVAL '4 hours'),
        count(*) FILTER (WHERE v.dwell > INTERVAL '4 hours' AND v.dwell <= INTERVAL '12 hours'),
        count(*) FILTER (WHERE v.dwell > INTERVAL '12 hours' AND v.dwell <= INTERVAL '24 hours'),
        count(*) FILTER (WHERE v.dwell > INTERVAL '24 hours')
    FROM visit v
    GROUP BY v.id, v.name
    ORDER BY 3 DESC, 2, 1
$$;
COMMENT ON FUNCTION dwell_distribution(text, timestamptz, timestamptz, text, interval) IS
    'How long equipment of a facility (its code) stayed in a room at a time: visits by ROOM, DEPARTMENT or CATEGORY (by_what), with the median, the 95th percentile and how many were how long. To the minute, from a rollup; visits of one asset to the second are asset_visits. sql/queries/dwell-distribution.sql';
