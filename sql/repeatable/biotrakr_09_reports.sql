-- The questions biomedical engineers, auditors and controllers ask of all assets at once. Views only grow, at their end.

CREATE OR REPLACE VIEW overdue_maintenance AS
SELECT
    a.id AS asset_id, a.asset_tag_number, a.equipment_name, a.device_category, a.criticality_level, a.asset_status,
    due.status AS pm_compliance_status, due.day AS pm_due_date, due.today - due.day AS days_overdue, a.last_pm_date,
    f.id AS facility_id, f.facility_name, d.id AS department_id, d.department_name, d.cost_center,
    u.id AS custodian_id, u.first_name || ' ' || u.last_name AS custodian_name, u.email AS custodian_email, u.phone AS custodian_phone
FROM assets a
JOIN facilities f ON f.id = a.current_facility_id
JOIN departments d ON d.id = a.custodian_department_id
JOIN users u ON u.id = a.primary_custodian_id
CROSS JOIN LATERAL (SELECT pm_due_date(a) AS day, pm_compliance_status(a) AS status, (now() AT TIME ZONE f.timezone)::date AS today) AS due
WHERE is_in_use(a) AND due.status IN ('OVERDUE', 'CRITICAL');
COMMENT ON VIEW overdue_maintenance IS 'Assets in use whose preventive maintenance is overdue today, and who answers for them.';

-- Sessions of the last 30 days, in one pass; 61 because one may have begun 31 days before them.
CREATE OR REPLACE VIEW asset_usage_30d AS
SELECT u.asset_id,
    range_agg(tstzrange(greatest(u.session_start, now() - INTERVAL '30 days'), least(ended_at(u), now())))
        FILTER (WHERE ended_at(u) > greatest(u.session_start, now() - INTERVAL '30 days')) AS used,
    count(*) FILTER (WHERE u.session_start >= now() - INTERVAL '30 days') AS sessions,
    avg(extract(epoch FROM ended_at(u) - u.session_start) / 60)
        FILTER (WHERE u.session_start >= now() - INTERVAL '30 days')::double precision AS average_session_minutes,
    mode() WITHIN GROUP (ORDER BY extract(hour FROM u.session_start AT TIME ZONE f.timezone)::integer)
        FILTER (WHERE u.session_start >= now() - INTERVAL '30 days') AS peak_hour_of_day
FROM usage_logs u
JOIN assets a ON a.id = u.asset_id
JOIN facilities f ON f.id = a.current_facility_id
WHERE u.session_start >= now() - INTERVAL '61 days' AND u.session_start < now()
GROUP BY u.asset_id;
COMMENT ON VIEW asset_usage_30d IS
    'Of every asset with a session in the last 61 days: when it was in use in the last 30 (used), and its sessions that began in them.';

CREATE OR REPLACE VIEW asset_risk AS
SELECT
    a.id AS asset_id, a.asset_tag_number, a.equipment_name, a.device_category, a.criticality_level, a.current_facility_id AS facility_id,
    coalesce(m.failure_probability_score, r.score) AS failure_probability_score,
    CASE WHEN m.asset_id IS NULL THEN 'RULES' ELSE 'MODEL' END AS source,
    r.score AS rule_score, r.age_points, r.failure_points, r.overdue_points, r.usage_points,
    facts.years AS years_in_service, facts.failures AS failures_12_months, facts.late AS days_overdue, facts.used_pct AS utilization_pct,
    m.model_id, m.confidence, m.predicted_failure_date, m.predicted_failure_category, m.scored_at
FROM assets a
JOIN facilities f ON f.id = a.current_facility_id
LEFT JOIN asset_usage_30d u ON u.asset_id = a.id
LEFT JOIN (
    SELECT w.asset_id, count(*) AS failures FROM maintenance_history w
    WHERE w.reported_at >= now() - INTERVAL '365 days' AND w.reported_at <= now() AND is_failure(w)
    GROUP BY w.asset_id) AS failed ON failed.asset_id = a.id
