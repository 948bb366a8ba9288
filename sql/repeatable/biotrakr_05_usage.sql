-- How much an asset is used: by its log of sessions, and, which is something else, by how its tag moved.

-- Somebody forgot to end it: no device is used for more than a day at a stretch without anybody saying so.
CREATE OR REPLACE FUNCTION ended_at(session usage_logs) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(session.session_end, greatest(session.session_start, least(now(), session.session_start + INTERVAL '24 hours')))
$$;
COMMENT ON FUNCTION ended_at(usage_logs) IS 'When a session ended; one without an end lasts until now, but no longer than 24 hours.';

-- Sessions of one asset may overlap (two people log the same use): their union counts, not their sum. No session is longer than
-- 31 days (usage_logs_at_most_31_days), so the chunks before that need not be looked into; plpgsql, so that the values are known
-- when the chunks are chosen.
CREATE OR REPLACE FUNCTION usage_hours(asset assets, since timestamptz, until timestamptz) RETURNS double precision
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = public, pg_temp AS $$
DECLARE
    first_start timestamptz := since - INTERVAL '31 days';
BEGIN
    RETURN hours_in(range_agg(tstzrange(greatest(u.session_start, since), least(ended_at(u), until))))
    FROM usage_logs u
    WHERE u.asset_id = asset.id AND u.session_start < until AND u.session_start >= first_start
      AND ended_at(u) > greatest(u.session_start, since);
END
$$;
COMMENT ON FUNCTION usage_hours(assets, timestamptz, timestamptz) IS
    'Hours within a span of time in which at least one session of the asset was under way; a session without an end lasts until now, but no longer than 24 hours.';

CREATE OR REPLACE FUNCTION available_hours(asset assets, since timestamptz, until timestamptz) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT greatest(0, extract(epoch FROM in_service_until(asset, until) - greatest(since, in_service_date(asset)::timestamp AT TIME ZONE f.timezone))::double precision
        / 86400) * asset.expected_hours_per_day::double precision
    FROM facilities f WHERE f.id = asset.current_facility_id
$$;
COMMENT ON FUNCTION available_hours(assets, timestamptz, timestamptz) IS
    'Hours the asset could have been used in a span of time: expected_hours_per_day for each day of it in service.';

-- The recent sessions first: only for an asset without any are all chunks looked into.
CREATE OR REPLACE FUNCTION has_logged_use(asset_id text, since timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = public, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM usage_logs u WHERE u.asset_id = has_logged_use.asset_id AND u.session_start >= since)
        OR EXISTS (SELECT FROM usage_logs u WHERE u.asset_id = has_logged_use.asset_id);
END
$$;
COMMENT ON FUNCTION has_logged_use(text, timestamptz) IS 'Is there any session of an asset in usage_logs? since: where to look first.';

CREATE OR REPLACE FUNCTION utilization_pct(asset assets, since timestamptz, until timestamptz) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT 100 * usage_hours(asset, since, until) / nullif(available_hours(asset, since, until), 0)
    WHERE has_logged_use(asset.id, since)
$$;
COMMENT ON FUNCTION utilization_pct(assets, timestamptz, timestamptz) IS
    'Hours used of those available, in per cent: more than 100 when used longer than expected, NULL for an asset that never logged use.';

CREATE OR REPLACE FUNCTION utilization_pct(asset assets) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT utilization_pct(asset, now() - INTERVAL '30 days', now()) $$;
COMMENT ON FUNCTION utilization_pct(assets) IS 'Utilisation of the last 30 days in per cent, by usage_logs; NULL for an asset that never logged use.';

-- The view asset_utilization says the same of all assets at once, in one pass; a test compares the two.
CREATE OR REPLACE FUNCTION peak_day_hours(used tstzmultirange, timezone text) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT max(hours_in(used * tstzmultirange(tstzrange(day AT TIME ZONE timezone, (day + INTERVAL '1 day') AT TIME ZONE timezone))))
    FROM generate_series(date_trunc('day', lower(used) AT TIME ZONE timezone), upper(used) AT TIME ZONE timezone, INTERVAL '1 day') AS day
$$;
COMMENT ON FUNCTION peak_day_hours(tstzmultirange, text) IS 'The most hours of spans of time that lie on one day of a time zone; NULL for none.';

