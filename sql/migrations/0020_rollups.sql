-- The rollups. location_1m is made anew: counts and sums instead of averages, so that an hour made of minutes and a day made
-- of hours say exactly what the pings would say; and everything "last known" needs, because rollups outlive the pings.
--
-- What is not here, and why: the way between two pings needs their order across buckets, which no aggregate keeps. A minute
-- says where it began and where it ended; the distance between such points is the caller's, on one floor and over no gap.
-- Of two pings of one tag at the very same instant (two gateways) any one counts as the last.

DROP MATERIALIZED VIEW location_1m;

CREATE MATERIALIZED VIEW location_1m
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket(INTERVAL '1 minute', t)               AS bucket,
    facility_id,
    tag_id,
    count(*)                                          AS pings,
    min(t)                                            AS first_t,
    max(t)                                            AS last_t,
    last(gateway_id, t)                               AS gateway_id_last,
    count(*) FILTER (WHERE fix = 'position')          AS position_pings,
    count(*) FILTER (WHERE fix = 'approximate')       AS approximate_pings,
    count(*) FILTER (WHERE fix = 'proximity')         AS proximity_pings,
    count(*) FILTER (WHERE fix = 'presence')          AS presence_pings,
    count(accuracy_m)                                 AS accuracy_pings,
    sum(accuracy_m::double precision)                 AS accuracy_m_sum,
    max(accuracy_m)                                   AS accuracy_m_max,
    count(is_moving)                                  AS motion_pings,
    count(*) FILTER (WHERE is_moving)                 AS moving_pings,
    min(battery_pct)                                  AS battery_pct_min,
    max(t) FILTER (WHERE battery_pct IS NOT NULL)     AS battery_t,
    last(battery_pct, t) FILTER (WHERE battery_pct IS NOT NULL) AS battery_pct_last,
    count(*) FILTER (WHERE x IS NOT NULL AND y IS NOT NULL)      AS xy_pings,
    min(t) FILTER (WHERE x IS NOT NULL AND y IS NOT NULL)        AS xy_first_t,
    first(x, t) FILTER (WHERE x IS NOT NULL AND y IS NOT NULL)   AS x_first,
    first(y, t) FILTER (WHERE x IS NOT NULL AND y IS NOT NULL)   AS y_first,
    first(floor, t) FILTER (WHERE x IS NOT NULL AND y IS NOT NULL) AS xy_floor_first,
    max(t) FILTER (WHERE x IS NOT NULL AND y IS NOT NULL)        AS xy_last_t,
    last(x, t) FILTER (WHERE x IS NOT NULL AND y IS NOT NULL)    AS x_last,
    last(y, t) FILTER (WHERE x IS NOT NULL AND y IS NOT NULL)    AS y_last,
    last(floor, t) FILTER (WHERE x IS NOT NULL AND y IS NOT NULL) AS xy_floor_last,
    max(t) FILTER (WHERE coalesce(room_id, zone) IS NOT NULL OR x IS NOT NULL OR longitude IS NOT NULL) AS placed_t,
    last(room_id, t) FILTER (WHERE coalesce(room_id, zone) IS NOT NULL OR x IS NOT NULL OR longitude IS NOT NULL) AS room_id_last,
    last(zone, t) FILTER (WHERE coalesce(room_id, zone) IS NOT NULL OR x IS NOT NULL OR longitude IS NOT NULL) AS zone_last,
    last(floor, t) FILTER (WHERE coalesce(room_id, zone) IS NOT NULL OR x IS NOT NULL OR longitude IS NOT NULL) AS floor_last,
    last(longitude, t) FILTER (WHERE coalesce(room_id, zone) IS NOT NULL OR x IS NOT NULL OR longitude IS NOT NULL) AS longitude_last,
    last(latitude, t) FILTER (WHERE coalesce(room_id, zone) IS NOT NULL OR x IS NOT NULL OR longitude IS NOT NULL) AS latitude_last,
    last(accuracy_m, t) FILTER (WHERE coalesce(room_id, zone) IS NOT NULL OR x IS NOT NULL OR longitude IS NOT NULL) AS accuracy_m_last,
    last(fix, t) FILTER (WHERE coalesce(room_id, zone) IS NOT NULL OR x IS NOT NULL OR longitude IS NOT NULL) AS fix_last,
    last(tracking_method, t) FILTER (WHERE coalesce(room_id, zone) IS NOT NULL OR x IS NOT NULL OR longitude IS NOT NULL) AS tracking_method_last
FROM location_history
GROUP BY bucket, facility_id, tag_id
WITH NO DATA;

