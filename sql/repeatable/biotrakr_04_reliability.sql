-- How reliable an asset is, and what keeping it running costs, from maintenance_history.
--
-- A failure is corrective work (CORRECTIVE_MAINTENANCE or EMERGENCY_REPAIR) that was not cancelled; it happened when it was reported.
-- Downtime is downtime_hours where somebody recorded it, else the time from report to completion (or until now): that of several
-- orders at once counts once. Whatever counts by time ends with the asset's service.

CREATE OR REPLACE FUNCTION is_failure(work maintenance_history) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT work.work_order_type IN ('CORRECTIVE_MAINTENANCE', 'EMERGENCY_REPAIR') AND work.work_order_status <> 'CANCELLED'
$$;
COMMENT ON FUNCTION is_failure(maintenance_history) IS 'Is this work order a failure of the asset?';

CREATE OR REPLACE FUNCTION failure_count(asset assets, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT count(*) FROM public.maintenance_history m
    WHERE m.asset_id = asset.id AND m.reported_at >= since AND m.reported_at <= until AND is_failure(m)
$$;
COMMENT ON FUNCTION failure_count(assets, timestamptz, timestamptz) IS 'Failures reported in a span of time; without one, ever.';

CREATE OR REPLACE FUNCTION last_failure_at(asset assets) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT max(m.reported_at) FROM public.maintenance_history m WHERE m.asset_id = asset.id AND is_failure(m) AND m.reported_at <= now()
$$;
COMMENT ON FUNCTION last_failure_at(assets) IS 'When the last failure was reported.';

CREATE OR REPLACE FUNCTION hours_in(spans tstzmultirange) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(sum(extract(epoch FROM upper(span) - lower(span))), 0)::double precision / 3600 FROM unnest(spans) AS span
$$;
COMMENT ON FUNCTION hours_in(tstzmultirange) IS 'The length of spans of time in hours.';

CREATE OR REPLACE FUNCTION downtime_hours(asset assets, until timestamptz DEFAULT now()) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(sum(m.downtime_hours), 0) + hours_in(range_agg(tstzrange(m.reported_at, least(m.completed_at, ended)))
        FILTER (WHERE m.downtime_hours IS NULL AND m.reported_at < ended AND is_failure(m)
            -- Reported after it was done, or done nobody knows when: there is no time to tell.
            AND (m.completed_at > m.reported_at OR m.completed_at IS NULL AND m.work_order_status <> 'COMPLETED')))
    FROM in_service_until(asset, until) AS ended
    LEFT JOIN public.maintenance_history m ON m.asset_id = asset.id AND m.reported_at <= until AND m.work_order_status <> 'CANCELLED'
$$;
COMMENT ON FUNCTION downtime_hours(assets, timestamptz) IS
    'Hours the asset could not be used: those recorded with any work, and those from report to completion of failures without a record, overlapping ones once.';

CREATE OR REPLACE FUNCTION mtbf_hours(asset assets, until timestamptz DEFAULT now()) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT greatest(0, extract(epoch FROM in_service_until(asset, until) - least(first_day, first_failure))::double precision / 3600 - downtime_hours(asset, until)) / failures
    FROM (
        SELECT count(*) AS failures, min(m.reported_at) AS first_failure,
            (SELECT coalesce(in_service_date(asset)::timestamp AT TIME ZONE f.timezone, asset.created_at)
             FROM public.facilities f WHERE f.id = asset.current_facility_id) AS first_day
        FROM public.maintenance_history m WHERE m.asset_id = asset.id AND m.reported_at <= until AND is_failure(m)
    ) AS history
    WHERE failures > 0
$$;
COMMENT ON FUNCTION mtbf_hours(assets, timestamptz) IS
    'Mean time between failures: hours since the first day of service (without one, since the row was made), to its end where it has one, less downtime, divided by the number of failures; NULL without a failure.';

CREATE OR REPLACE FUNCTION mttr_hours(asset assets, until timestamptz DEFAULT now()) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT avg(extract(epoch FROM m.completed_at - coalesce(m.started_at, m.reported_at))::double precision / 3600)
    FROM public.maintenance_history m
    WHERE m.asset_id = asset.id AND m.completed_at <= until AND m.completed_at >= coalesce(m.started_at, m.reported_at) AND is_failure(m)
$$;
COMMENT ON FUNCTION mttr_hours(assets, timestamptz) IS
    'Mean time to repair: hours from the start of the work (where nobody recorded it, from the report) to its completion, over completed failures; NULL without one.';

CREATE OR REPLACE FUNCTION lifetime_maintenance_cost(asset assets, until timestamptz DEFAULT now()) RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT asset.lifetime_maintenance_cost_before_records + coalesce(sum(m.total_cost), 0)
    FROM public.maintenance_history m
    WHERE m.asset_id = asset.id AND m.reported_at <= until AND m.work_order_status <> 'CANCELLED'
$$;
COMMENT ON FUNCTION lifetime_maintenance_cost(assets, timestamptz) IS 'Labour, parts and external cost of all work that was not cancelled, and what was spent before the records began.';

-- Years of a contract that lie before the end of a day.
CREATE OR REPLACE FUNCTION contract_cost(annual_cost numeric, first_day date, last_day date, day date) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(annual_cost * years_in_service(first_day, least(coalesce(last_day, day), day)), 0)
$$;
COMMENT ON FUNCTION contract_cost(numeric, date, date, date) IS 'What a contract at a yearly price has cost until the end of a day; 0 without a price or a first day.';

CREATE OR REPLACE FUNCTION total_cost_of_ownership(asset assets, day date) RETURNS TABLE (
    acquisition_cost numeric, maintenance_cost numeric, contract_cost numeric, operating_cost numeric, downtime_cost numeric,
    total_cost numeric, revenue numeric, roi_pct numeric)
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT acquisition, maintenance, contracts, operating, downtime, total, revenue,
        CASE WHEN total > 0 THEN round(100 * (revenue - total) / total, 1) END
    FROM (SELECT until, least(day, end_of_service(asset)) AS last_day,
            coalesce(years_in_service(in_service_date(asset), least(day, end_of_service(asset))), 0) AS years
        FROM public.facilities f CROSS JOIN LATERAL (SELECT (day + 1)::timestamp AT TIME ZONE f.timezone AS until) AS midnight
        WHERE f.id = asset.current_facility_id) AS span
    CROSS JOIN LATERAL (SELECT
        cost_basis(asset) AS acquisition,
        lifetime_maintenance_cost(asset, until) AS maintenance,
        round(contract_cost(asset.amc_annual_cost, asset.amc_start_date, asset.amc_end_date, last_day)
            + contract_cost(asset.cmc_annual_cost, asset.cmc_start_date, asset.cmc_end_date, last_day), 2) AS contracts,
        round(coalesce(asset.annual_operating_cost, 0) * years, 2) AS operating,
        round(coalesce(asset.downtime_cost_per_hour, 0) * downtime_hours(asset, until)::numeric, 2) AS downtime,
        round(asset.annual_revenue * years, 2) AS revenue) AS parts
    CROSS JOIN LATERAL (SELECT coalesce(acquisition, 0) + maintenance + contracts + operating + downtime AS total) AS sum
$$;
COMMENT ON FUNCTION total_cost_of_ownership(assets, date) IS
    'What the asset has cost until the end of a day, in parts that add up: purchase and installation, maintenance, contracts, operation, downtime. After its service no contract, operation, downtime or revenue. roi_pct: (revenue - total) / total, NULL without annual_revenue.';

CREATE OR REPLACE FUNCTION replacement_date(asset assets) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (in_service_date(asset) + make_interval(years => asset.useful_life_years))::date
$$;
COMMENT ON FUNCTION replacement_date(assets) IS 'The day the useful life is over; NULL without a first day of service.';