CROSS JOIN LATERAL (SELECT
    years_in_service(in_service_date(a), (now() AT TIME ZONE f.timezone)::date)::double precision AS years,
    coalesce(failed.failures, 0) AS failures,
    greatest(0, (now() AT TIME ZONE f.timezone)::date - pm_due_date(a)) AS late,
    CASE WHEN u.asset_id IS NOT NULL OR has_logged_use(a.id, now() - INTERVAL '61 days')
        THEN 100 * hours_in(u.used) / nullif(available_hours(a, now() - INTERVAL '30 days', now()), 0) END AS used_pct) AS facts
CROSS JOIN LATERAL risk_points(facts.years, a.useful_life_years, facts.failures, facts.late, facts.used_pct) AS r
LEFT JOIN LATERAL model_score(a) AS m ON true
WHERE is_in_use(a);
COMMENT ON VIEW asset_risk IS 'The failure score in force of every asset in use: whose it is (RULES or MODEL), and the parts of the one by rule.';

CREATE OR REPLACE VIEW high_risk_assets AS
SELECT * FROM asset_risk WHERE failure_probability_score >= 70;
COMMENT ON VIEW high_risk_assets IS 'Assets in use with a failure score of 70 or more.';

CREATE OR REPLACE VIEW asset_utilization AS
SELECT
    a.id AS asset_id, a.asset_tag_number, a.equipment_name, a.device_category, a.current_facility_id AS facility_id,
    a.custodian_department_id AS department_id, total.used_pct AS utilization_pct, utilization_level(total.used_pct) AS utilization_level,
    total.hours AS usage_hours, total.available AS available_hours, greatest(0, total.available - total.hours) AS idle_hours,
    coalesce(u.sessions, 0) AS sessions, u.average_session_minutes, peak_day_hours(u.used, f.timezone) AS peak_day_hours, u.peak_hour_of_day,
    m.observed_hours, m.moving_hours, m.moving_pct, m.away_hours, m.away_pct
FROM assets a
JOIN facilities f ON f.id = a.current_facility_id
LEFT JOIN asset_usage_30d u ON u.asset_id = a.id
CROSS JOIN LATERAL (
    SELECT hours, available, CASE WHEN u.asset_id IS NOT NULL OR has_logged_use(a.id, now() - INTERVAL '61 days')
        THEN 100 * hours / nullif(available, 0) END AS used_pct
    FROM (SELECT hours_in(u.used) AS hours, available_hours(a, now() - INTERVAL '30 days', now()) AS available) AS sum) AS total
CROSS JOIN LATERAL movement_summary(a, now() - INTERVAL '30 days', now()) AS m
WHERE is_in_use(a);
COMMENT ON VIEW asset_utilization IS
    'The last 30 days of every asset in use: by usage_logs (utilization_pct and its level) and, apart from it, by the movement of its tag.';

CREATE OR REPLACE VIEW asset_reliability AS
SELECT a.id AS asset_id, a.asset_tag_number, a.equipment_name, a.manufacturer, a.model_number, a.device_category,
    a.current_facility_id AS facility_id, failure_count(a) AS failure_count, last_failure_at(a) AS last_failure_at,
    mtbf_hours(a) AS mtbf_hours, mttr_hours(a) AS mttr_hours, downtime_hours(a) AS downtime_hours
FROM assets a
WHERE a.deleted_at IS NULL;
COMMENT ON VIEW asset_reliability IS 'Failures, mean time between failures, mean time to repair and downtime of every asset, over its whole life.';

CREATE OR REPLACE VIEW asset_total_cost AS
SELECT a.id AS asset_id, a.asset_tag_number, a.equipment_name, a.device_category, a.current_facility_id AS facility_id, a.currency,
    c.acquisition_cost, c.maintenance_cost, c.contract_cost, c.operating_cost, c.downtime_cost, c.total_cost, c.revenue, c.roi_pct,
    book_value(a) AS book_value
