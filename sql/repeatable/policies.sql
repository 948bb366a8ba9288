-- Background jobs of the database: what runs by itself, how often and on which part of time.
-- Re-applied whenever this file changes; a policy that exists already is left as the operator set it.
--
-- The figures fit each other, and a test checks that they do (test/integration/rollup-policies.test.ts):
--   refresh looks back further than a ping of the hot lane may be late (2.5 days, src/ingest/lanes.ts) plus one bucket plus the
--   schedules it waits for: only whole buckets are refreshed;
--   columnstore begins far behind that, so that no policy ever unpacks; with it the chunk of the pings that is packed is one
--   the rollups have long read;
--   retention of the pings lies far behind the columnstore's; each coarser rollup is kept at least as long as the finer one
--   it is made of. location_1d is kept for ever.
-- A refresh that somebody calls by hand over a range whose pings are dropped deletes its buckets: TimescaleDB makes them what
-- the pings say. No policy looks that far back, and the refresh of late pings leaves such days alone (src/db/rollup-refresh.ts).

-- end_offset: the bucket still being filled is answered from what it is made of.
SELECT add_continuous_aggregate_policy('location_1m',
    start_offset => INTERVAL '3 days', end_offset => INTERVAL '1 minute', schedule_interval => INTERVAL '1 minute',
    if_not_exists => true);
SELECT add_continuous_aggregate_policy('room_presence_1m',
    start_offset => INTERVAL '3 days', end_offset => INTERVAL '1 minute', schedule_interval => INTERVAL '1 minute',
    if_not_exists => true);
SELECT add_continuous_aggregate_policy('gateway_1m',
    start_offset => INTERVAL '3 days', end_offset => INTERVAL '1 minute', schedule_interval => INTERVAL '1 minute',
    if_not_exists => true);
-- TimescaleDB (2.23) refuses a second policy on a rollup of a rollup before it looks at if_not_exists.
SELECT add_continuous_aggregate_policy('location_1h',
    start_offset => INTERVAL '3 days', end_offset => INTERVAL '10 minutes', schedule_interval => INTERVAL '10 minutes')
WHERE NOT EXISTS (SELECT FROM timescaledb_information.jobs j
    WHERE j.proc_name = 'policy_refresh_continuous_aggregate' AND j.hypertable_schema = 'public' AND j.hypertable_name = 'location_1h');
SELECT add_continuous_aggregate_policy('location_1d',
    start_offset => INTERVAL '4 days', end_offset => INTERVAL '1 hour', schedule_interval => INTERVAL '1 hour')
WHERE NOT EXISTS (SELECT FROM timescaledb_information.jobs j
    WHERE j.proc_name = 'policy_refresh_continuous_aggregate' AND j.hypertable_schema = 'public' AND j.hypertable_name = 'location_1d');
SELECT add_continuous_aggregate_policy('room_presence_1h',
    start_offset => INTERVAL '3 days', end_offset => INTERVAL '10 minutes', schedule_interval => INTERVAL '10 minutes')
WHERE NOT EXISTS (SELECT FROM timescaledb_information.jobs j
    WHERE j.proc_name = 'policy_refresh_continuous_aggregate' AND j.hypertable_schema = 'public' AND j.hypertable_name = 'room_presence_1h');

-- After the refresh policies: TimescaleDB refuses it before.
CALL add_columnstore_policy('location_history', after => INTERVAL '30 days', if_not_exists => true);
CALL add_columnstore_policy('location_1m', after => INTERVAL '30 days', if_not_exists => true);
CALL add_columnstore_policy('room_presence_1m', after => INTERVAL '30 days', if_not_exists => true);
CALL add_columnstore_policy('gateway_1m', after => INTERVAL '30 days', if_not_exists => true);
CALL add_columnstore_policy('location_1h', after => INTERVAL '90 days', if_not_exists => true);
CALL add_columnstore_policy('room_presence_1h', after => INTERVAL '90 days', if_not_exists => true);
CALL add_columnstore_policy('location_1d', after => INTERVAL '400 days', if_not_exists => true);

SELECT add_retention_policy('location_history', drop_after => INTERVAL '2 years', if_not_exists => true);
SELECT add_retention_policy('location_1m', drop_after => INTERVAL '5 years', if_not_exists => true);
SELECT add_retention_policy('room_presence_1m', drop_after => INTERVAL '5 years', if_not_exists => true);
SELECT add_retention_policy('gateway_1m', drop_after => INTERVAL '5 years', if_not_exists => true);
SELECT add_retention_policy('location_1h', drop_after => INTERVAL '10 years', if_not_exists => true);
SELECT add_retention_policy('room_presence_1h', drop_after => INTERVAL '10 years', if_not_exists => true);

-- A day a batch: TimescaleDB's default is ten buckets, which for minutes makes the first refresh hundreds of transactions.
SELECT alter_job(j.job_id, config => j.config || '{"buckets_per_batch": 1440}') FROM timescaledb_information.jobs j
WHERE j.proc_name = 'policy_refresh_continuous_aggregate' AND j.hypertable_schema = 'public'
    AND j.hypertable_name IN ('location_1m', 'room_presence_1m', 'gateway_1m') AND NOT j.config ? 'buckets_per_batch';