CREATE OR REPLACE FUNCTION usage_summary(asset assets, since timestamptz, until timestamptz) RETURNS TABLE (
    hours double precision, available_hours double precision, utilization_pct double precision, idle_hours double precision,
    sessions bigint, average_session_minutes double precision, peak_day_hours double precision, peak_hour_of_day integer)
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    first_start timestamptz := since - INTERVAL '31 days';
BEGIN
    RETURN QUERY
    SELECT hours_in(log.used), total.available, utilization_pct(asset, since, until), greatest(0, total.available - hours_in(log.used)),
        log.sessions, log.minutes, peak_day_hours(log.used, f.timezone), log.peak_hour
    FROM facilities f
    CROSS JOIN LATERAL (SELECT available_hours(asset, since, until) AS available) AS total
    CROSS JOIN LATERAL (
        SELECT range_agg(tstzrange(greatest(u.session_start, since), least(ended_at(u), until)))
                FILTER (WHERE ended_at(u) > greatest(u.session_start, since)) AS used,
            count(*) FILTER (WHERE u.session_start >= since) AS sessions,
            avg(extract(epoch FROM ended_at(u) - u.session_start) / 60) FILTER (WHERE u.session_start >= since)::double precision AS minutes,
            mode() WITHIN GROUP (ORDER BY extract(hour FROM u.session_start AT TIME ZONE f.timezone)::integer)
                FILTER (WHERE u.session_start >= since) AS peak_hour
        FROM usage_logs u
        WHERE u.asset_id = asset.id AND u.session_start < until AND u.session_start >= first_start) AS log
    WHERE f.id = asset.current_facility_id;
END
$$;
COMMENT ON FUNCTION usage_summary(assets, timestamptz, timestamptz) IS
    'Use in a span of time by usage_logs. peak_day_hours: the most of it on one day; peak_hour_of_day: in which hour most sessions start, at the facility.';

CREATE OR REPLACE FUNCTION utilization_level(utilization_pct double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN utilization_pct IS NULL THEN 'NO_DATA' WHEN utilization_pct < 20 THEN 'UNDERUTILIZED'
        WHEN utilization_pct > 80 THEN 'HIGH_DEMAND' ELSE 'NORMAL' END
$$;
COMMENT ON FUNCTION utilization_level(double precision) IS 'UNDERUTILIZED below 20 %, HIGH_DEMAND above 80 %, NORMAL from 20 to 80, NO_DATA for NULL.';

CREATE OR REPLACE FUNCTION idle_hours_30d(asset assets) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT greatest(0, available_hours(asset, now() - INTERVAL '30 days', now()) - usage_hours(asset, now() - INTERVAL '30 days', now()))
$$;
COMMENT ON FUNCTION idle_hours_30d(assets) IS 'Of the hours it could have been used in the last 30 days, those it was not.';

CREATE OR REPLACE FUNCTION total_usage_hours(asset assets) RETURNS double precision
LANGUAGE sql STABLE AS $$ SELECT asset.usage_hours_before_logs::double precision + usage_hours(asset, '-infinity', now()) $$;
COMMENT ON FUNCTION total_usage_hours(assets) IS 'Hours on the meter when the logs began, and those logged since.';

CREATE OR REPLACE FUNCTION total_usage_cycles(asset assets) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT asset.usage_cycles_before_logs + coalesce(sum(u.cycles), 0)::bigint FROM usage_logs u WHERE u.asset_id = asset.id
$$;
COMMENT ON FUNCTION total_usage_cycles(assets) IS 'Cycles on the counter when the logs began, and those logged since.';

CREATE OR REPLACE FUNCTION last_used_at(asset assets) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT max(least(ended_at(u), now())) FROM usage_logs u WHERE u.asset_id = asset.id AND u.session_start <= now()
$$;
COMMENT ON FUNCTION last_used_at(assets) IS 'When the last session ended; now, when one is under way.';

-- The body is text that is looked up when it runs: the rollup may be rebuilt without this function standing in its way.
CREATE OR REPLACE FUNCTION movement_summary(asset assets, since timestamptz, until timestamptz) RETURNS TABLE (
    observed_hours double precision, moving_hours double precision, moving_pct double precision,
    away_hours double precision, away_pct double precision)
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH minute AS (
        SELECT r.bucket, coalesce(bool_or(r.moving_pings > 0), false) AS is_moving,
            bool_or(r.room_id_last <> asset.home_room_id) AS is_away
        FROM tag_assignments w
        JOIN location_1m r ON r.tag_id = w.tag_id AND r.bucket >= greatest(since, w.valid_from) AND r.bucket < least(until, coalesce(w.valid_to, until))
        WHERE w.asset_id = asset.id
        GROUP BY r.bucket
    ), hours AS (
        SELECT count(*) / 60.0::double precision AS observed, count(*) FILTER (WHERE is_moving) / 60.0::double precision AS moving,
            CASE WHEN asset.home_room_id IS NOT NULL THEN count(*) FILTER (WHERE is_away) / 60.0::double precision END AS away
        FROM minute
    )
    SELECT observed, moving, 100 * moving / nullif(observed, 0), away, 100 * away / nullif(observed, 0) FROM hours;
END
$$;
COMMENT ON FUNCTION movement_summary(assets, timestamptz, timestamptz) IS
    'What the tag says: of the minutes in which it was heard (location_1m), those in which it moved and those in another room than the asset''s home (a minute that does not say which room is none of them). Movement is handling, not clinical use: a monitor at a bedside is used and stands still, a wheelchair is used when it moves. Minutes without a ping count as not observed.';
