-- What needs somebody: assets unheard of, batteries that end, equipment that is due or recalled, gateways and corners gone silent.

CREATE OR REPLACE FUNCTION missing_assets(factor double precision DEFAULT 3, lookback interval DEFAULT '14 days')
RETURNS TABLE (
    asset_id text, asset_tag_number text, equipment_name text, last_seen timestamptz, silent_for interval, expected_interval interval,
    overdue_factor double precision, intervals bigint, facility_code text, room_id text, room_name text, battery_pct smallint,
    confidence double precision)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    -- Within an hour the mean interval of its pings, between hours the silence between: so a tag that sleeps at night is
    -- expected to. Measured up to the last ping, so that being missing does not become the habit.
    WITH heard AS (
        SELECT h.asset_id, h.first_t, h.last_t, h.pings, h.first_t - lag(h.last_t) OVER (PARTITION BY h.asset_id ORDER BY h.first_t, h.tag_id) AS silence
        FROM rtls.asset_location_1h h
        WHERE h.bucket >= now() - lookback AND h.bucket <= now()
    ), habit AS (
        SELECT i.asset_id, count(*) AS intervals, percentile_disc(0.95) WITHIN GROUP (ORDER BY i.length) AS expected, max(i.last_t) AS last_t
        FROM (
            SELECT asset_id, last_t, (last_t - first_t) / (pings - 1)::double precision AS length FROM heard WHERE pings > 1
            UNION ALL
            SELECT asset_id, last_t, silence FROM heard WHERE silence > INTERVAL '0'
        ) AS i
        GROUP BY i.asset_id
    )
    SELECT a.id, a.asset_tag_number, a.equipment_name, l.t, l.age, greatest(h.expected, INTERVAL '1 minute'),
        extract(epoch FROM l.age)::double precision / extract(epoch FROM greatest(h.expected, INTERVAL '1 minute'))::double precision,
        coalesce(h.intervals, 0), l.facility_id, l.room_id, l.room_name, l.battery_pct,
        -- Ten intervals are a habit, one is a guess.
        least(1, coalesce(h.intervals, 0) / 10.0)::double precision
    FROM rtls.assets a
    LEFT JOIN habit h ON h.asset_id = a.id
    LEFT JOIN LATERAL asset_location_now(a.id) l ON true
    WHERE a.deleted_at IS NULL AND a.is_tracked AND a.asset_status NOT IN ('CONDEMNED', 'RETIRED', 'DISPOSED')
      -- Heard of in time by the rollup alone: where it is need not be asked, which is what this question would take its time with.
      AND NOT coalesce(h.last_t <= now() + INTERVAL '1 minute' AND now() - h.last_t <= factor * greatest(h.expected, INTERVAL '1 minute'), false)
      AND EXISTS (SELECT FROM rtls.tag_assignments w WHERE w.asset_id = a.id AND w.valid_from <= now() AND (w.valid_to IS NULL OR w.valid_to > now()))
      AND (l.t IS NULL OR h.expected IS NULL OR l.age > factor * greatest(h.expected, INTERVAL '1 minute'))
    ORDER BY l.t NULLS FIRST, a.id
$$;
COMMENT ON FUNCTION missing_assets(double precision, interval) IS
    'Assets that wear a tag and have been silent for more than factor times their own expected interval: what 95 % of the intervals of their last lookback kept within (at least a minute). Without a row in expected_interval the asset was not heard at all in that time. confidence: 1 from ten intervals on, less with fewer. sql/queries/missing.sql';

