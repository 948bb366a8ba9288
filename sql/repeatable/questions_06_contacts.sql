-- Who was with whom: two assets in the same room at the same time, and how near.

CREATE OR REPLACE FUNCTION asset_contacts(asset text, other text, since timestamptz, until timestamptz,
    min_dwell interval DEFAULT '30 seconds', margin_m double precision DEFAULT 0, max_gap interval DEFAULT '15 minutes')
RETURNS TABLE (
    facility_id text, room_id text, began_at timestamptz, ended_at timestamptz, together interval, nearest_m double precision,
    accuracy_m double precision, confidence double precision)
LANGUAGE sql STABLE AS $$
    WITH visit AS MATERIALIZED (
        SELECT * FROM room_visits(ARRAY[asset, other], since, until, min_dwell, margin_m, max_gap)
    ), contact AS (
        SELECT a.facility_id, a.room_id, greatest(a.entered_at, b.entered_at) AS began_at, least(a.left_at, b.left_at) AS ended_at,
            a.confidence * b.confidence AS confidence
        FROM visit a JOIN visit b ON b.facility_id = a.facility_id AND b.room_id = a.room_id
            AND greatest(a.entered_at, b.entered_at) < least(a.left_at, b.left_at)
        WHERE a.asset_id = asset AND b.asset_id = other AND asset <> other
    ), place AS MATERIALIZED (
        SELECT h.asset_id, h.facility_id, h.floor, date_bin('10 seconds', h.t, timestamptz '2000-01-01 00:00Z') AS bin,
            avg(h.x) AS x, avg(h.y) AS y, avg(h.accuracy_m) AS accuracy_m
        FROM rtls.asset_history h
        WHERE h.asset_id IN (asset, other) AND h.t >= since AND h.t < until AND h.x IS NOT NULL AND h.y IS NOT NULL
        GROUP BY 1, 2, 3, 4
    )
    SELECT c.facility_id, c.room_id, c.began_at, c.ended_at, c.ended_at - c.began_at, n.nearest_m, n.accuracy_m, c.confidence
    FROM contact c
    LEFT JOIN LATERAL (
        SELECT sqrt((a.x - b.x) ^ 2 + (a.y - b.y) ^ 2) AS nearest_m, a.accuracy_m + b.accuracy_m AS accuracy_m
        FROM place a JOIN place b ON b.bin = a.bin AND b.facility_id = a.facility_id AND b.floor IS NOT DISTINCT FROM a.floor
        WHERE a.asset_id = asset AND b.asset_id = other AND a.facility_id = c.facility_id
          AND a.bin >= date_bin('10 seconds', c.began_at, timestamptz '2000-01-01 00:00Z') AND a.bin < c.ended_at
        ORDER BY 1
        LIMIT 1
    ) AS n ON true
    ORDER BY c.began_at
$$;
COMMENT ON FUNCTION asset_contacts(text, text, timestamptz, timestamptz, interval, double precision, interval) IS
    'When two assets were in the same room together: where their visits overlap. nearest_m: the least distance of their mean positions of the same 10 seconds, as exact as accuracy_m (of both, added up); NULL where they were not both positioned. confidence: that of the one visit × that of the other. sql/queries/contacts.sql';

CREATE OR REPLACE FUNCTION assets_met(asset text, since timestamptz, until timestamptz,
    min_dwell interval DEFAULT '30 seconds', margin_m double precision DEFAULT 0, max_gap interval DEFAULT '15 minutes')
RETURNS TABLE (other_id text, contacts bigint, together interval, first_at timestamptz, last_at timestamptz, confidence double precision)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    WITH own AS MATERIALIZED (
        SELECT * FROM room_visits(ARRAY[asset], since, until, min_dwell, margin_m, max_gap)
    ), near AS (
        -- Who was heard in those rooms about then, by the rollup: only of these are the pings read. A minute may begin before the visit.
        SELECT DISTINCT p.asset_id FROM own v
        JOIN rtls.asset_presence_1m p ON p.facility_id = v.facility_id AND p.room_id = v.room_id
            AND p.bucket > v.entered_at - max_gap - INTERVAL '1 minute' AND p.bucket < v.left_at
        WHERE p.asset_id <> asset AND p.bucket > since - INTERVAL '1 minute' AND p.bucket < until
    ), met AS (
        SELECT o.asset_id, greatest(v.entered_at, o.entered_at) AS began_at, least(v.left_at, o.left_at) AS ended_at,
            v.confidence * o.confidence AS confidence
        FROM room_visits(ARRAY(SELECT n.asset_id FROM near n), since, until, min_dwell, margin_m, max_gap) o
        JOIN own v ON v.facility_id = o.facility_id AND v.room_id = o.room_id
            AND greatest(v.entered_at, o.entered_at) < least(v.left_at, o.left_at)
    )
    SELECT m.asset_id, count(*), sum(m.ended_at - m.began_at), min(m.began_at), max(m.ended_at), max(m.confidence)
    FROM met m
    GROUP BY m.asset_id
    ORDER BY 3 DESC, 1
$$;
COMMENT ON FUNCTION assets_met(text, timestamptz, timestamptz, interval, double precision, interval) IS
    'With which other assets an asset was in one room, how often and how long in all; asset_contacts then says when and how near. confidence: of the surest contact. sql/queries/contacts-of-one.sql';
