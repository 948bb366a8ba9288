-- The way an asset went, in few points: Douglas and Peucker's rule, taken in the order of what it gains.
--
-- Every point that is left out lies within deviation_m of the line that stands for it: the answer says itself how rough it is.
-- A loop over the points of the answer; the stretches wait in a heap, the one with the farthest point on top. A short stretch is
-- walked, which is quicker than a query; a long one is one set-based look.

CREATE OR REPLACE FUNCTION rtls.farthest_point(xs double precision[], ys double precision[], zs double precision[], a integer, b integer,
    OUT place integer, OUT distance double precision)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    x0 double precision := xs[a];
    y0 double precision := ys[a];
    z0 double precision := zs[a];
    dx double precision := xs[b] - x0;
    dy double precision := ys[b] - y0;
    dz double precision := zs[b] - z0;
    square double precision := dx * dx + dy * dy + dz * dz;
    along double precision;
    gap double precision;
    widest double precision := -1;
BEGIN
    IF b - a > 200 THEN
        SELECT a + p.n::integer, sqrt(off.square) INTO place, distance
        FROM unnest(xs[a + 1:b - 1], ys[a + 1:b - 1], zs[a + 1:b - 1]) WITH ORDINALITY AS p(x, y, z, n)
        CROSS JOIN LATERAL (SELECT CASE WHEN square = 0 THEN 0 ELSE
            greatest(0, least(1, ((p.x - x0) * dx + (p.y - y0) * dy + (p.z - z0) * dz) / square)) END AS along) AS foot
        CROSS JOIN LATERAL (SELECT (p.x - x0 - foot.along * dx) ^ 2 + (p.y - y0 - foot.along * dy) ^ 2 + (p.z - z0 - foot.along * dz) ^ 2 AS square) AS off
        ORDER BY off.square DESC, p.n
        LIMIT 1;
        RETURN;
    END IF;
    FOR n IN a + 1..b - 1 LOOP
        along := CASE WHEN square = 0 THEN 0 ELSE
            greatest(0, least(1, ((xs[n] - x0) * dx + (ys[n] - y0) * dy + (zs[n] - z0) * dz) / square)) END;
        gap := (xs[n] - x0 - along * dx) ^ 2 + (ys[n] - y0 - along * dy) ^ 2 + (zs[n] - z0 - along * dz) ^ 2;
        IF gap > widest THEN
            widest := gap;
            place := n;
        END IF;
    END LOOP;
    distance := CASE WHEN widest >= 0 THEN sqrt(widest) END;
END
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
    -- The stretches of the answer: from point starts[i] to ends[i], its farthest point and how far that is. A heap of them: no
    -- stretch has a farther point than stretch i / 2.
    starts integer[]; ends integer[]; places integer[]; distances double precision[];
    first_place integer;
    cut integer;
    bound integer;
    far record;
    i integer;
    child integer;
    size integer := 1;
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
        far := rtls.farthest_point(xs, ys, zs, 1, n);
        starts := ARRAY[1]; ends := ARRAY[n]; places := ARRAY[far.place]; distances := ARRAY[coalesce(far.distance, 0)];
        FOR kept IN 3..points LOOP
            -- A micrometre: what rounding makes of points on a line.
            EXIT WHEN distances[1] < 1e-6;
            cut := places[1];
            bound := ends[1];
            -- The first half takes the place of the whole, and sinks to where it belongs.
            far := rtls.farthest_point(xs, ys, zs, starts[1], cut);
            far.distance := coalesce(far.distance, 0);
            first_place := starts[1];
            i := 1;
            LOOP
                child := 2 * i;
                EXIT WHEN child > size;
                IF child < size AND distances[child + 1] > distances[child] THEN child := child + 1; END IF;
                EXIT WHEN distances[child] <= far.distance;
                starts[i] := starts[child]; ends[i] := ends[child]; places[i] := places[child]; distances[i] := distances[child];
                i := child;
            END LOOP;
            starts[i] := first_place; ends[i] := cut; places[i] := far.place; distances[i] := far.distance;
            -- The second half is added at the end, and rises.
            far := rtls.farthest_point(xs, ys, zs, cut, bound);
            far.distance := coalesce(far.distance, 0);
            size := size + 1;
            i := size;
            WHILE i > 1 AND distances[i / 2] < far.distance LOOP
                starts[i] := starts[i / 2]; ends[i] := ends[i / 2]; places[i] := places[i / 2]; distances[i] := distances[i / 2];
                i := i / 2;
            END LOOP;
            starts[i] := cut; ends[i] := bound; places[i] := far.place; distances[i] := far.distance;
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