COMMENT ON VIEW location_1m IS
    'Pings per tag and minute. Real-time: the minutes that are not materialised yet are computed from location_history. Sums and counts, so that buckets can be added: accuracy_m_sum / accuracy_pings is the mean accuracy.';
COMMENT ON COLUMN location_1m.first_t IS 'of the first ping; last_t of the last: the gap to the next bucket is its first_t minus this last_t';
COMMENT ON COLUMN location_1m.position_pings IS 'pings with fix = position; so too approximate_, proximity_, presence_pings; what is left of pings did not say';
COMMENT ON COLUMN location_1m.accuracy_pings IS 'pings that said their accuracy';
COMMENT ON COLUMN location_1m.motion_pings IS 'pings that said whether the tag moves';
COMMENT ON COLUMN location_1m.moving_pings IS 'pings that said that it moves';
COMMENT ON COLUMN location_1m.battery_t IS 'when the tag last said its battery, battery_pct_last';
COMMENT ON COLUMN location_1m.xy_pings IS 'pings with coordinates';
COMMENT ON COLUMN location_1m.xy_first_t IS 'of the first ping with coordinates: x_first, y_first, xy_floor_first';
COMMENT ON COLUMN location_1m.xy_last_t IS 'of the last ping with coordinates: x_last, y_last, xy_floor_last';
COMMENT ON COLUMN location_1m.placed_t IS
    'of the last ping that says where (a room, a zone, coordinates): room_id_last, zone_last, floor_last, longitude_last, latitude_last, accuracy_m_last, fix_last, tracking_method_last are its; x_last and y_last too when xy_last_t is the same';

CREATE MATERIALIZED VIEW location_1h
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket(INTERVAL '1 hour', bucket)            AS bucket,
    facility_id,
    tag_id,
    count(*)                                          AS minutes,
    count(*) FILTER (WHERE motion_pings > 0)          AS motion_minutes,
    count(*) FILTER (WHERE moving_pings > 0)          AS moving_minutes,
    sum(pings)::bigint                                AS pings,
    min(first_t)                                      AS first_t,
    max(last_t)                                       AS last_t,
    last(gateway_id_last, last_t)                     AS gateway_id_last,
    sum(position_pings)::bigint                       AS position_pings,
    sum(approximate_pings)::bigint                    AS approximate_pings,
    sum(proximity_pings)::bigint                      AS proximity_pings,
    sum(presence_pings)::bigint                       AS presence_pings,
    sum(accuracy_pings)::bigint                       AS accuracy_pings,
    sum(accuracy_m_sum)                               AS accuracy_m_sum,
    max(accuracy_m_max)                               AS accuracy_m_max,
    sum(motion_pings)::bigint                         AS motion_pings,
    sum(moving_pings)::bigint                         AS moving_pings,
    min(battery_pct_min)                              AS battery_pct_min,
    max(battery_t)                                    AS battery_t,
    last(battery_pct_last, battery_t)                 AS battery_pct_last,
    sum(xy_pings)::bigint                             AS xy_pings,
    min(xy_first_t)                                   AS xy_first_t,
    first(x_first, xy_first_t)                        AS x_first,
    first(y_first, xy_first_t)                        AS y_first,
    first(xy_floor_first, xy_first_t)                 AS xy_floor_first,
    max(xy_last_t)                                    AS xy_last_t,
    last(x_last, xy_last_t)                           AS x_last,
    last(y_last, xy_last_t)                           AS y_last,
    last(xy_floor_last, xy_last_t)                    AS xy_floor_last,
    max(placed_t)                                     AS placed_t,
    last(room_id_last, placed_t)                      AS room_id_last,
    last(zone_last, placed_t)                         AS zone_last,
    last(floor_last, placed_t)                        AS floor_last,
    last(longitude_last, placed_t)                    AS longitude_last,
    last(latitude_last, placed_t)                     AS latitude_last,
    last(accuracy_m_last, placed_t)                   AS accuracy_m_last,
    last(fix_last, placed_t)                          AS fix_last,
    last(tracking_method_last, placed_t)              AS tracking_method_last
FROM location_1m
GROUP BY 1, facility_id, tag_id
WITH NO DATA;

COMMENT ON VIEW location_1h IS 'location_1m per tag and hour: the same columns, added up. Real-time.';
COMMENT ON COLUMN location_1h.minutes IS 'minutes with a ping';
COMMENT ON COLUMN location_1h.motion_minutes IS 'minutes in which the tag said whether it moves';
COMMENT ON COLUMN location_1h.moving_minutes IS 'minutes in which the tag moved';

