-- Where a tag and an asset were last, from what is there anyway: no table beside the pings that every batch would have to keep.
--
-- The newest ping of the last days by the key of location_history; when it does not say where, the newest minute that does;
-- and for a tag not heard for days the newest day of location_1d, whose chunks are a year long and outlive the pings.
-- The answer takes a few index probes however long the history. Four days: what is later than the hot lane takes is in the
-- rollups as soon as its day has been refreshed (src/ingest/lanes.ts), what is younger is found among the pings themselves.

CREATE OR REPLACE FUNCTION location_confidence(fix fix_quality, accuracy_m real, age interval) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE fix WHEN 'position' THEN 1.0 WHEN 'approximate' THEN 0.5 WHEN 'presence' THEN 0.5 WHEN 'proximity' THEN 0.3 ELSE 0.7 END
        * CASE WHEN accuracy_m IS NULL THEN 0.8 WHEN accuracy_m <= 2 THEN 1.0 ELSE 2.0 / accuracy_m END
        * CASE WHEN age <= INTERVAL '5 minutes' THEN 1.0
            ELSE 300.0 / extract(epoch FROM least(age, INTERVAL '100 years'))::double precision END
$$;
COMMENT ON FUNCTION location_confidence(fix_quality, real, interval) IS
    'How far a location may be relied on, 0 to 1, by a rule anybody can check: what kind of fix (position 1, not said 0.7, approximate and presence 0.5, proximity 0.3) × accuracy (1 up to 2 m, then 2 m / accuracy; 0.8 when not said) × age (1 up to 5 minutes, then 5 minutes / age). No probability: a rank to sort and cut by. location_confidence(''position'', 4, ''10 minutes'') = 0.25.';

CREATE OR REPLACE FUNCTION tag_last_known(tag text, facility text DEFAULT NULL) RETURNS TABLE (
    tag_id text, facility_id text, seen_at timestamptz, placed_at timestamptz, age interval, source text, gateway_id text,
    room_id text, zone text, floor real, x double precision, y double precision, longitude double precision, latitude double precision,
    accuracy_m real, fix fix_quality, tracking_method tracking_method, battery_pct smallint, confidence double precision)
LANGUAGE plpgsql STABLE ROWS 1 AS $$
-- Step by step and each statement planned by itself: inlined into another query TimescaleDB would plan every chunk there is.
#variable_conflict use_column
DECLARE
    newest location_history;
    known location_1d;
BEGIN
    SELECT h.* INTO newest FROM location_history h
    WHERE h.tag_id = tag AND (facility IS NULL OR h.facility_id = facility)
        AND h.t > now() - INTERVAL '4 days' AND h.t <= now() + INTERVAL '1 minute'
    ORDER BY h.t DESC LIMIT 1;
    IF coalesce(newest.room_id, newest.zone) IS NOT NULL OR newest.x IS NOT NULL OR newest.longitude IS NOT NULL THEN
        RETURN QUERY SELECT newest.tag_id, newest.facility_id, newest.t, newest.t, now() - newest.t, 'ping', newest.gateway_id,
            newest.room_id, newest.zone, newest.floor, newest.x, newest.y, newest.longitude, newest.latitude, newest.accuracy_m,
            newest.fix, newest.tracking_method, newest.battery_pct,
            location_confidence(newest.fix, newest.accuracy_m, now() - newest.t);
        RETURN;
    END IF;

    IF newest.t IS NOT NULL THEN
        RETURN QUERY
        SELECT r.tag_id, r.facility_id, greatest(r.last_t, newest.t), r.placed_t, now() - r.placed_t, 'location_1m', newest.gateway_id,
            r.room_id_last, r.zone_last, r.floor_last, CASE WHEN r.xy_last_t = r.placed_t THEN r.x_last END,
            CASE WHEN r.xy_last_t = r.placed_t THEN r.y_last END, r.longitude_last, r.latitude_last, r.accuracy_m_last, r.fix_last,
            r.tracking_method_last, coalesce(newest.battery_pct, r.battery_pct_last),
            location_confidence(r.fix_last, r.accuracy_m_last, now() - r.placed_t)
        FROM location_1m r
        WHERE r.tag_id = tag AND (facility IS NULL OR r.facility_id = facility) AND r.placed_t IS NOT NULL
            AND r.bucket > now() - INTERVAL '4 days' AND r.bucket <= now() + INTERVAL '1 minute'
        ORDER BY r.bucket DESC LIMIT 1;
        IF FOUND THEN RETURN; END IF;
    END IF;

    SELECT r.* INTO known FROM location_1d r
    WHERE r.tag_id = tag AND (facility IS NULL OR r.facility_id = facility) AND r.bucket <= now() AND r.placed_t IS NOT NULL
    ORDER BY r.bucket DESC LIMIT 1;
    IF known.tag_id IS NULL THEN
        -- Never located: at least when it was heard.
        SELECT r.* INTO known FROM location_1d r
        WHERE r.tag_id = tag AND (facility IS NULL OR r.facility_id = facility) AND r.bucket <= now()
        ORDER BY r.bucket DESC LIMIT 1;
    END IF;
    IF known.tag_id IS NULL AND newest.t IS NULL THEN RETURN; END IF;
    RETURN QUERY SELECT coalesce(known.tag_id, newest.tag_id), coalesce(known.facility_id, newest.facility_id),
        greatest(known.last_t, newest.t), known.placed_t, now() - known.placed_t,
        CASE WHEN known.tag_id IS NULL THEN 'ping' ELSE 'location_1d' END, coalesce(newest.gateway_id, known.gateway_id_last),
        known.room_id_last, known.zone_last, known.floor_last, CASE WHEN known.xy_last_t = known.placed_t THEN known.x_last END,
        CASE WHEN known.xy_last_t = known.placed_t THEN known.y_last END, known.longitude_last, known.latitude_last,
        known.accuracy_m_last, known.fix_last, known.tracking_method_last, coalesce(newest.battery_pct, known.battery_pct_last),
        CASE WHEN known.placed_t IS NOT NULL THEN location_confidence(known.fix_last, known.accuracy_m_last, now() - known.placed_t) END;
