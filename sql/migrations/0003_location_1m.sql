-- The first rollup: per tag and minute. Created empty; its policy (sql/repeatable/policies.sql) fills it.

CREATE MATERIALIZED VIEW location_1m
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket(INTERVAL '1 minute', t) AS bucket,
    facility_id,
    tag_id,
    count(*)                            AS pings,
    min(t)                              AS first_t,
    max(t)                              AS last_t,
    avg(x)                              AS x_avg,
    avg(y)                              AS y_avg,
    last(x, t)                          AS x_last,
    last(y, t)                          AS y_last,
    last(floor, t)                      AS floor_last,
    last(room_id, t)                    AS room_id_last,
    last(gateway_id, t)                 AS gateway_id_last,
    avg(accuracy_m)                     AS accuracy_m_avg,
    min(battery_pct)                    AS battery_pct_min,
    bool_or(is_moving)                  AS is_moving_any
FROM location_history
GROUP BY bucket, facility_id, tag_id
WITH NO DATA;

COMMENT ON VIEW location_1m IS
    'Pings per tag and minute. Real-time: the minutes that are not materialised yet are computed from location_history.';