CREATE MATERIALIZED VIEW location_1d
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket(INTERVAL '1 day', bucket)             AS bucket,
    facility_id,
    tag_id,
    count(*)                                          AS hours,
    sum(minutes)::bigint                              AS minutes,
    sum(motion_minutes)::bigint                       AS motion_minutes,
    sum(moving_minutes)::bigint                       AS moving_minutes,
    sum(pings)::bigint                                AS pings,
    min(first_t)                                      AS first_t,
    max(last_t)                                       AS last_t,
    last(gateway_id_last, last_t)                     AS gateway_id_last,
    sum(position_pings)::bigint                       AS position_pings,
    sum(approximate_pings)::bigint                    AS approximate_pings,
    sum(proximity_pings)::bigint                      AS proximity_pings,
    sum(presence_pings)::bigint                       AS presence_pings,
    sum(accuracy_pings)::bigint                       AS accuracy_pings,
    sum(accuracy_m_sum)                               AS accuracy_m_sum,
    max(accuracy_m_max)                               AS accuracy_m_max,
    sum(motion_pings)::bigint                         AS motion_pings,
    sum(moving_pings)::bigint                         AS moving_pings,
    min(battery_pct_min)                              AS battery_pct_min,
    max(battery_t)                                    AS battery_t,
    last(battery_pct_last, battery_t)                 AS battery_pct_last,
    sum(xy_pings)::bigint                             AS xy_pings,
    min(xy_first_t)                                   AS xy_first_t,
    first(x_first, xy_first_t)                        AS x_first,
    first(y_first, xy_first_t)                        AS y_first,
    first(xy_floor_first, xy_first_t)                 AS xy_floor_first,
    max(xy_last_t)                                    AS xy_last_t,
    last(x_last, xy_last_t)                           AS x_last,
    last(y_last, xy_last_t)                           AS y_last,
    last(xy_floor_last, xy_last_t)                    AS xy_floor_last,
    max(placed_t)                                     AS placed_t,
    last(room_id_last, placed_t)                      AS room_id_last,
    last(zone_last, placed_t)                         AS zone_last,
    last(floor_last, placed_t)                        AS floor_last,
    last(longitude_last, placed_t)                    AS longitude_last,
    last(latitude_last, placed_t)                     AS latitude_last,
    last(accuracy_m_last, placed_t)                   AS accuracy_m_last,
    last(fix_last, placed_t)                          AS fix_last,
    last(tracking_method_last, placed_t)              AS tracking_method_last
FROM location_1h
GROUP BY 1, facility_id, tag_id
WITH NO DATA;

COMMENT ON VIEW location_1d IS
    'location_1h per tag and day of UTC: the same columns, added up. Real-time, kept for ever. Days of a facility''s own time zone are added up from location_1h, where its offset is not whole hours from location_1m.';
COMMENT ON COLUMN location_1d.hours IS 'hours with a ping';

-- Pings that say where; a sighting that names neither room nor coordinates says nothing about presence.
-- By floor too, so that sums of coordinates are of one floor; a room is on one floor, or its pings do not all name it.
CREATE MATERIALIZED VIEW room_presence_1m
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket(INTERVAL '1 minute', t)               AS bucket,
    facility_id,
    room_id,
    floor,
    tag_id,
    count(*)                                          AS pings,
    min(t)                                            AS first_t,
    max(t)                                            AS last_t,
    count(*) FILTER (WHERE fix = 'position')          AS position_pings,
    count(*) FILTER (WHERE fix = 'approximate')       AS approximate_pings,
    count(*) FILTER (WHERE fix = 'proximity')         AS proximity_pings,
    count(*) FILTER (WHERE fix = 'presence')          AS presence_pings,
    count(accuracy_m)                                 AS accuracy_pings,
    sum(accuracy_m::double precision)                 AS accuracy_m_sum,
    max(accuracy_m)                                   AS accuracy_m_max,
    count(is_moving)                                  AS motion_pings,
    count(*) FILTER (WHERE is_moving)                 AS moving_pings,
    count(*) FILTER (WHERE x IS NOT NULL AND y IS NOT NULL) AS xy_pings,
    sum(x) FILTER (WHERE x IS NOT NULL AND y IS NOT NULL)   AS x_sum,
    sum(y) FILTER (WHERE x IS NOT NULL AND y IS NOT NULL)   AS y_sum
FROM location_history
WHERE room_id IS NOT NULL OR (x IS NOT NULL AND y IS NOT NULL)
GROUP BY 1, facility_id, room_id, floor, tag_id
WITH NO DATA;