CREATE OR REPLACE FUNCTION battery_forecast(low_pct integer DEFAULT 20, lookback interval DEFAULT '60 days')
RETURNS TABLE (
    asset_id text, tag_id text, asset_tag_number text, equipment_name text, battery_pct smallint, told_at timestamptz, is_low boolean,
    pct_a_day double precision, empty_on date, days_left double precision, days_used bigint, confidence double precision)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    WITH day AS (
        SELECT d.asset_id, d.tag_id, d.bucket, d.battery_t, d.battery_pct_last::double precision AS pct,
            -- More by ten or above: a new or charged battery; what was before says nothing about it.
            d.battery_pct_last - lag(d.battery_pct_last) OVER (PARTITION BY d.asset_id, d.tag_id ORDER BY d.battery_t) >= 10 AS is_new
        FROM rtls.asset_location_1d d
        WHERE d.bucket >= now() - lookback AND d.bucket <= now() AND d.battery_t IS NOT NULL
    ), told AS (
        SELECT d.*, max(d.battery_t) FILTER (WHERE d.is_new) OVER w AS new_t, max(d.battery_t) OVER w AS last_t
        FROM day d WINDOW w AS (PARTITION BY d.asset_id, d.tag_id)
    ), trend AS (
        SELECT t.asset_id, t.tag_id, max(t.battery_t) AS told_at, max(t.pct) FILTER (WHERE t.battery_t = t.last_t) AS pct, count(*) AS days,
            regr_slope(t.pct, extract(epoch FROM t.battery_t - t.last_t)::double precision / 86400) AS slope,
            regr_r2(t.pct, extract(epoch FROM t.battery_t - t.last_t)::double precision / 86400) AS r2
        FROM told t
        WHERE t.new_t IS NULL OR t.battery_t >= t.new_t
        GROUP BY t.asset_id, t.tag_id
    )
    SELECT a.id, t.tag_id, a.asset_tag_number, a.equipment_name, t.pct::smallint, t.told_at, t.pct <= low_pct, t.slope,
        ((t.told_at + e.days * INTERVAL '1 day') AT TIME ZONE f.timezone)::date,
        e.days - extract(epoch FROM now() - t.told_at)::double precision / 86400, t.days, CASE WHEN e.days IS NOT NULL THEN t.r2 END
    FROM trend t
    JOIN rtls.assets a ON a.id = t.asset_id
    JOIN rtls.facilities f ON f.id = a.current_facility_id
    CROSS JOIN LATERAL (SELECT CASE WHEN t.slope < -1e-9 AND t.pct / -t.slope < 36500 THEN t.pct / -t.slope END AS days) AS e
    WHERE a.deleted_at IS NULL
    ORDER BY 10 NULLS LAST, 5, 1
$$;
COMMENT ON FUNCTION battery_forecast(integer, interval) IS
    'Batteries, the first to end on top: what the tag last said, whether that is low, the straight line through the last values of its days since the battery was new, and the facility''s day on which that line reaches 0. Without a falling line no day. confidence: how well the line fits (r²); with less than a week of days_used think little of it. sql/queries/batteries.sql';

CREATE OR REPLACE VIEW rtls.equipment_to_find WITH (security_barrier) AS
SELECT a.id AS asset_id, a.asset_tag_number, a.equipment_name, a.criticality_level, c.reason, c.due_on, d.today - c.due_on AS days_overdue,
    l.t AS last_seen, l.age, l.facility_id AS facility_code, l.floor, l.room_id, l.room_name, l.zone, l.x, l.y, l.confidence
FROM rtls.assets a
JOIN rtls.facilities f ON f.id = a.current_facility_id
CROSS JOIN LATERAL (SELECT (now() AT TIME ZONE f.timezone)::date AS today) AS d
-- As pm_due_date() has it; written out because an analyst may not read the tables that function's row is of.
CROSS JOIN LATERAL (SELECT coalesce(a.next_pm_due_date, coalesce(a.last_pm_date, a.depreciation_start_date, a.commissioning_date,
    a.installation_date, a.purchase_date) + a.pm_frequency_days) AS due_on) AS m
CROSS JOIN LATERAL (VALUES
    ('RECALL', CASE WHEN a.recall_status <> 'NONE' AND a.recall_resolved_on IS NULL THEN a.recall_notice_date END,
        a.recall_status <> 'NONE' AND a.recall_resolved_on IS NULL),
    ('MAINTENANCE', m.due_on, m.due_on <= d.today + 7),
    ('CALIBRATION', a.next_calibration_date, a.next_calibration_date <= d.today + 7),
    ('SAFETY_INSPECTION', a.next_safety_inspection_date, a.next_safety_inspection_date <= d.today + 7)) AS c(reason, due_on, is_due)
LEFT JOIN LATERAL asset_location_now(a.id) l ON true
WHERE c.is_due AND a.deleted_at IS NULL AND a.asset_status NOT IN ('CONDEMNED', 'RETIRED', 'DISPOSED');
COMMENT ON VIEW rtls.equipment_to_find IS
    'Equipment under an open recall, or whose maintenance, calibration or safety inspection is overdue or due within 7 days (of the facility), and where it is now. sql/queries/to-find.sql';

