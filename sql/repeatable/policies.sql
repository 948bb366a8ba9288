-- Background jobs of the database: what runs by itself, how often and on which part of time.
-- Re-applied whenever this file changes; a policy that exists already is left as the operator set it.
--
-- The figures fit each other: the refresh window (3 days back) ends long before compression (30 days),
-- which ends long before retention (2 years).

CALL add_columnstore_policy('location_history', after => INTERVAL '30 days', if_not_exists => true);

SELECT add_retention_policy('location_history', drop_after => INTERVAL '2 years', if_not_exists => true);

-- end_offset 1 minute: the minute still being filled is answered from the raw pings.
SELECT add_continuous_aggregate_policy('location_1m',
    start_offset => INTERVAL '3 days',
    end_offset => INTERVAL '1 minute',
    schedule_interval => INTERVAL '1 minute',
    if_not_exists => true);
