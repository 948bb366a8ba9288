-- Compression and retention of BioTrakr's hypertables; the rules of policies.sql hold here too: what an operator set stays.
-- predictive_scores_history has neither: a row a day and asset is little, and models are judged by what they once said.

CALL add_columnstore_policy('usage_logs', after => INTERVAL '180 days', if_not_exists => true);

CALL add_columnstore_policy('iot_sensor_readings', after => INTERVAL '90 days', if_not_exists => true);
SELECT add_retention_policy('iot_sensor_readings', drop_after => INTERVAL '3 years', if_not_exists => true);

-- Not the policy of TimescaleDB: with the sessions it would take hours and cycles off the meter, and give the units they made
-- back to the book value. What is dropped is first added to what the asset had when its logs began.
CREATE OR REPLACE PROCEDURE retire_usage_logs(job_id integer, config jsonb)
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    cut timestamptz;
BEGIN
    SELECT max(range_end) INTO cut FROM timescaledb_information.chunks
    WHERE hypertable_schema = 'public' AND hypertable_name = 'usage_logs' AND range_end <= now() - (config ->> 'drop_after')::interval;
    IF cut IS NULL THEN
        RETURN;
    END IF;
    -- A session logged between the sum and the drop would be in neither.
    LOCK TABLE usage_logs IN SHARE ROW EXCLUSIVE MODE;
    -- No edit of the asset: see keep_asset_version().
    PERFORM set_config('rtls_ingest.is_retiring_usage', 'on', true);
    -- Hours are those of the union of sessions, hence what they are with the old ones less what they are without. No session is
    -- longer than 31 days: what started later does not overlap those that go.
    UPDATE assets a SET usage_hours_before_logs = a.usage_hours_before_logs + gone.hours,
        usage_cycles_before_logs = a.usage_cycles_before_logs + gone.cycles, usage_units_before_logs = a.usage_units_before_logs + gone.units
    FROM (
        SELECT u.asset_id,
            (hours_in(range_agg(tstzrange(u.session_start, ended_at(u))))
                - coalesce(hours_in(range_agg(tstzrange(u.session_start, ended_at(u))) FILTER (WHERE u.session_start >= cut)), 0))::numeric AS hours,
            coalesce(sum(u.cycles) FILTER (WHERE u.session_start < cut), 0) AS cycles,
            coalesce(sum(u.units) FILTER (WHERE u.session_start < cut), 0) AS units
        FROM usage_logs u WHERE u.session_start < cut + INTERVAL '31 days'
        GROUP BY u.asset_id
    ) AS gone
    WHERE a.id = gone.asset_id AND (gone.hours, gone.cycles, gone.units) IS DISTINCT FROM (0, 0, 0);
    PERFORM set_config('rtls_ingest.is_retiring_usage', 'off', true);
    PERFORM drop_chunks('usage_logs', older_than => cut);
END
$$;
COMMENT ON PROCEDURE retire_usage_logs(integer, jsonb) IS
    'The retention of usage_logs: adds hours, cycles and units of the sessions older than drop_after (in the job''s config) to the asset''s usage_*_before_logs and drops their chunks, in one transaction.';

SELECT remove_retention_policy('usage_logs', if_exists => true);
SELECT add_job('retire_usage_logs', INTERVAL '1 day', config => '{"drop_after": "5 years", "hypertable": "usage_logs"}')
WHERE NOT EXISTS (SELECT FROM timescaledb_information.jobs WHERE proc_schema = 'public' AND proc_name = 'retire_usage_logs');
