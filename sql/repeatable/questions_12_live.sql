-- Where many assets are now, in one go: what live maps and lists ask. Calling asset_location_now once for each of 5,000 assets takes
-- seconds; this takes one probe of the key of location_history for each tag, and looks into location_1d for those that are silent.

CREATE OR REPLACE FUNCTION rtls.assets_now(assets text[], is_deep boolean DEFAULT true) RETURNS TABLE (
    asset_id text, tag_id text, facility_id text, t timestamptz, floor real, room_id text, zone text, x double precision,
    y double precision, z real, accuracy_m real, fix fix_quality, is_moving boolean, battery_pct smallint)
-- Reads the tables and not the views, for the reason that rtls.last_ping has, with the same two conditions.
-- Hash joins, whatever the planner believes: where nothing was analysed yet it takes 5,000 silent tags for one.
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET jit = off AS $$
    WITH readable AS MATERIALIZED (
        SELECT ARRAY(SELECT f.facility_code FROM rtls.facilities f) AS facilities,
            has_table_privilege(session_user, 'public.location_history', 'SELECT') AS all_of_them
    ), worn AS MATERIALIZED (
        SELECT w.asset_id, w.tag_id, w.valid_from FROM rtls.tag_assignments w
        WHERE w.asset_id = ANY (assets) AND w.valid_from <= now() AND coalesce(w.valid_to > now(), true)
    ), newest AS MATERIALIZED (
        SELECT w.asset_id, w.valid_from, w.tag_id, n.facility_id, n.t, n.floor, n.room_id, n.zone, n.x, n.y, n.z, n.accuracy_m, n.fix,
            n.is_moving, n.battery_pct,
            coalesce(n.room_id, n.zone) IS NOT NULL OR n.x IS NOT NULL OR n.longitude IS NOT NULL AS is_placed
        FROM worn w
        LEFT JOIN LATERAL (
            SELECT h.* FROM public.location_history h
            WHERE h.tag_id = w.tag_id AND h.t > now() - INTERVAL '4 days' AND h.t <= now() + INTERVAL '1 minute'
              AND ((SELECT r.all_of_them FROM readable r) OR h.facility_id = ANY ((SELECT r.facilities FROM readable r)::text[]))
            ORDER BY h.t DESC, h.gateway_id DESC
            LIMIT 1) AS n ON true
    ), silent AS MATERIALIZED (
        SELECT ARRAY(SELECT n.tag_id FROM newest n WHERE is_deep AND NOT n.is_placed) AS tags
    ), month AS MATERIALIZED (
        SELECT DISTINCT ON (r.tag_id) r.* FROM public.location_1d r
        WHERE r.tag_id = ANY ((SELECT s.tags FROM silent s)::text[]) AND r.placed_t IS NOT NULL
          AND r.bucket > now() - INTERVAL '30 days' AND r.bucket <= now()
          AND ((SELECT r.all_of_them FROM readable r) OR r.facility_id = ANY ((SELECT r.facilities FROM readable r)::text[]))
        ORDER BY r.tag_id, r.bucket DESC, r.placed_t DESC
    ), older AS MATERIALIZED (
        SELECT DISTINCT ON (r.tag_id) r.* FROM public.location_1d r
        WHERE r.tag_id = ANY (ARRAY(SELECT unnest(s.tags) FROM silent s EXCEPT SELECT m.tag_id FROM month m)) AND r.placed_t IS NOT NULL
          AND r.bucket <= now() - INTERVAL '30 days'
          AND ((SELECT r.all_of_them FROM readable r) OR r.facility_id = ANY ((SELECT r.facilities FROM readable r)::text[]))
        ORDER BY r.tag_id, r.bucket DESC, r.placed_t DESC
    ), found AS MATERIALIZED (
        SELECT n.asset_id, n.tag_id, n.facility_id, n.t, n.floor, n.room_id, n.zone, n.x, n.y, n.z, n.accuracy_m, n.fix, n.is_moving, n.battery_pct
        FROM newest n WHERE n.is_placed AND n.t >= n.valid_from
        UNION ALL
        SELECT n.asset_id, n.tag_id, r.facility_id, r.placed_t, r.floor_last, r.room_id_last, r.zone_last,
            CASE WHEN r.xy_last_t = r.placed_t THEN r.x_last END, CASE WHEN r.xy_last_t = r.placed_t THEN r.y_last END, NULL,
            r.accuracy_m_last, r.fix_last, NULL, coalesce(n.battery_pct, r.battery_pct_last)
        FROM newest n JOIN (SELECT * FROM month UNION ALL SELECT * FROM older) AS r ON r.tag_id = n.tag_id
        WHERE NOT n.is_placed AND r.placed_t >= n.valid_from
    ), best AS (
        SELECT DISTINCT ON (f.asset_id) f.* FROM found f ORDER BY f.asset_id, f.t DESC, f.tag_id
    )
    SELECT * FROM best
    UNION ALL
    -- What it wears says nothing yet, or it wears nothing any more: what it wore before.
    SELECT lost.asset_id, l.tag_id, l.facility_id, l.t, l.floor, l.room_id, l.zone, l.x, l.y, l.z, l.accuracy_m, l.fix, l.is_moving, l.battery_pct
    FROM (SELECT DISTINCT w.asset_id FROM rtls.tag_assignments w
        WHERE is_deep AND w.asset_id = ANY (assets) AND w.valid_to <= now() AND NOT EXISTS (SELECT FROM best b WHERE b.asset_id = w.asset_id)) AS lost
    CROSS JOIN LATERAL (
        SELECT p.* FROM rtls.tag_assignments w
        CROSS JOIN LATERAL rtls.last_ping(w.tag_id, w.valid_from, least(now() + INTERVAL '1 minute', w.valid_to - INTERVAL '1 microsecond')) AS p
        WHERE w.asset_id = lost.asset_id AND w.valid_from <= now()
        ORDER BY p.t DESC, p.gateway_id DESC, p.tag_id DESC
        LIMIT 1) AS l
$$;
COMMENT ON FUNCTION rtls.assets_now(text[], boolean) IS
    'Where each of these assets was last, one row for each that was ever located: by the newest ping, at most a minute in the future, of the tags it wears that says where; by location_1d when they have been silent for four days; by the tags it wore before when those it wears say nothing. is_deep false: only what the last four days say. SELECT * FROM rtls.assets_now(ARRAY(SELECT id FROM rtls.assets)).';

CREATE OR REPLACE FUNCTION rtls.tags_worn_now(organization text) RETURNS TABLE (tag_id text, asset_id text, valid_from timestamptz)
LANGUAGE sql STABLE SET enable_nestloop = off SET jit = off AS $$
    SELECT w.tag_id, w.asset_id, w.valid_from
    FROM rtls.tag_assignments w JOIN rtls.assets a ON a.id = w.asset_id
    WHERE a.organization_id = organization AND a.deleted_at IS NULL AND w.valid_from <= now() AND coalesce(w.valid_to > now(), true)
$$;
COMMENT ON FUNCTION rtls.tags_worn_now(text) IS 'Which asset of an organisation wears which tag now. SELECT * FROM rtls.tags_worn_now((SELECT id FROM rtls.organizations LIMIT 1)).';