FROM assets a
CROSS JOIN LATERAL total_cost_of_ownership(a, facility_date(a.current_facility_id)) AS c
WHERE a.deleted_at IS NULL;
COMMENT ON VIEW asset_total_cost IS 'Total cost of ownership of every asset until today, in parts that add up, each in the asset''s currency.';

CREATE OR REPLACE VIEW replacement_forecast AS
SELECT
    CASE WHEN due.day IS NOT NULL THEN greatest(extract(year FROM due.day), extract(year FROM due.today)) END::integer AS replacement_year,
    a.current_facility_id AS facility_id, a.device_category, a.currency, count(*) AS assets,
    count(*) FILTER (WHERE due.day < due.today) AS past_useful_life,
    sum(coalesce(a.replacement_cost, cost_basis(a))) AS replacement_cost,
    count(*) FILTER (WHERE coalesce(a.replacement_cost, cost_basis(a)) IS NULL) AS assets_without_cost
FROM assets a
CROSS JOIN LATERAL (SELECT facility_date(a.current_facility_id) AS today,
    CASE WHEN a.asset_status = 'CONDEMNED' THEN facility_date(a.current_facility_id) ELSE replacement_date(a) END AS day) AS due
WHERE a.deleted_at IS NULL AND a.asset_status NOT IN ('RETIRED', 'DISPOSED')
GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW replacement_forecast IS
    'Per year: assets whose useful life ends, and what replacing them costs (replacement_cost, else what they cost). Those past it and the condemned fall into this year; replacement_year is NULL for those of which nobody knows when their service began.';

CREATE OR REPLACE VIEW certification_expiry AS
SELECT e.kind, e.subject, e.asset_id, e.user_id, e.facility_id, e.reference, e.expires_on, e.expires_on - e.today AS days_left,
    CASE WHEN e.expires_on IS NULL THEN 'NEVER' WHEN e.expires_on < e.today THEN 'EXPIRED' WHEN e.expires_on - e.today <= 90 THEN 'EXPIRES_SOON' ELSE 'VALID' END AS status
FROM (
    SELECT c.kind, a.asset_tag_number || ' ' || a.equipment_name AS subject, a.id AS asset_id, NULL AS user_id,
        a.current_facility_id AS facility_id, c.reference, c.expires_on, facility_date(a.current_facility_id) AS today
    FROM assets a
    CROSS JOIN LATERAL (VALUES
        ('CE', a.ce_certificate_number, a.ce_certificate_expires_on),
        ('ISO', a.iso_certificate_number, a.iso_certificate_expires_on),
        ('CALIBRATION', NULL, coalesce(a.next_calibration_date, a.last_calibration_date + a.calibration_frequency_days)),
        ('SAFETY_INSPECTION', NULL, coalesce(a.next_safety_inspection_date, a.last_safety_inspection_date + a.safety_inspection_frequency_days))
    ) AS c(kind, reference, expires_on)
    WHERE is_in_use(a) AND (c.expires_on IS NOT NULL
        -- Required, and nobody knows when it was done: that is no reason to leave it out.
        OR c.kind = 'CALIBRATION' AND (a.is_calibration_required OR a.calibration_frequency_days IS NOT NULL)
        OR c.kind = 'SAFETY_INSPECTION' AND a.safety_inspection_frequency_days IS NOT NULL)
    UNION ALL
    SELECT c.kind, f.facility_name, NULL, NULL, f.id, c.reference, c.expires_on, facility_date(f.id)
    FROM facilities f
    CROSS JOIN LATERAL (VALUES
        ('FACILITY_LICENSE', f.license_number, f.license_expires_on),
        ('FACILITY_ACCREDITATION', f.accreditation_number, f.accreditation_expires_on)) AS c(kind, reference, expires_on)
    WHERE f.is_active AND c.expires_on IS NOT NULL
    UNION ALL
    SELECT 'OPERATOR_TRAINING', u.first_name || ' ' || u.last_name || ': ' || t.training_type, t.asset_id, u.id, d.facility_id,
        t.certificate_number, t.expires_on, coalesce(facility_date(d.facility_id), current_date)
    FROM training_records t JOIN users u ON u.id = t.user_id LEFT JOIN departments d ON d.id = u.department_id
    WHERE u.is_active AND t.expires_on IS NOT NULL AND NOT EXISTS (
        SELECT FROM training_records later WHERE later.user_id = t.user_id AND later.training_type = t.training_type
            AND later.asset_id IS NOT DISTINCT FROM t.asset_id AND later.model_number IS NOT DISTINCT FROM t.model_number
            AND later.completed_on > t.completed_on)
) AS e;
COMMENT ON VIEW certification_expiry IS
    'What runs out when: certificates, calibrations and inspections of assets in use, licences of facilities, trainings of people (the latest of each). EXPIRES_SOON: within 90 days; NEVER: a calibration or inspection that is required, and nobody knows of one.';

