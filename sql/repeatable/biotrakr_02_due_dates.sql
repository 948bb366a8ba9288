-- What is due when. All of it is computed for a day, which is the facility's day: midnight in its time zone turns the status.

CREATE OR REPLACE FUNCTION facility_date(facility_id text, at timestamptz DEFAULT now()) RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT (facility_date.at AT TIME ZONE f.timezone)::date FROM facilities f WHERE f.id = facility_date.facility_id
$$;
COMMENT ON FUNCTION facility_date(text, timestamptz) IS 'Which day it is (or was) at a facility.';

CREATE OR REPLACE FUNCTION in_service_date(asset assets) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(asset.depreciation_start_date, asset.commissioning_date, asset.installation_date, asset.purchase_date)
$$;
COMMENT ON FUNCTION in_service_date(assets) IS
    'The first day of an asset''s service: depreciation_start_date, else commissioning, installation, purchase.';

CREATE OR REPLACE FUNCTION end_of_service(asset assets) RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(asset.retired_on, facility_date(asset.current_facility_id, asset.status_changed_at))
    WHERE asset.asset_status IN ('RETIRED', 'DISPOSED')
$$;
COMMENT ON FUNCTION end_of_service(assets) IS
    'The last day of an asset''s service: retired_on, else the day it became RETIRED or DISPOSED; NULL while it is neither.';

CREATE OR REPLACE FUNCTION in_service_until(asset assets, until timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT least(until, (end_of_service(asset) + 1)::timestamp AT TIME ZONE f.timezone) FROM facilities f WHERE f.id = asset.current_facility_id
$$;
COMMENT ON FUNCTION in_service_until(assets, timestamptz) IS 'A moment, or the end of the asset''s service where that came before.';

CREATE OR REPLACE FUNCTION pm_due_date(asset assets) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(asset.next_pm_due_date,
        coalesce(asset.last_pm_date, in_service_date(asset), (asset.created_at AT TIME ZONE 'UTC')::date) + asset.pm_frequency_days)
$$;
COMMENT ON FUNCTION pm_due_date(assets) IS
    'The day preventive maintenance is due: next_pm_due_date, else the last one (or the first day of service, or the day the row was made) plus the frequency; NULL when none is planned.';

CREATE OR REPLACE FUNCTION pm_compliance(due date, today date) RETURNS pm_compliance_status
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN due IS NULL THEN 'COMPLIANT'
        WHEN due - today > 7 THEN 'COMPLIANT'
        WHEN due - today >= 0 THEN 'GRACE_PERIOD'
        WHEN due - today >= -30 THEN 'OVERDUE'
        ELSE 'CRITICAL'
    END::pm_compliance_status
$$;
COMMENT ON FUNCTION pm_compliance(date, date) IS
    'COMPLIANT until 8 days before the due day and where none is due, GRACE_PERIOD from 7 days before to the due day itself, OVERDUE from the day after to 30 days after, CRITICAL from the 31st.';

CREATE OR REPLACE FUNCTION pm_compliance_status(asset assets, today date) RETURNS pm_compliance_status
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT pm_compliance(pm_due_date(asset), today) $$;
COMMENT ON FUNCTION pm_compliance_status(assets, date) IS 'pm_compliance of the asset''s due date on a day.';

CREATE OR REPLACE FUNCTION pm_compliance_status(asset assets) RETURNS pm_compliance_status
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT pm_compliance(pm_due_date(asset), facility_date(asset.current_facility_id))
$$;
COMMENT ON FUNCTION pm_compliance_status(assets) IS
    'The same today, in the time zone of the asset''s facility. May be written as a column: SELECT a.pm_compliance_status FROM assets a.';

-- In this file and not beside the views: several of them ask it.
CREATE OR REPLACE FUNCTION is_in_use(asset assets) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT asset.deleted_at IS NULL AND asset.asset_status NOT IN ('CONDEMNED', 'RETIRED', 'DISPOSED')
$$;
COMMENT ON FUNCTION is_in_use(assets) IS 'Does anything still fall due for this asset? Not when it is deleted, condemned, retired or disposed of.';