CREATE OR REPLACE FUNCTION gateway_health(at timestamptz DEFAULT now(), span interval DEFAULT '1 hour')
RETURNS TABLE (
    facility_code text, gateway_id text, last_seen timestamptz, silent_for interval, pings bigint, pings_a_minute double precision,
    usual_pings_a_minute double precision, heard_share double precision, clock_skew_s double precision, lateness_s double precision,
    lateness_s_max double precision, late_share double precision, wrong_clock_pings bigint, status text)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    WITH recent AS (
        SELECT g.facility_id, g.gateway_id, max(g.last_t) AS last_seen, sum(g.pings) AS pings, count(*) AS minutes, min(g.lateness_s_min) AS least,
            sum(g.lateness_s_sum) / nullif(sum(g.device_time_pings), 0)::double precision AS lateness, max(g.lateness_s_max) AS most,
            sum(g.late_pings) / nullif(sum(g.device_time_pings), 0) AS late_share, sum(g.replaced_time_pings) AS wrong
        FROM rtls.gateway_1m g
        WHERE g.bucket >= gateway_health.at - span AND g.bucket <= gateway_health.at
        GROUP BY 1, 2
    ), usual AS (
        SELECT g.facility_id, g.gateway_id, min(g.first_t) AS first_seen, max(g.last_t) AS last_seen,
            sum(g.pings) / (count(*))::double precision AS a_minute
        FROM rtls.gateway_1m g
        WHERE g.bucket >= gateway_health.at - INTERVAL '7 days' AND g.bucket <= gateway_health.at
        GROUP BY 1, 2
    )
    SELECT u.facility_id, u.gateway_id, u.last_seen, greatest(gateway_health.at - u.last_seen, INTERVAL '0'), coalesce(r.pings, 0)::bigint, m.a_minute,
        u.a_minute::double precision, coalesce(r.minutes, 0) / m.of_minutes, CASE WHEN r.least < 0 THEN r.least WHEN r.least > 60 THEN r.least ELSE 0 END,
        r.lateness, r.most, r.late_share::double precision, coalesce(r.wrong, 0)::bigint,
        CASE WHEN r.pings IS NULL THEN 'SILENT' WHEN r.least < -1 OR r.least > 60 OR r.wrong > 0 THEN 'CLOCK'
            WHEN r.late_share > 0.1 THEN 'LATE' WHEN m.a_minute < 0.5 * u.a_minute THEN 'WEAK' ELSE 'OK' END
    FROM usual u
    LEFT JOIN recent r ON r.facility_id = u.facility_id AND r.gateway_id = u.gateway_id
    -- Of a gateway that was first heard of within the span only the time since counts: a new one is not weak.
    CROSS JOIN LATERAL (SELECT greatest(1, extract(epoch FROM least(span, gateway_health.at - u.first_seen))::double precision / 60) AS of_minutes) AS o
    CROSS JOIN LATERAL (SELECT o.of_minutes, coalesce(r.pings, 0)::double precision / o.of_minutes AS a_minute) AS m
    ORDER BY u.facility_id, u.gateway_id
$$;
COMMENT ON FUNCTION gateway_health(timestamptz, interval) IS
    'Every gateway heard of in the last 7 days: last seen, rate now (of span, or since it was first heard) and usually (in minutes it was heard), share of the minutes of span with a ping, lateness (received less the ping''s own time) and what follows for its clock. clock_skew_s: below 0 it runs ahead by at least that; above 60 every single ping came that late, so it is behind, or emptied a buffer for the whole span; else 0. status: SILENT, CLOCK, LATE (a tenth more than a minute late), WEAK (under half its usual rate), OK. sql/queries/gateways.sql';

