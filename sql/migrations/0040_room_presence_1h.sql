-- Where each tag was, an hour at a time, so that questions about all assets of a facility and days or weeks need not read every minute.
--
-- An hour of a tag is one row: the stays of that hour in their order, each with the minutes in which it was heard there. Nothing
-- that a question about minutes needs is lost but one: of a minute in which pings named several rooms only the room is kept that
-- most of them named, which is the rule of those questions (of equals the one heard last, then the one whose id sorts first).
-- Made when the hour is materialised, and not when it is asked for: a tag that lies still, as most do, is then one stay.

CREATE TYPE room_stay AS (
    room_id     text,
    from_minute smallint,
    to_minute   smallint,
    longest_gap smallint,
    heard       bigint
);
COMMENT ON TYPE room_stay IS
    'A stay of a tag within an hour: in room_id (NULL: in none) from its minute from_minute until to_minute, both heard; bit n of heard: heard in minute n; longest_gap: the most minutes from one that was heard to the next.';

-- Called for every hour of every tag: plain variables, and no SET clause, which would cost as much as the rest.
CREATE FUNCTION room_stays(minutes timestamptz[], pings bigint[], last_ts timestamptz[], rooms text[]) RETURNS room_stay[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    stays public.room_stay[] := '{}';
    room text;
    from_minute smallint;
    to_minute smallint;
    longest_gap smallint;
    heard bigint;
    won record;
BEGIN
    FOR won IN
        SELECT DISTINCT ON (m.minute) date_part('minute', m.minute AT TIME ZONE 'UTC')::smallint AS minute, m.room
        FROM unnest(minutes, pings, last_ts, rooms) AS m(minute, pings, last_t, room)
        ORDER BY m.minute, m.pings DESC, m.last_t DESC, m.room
    LOOP
        IF heard IS NOT NULL AND room IS NOT DISTINCT FROM won.room THEN
            longest_gap := greatest(longest_gap, won.minute - to_minute);
            heard := heard | (1::bigint << won.minute);
            to_minute := won.minute;
        ELSE
            IF heard IS NOT NULL THEN
                stays := stays || ROW(room, from_minute, to_minute, longest_gap, heard)::public.room_stay;
            END IF;
            room := won.room;
            from_minute := won.minute;
            to_minute := won.minute;
            longest_gap := 0;
            heard := 1::bigint << won.minute;
        END IF;
    END LOOP;
    RETURN stays || ROW(room, from_minute, to_minute, longest_gap, heard)::public.room_stay;
END
$$;
COMMENT ON FUNCTION room_stays(timestamptz[], bigint[], timestamptz[], text[]) IS
    'The stays of an hour in their order, of its minutes: each in the room of most pings, of equals the one heard last, then the one whose id sorts first.';

CREATE MATERIALIZED VIEW room_presence_1h
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket(INTERVAL '1 hour', bucket)            AS bucket,
    facility_id,
    tag_id,
    sum(pings)::bigint                                AS pings,
    min(first_t)                                      AS first_t,
    max(last_t)                                       AS last_t,
    room_stays(array_agg(bucket), array_agg(pings), array_agg(last_t), array_agg(room_id)) AS stays
FROM room_presence_1m
GROUP BY 1, facility_id, tag_id
WITH NO DATA;

COMMENT ON VIEW room_presence_1h IS
    'room_presence_1m per tag and hour: the rooms in the order in which the tag was in them. Real-time.';
COMMENT ON COLUMN room_presence_1h.stays IS 'room_stay[]: unnest(stays) are its stays, each minute in the one room that most of its pings named';

SELECT set_chunk_time_interval(format('%I.%I', c.materialization_hypertable_schema, c.materialization_hypertable_name)::regclass, INTERVAL '56 days')
FROM timescaledb_information.continuous_aggregates c WHERE c.view_schema = 'public' AND c.view_name = 'room_presence_1h';
ALTER MATERIALIZED VIEW room_presence_1h SET (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'facility_id', timescaledb.orderby = 'bucket, tag_id');

-- What read the minutes of all assets; rtls.facility_stays() (sql/repeatable/questions_06_stays.sql) is in its place.
DROP FUNCTION IF EXISTS rtls.stays(text, timestamptz, timestamptz, interval);
DROP FUNCTION IF EXISTS rtls.quarters(timestamptz, timestamptz, text, text);

-- What is there already is filled in day by day by what refreshes late pings; until then the minutes answer for those days.
INSERT INTO rollup_refresh_queue (day)
SELECT DISTINCT d::date
FROM timescaledb_information.continuous_aggregates c
JOIN timescaledb_information.chunks k
    ON k.hypertable_schema = c.materialization_hypertable_schema AND k.hypertable_name = c.materialization_hypertable_name
CROSS JOIN LATERAL generate_series(k.range_start AT TIME ZONE 'UTC', least(k.range_end, now()) AT TIME ZONE 'UTC', INTERVAL '1 day') AS d
WHERE c.view_schema = 'public' AND c.view_name = 'room_presence_1m'
ON CONFLICT (day) DO NOTHING;
