-- The way an asset went, in few points: Douglas and Peucker's rule, taken in the order of what it gains.
--
-- Every point that is left out lies within deviation_m of the line that stands for it: the answer says itself how rough it is.
-- A loop over the points of the answer, not over the pings: each turn is one set-based look at one stretch.

CREATE OR REPLACE FUNCTION rtls.farthest_point(xs double precision[], ys double precision[], zs double precision[], a integer, b integer,
    OUT place integer, OUT distance double precision)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT a + p.n::integer, sqrt(gap.square)
    FROM (SELECT xs[a] AS x0, ys[a] AS y0, zs[a] AS z0, xs[b] - xs[a] AS dx, ys[b] - ys[a] AS dy, zs[b] - zs[a] AS dz) AS line
    CROSS JOIN unnest(xs[a + 1:b - 1], ys[a + 1:b - 1], zs[a + 1:b - 1]) WITH ORDINALITY AS p(x, y, z, n)
    CROSS JOIN LATERAL (SELECT CASE WHEN dx = 0 AND dy = 0 AND dz = 0 THEN 0 ELSE
        greatest(0, least(1, ((p.x - x0) * dx + (p.y - y0) * dy + (p.z - z0) * dz) / (dx * dx + dy * dy + dz * dz))) END AS along) AS foot
    CROSS JOIN LATERAL (SELECT (p.x - x0 - along * dx) ^ 2 + (p.y - y0 - along * dy) ^ 2 + (p.z - z0 - along * dz) ^ 2 AS square) AS gap
    ORDER BY gap.square DESC, p.n
    LIMIT 1
$$;
COMMENT ON FUNCTION rtls.farthest_point(double precision[], double precision[], double precision[], integer, integer) IS
    'Of the points between a and b the one farthest from the straight line from a to b, and how far; NULL when there is none between.';

CREATE OR REPLACE FUNCTION asset_trail(asset text, since timestamptz, until timestamptz, points integer DEFAULT 500) RETURNS TABLE (
    t timestamptz, facility_id text, floor real, room_id text, x double precision, y double precision, accuracy_m real, fix fix_quality,
    left_out integer, deviation_m double precision)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    ts timestamptz[]; facilities text[]; floors real[]; rooms text[]; xs double precision[]; ys double precision[];
    zs double precision[]; accuracies real[]; fixes fix_quality[];
    n integer;
    -- The stretches of the answer: from point starts[i] to ends[i], its farthest point and how far that is.
    starts integer[]; ends integer[]; places integer[]; distances double precision[];
    worst integer;
    cut integer;
    found record;
BEGIN
    IF points < 2 THEN
        RAISE EXCEPTION 'a trail needs at least 2 points, not %', points USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Each floor lies 1,000 m above the one below, each facility 1,000 km from the next: a change of either is kept before any bend.
    SELECT array_agg(p.t ORDER BY place), array_agg(p.facility_id ORDER BY place), array_agg(p.floor ORDER BY place),
        array_agg(p.room_id ORDER BY place), array_agg(p.x ORDER BY place), array_agg(p.y ORDER BY place),
        array_agg(coalesce(p.floor, 0) * 1e3::double precision + p.site * 1e6::double precision ORDER BY place),
        array_agg(p.accuracy_m ORDER BY place), array_agg(p.fix ORDER BY place), count(*)
    INTO ts, facilities, floors, rooms, xs, ys, zs, accuracies, fixes, n
    FROM (SELECT h.*, row_number() OVER (ORDER BY h.t, h.gateway_id, h.tag_id) AS place, dense_rank() OVER (ORDER BY h.facility_id) AS site
        FROM rtls.asset_history h
        WHERE h.asset_id = asset AND h.t >= since AND h.t < until AND h.x IS NOT NULL AND h.y IS NOT NULL) AS p;
    IF n = 0 THEN
        RETURN;
    END IF;
    IF n > 1 THEN
        SELECT f.place, f.distance INTO found FROM rtls.farthest_point(xs, ys, zs, 1, n) f;
        starts := ARRAY[1]; ends := ARRAY[n]; places := ARRAY[found.place]; distances := ARRAY[coalesce(found.distance, 0)];
        FOR kept IN 3..points LOOP
            SELECT i INTO worst FROM unnest(distances) WITH ORDINALITY AS d(distance, i) ORDER BY distance DESC, i LIMIT 1;
            -- A micrometre: what rounding makes of points on a line.
            EXIT WHEN distances[worst] < 1e-6;
            cut := places[worst];
            SELECT f.place, f.distance INTO found FROM rtls.farthest_point(xs, ys, zs, cut, ends[worst]) f;
            starts := starts || cut; ends := ends || ends[worst]; places := places || found.place;
            distances := distances || coalesce(found.distance, 0);
            SELECT f.place, f.distance INTO found FROM rtls.farthest_point(xs, ys, zs, starts[worst], cut) f;
            ends[worst] := cut; places[worst] := found.place; distances[worst] := coalesce(found.distance, 0);
        END LOOP;
    END IF;
    RETURN QUERY
        SELECT ts[k.place], facilities[k.place], floors[k.place], rooms[k.place], xs[k.place], ys[k.place], accuracies[k.place],
            fixes[k.place], k.left_out, k.deviation_m
        FROM (
            SELECT s.a AS place, s.b - s.a - 1 AS left_out, s.distance AS deviation_m
            FROM unnest(starts, ends, distances) AS s(a, b, distance)
            UNION ALL
            SELECT n, 0, 0
        ) AS k
        ORDER BY k.place;
END
$$;
COMMENT ON FUNCTION asset_trail(text, timestamptz, timestamptz, integer) IS
    'The way of an asset in a span of time (from since until before until) in at most so many points, chosen by shape: always the first and the last, then again and again the ping farthest from the line drawn so far. left_out: how many pings lie between this point and the next; deviation_m: how far the farthest of them is from the line. Pings without x and y are not drawn. sql/queries/trail.sql';