COMMENT ON VIEW room_presence_1m IS
    'Tags per room, floor and minute, of the pings with a room or coordinates. Real-time. The raw room of each ping: one ping beyond a wall is a row here, and no visit.';
COMMENT ON COLUMN room_presence_1m.room_id IS 'rooms.id; NULL: on that floor, in none of its rooms';
COMMENT ON COLUMN room_presence_1m.x_sum IS 'x_sum / xy_pings and y_sum / xy_pings: where the tag was on average';

CREATE MATERIALIZED VIEW gateway_1m
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket(INTERVAL '1 minute', t)               AS bucket,
    facility_id,
    gateway_id,
    count(*)                                          AS pings,
    count(DISTINCT tag_id)                            AS tags,
    min(t)                                            AS first_t,
    max(t)                                            AS last_t,
    max(received_at)                                  AS received_at_last,
    count(*) FILTER (WHERE time_source = 'device')    AS device_time_pings,
    count(*) FILTER (WHERE time_source = 'received')  AS received_time_pings,
    count(*) FILTER (WHERE time_source = 'replaced')  AS replaced_time_pings,
    sum(extract(epoch FROM received_at - t)::double precision) FILTER (WHERE time_source = 'device') AS lateness_s_sum,
    min(extract(epoch FROM received_at - t)::double precision) FILTER (WHERE time_source = 'device') AS lateness_s_min,
    max(extract(epoch FROM received_at - t)::double precision) FILTER (WHERE time_source = 'device') AS lateness_s_max,
    count(*) FILTER (WHERE time_source = 'device' AND received_at - t > INTERVAL '1 minute') AS late_pings,
    count(*) FILTER (WHERE time_source = 'device' AND received_at < t) AS early_pings,
    count(rssi_dbm)                                   AS rssi_pings,
    sum(rssi_dbm)                                     AS rssi_dbm_sum,
    min(rssi_dbm)                                     AS rssi_dbm_min,
    max(rssi_dbm)                                     AS rssi_dbm_max
FROM location_history
GROUP BY 1, facility_id, gateway_id
WITH NO DATA;

COMMENT ON VIEW gateway_1m IS 'Pings per gateway and minute of t. Real-time.';
COMMENT ON COLUMN gateway_1m.tags IS 'different tags of that minute: not to be added up over minutes';
COMMENT ON COLUMN gateway_1m.device_time_pings IS 'pings that carried their time: the lateness columns are of these';
COMMENT ON COLUMN gateway_1m.replaced_time_pings IS 'pings whose time was impossible: the clock of the gateway or tag is wrong';
COMMENT ON COLUMN gateway_1m.lateness_s_sum IS 'received_at - t in seconds; divided by device_time_pings the mean';
COMMENT ON COLUMN gateway_1m.lateness_s_min IS
    'the least of the minute: way and buffering can only add, so below 0 the clock is ahead by at least that, and far above 0 minute after minute it is behind';
COMMENT ON COLUMN gateway_1m.late_pings IS 'pings that came more than a minute after their time';
COMMENT ON COLUMN gateway_1m.early_pings IS 'pings that came before their time: a clock that runs ahead';

-- Few rows a tag and bucket: longer chunks than the pings', so that years are hundreds of chunks and not thousands.
SELECT set_chunk_time_interval(format('%I.%I', c.materialization_hypertable_schema, c.materialization_hypertable_name)::regclass, i.width)
FROM (VALUES ('location_1m', INTERVAL '7 days'), ('room_presence_1m', '7 days'), ('gateway_1m', '7 days'),
             ('location_1h', '56 days'), ('location_1d', '364 days')) AS i (rollup, width)
JOIN timescaledb_information.continuous_aggregates c ON c.view_schema = 'public' AND c.view_name = i.rollup;

-- By what questions begin with: a tag's past by tag, a room's occupants by room, a gateway's health by gateway.
ALTER MATERIALIZED VIEW location_1m SET (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'tag_id', timescaledb.orderby = 'bucket, facility_id');
ALTER MATERIALIZED VIEW location_1h SET (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'tag_id', timescaledb.orderby = 'bucket, facility_id');
ALTER MATERIALIZED VIEW location_1d SET (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'tag_id', timescaledb.orderby = 'bucket, facility_id');
ALTER MATERIALIZED VIEW room_presence_1m SET (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'facility_id, room_id', timescaledb.orderby = 'bucket, tag_id, floor');
ALTER MATERIALIZED VIEW gateway_1m SET (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'facility_id, gateway_id', timescaledb.orderby = 'bucket');
