-- Where all assets of a facility were, for questions about hundreds of them and weeks: from the hours of room_presence_1h, and
-- from the minutes only where an hour will not do.
--
-- An hour will not do where the span begins or ends within it, for the hour that is not over, and for an asset whose tag was put
-- on or taken off within the span, or that wore several: what most pings of a minute say is then a question about the asset.
-- Nor of a day whose rollups are still to be refreshed: its hours may not be there yet.

-- Reads the rollups themselves and not their views, because only so do the keys reach them; hence SECURITY DEFINER, with the
-- conditions of those views and a pinned search path.
CREATE OR REPLACE FUNCTION rtls.facility_stays(facility text, since timestamptz, until timestamptz, max_gap interval)
RETURNS TABLE (asset_id text, room_id text, from_t timestamptz, to_t timestamptz, heard bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 20000
SET search_path = pg_catalog, public, pg_temp SET jit = off SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    -- TimescaleDB cannot compute with infinite times; no ping is older than 2000, and what is to come has not been.
    since timestamptz := greatest($2, timestamptz '2000-01-01 00:00Z');
    until timestamptz := least($3, now() + INTERVAL '1 day');
    hour_from timestamptz := date_trunc('hour', since + INTERVAL '1 hour' - INTERVAL '1 microsecond', 'UTC');
    hour_to timestamptz := greatest(hour_from, date_trunc('hour', least(until, now()), 'UTC'));
    -- Heard again so many minutes later a stay goes on.
    gap_minutes integer := floor(least(date_part('epoch', max_gap), 3600) / 60);
    organization_ids text[] := ARRAY(SELECT o.id FROM rtls.organizations o);
    stale_days date[] := ARRAY(
        SELECT q.day FROM rollup_refresh_queue q
        WHERE q.day >= (hour_from AT TIME ZONE 'UTC')::date AND q.day <= (hour_to AT TIME ZONE 'UTC')::date ORDER BY q.day);
    odd_tags text[];
BEGIN
    IF NOT has_table_privilege(session_user, 'public.location_history', 'SELECT')
        AND NOT EXISTS (SELECT FROM rtls.facilities f WHERE f.facility_code = facility) THEN
        RETURN;
    END IF;
    odd_tags := ARRAY(
        SELECT DISTINCT w.tag_id FROM (
            SELECT w.tag_id, w.valid_from <= hour_from AND coalesce(w.valid_to >= hour_to, true) AS is_whole,
                count(*) OVER (PARTITION BY w.asset_id) AS wearings
            FROM tag_assignments w
            WHERE w.valid_from < until + INTERVAL '1 minute' AND coalesce(w.valid_to > since, true)) AS w
        WHERE NOT w.is_whole OR w.wearings > 1);
    RETURN QUERY
    WITH worn AS MATERIALIZED (
        SELECT w.tag_id, w.asset_id, w.valid_from, coalesce(w.valid_to, 'infinity') AS valid_to
        FROM tag_assignments w JOIN assets a ON a.id = w.asset_id
        WHERE w.valid_from < until + INTERVAL '1 minute' AND coalesce(w.valid_to > since, true)
          AND a.organization_id = ANY (organization_ids) AND NOT EXISTS (SELECT FROM person_tags p WHERE p.tag_id = w.tag_id)
    ), hour AS MATERIALIZED (
        SELECT w.asset_id, p.bucket, s.room_id, s.from_minute, s.to_minute, s.longest_gap, s.heard
        FROM room_presence_1h p JOIN worn w ON w.tag_id = p.tag_id
        CROSS JOIN LATERAL unnest(p.stays) AS s
        WHERE p.facility_id = facility AND p.bucket >= hour_from AND p.bucket < hour_to AND p.tag_id <> ALL (odd_tags)
          AND (p.bucket AT TIME ZONE 'UTC')::date <> ALL (stale_days)
    ), named AS (
        SELECT p.tag_id, p.bucket, p.room_id, p.pings, p.last_t FROM room_presence_1m p
        WHERE p.facility_id = facility AND p.bucket >= since AND p.bucket < least(until, hour_from) AND p.tag_id <> ALL (odd_tags)
        UNION ALL
        SELECT p.tag_id, p.bucket, p.room_id, p.pings, p.last_t FROM room_presence_1m p
        WHERE p.facility_id = facility AND p.bucket >= greatest(since, hour_to) AND p.bucket < until AND p.tag_id <> ALL (odd_tags)
        UNION ALL
        SELECT p.tag_id, p.bucket, p.room_id, p.pings, p.last_t FROM room_presence_1m p
        WHERE p.facility_id = facility AND p.bucket >= since AND p.bucket < until AND p.tag_id = ANY (odd_tags)
        UNION ALL
        SELECT p.tag_id, p.bucket, p.room_id, p.pings, p.last_t FROM room_presence_1m p
        WHERE p.facility_id = facility AND p.bucket >= greatest(hour_from, stale_days[1]::timestamp AT TIME ZONE 'UTC')
          AND p.bucket < least(hour_to, (stale_days[array_upper(stale_days, 1)] + 1)::timestamp AT TIME ZONE 'UTC')
          AND (p.bucket AT TIME ZONE 'UTC')::date = ANY (stale_days) AND p.tag_id <> ALL (odd_tags)
    ), minute AS (
        SELECT DISTINCT ON (w.asset_id, p.bucket) w.asset_id, p.bucket, p.room_id
        FROM named p JOIN worn w ON w.tag_id = p.tag_id AND p.last_t >= w.valid_from AND p.last_t < w.valid_to
        ORDER BY w.asset_id, p.bucket, p.pings DESC, p.last_t DESC, p.room_id
    ), stay AS (
        SELECT h.asset_id, h.room_id, h.bucket + h.from_minute * INTERVAL '1 minute' AS from_t,
            h.bucket + h.to_minute * INTERVAL '1 minute' AS last_minute, h.heard >> h.from_minute AS heard
        FROM hour h WHERE h.longest_gap <= gap_minutes
        UNION ALL
        SELECT h.asset_id, h.room_id, m.t, m.t, 1
        FROM hour h CROSS JOIN LATERAL (
            SELECT h.bucket + n * INTERVAL '1 minute' AS t
            FROM generate_series(h.from_minute::integer, h.to_minute) AS n WHERE (h.heard >> n) & 1 = 1) AS m
        WHERE h.longest_gap > gap_minutes
        UNION ALL
        SELECT m.asset_id, m.room_id, m.bucket, m.bucket, 1 FROM minute m
    ), until_next AS (
        SELECT s.*, least(lead(s.from_t) OVER (PARTITION BY s.asset_id ORDER BY s.from_t), s.last_minute + max_gap, until,
            greatest(now(), s.from_t)) AS to_t
        FROM stay s
    )
    SELECT u.asset_id, u.room_id, u.from_t, u.to_t, u.heard FROM until_next u WHERE u.from_t < u.to_t;
END
$$;
COMMENT ON FUNCTION rtls.facility_stays(text, timestamptz, timestamptz, interval) IS
    'Where the assets of a facility were: stays in a room (that most pings of a minute name; NULL: in none), each until the asset is heard again elsewhere, at most max_gap after its last minute there. Bit n of heard: heard in minute n from from_t. A stay does not reach from one hour of UTC into the next but by max_gap; it goes on in the next row.';
