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

CREATE OR REPLACE VIEW asset_risk AS
SELECT
    a.id AS asset_id, a.asset_tag_number, a.equipment_name, a.device_category, a.criticality_level, a.current_facility_id AS facility_id,
    coalesce(m.failure_probability_score, r.score) AS failure_probability_score,
    CASE WHEN m.asset_id IS NULL THEN 'RULES' ELSE 'MODEL' END AS source,
    r.score AS rule_score, r.age_points, r.failure_points, r.overdue_points, r.usage_points,
    r.years_in_service, r.failures_12_months, r.days_overdue, r.utilization_pct,
    m.model_id, m.confidence, m.predicted_failure_date, m.predicted_failure_category, m.scored_at
FROM assets a
CROSS JOIN LATERAL failure_risk(a) AS r
LEFT JOIN LATERAL model_score(a) AS m ON true
WHERE is_in_use(a);
COMMENT ON VIEW asset_risk IS 'The failure score in force of every asset in use: whose it is (RULES or MODEL), and the parts of the one by rule.';

CREATE OR REPLACE VIEW high_risk_assets AS
SELECT * FROM asset_risk WHERE failure_probability_score >= 70;
COMMENT ON VIEW high_risk_assets IS 'Assets in use with a failure score of 70 or more.';

CREATE OR REPLACE VIEW asset_utilization AS
SELECT
    a.id AS asset_id, a.asset_tag_number, a.equipment_name, a.device_category, a.current_facility_id AS facility_id,
    a.custodian_department_id AS department_id, u.utilization_pct, utilization_level(u.utilization_pct) AS utilization_level,
    u.hours AS usage_hours, u.available_hours, u.idle_hours, u.sessions, u.average_session_minutes, u.peak_day_hours, u.peak_hour_of_day,
    m.observed_hours, m.moving_hours, m.moving_pct, m.away_hours, m.away_pct
FROM assets a
CROSS JOIN LATERAL usage_summary(a, now() - INTERVAL '30 days', now()) AS u
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
    greatest(extract(year FROM due.day), extract(year FROM due.today))::integer AS replacement_year,
    a.current_facility_id AS facility_id, a.device_category, a.currency, count(*) AS assets,
    count(*) FILTER (WHERE due.day < due.today) AS past_useful_life,
    sum(coalesce(a.replacement_cost, cost_basis(a))) AS replacement_cost,
    count(*) FILTER (WHERE coalesce(a.replacement_cost, cost_basis(a)) IS NULL) AS assets_without_cost
FROM assets a
CROSS JOIN LATERAL (SELECT facility_date(a.current_facility_id) AS today,
    CASE WHEN a.asset_status = 'CONDEMNED' THEN facility_date(a.current_facility_id) ELSE replacement_date(a) END AS day) AS due
WHERE a.deleted_at IS NULL AND a.asset_status NOT IN ('RETIRED', 'DISPOSED') AND due.day IS NOT NULL
GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW replacement_forecast IS
    'Per year: assets whose useful life ends, and what replacing them costs (replacement_cost, else what they cost). Those past it and the condemned fall into this year.';

CREATE OR REPLACE VIEW certification_expiry AS
SELECT e.kind, e.subject, e.asset_id, e.user_id, e.facility_id, e.reference, e.expires_on, e.expires_on - e.today AS days_left,
    CASE WHEN e.expires_on < e.today THEN 'EXPIRED' WHEN e.expires_on - e.today <= 90 THEN 'EXPIRES_SOON' ELSE 'VALID' END AS status
FROM (
    SELECT c.kind, a.asset_tag_number || ' ' || a.equipment_name AS subject, a.id AS asset_id, NULL AS user_id,
        a.current_facility_id AS facility_id, c.reference, c.expires_on, facility_date(a.current_facility_id) AS today
    FROM assets a
    CROSS JOIN LATERAL (VALUES
        ('CE', a.ce_certificate_number, a.ce_certificate_expires_on),
        ('ISO', a.iso_certificate_number, a.iso_certificate_expires_on),
        ('CALIBRATION', NULL, a.next_calibration_date),
        ('SAFETY_INSPECTION', NULL, a.next_safety_inspection_date)) AS c(kind, reference, expires_on)
    WHERE is_in_use(a)
    UNION ALL
    SELECT c.kind, f.facility_name, NULL, NULL, f.id, c.reference, c.expires_on, facility_date(f.id)
    FROM facilities f
    CROSS JOIN LATERAL (VALUES
        ('FACILITY_LICENSE', f.license_number, f.license_expires_on),
        ('FACILITY_ACCREDITATION', f.accreditation_number, f.accreditation_expires_on)) AS c(kind, reference, expires_on)
    WHERE f.is_active
    UNION ALL
    SELECT 'OPERATOR_TRAINING', u.first_name || ' ' || u.last_name || ': ' || t.training_type, t.asset_id, u.id, d.facility_id,
        t.certificate_number, t.expires_on, coalesce(facility_date(d.facility_id), current_date)
    FROM training_records t JOIN users u ON u.id = t.user_id LEFT JOIN departments d ON d.id = u.department_id
    WHERE u.is_active AND NOT EXISTS (
        SELECT FROM training_records later WHERE later.user_id = t.user_id AND later.training_type = t.training_type
            AND later.asset_id IS NOT DISTINCT FROM t.asset_id AND later.model_number IS NOT DISTINCT FROM t.model_number
            AND later.completed_on > t.completed_on)
) AS e
WHERE e.expires_on IS NOT NULL;
COMMENT ON VIEW certification_expiry IS
    'What runs out when: certificates, calibrations and inspections of assets in use, licences of facilities, trainings of people (the latest of each). EXPIRES_SOON: within 90 days.';

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
