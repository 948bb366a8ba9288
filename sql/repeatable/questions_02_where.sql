-- Where is it, where was it.
--
-- All questions take an asset by its id. They read the views of schema rtls, so each answers for what its reader may read.
-- Queries to try: sql/queries/.

-- Reads the tables themselves and not the views, because only so does the key answer "the last before" without reading what is
-- before that; hence SECURITY DEFINER, with the same two conditions as rtls.location_history and a pinned search path.
--
-- A tag that has been silent for long has nothing in any of the newest chunks, and each would be asked. So only the four days that
-- no policy may have rolled up yet are (as tag_last_known does), and the days that are still to be refreshed; before that
-- location_1d names the day.
CREATE OR REPLACE FUNCTION rtls.last_ping(tag text, since timestamptz, until timestamptz) RETURNS SETOF public.location_history
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan ROWS 1 AS $$
DECLARE
    known_until timestamptz := date_trunc('day', now() - INTERVAL '4 days', 'UTC');
    readable text[] := CASE WHEN NOT has_table_privilege(session_user, 'public.location_history', 'SELECT')
        THEN ARRAY(SELECT f.facility_code FROM rtls.facilities f) END;
    day_from timestamptz := greatest(since, timestamptz '2000-01-01 00:00Z') - INTERVAL '1 day';
    day timestamptz;
    tried integer := 0;
BEGIN
    IF EXISTS (SELECT FROM public.person_tags p WHERE p.tag_id = tag) THEN
        RETURN;
    END IF;
    IF until >= known_until THEN
        RETURN QUERY SELECT h.* FROM public.location_history h
            WHERE h.tag_id = tag AND h.t >= greatest(since, known_until) AND h.t <= until
              AND (readable IS NULL OR h.facility_id = ANY (readable))
            ORDER BY h.t DESC, h.gateway_id DESC LIMIT 1;
        IF FOUND THEN RETURN; END IF;
    END IF;
    FOR day IN
        SELECT d.day FROM (
            (SELECT r.bucket AS day FROM public.location_1d r
             WHERE r.tag_id = tag AND r.bucket > day_from AND r.bucket <= least(until, known_until) AND r.bucket < known_until
               AND (readable IS NULL OR r.facility_id = ANY (readable))
             GROUP BY r.bucket ORDER BY r.bucket DESC LIMIT 3)
            UNION
            SELECT q.day::timestamp AT TIME ZONE 'UTC' FROM public.rollup_refresh_queue q
            WHERE q.day::timestamp AT TIME ZONE 'UTC' > day_from AND q.day::timestamp AT TIME ZONE 'UTC' <= until
              AND q.day::timestamp AT TIME ZONE 'UTC' < known_until) AS d
        ORDER BY d.day DESC
    LOOP
        RETURN QUERY SELECT h.* FROM public.location_history h
            WHERE h.tag_id = tag AND h.t >= greatest(since, day) AND h.t <= until AND h.t < day + INTERVAL '24 hours'
              AND (readable IS NULL OR h.facility_id = ANY (readable))
            ORDER BY h.t DESC, h.gateway_id DESC LIMIT 1;
        IF FOUND THEN RETURN; END IF;
        tried := tried + 1;
    END LOOP;
    IF tried >= 3 THEN
        -- Pings of those days were taken away without their rollups; what is before them has to be looked for.
        RETURN QUERY SELECT h.* FROM public.location_history h
            WHERE h.tag_id = tag AND h.t >= since AND h.t <= until AND h.t < known_until
              AND (readable IS NULL OR h.facility_id = ANY (readable))
            ORDER BY h.t DESC, h.gateway_id DESC LIMIT 1;
    END IF;
END
$$;
COMMENT ON FUNCTION rtls.last_ping(text, timestamptz, timestamptz) IS
    'The latest ping of a tag from since to until (both included) that the login role may read.';

CREATE OR REPLACE FUNCTION asset_location_at(asset text, at timestamptz) RETURNS TABLE (
    asset_id text, t timestamptz, age interval, facility_id text, floor real, room_id text, room_name text, zone text,
    x double precision, y double precision, z real, longitude double precision, latitude double precision,
    accuracy_m real, fix fix_quality, tracking_method tracking_method, is_moving boolean, battery_pct smallint,
    tag_id text, gateway_id text, confidence double precision)
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT asset, p.t, asset_location_at.at - p.t, p.facility_id, p.floor, p.room_id, r.room_name, p.zone, p.x, p.y, p.z,
        p.longitude, p.latitude, p.accuracy_m, p.fix, p.tracking_method, p.is_moving, p.battery_pct, p.tag_id, p.gateway_id,
        location_confidence(p.fix, p.accuracy_m, asset_location_at.at - p.t)
    FROM (
        SELECT l.* FROM rtls.tag_assignments w
        CROSS JOIN LATERAL rtls.last_ping(w.tag_id, w.valid_from,
            least(asset_location_at.at, w.valid_to - INTERVAL '1 microsecond')) AS l
        WHERE w.asset_id = asset AND w.valid_from <= asset_location_at.at
        ORDER BY l.t DESC, l.gateway_id DESC, l.tag_id DESC
        LIMIT 1
    ) AS p
    LEFT JOIN rtls.rooms r ON r.id = p.room_id
$$;
COMMENT ON FUNCTION asset_location_at(text, timestamptz) IS
    'Where an asset was at a time: the latest ping, until then, of any tag it wore when it was heard. age is how old that was; confidence as location_confidence says. No row: it had not been heard of. sql/queries/where-was-it.sql';

CREATE OR REPLACE FUNCTION asset_location_now(asset text) RETURNS TABLE (
    asset_id text, t timestamptz, age interval, facility_id text, floor real, room_id text, room_name text, zone text,
    x double precision, y double precision, z real, longitude double precision, latitude double precision,
    accuracy_m real, fix fix_quality, tracking_method tracking_method, is_moving boolean, battery_pct smallint,
    tag_id text, gateway_id text, confidence double precision)
LANGUAGE sql STABLE ROWS 1 AS $$
    -- A minute ahead: what a gateway's clock may be wrong by before its time counts as impossible.
    SELECT l.asset_id, l.t, greatest(now() - l.t, INTERVAL '0'), l.facility_id, l.floor, l.room_id, l.room_name, l.zone, l.x, l.y, l.z,
        l.longitude, l.latitude, l.accuracy_m, l.fix, l.tracking_method, l.is_moving, l.battery_pct, l.tag_id, l.gateway_id,
        location_confidence(l.fix, l.accuracy_m, now() - l.t)
    FROM asset_location_at(asset, now() + INTERVAL '1 minute') AS l
$$;
COMMENT ON FUNCTION asset_location_now(text) IS
    'Where an asset is now: its latest ping, at most a minute in the future (a clock that runs ahead). sql/queries/where-is-it.sql';