END
$$;
COMMENT ON FUNCTION tag_last_known(text, text) IS
    'Where a tag was last, one row, or none for a tag that was never heard. seen_at: its last ping; placed_at: its last ping that says where, whose place this is; age: since placed_at; source: what answered (ping, location_1m, location_1d). Late pings never move it backwards, pings more than a minute ahead of now do not count.';

CREATE OR REPLACE FUNCTION asset_last_known(asset text) RETURNS TABLE (
    asset_id text, tag_id text, facility_id text, seen_at timestamptz, placed_at timestamptz, age interval, source text, gateway_id text,
    room_id text, zone text, floor real, x double precision, y double precision, longitude double precision, latitude double precision,
    accuracy_m real, fix fix_quality, tracking_method tracking_method, battery_pct smallint, confidence double precision)
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT asset, k.* FROM (
        SELECT l.* FROM tag_assignments w CROSS JOIN LATERAL tag_last_known(w.tag_id) AS l
        WHERE w.asset_id = asset AND w.valid_from <= now() AND coalesce(w.valid_to > now(), true) AND l.seen_at >= w.valid_from
        UNION ALL
        -- It has lost its tag: what the tag said before that.
        SELECT p.tag_id, p.facility_id, p.t, p.t, now() - p.t, 'ping', p.gateway_id, p.room_id, p.zone, p.floor, p.x, p.y, p.longitude,
            p.latitude, p.accuracy_m, p.fix, p.tracking_method, p.battery_pct, location_confidence(p.fix, p.accuracy_m, now() - p.t)
        FROM (SELECT * FROM tag_assignments w WHERE w.asset_id = asset AND w.valid_from <= now() ORDER BY w.valid_to DESC NULLS FIRST LIMIT 1) w
        CROSS JOIN LATERAL last_ping(w.tag_id, w.valid_from, w.valid_to) AS p
        WHERE w.valid_to <= now()
    ) AS k
    -- A place an asset was at before it wore the tag is none of its own.
    WHERE k.placed_at IS NULL OR EXISTS (
        SELECT FROM tag_assignments w WHERE w.asset_id = asset AND w.tag_id = k.tag_id AND w.valid_from <= k.placed_at)
    ORDER BY k.placed_at DESC NULLS LAST LIMIT 1
$$;
COMMENT ON FUNCTION asset_last_known(text) IS
    'Where an asset was last: by the tag it wears that was located last; without a tag now, by the last ping of the one it wore last. Columns as tag_last_known.';
