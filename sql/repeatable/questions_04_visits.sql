-- Visits: which asset was in which room from when to when, with hysteresis, and the time it spent there.
--
-- How a visit is decided, ping by ping in order of time:
--   evidence   a ping with a room or coordinates; with a margin, not one that lies nearer than that to a wall of its room
--   silence    evidence further apart than max_gap: what was before says nothing about what comes after
--   run        evidence of one room (or of none) without other evidence or silence between
--   proof      a run of at least two pings that spans min_dwell: the asset has come there
--   visit      from the first ping of a proof to the last ping of that room before a proof elsewhere or silence
-- So a jump through a wall for one ping, or for less than min_dwell, begins no visit and interrupts none. The raw room stays in
-- location_history. Time counts until the next evidence, at most max_gap: a sleeping tag sends nothing for minutes.

CREATE OR REPLACE FUNCTION room_walls(polygon jsonb) RETURNS TABLE (ax double precision, ay double precision, dx double precision, dy double precision)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 5 AS $$
    SELECT ax, ay, bx - ax, by - ay
    FROM (SELECT (corner ->> 0)::double precision AS ax, (corner ->> 1)::double precision AS ay,
            lead((corner ->> 0)::double precision) OVER (ORDER BY n) AS bx, lead((corner ->> 1)::double precision) OVER (ORDER BY n) AS by
        FROM jsonb_array_elements(polygon) WITH ORDINALITY AS c(corner, n)) AS corner
    WHERE bx IS NOT NULL
$$;
COMMENT ON FUNCTION room_walls(jsonb) IS 'The walls of a room''s polygon, each from a corner (ax, ay) by (dx, dy) to the next.';

CREATE OR REPLACE FUNCTION segment_distance(x double precision, y double precision, ax double precision, ay double precision,
    dx double precision, dy double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN dx = 0 AND dy = 0 THEN sqrt((x - ax) ^ 2 + (y - ay) ^ 2) ELSE
        sqrt((x - ax - greatest(0, least(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy))) * dx) ^ 2
           + (y - ay - greatest(0, least(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy))) * dy) ^ 2) END
$$;
COMMENT ON FUNCTION segment_distance(double precision, double precision, double precision, double precision, double precision, double precision) IS
    'From a point to the nearest point of the line from (ax, ay) by (dx, dy); NULL for a point without coordinates.';

