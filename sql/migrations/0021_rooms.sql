-- Room polygons that can be trusted: what src/ingest/place.ts reads is a simple ring, or it was refused when it was entered.
--
-- Rooms of a floor may overlap: a bay lies in its ward. A point belongs to the smallest room it is in, of equals to the one
-- whose id sorts first, and of a wall to the room on its upper or right side: to exactly one, always.

CREATE FUNCTION geofence_problem(polygon jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    sides integer;
    doubled double precision;
    first_at integer;
    second_at integer;
BEGIN
    IF NOT is_geofence_polygon(polygon) THEN
        RETURN 'it is not one closed ring [[x, y], …, first again] of at least three corners, in metres';
    END IF;
    sides := jsonb_array_length(polygon) - 1;
    IF sides > 500 THEN
        RETURN format('it has %s corners, at most 500 are taken: simplify the outline', sides);
    END IF;
    IF EXISTS (SELECT FROM jsonb_array_elements(polygon) AS corner
               WHERE abs((corner ->> 0)::numeric) > 1000000 OR abs((corner ->> 1)::numeric) > 1000000) THEN
        RETURN 'a corner lies more than 1,000 km from the origin: x and y are metres in the facility''s frame, not degrees or millimetres';
    END IF;

    WITH corner AS MATERIALIZED (
        SELECT n::integer, (c ->> 0)::double precision AS x, (c ->> 1)::double precision AS y
        FROM jsonb_array_elements(polygon) WITH ORDINALITY AS list (c, n)
    ), side AS MATERIALIZED (
        SELECT p.n, p.x AS ax, p.y AS ay, q.x AS bx, q.y AS by FROM corner p JOIN corner q ON q.n = p.n + 1
    ), pair AS (
        SELECT s.n AS s_n, r.n AS r_n, s.ax = s.bx AND s.ay = s.by AS is_point,
            r.n = s.n + 1 OR (s.n = 1 AND r.n = sides) AS are_neighbours,
            -- On which side of the one line the ends of the other lie.
            sign((s.bx - s.ax) * (r.ay - s.ay) - (s.by - s.ay) * (r.ax - s.ax)) AS ra,
            sign((s.bx - s.ax) * (r.by - s.ay) - (s.by - s.ay) * (r.bx - s.ax)) AS rb,
            sign((r.bx - r.ax) * (s.ay - r.ay) - (r.by - r.ay) * (s.ax - r.ax)) AS sa,
            sign((r.bx - r.ax) * (s.by - r.ay) - (r.by - r.ay) * (s.bx - r.ax)) AS sb,
            (s.bx - s.ax) * (r.bx - r.ax) + (s.by - s.ay) * (r.by - r.ay) AS along
        FROM side s JOIN side r ON r.n > s.n
            AND least(s.ax, s.bx) <= greatest(r.ax, r.bx) AND least(r.ax, r.bx) <= greatest(s.ax, s.bx)
            AND least(s.ay, s.by) <= greatest(r.ay, r.by) AND least(r.ay, r.by) <= greatest(s.ay, s.by)
    )
    SELECT s_n, r_n INTO first_at, second_at FROM pair
    WHERE CASE
        -- Neighbours share a corner; they may not run back over each other.
        WHEN are_neighbours THEN ra = 0 AND rb = 0 AND sa = 0 AND sb = 0 AND along <= 0
        -- Boxes that touch and ends on different sides, or on the line: they meet.
        ELSE ra * rb <= 0 AND sa * sb <= 0
    END
    ORDER BY s_n, r_n LIMIT 1;
    IF FOUND THEN
        RETURN format('its side from corner %s (%s, %s) meets its side from corner %s (%s, %s): an outline may not cross or touch itself',
            first_at, polygon -> first_at - 1 ->> 0, polygon -> first_at - 1 ->> 1,
            second_at, polygon -> second_at - 1 ->> 0, polygon -> second_at - 1 ->> 1);
    END IF;

    SELECT sum((p.x * q.y) - (q.x * p.y)) INTO doubled
    FROM (SELECT n, (c ->> 0)::double precision AS x, (c ->> 1)::double precision AS y
          FROM jsonb_array_elements(polygon) WITH ORDINALITY AS list (c, n)) p
    JOIN (SELECT n, (c ->> 0)::double precision AS x, (c ->> 1)::double precision AS y
          FROM jsonb_array_elements(polygon) WITH ORDINALITY AS list (c, n)) q ON q.n = p.n + 1;
    IF doubled = 0 THEN RETURN 'it encloses no area'; END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION geofence_problem(jsonb) IS
    'Why this cannot be a room''s outline, as half a sentence; NULL when it can.';

-- A GeoJSON polygon is taken for its one ring; holes are refused rather than filled.
CREATE FUNCTION check_geofence() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    problem text;
BEGIN
    IF jsonb_typeof(NEW.geofence_polygon) = 'object' THEN
        IF NEW.geofence_polygon ->> 'type' IS DISTINCT FROM 'Polygon'
            OR jsonb_typeof(NEW.geofence_polygon -> 'coordinates') IS DISTINCT FROM 'array' THEN
            problem := 'of GeoJSON only a Polygon is taken';
        ELSIF jsonb_array_length(NEW.geofence_polygon -> 'coordinates') <> 1 THEN
            problem := 'it has holes: give the room one outline';
        ELSE
            NEW.geofence_polygon := NEW.geofence_polygon -> 'coordinates' -> 0;
        END IF;
    END IF;
    problem := coalesce(problem, geofence_problem(NEW.geofence_polygon));
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'The polygon of room "%" is refused: %.', NEW.room_code, problem
            USING ERRCODE = 'check_violation', CONSTRAINT = 'rooms_geofence_polygon_check',
                  TABLE = 'rooms', COLUMN = 'geofence_polygon';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION check_geofence() IS 'Refuses a room whose outline has a geofence_problem, in a sentence; takes a GeoJSON Polygon for its ring.';
CREATE TRIGGER check_geofence BEFORE INSERT OR UPDATE OF geofence_polygon ON rooms
    FOR EACH ROW WHEN (NEW.geofence_polygon IS NOT NULL) EXECUTE FUNCTION check_geofence();

COMMENT ON COLUMN rooms.geofence_polygon IS
    'metres in the facility''s frame: one closed ring [[x, y], …, first again] that does not meet itself, in either direction; a GeoJSON Polygon is taken for its ring. rtls-ingest reads changes within a minute';
COMMENT ON COLUMN location_history.room_id IS
    'rooms.id of the room the tag was in: of the gateway''s configuration for a presence, else the smallest whose polygon contains (x, y) on that floor; NULL when in none, or when the ping has no coordinates or no floor';