CREATE OR REPLACE VIEW contract_expiry AS
SELECT c.kind, a.id AS asset_id, a.asset_tag_number, a.equipment_name, a.current_facility_id AS facility_id, c.reference, c.vendor_id,
    c.expires_on, c.expires_on - facility_date(a.current_facility_id) AS days_left
FROM assets a
CROSS JOIN LATERAL (VALUES
    ('WARRANTY', NULL, a.vendor_id, a.warranty_end_date),
    ('AMC', a.amc_contract_number, a.amc_vendor_id, a.amc_end_date),
    ('CMC', a.cmc_contract_number, a.cmc_vendor_id, a.cmc_end_date)) AS c(kind, reference, vendor_id, expires_on)
WHERE is_in_use(a) AND c.expires_on IS NOT NULL;
COMMENT ON VIEW contract_expiry IS 'When warranties and maintenance contracts of assets in use end; days_left is negative when they have.';

CREATE OR REPLACE VIEW recalled_assets AS
SELECT a.id AS asset_id, a.asset_tag_number, a.equipment_name, a.manufacturer, a.model_number, a.serial_number, a.udi_di,
    a.recall_status, a.recall_notice_number, a.recall_notice_date,
    facility_date(a.current_facility_id) - a.recall_notice_date AS days_open, a.asset_status,
    a.asset_status IN ('ACTIVE', 'IN_SERVICE') AS is_still_in_use, a.current_facility_id AS facility_id, a.custodian_department_id AS department_id,
    u.first_name || ' ' || u.last_name AS custodian_name, u.email AS custodian_email
FROM assets a JOIN users u ON u.id = a.primary_custodian_id
WHERE is_in_use(a) AND a.recall_status <> 'NONE'
    AND (a.recall_resolved_on IS NULL OR a.recall_resolved_on < a.recall_notice_date);
COMMENT ON VIEW recalled_assets IS 'Assets under a recall that is not resolved. is_still_in_use: not even quarantined.';

CREATE OR REPLACE VIEW udi_completeness AS
SELECT a.current_facility_id AS facility_id, a.device_category, count(*) AS assets,
    count(a.udi_di) AS with_udi_di, count(a.udi_pi) AS with_udi_pi,
    count(*) FILTER (WHERE a.udi_di IS NOT NULL AND a.udi_pi IS NOT NULL) AS with_full_udi,
    count(a.gmdn_code) AS with_gmdn,
    round(100.0 * count(*) FILTER (WHERE a.udi_di IS NOT NULL AND a.udi_pi IS NOT NULL) / count(*), 1) AS complete_pct
FROM assets a
WHERE is_in_use(a)
GROUP BY a.current_facility_id, a.device_category;
COMMENT ON VIEW udi_completeness IS 'How many assets in use carry their UDI (device and production identifier) and a GMDN code, per facility and category.';
