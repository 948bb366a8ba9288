-- How likely an asset is to fail: a score from 0 to 100 whose parts can be shown to whoever asks why.
--
-- part      up to  grows with
-- age         30   years in service against the useful life: all of it when the life is over
-- failures    35   failures reported in the last 365 days: all of it from four
-- overdue     20   days preventive maintenance is overdue: all of it from 90
-- usage       15   utilisation of the last 30 days: all of it from 100 %
--
-- What is not known adds nothing. The weights are judgement, not statistics; a model that was trained on this hospital's own
-- failures may say better, by a row in predictive_scores_history, and then it is believed as long as it is valid.

CREATE OR REPLACE FUNCTION risk_points(years double precision, life_years integer, failures bigint, late_days integer, used_pct double precision)
RETURNS TABLE (score double precision, age_points double precision, failure_points double precision, overdue_points double precision,
    usage_points double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT round((age + failed + overdue + used)::numeric, 1)::double precision, age, failed, overdue, used
    FROM (SELECT
        -- coalesce inside: least() of 1 and NULL is 1.
        30 * least(1, coalesce(years / life_years, 0)) AS age,
        35 * least(1, coalesce(failures, 0) / 4.0::double precision) AS failed,
        20 * least(1, coalesce(late_days / 90.0::double precision, 0)) AS overdue,
        15 * least(1, coalesce(used_pct / 100, 0)) AS used) AS points
$$;
COMMENT ON FUNCTION risk_points(double precision, integer, bigint, integer, double precision) IS
    'The score by rule and its parts, of the facts behind it. What is NULL adds nothing.';

-- The view asset_risk says the same of all assets at once; a test compares the two.
CREATE OR REPLACE FUNCTION failure_risk(asset assets) RETURNS TABLE (
    score double precision, age_points double precision, failure_points double precision, overdue_points double precision,
    usage_points double precision, years_in_service double precision, failures_12_months bigint, days_overdue integer,
    utilization_pct double precision)
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT p.*, facts.years, facts.failures, facts.late, facts.used
    FROM (SELECT
        years_in_service(in_service_date(asset), today)::double precision AS years,
        failure_count(asset, now() - INTERVAL '365 days') AS failures,
        greatest(0, today - pm_due_date(asset)) AS late,
        utilization_pct(asset) AS used
        FROM (SELECT facility_date(asset.current_facility_id) AS today) AS day) AS facts
    CROSS JOIN LATERAL risk_points(facts.years, asset.useful_life_years, facts.failures, facts.late, facts.used) AS p
$$;
COMMENT ON FUNCTION failure_risk(assets) IS
    'The score by rule: age (30), failures of the last year (35), overdue maintenance (20), use (15), with the facts behind each part.';

CREATE OR REPLACE FUNCTION model_score(asset assets) RETURNS SETOF predictive_scores_history
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT p FROM predictive_scores_history p JOIN ml_models l ON l.id = p.model_id AND l.is_active
    -- predictive_scores_history_valid_a_year: what is older than that is not valid any more, and its chunks are not looked into.
    WHERE p.asset_id = asset.id AND asset.is_prediction_enabled AND p.scored_at <= now() AND p.scored_at > now() - INTERVAL '366 days'
      AND coalesce(p.valid_until, p.scored_at + INTERVAL '30 days') > now()
    ORDER BY p.scored_at DESC, p.confidence DESC NULLS LAST
    LIMIT 1
$$;
COMMENT ON FUNCTION model_score(assets) IS
    'The latest row of predictive_scores_history that is valid now (without valid_until: 30 days), if any, of a model that is active; of two at the same moment the more confident.';

CREATE OR REPLACE FUNCTION failure_probability_score(asset assets) RETURNS double precision
LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT m.failure_probability_score FROM model_score(asset) m), (SELECT r.score FROM failure_risk(asset) r))
$$;
COMMENT ON FUNCTION failure_probability_score(assets) IS 'The score in force, 0 to 100: the model''s where there is a valid one, else the one by rule.';
