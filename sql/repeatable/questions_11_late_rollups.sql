-- Rollups of late pings, refreshed by the database itself where the service may not: a refresh belongs to the rollups' owner,
-- and a service that logs in as rtls_ingest is not. Where it is, it is sooner (src/db/rollup-refresh.ts), and this finds nothing.

CREATE OR REPLACE PROCEDURE refresh_late_rollups(job_id integer DEFAULT NULL, config jsonb DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
    due date[] := ARRAY(
        SELECT q.day FROM public.rollup_refresh_queue q
        WHERE q.requested_at < now() - INTERVAL '10 minutes' AND coalesce(q.claimed_until < now(), true) ORDER BY q.day LIMIT 50);
    due_day date;
    day_start timestamptz;
    asked timestamptz;
    is_dropped boolean;
    rollups text[];
    froms timestamptz[];
    tos timestamptz[];
BEGIN
    -- The default limit of unpacked tuples is for accidents.
    PERFORM set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', false);
    FOREACH due_day IN ARRAY due LOOP
        UPDATE public.rollup_refresh_queue q SET claimed_until = now() + INTERVAL '1 hour'
        WHERE q.day = due_day AND coalesce(q.claimed_until < now(), true)
        RETURNING q.requested_at INTO asked;
        CONTINUE WHEN NOT FOUND;
        COMMIT;
        day_start := due_day::timestamp AT TIME ZONE 'UTC';
        -- Fewer pings than the rollups know of: they were dropped, and a refresh would make the rollups forget them too.
        is_dropped := coalesce(greatest(
                (SELECT sum(r.pings) FROM public.location_1m r WHERE r.bucket >= day_start AND r.bucket < day_start + INTERVAL '24 hours'),
                (SELECT sum(r.pings) FROM public.location_1h r WHERE r.bucket >= day_start AND r.bucket < day_start + INTERVAL '24 hours'),
                (SELECT sum(r.pings) FROM public.location_1d r WHERE r.bucket = day_start))
            > (SELECT count(*) FROM public.location_history h WHERE h.t >= day_start AND h.t < day_start + INTERVAL '24 hours'), false);
        -- Coarser rollups last: they are made from finer ones. Of a day that was dropped only the hours that a newer version has
        -- added are filled in, from the minutes that are there.
        SELECT array_agg(r.name ORDER BY r.width, r.name), array_agg(time_bucket(r.width, day_start) ORDER BY r.width, r.name),
            array_agg(time_bucket(r.width, day_start + INTERVAL '24 hours' - INTERVAL '1 microsecond') + r.width ORDER BY r.width, r.name)
        INTO rollups, froms, tos
        FROM (VALUES ('public.location_1m', INTERVAL '1 minute'), ('public.room_presence_1m', '1 minute'), ('public.gateway_1m', '1 minute'),
            ('public.location_1h', '1 hour'), ('public.room_presence_1h', '1 hour'), ('public.location_1d', '1 day')) AS r(name, width)
        WHERE NOT is_dropped OR r.name = 'public.room_presence_1h' AND
            (SELECT coalesce(sum(h.pings), 0) FROM public.room_presence_1h h WHERE h.bucket >= day_start AND h.bucket < day_start + INTERVAL '24 hours')
            < (SELECT coalesce(sum(m.pings), 0) FROM public.room_presence_1m m WHERE m.bucket >= day_start AND m.bucket < day_start + INTERVAL '24 hours');
        FOR i IN 1..coalesce(array_length(rollups, 1), 0) LOOP
            CALL refresh_continuous_aggregate(rollups[i]::regclass, froms[i], tos[i]);
            -- What it has changed the next one learns of at COMMIT.
            COMMIT;
        END LOOP;
        DELETE FROM public.rollup_refresh_queue q WHERE q.day = due_day AND q.requested_at = asked;
        UPDATE public.rollup_refresh_queue q SET claimed_until = NULL WHERE q.day = due_day;
        COMMIT;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE refresh_late_rollups(integer, jsonb) IS
    'Refreshes the rollups of the days in rollup_refresh_queue that nobody has refreshed for ten minutes. Runs every five minutes as a job, with the owner''s rights.';
REVOKE ALL ON PROCEDURE refresh_late_rollups(integer, jsonb) FROM PUBLIC;

SELECT add_job('public.refresh_late_rollups', INTERVAL '5 minutes')
WHERE NOT EXISTS (SELECT FROM timescaledb_information.jobs j WHERE j.proc_name = 'refresh_late_rollups');