CREATE OR REPLACE FUNCTION wall_distance(polygon jsonb, x double precision, y double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT min(segment_distance(x, y, w.ax, w.ay, w.dx, w.dy)) FROM room_walls(polygon) AS w
$$;
COMMENT ON FUNCTION wall_distance(jsonb, double precision, double precision) IS
    'Metres from a point to the nearest wall of a room''s polygon, from inside as from outside.';

CREATE OR REPLACE FUNCTION room_visits(assets text[], since timestamptz, until timestamptz, min_dwell interval DEFAULT '30 seconds',
    margin_m double precision DEFAULT 0, max_gap interval DEFAULT '15 minutes')
RETURNS TABLE (
    asset_id text, facility_id text, room_id text, entered_at timestamptz, left_at timestamptz, entered_after timestamptz,
    last_seen timestamptz, dwell interval, pings bigint, is_open boolean, confidence double precision)
LANGUAGE sql STABLE AS $$
    WITH wall AS MATERIALIZED (
        -- Taken out of the polygons once, and not once a ping.
        SELECT r.id AS room_id, s.* FROM rtls.rooms r CROSS JOIN LATERAL room_walls(r.geofence_polygon) AS s WHERE margin_m > 0
    ), evidence AS (
        SELECT h.asset_id, h.t, h.gateway_id, h.tag_id, h.facility_id, h.room_id
        FROM rtls.asset_history h
        WHERE h.asset_id = ANY (assets) AND h.t >= since AND h.t < until AND h.t <= now() + INTERVAL '1 minute'
          AND (h.room_id IS NOT NULL OR h.x IS NOT NULL)
          AND NOT EXISTS (
            SELECT FROM wall w
            WHERE w.room_id = h.room_id AND segment_distance(h.x, h.y, w.ax, w.ay, w.dx, w.dy) < margin_m)
    ), compared AS (
        SELECT e.*, coalesce(e.t - lag(e.t) OVER w > max_gap, true) AS after_silence,
            e.room_id IS DISTINCT FROM lag(e.room_id) OVER w OR e.facility_id IS DISTINCT FROM lag(e.facility_id) OVER w AS is_other
        FROM evidence e
        WINDOW w AS (PARTITION BY e.asset_id ORDER BY e.t, e.gateway_id, e.tag_id)
    ), numbered AS (
        SELECT c.*, count(*) FILTER (WHERE after_silence) OVER w AS stretch, count(*) FILTER (WHERE after_silence OR is_other) OVER w AS run
        FROM compared c
        WINDOW w AS (PARTITION BY c.asset_id ORDER BY c.t, c.gateway_id, c.tag_id)
    ), runs AS (
        SELECT n.asset_id, n.stretch, n.run, n.facility_id, n.room_id, min(n.t) AS first_t, max(n.t) AS last_t, count(*) AS pings,
            count(*) >= 2 AND max(n.t) - min(n.t) >= min_dwell AS is_proof
        FROM numbered n
        GROUP BY n.asset_id, n.stretch, n.run, n.facility_id, n.room_id
    ), beside AS (
        SELECT r.*, lead(r.first_t) OVER w AS next_t,
            lag(r.last_t) OVER (PARTITION BY r.asset_id, r.stretch ORDER BY r.run) AS previous_t,
            max(r.run) FILTER (WHERE r.is_proof) OVER (PARTITION BY r.asset_id, r.stretch ORDER BY r.run) AS proof_run
        FROM runs r
        WINDOW w AS (PARTITION BY r.asset_id ORDER BY r.run)
    ), placed AS (
        -- Where the asset counts as being during this run: where the latest proof says.
        SELECT b.*, p.facility_id AS in_facility, p.room_id AS in_room
        FROM beside b JOIN runs p ON p.asset_id = b.asset_id AND p.run = b.proof_run
    ), moves AS (
        SELECT p.*, (p.stretch, p.in_facility, p.in_room) IS DISTINCT FROM
            (lag(p.stretch) OVER w, lag(p.in_facility) OVER w, lag(p.in_room) OVER w) AS has_come
        FROM placed p
        WINDOW w AS (PARTITION BY p.asset_id ORDER BY p.run)
    ), stays AS (
        SELECT m.*, count(*) FILTER (WHERE m.has_come) OVER (PARTITION BY m.asset_id ORDER BY m.run) AS stay,
            m.room_id IS NOT DISTINCT FROM m.in_room AND m.facility_id = m.in_facility AS is_there
        FROM moves m
        WHERE m.in_room IS NOT NULL
    ), last_there AS (
        SELECT s.*, max(s.run) FILTER (WHERE s.is_there) OVER (PARTITION BY s.asset_id, s.stay) AS last_run FROM stays s
    ), visits AS (
        SELECT l.asset_id, l.in_facility, l.in_room, min(l.first_t) AS entered_at, min(l.previous_t) FILTER (WHERE l.has_come) AS entered_after,
            max(l.last_t) FILTER (WHERE l.is_there) AS last_seen, max(l.next_t) FILTER (WHERE l.run = l.last_run) AS next_t,
            sum(l.pings) FILTER (WHERE l.is_there) AS there, sum(l.pings) AS heard
        FROM last_there l
        WHERE l.run <= l.last_run
        GROUP BY l.asset_id, l.stay, l.in_facility, l.in_room
    )
    SELECT v.asset_id, v.in_facility, v.in_room, v.entered_at, e.left_at, v.entered_after, v.last_seen, e.left_at - v.entered_at,
        v.there::bigint, v.next_t IS NULL AND v.last_seen + max_gap > least(until, now()), v.there::double precision / v.heard::double precision
    FROM visits v
    CROSS JOIN LATERAL (SELECT greatest(v.last_seen, least(v.next_t, v.last_seen + max_gap, until, now())) AS left_at) AS e
    ORDER BY v.asset_id, v.entered_at
$$;
COMMENT ON FUNCTION room_visits(text[], timestamptz, timestamptz, interval, double precision, interval) IS
    'Visits of several assets to rooms, by the pings from since until before until. entered_after to entered_at is the time in which it came (NULL: from silence, or before since), last_seen to left_at that in which it left: the next evidence, at most max_gap later. is_open: it may be there still. confidence: of the evidence between, the share that named this room. margin_m: evidence nearer than that to a wall is left out.';

CREATE OR REPLACE FUNCTION asset_visits(asset text, since timestamptz, until timestamptz, min_dwell interval DEFAULT '30 seconds',
    margin_m double precision DEFAULT 0, max_gap interval DEFAULT '15 minutes')
RETURNS TABLE (
    facility_id text, room_id text, room_name text, department_id text, entered_at timestamptz, left_at timestamptz,
    entered_after timestamptz, last_seen timestamptz, dwell interval, pings bigint, is_open boolean, confidence double precision)
LANGUAGE sql STABLE AS $$
    SELECT v.facility_id, v.room_id, r.room_name, r.department_id, v.entered_at, v.left_at, v.entered_after, v.last_seen, v.dwell, v.pings,
        v.is_open, v.confidence
    FROM room_visits(ARRAY[asset], since, until, min_dwell, margin_m, max_gap) v
    LEFT JOIN rtls.rooms r ON r.id = v.room_id
    ORDER BY v.entered_at
$$;
COMMENT ON FUNCTION asset_visits(text, timestamptz, timestamptz, interval, double precision, interval) IS
    'The visits of one asset, as room_visits has them, with the names of the rooms. sql/queries/visits.sql';

CREATE OR REPLACE FUNCTION asset_dwell(assets text[], since timestamptz, until timestamptz, min_dwell interval DEFAULT '30 seconds',
    margin_m double precision DEFAULT 0, max_gap interval DEFAULT '15 minutes')
RETURNS TABLE (
    asset_id text, facility_id text, department_id text, room_id text, hour timestamptz, local_hour timestamp, local_day date,
    dwell interval, visits bigint, confidence double precision)
LANGUAGE sql STABLE AS $$
    -- In steps of a quarter of an hour, because the hours of some time zones begin at :30 or :45, and then by local hour.
    SELECT v.asset_id, v.facility_id, r.department_id, v.room_id, h.hour, h.hour AT TIME ZONE z.timezone, (h.hour AT TIME ZONE z.timezone)::date,
        sum(least(v.left_at, step + INTERVAL '15 minutes') - greatest(v.entered_at, step)), count(DISTINCT v.entered_at), min(v.confidence)
    FROM room_visits(assets, since, until, min_dwell, margin_m, max_gap) v
    LEFT JOIN rtls.rooms r ON r.id = v.room_id
    CROSS JOIN LATERAL (SELECT coalesce((SELECT f.timezone FROM rtls.facilities f WHERE f.facility_code = v.facility_id), 'UTC') AS timezone) AS z
    CROSS JOIN LATERAL generate_series(date_bin('15 minutes', v.entered_at, timestamptz '2000-01-01 00:00Z'), v.left_at, INTERVAL '15 minutes') AS step
    CROSS JOIN LATERAL (SELECT date_trunc('hour', step, z.timezone) AS hour) AS h
    WHERE step < v.left_at
    GROUP BY v.asset_id, v.facility_id, r.department_id, v.room_id, h.hour, z.timezone
    ORDER BY v.asset_id, h.hour, v.room_id
$$;
COMMENT ON FUNCTION asset_dwell(text[], timestamptz, timestamptz, interval, double precision, interval) IS
    'How long assets stayed in which room and department, hour by hour of the facility: hour is when it begins, local_hour what the clock there says (the same twice when summer time ends). Sum it by what you ask for. sql/queries/dwell.sql';
