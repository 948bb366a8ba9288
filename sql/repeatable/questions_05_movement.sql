-- How far assets went, and where they spend their time.

CREATE OR REPLACE FUNCTION asset_distance(asset text, since timestamptz, until timestamptz, max_gap interval DEFAULT '5 minutes',
    smooth interval DEFAULT '10 seconds')
RETURNS TABLE (metres double precision, legs bigint, other_floor bigint, over_gap bigint, accuracy_m double precision)
LANGUAGE sql STABLE ROWS 1 AS $$
    WITH place AS (
        SELECT h.facility_id, h.floor, avg(h.x) AS x, avg(h.y) AS y, min(h.t) AS first_t, max(h.t) AS last_t, avg(h.accuracy_m) AS accuracy_m
        FROM rtls.asset_history h
        WHERE h.asset_id = asset AND h.t >= since AND h.t < until AND h.x IS NOT NULL AND h.y IS NOT NULL
        GROUP BY date_bin(smooth, h.t, timestamptz '2000-01-01 00:00Z'), h.facility_id, h.floor
    ), leg AS (
        SELECT p.accuracy_m, p.first_t - lag(p.last_t) OVER w > max_gap AS is_over_gap,
            (p.facility_id, p.floor) IS DISTINCT FROM (lag(p.facility_id) OVER w, lag(p.floor) OVER w) AS is_other_floor,
            sqrt((p.x - lag(p.x) OVER w) ^ 2 + (p.y - lag(p.y) OVER w) ^ 2) AS metres
        FROM place p
        WINDOW w AS (ORDER BY p.first_t, p.facility_id, p.floor)
    )
    SELECT coalesce(sum(l.metres) FILTER (WHERE NOT l.is_over_gap AND NOT l.is_other_floor), 0),
        count(*) FILTER (WHERE NOT l.is_over_gap AND NOT l.is_other_floor), count(*) FILTER (WHERE l.metres IS NOT NULL AND l.is_other_floor),
        count(*) FILTER (WHERE l.is_over_gap AND NOT l.is_other_floor), avg(l.accuracy_m)
    FROM leg l
$$;
COMMENT ON FUNCTION asset_distance(text, timestamptz, timestamptz, interval, interval) IS
    'Metres an asset went, from place to place on one floor. A place is the mean of the pings of smooth (10 s): the trembling of a position is no way. Not counted: legs to another floor (other_floor of them) and over more than max_gap of silence (over_gap). accuracy_m: what the pings said on average; an asset at rest seems to go a fraction of it a leg. sql/queries/distance.sql';

CREATE OR REPLACE FUNCTION heat_map(facility text, floor real, since timestamptz, until timestamptz, cell_m double precision DEFAULT 2,
    category device_category DEFAULT NULL)
RETURNS TABLE (cell_x double precision, cell_y double precision, minutes bigint, assets bigint, pings bigint, accuracy_m double precision)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp SET jit = off AS $$
    -- Counted in three steps, which needs no sorting of every minute as count(DISTINCT) does.
    WITH minute AS (
        SELECT floor(p.x_sum / p.xy_pings / cell_m) AS i, floor(p.y_sum / p.xy_pings / cell_m) AS j, p.asset_id, sum(p.xy_pings) AS pings,
            sum(p.accuracy_m_sum) AS accuracy_m_sum, sum(p.accuracy_pings) AS accuracy_pings
        FROM rtls.asset_presence_1m p
        WHERE p.facility_id = facility AND p.floor = heat_map.floor AND p.bucket >= since AND p.bucket < until AND p.xy_pings > 0
          AND (category IS NULL OR p.asset_id IN (SELECT a.id FROM rtls.assets a WHERE a.device_category = category))
        GROUP BY 1, 2, p.asset_id, p.bucket
    ), asset AS (
        SELECT m.i, m.j, count(*) AS minutes, sum(m.pings) AS pings, sum(m.accuracy_m_sum) AS accuracy_m_sum, sum(m.accuracy_pings) AS accuracy_pings
        FROM minute m GROUP BY m.i, m.j, m.asset_id
    )
    SELECT a.i * cell_m, a.j * cell_m, sum(a.minutes)::bigint, count(*), sum(a.pings)::bigint,
        sum(a.accuracy_m_sum) / nullif(sum(a.accuracy_pings), 0)::double precision
    FROM asset a
    GROUP BY a.i, a.j
    ORDER BY 3 DESC, 1, 2
$$;
COMMENT ON FUNCTION heat_map(text, real, timestamptz, timestamptz, double precision, device_category) IS
    'In which squares of a floor assets were: cell_x, cell_y is the lower left corner. An asset counts each minute where it was on average (by room), so minutes do not depend on how often its tag sends. facility is its code. Where accuracy_m exceeds the cell, the map is finer than the truth. sql/queries/heat-map.sql';