CREATE OR REPLACE FUNCTION gateway_silences(facility text, since timestamptz, until timestamptz, longer_than interval DEFAULT '5 minutes')
RETURNS TABLE (gateway_id text, silent_from timestamptz, silent_to timestamptz, silent_for interval, is_open boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT s.gateway_id, s.from_t, s.to_t, s.to_t - s.from_t, s.is_open
    FROM (
        SELECT g.gateway_id, g.last_t AS from_t, coalesce(lead(g.first_t) OVER w, least(until, greatest(now(), g.last_t))) AS to_t,
            lead(g.first_t) OVER w IS NULL AS is_open
        FROM rtls.gateway_1m g
        WHERE g.facility_id = facility AND g.bucket >= since AND g.bucket < until
        WINDOW w AS (PARTITION BY g.gateway_id ORDER BY g.bucket)
    ) AS s
    WHERE s.to_t - s.from_t > longer_than
    ORDER BY s.from_t, s.gateway_id
$$;
COMMENT ON FUNCTION gateway_silences(text, timestamptz, timestamptz, interval) IS
    'Holes in time: spans in which a gateway was not heard (by the pings'' own times), after it had been. is_open: not heard again until the end of the span. sql/queries/gateway-silences.sql';

-- Whether there may be a silence the stays of hours say; how long it was, and after what, the minutes at its two ends. Reads the
-- rollup itself, of assets and a facility that rtls.facility_stays has let through. Where there are thousands (or where silence is
-- less than the hours can tell) reading all minutes is quicker.
CREATE OR REPLACE FUNCTION rtls.silences(facility text, since timestamptz, until timestamptz, longer_than interval)
RETURNS TABLE (asset_id text, room_id text, next_room text, silence interval, accuracy_m_sum double precision, accuracy_pings bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET jit = off SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    -- Two minutes less: of one that was heard at its end and one at its beginning.
    gap interval := least(longer_than, INTERVAL '1 day') - INTERVAL '2 minutes';
    ids text[];
    befores timestamptz[];
    afters timestamptz[];
BEGIN
    IF gap >= INTERVAL '0' THEN
        SELECT array_agg(s.asset_id), array_agg(s.to_t - gap), array_agg(s.next_t) INTO ids, befores, afters
        FROM (SELECT y.*, lead(y.from_t) OVER (PARTITION BY y.asset_id ORDER BY y.from_t) AS next_t
            FROM rtls.facility_stays(facility, since, until, gap) y) AS s
        WHERE s.next_t > s.to_t;
        IF coalesce(cardinality(ids), 0) <= 2000 THEN
            RETURN QUERY
            SELECT h.id, h.room_id, h.next_room, h.silence, h.accuracy_m_sum, h.accuracy_pings
            FROM (
                SELECT e.id, p.room_id, p.accuracy_m_sum, p.accuracy_pings, lead(p.first_t) OVER w - p.last_t AS silence, lead(p.room_id) OVER w AS next_room
                FROM unnest(ids, befores, afters) WITH ORDINALITY AS e(id, before, after, n)
                CROSS JOIN LATERAL (VALUES (e.before), (e.after)) AS m(minute)
                JOIN tag_assignments a ON a.asset_id = e.id AND NOT EXISTS (SELECT FROM person_tags n WHERE n.tag_id = a.tag_id)
                CROSS JOIN LATERAL (
                    SELECT r.* FROM room_presence_1m r WHERE r.tag_id = a.tag_id AND r.bucket = m.minute AND r.facility_id = facility) AS p
                WHERE p.last_t >= a.valid_from AND p.last_t < coalesce(a.valid_to, 'infinity')
                WINDOW w AS (PARTITION BY e.n ORDER BY p.first_t, p.last_t, p.room_id)) AS h
            WHERE h.silence > longer_than;
            RETURN;
        END IF;
    END IF;
    RETURN QUERY
    SELECT m.* FROM (
        SELECT p.asset_id, p.room_id, lead(p.room_id) OVER w, lead(p.first_t) OVER w - p.last_t AS silence, p.accuracy_m_sum, p.accuracy_pings
        FROM rtls.asset_presence_1m p
        WHERE p.facility_id = facility AND p.bucket >= since AND p.bucket < until
        WINDOW w AS (PARTITION BY p.asset_id ORDER BY p.first_t, p.last_t, p.room_id)) AS m
    WHERE m.silence > longer_than;
END
$$;
COMMENT ON FUNCTION rtls.silences(text, timestamptz, timestamptz, interval) IS
    'When the assets of a facility were not heard for longer than that: of the last minute before, its room and accuracy, and the room in which they were heard again.';

CREATE OR REPLACE FUNCTION coverage_holes(facility text, since timestamptz, until timestamptz, longer_than interval DEFAULT '30 minutes')
RETURNS TABLE (
    room_id text, room_name text, silences bigint, assets bigint, longest interval, elsewhere_share double precision, accuracy_m double precision)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT h.room_id, r.room_name, count(*), count(DISTINCT h.asset_id), max(h.silence),
        count(*) FILTER (WHERE h.next_room IS DISTINCT FROM h.room_id)::double precision / count(*)::double precision,
        sum(h.accuracy_m_sum) / nullif(sum(h.accuracy_pings), 0)::double precision
    FROM rtls.silences(facility, since, until, longer_than) h LEFT JOIN rtls.rooms r ON r.id = h.room_id
    GROUP BY h.room_id, r.room_name
    ORDER BY 6 DESC, 3 DESC, 1
$$;
COMMENT ON FUNCTION coverage_holes(text, timestamptz, timestamptz, interval) IS
    'Holes in space: rooms in which assets fell silent for long, and the share of those that were then heard elsewhere: a tag that sleeps wakes where it slept, one that was carried through a hole does not. sql/queries/coverage.sql';
