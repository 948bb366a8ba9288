-- What the tables keep true by themselves: updated_at, the version of an asset, and the dates that completed work moves.

CREATE OR REPLACE FUNCTION touch_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW IS DISTINCT FROM OLD THEN
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION touch_updated_at() IS 'Trigger: updated_at is when a row last changed.';

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['organizations', 'facilities', 'buildings', 'floors', 'departments', 'rooms', 'users', 'vendors',
        'ml_models', 'maintenance_history', 'spare_parts']
    LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER touch_updated_at BEFORE UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION touch_updated_at()', name);
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION keep_asset_version() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    edited assets := NEW;
BEGIN
    IF NEW.version <> OLD.version THEN
        RAISE EXCEPTION 'asset % is at version %, not %: it was changed meanwhile', OLD.asset_tag_number, OLD.version, NEW.version
            USING ERRCODE = 'serialization_failure', HINT = 'Read the asset again and repeat the change.';
    END IF;
    -- Where it is changes by itself, many times a day: no edit, or everybody who edits would be told of a conflict.
    edited.current_facility_id := OLD.current_facility_id;
    edited.current_building_id := OLD.current_building_id;
    edited.current_floor_id := OLD.current_floor_id;
    edited.current_room_id := OLD.current_room_id;
    edited.current_zone := OLD.current_zone;
    edited.current_x := OLD.current_x;
    edited.current_y := OLD.current_y;
    edited.current_z := OLD.current_z;
    edited.current_longitude := OLD.current_longitude;
    edited.current_latitude := OLD.current_latitude;
    edited.location_accuracy_m := OLD.location_accuracy_m;
    edited.location_method := OLD.location_method;
    edited.last_seen_timestamp := OLD.last_seen_timestamp;
    edited.is_moving := OLD.is_moving;
    edited.geofence_violations := OLD.geofence_violations;
    -- Nor is what retire_usage_logs() moves from the logs to the meter.
    IF coalesce(current_setting('rtls_ingest.is_retiring_usage', true), '') = 'on' THEN
        edited.usage_hours_before_logs := OLD.usage_hours_before_logs;
        edited.usage_cycles_before_logs := OLD.usage_cycles_before_logs;
        edited.usage_units_before_logs := OLD.usage_units_before_logs;
    END IF;
    IF edited IS NOT DISTINCT FROM OLD THEN
        RETURN NEW;
    END IF;
    IF NEW.asset_status <> OLD.asset_status THEN
        NEW.status_changed_at := now();
    END IF;
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION keep_asset_version() IS
    'Trigger: every edit of an asset raises version by one. An UPDATE that sets version to another value than the row has fails with SQLSTATE 40001; one that does not name it is taken as it comes. Changes of the current location alone are no edits, nor is the retention of usage_logs.';

CREATE OR REPLACE TRIGGER keep_asset_version BEFORE UPDATE ON assets
    FOR EACH ROW EXECUTE FUNCTION keep_asset_version();

-- Only forwards: an order of last year that is entered today does not undo the one of last month.
CREATE OR REPLACE FUNCTION apply_completed_work() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    done date;
BEGIN
    SELECT (NEW.completed_at AT TIME ZONE f.timezone)::date INTO done
    FROM assets a JOIN facilities f ON f.id = a.current_facility_id WHERE a.id = NEW.asset_id;

    IF NEW.work_order_type = 'PREVENTIVE_MAINTENANCE' THEN
        UPDATE assets SET last_pm_date = done, next_pm_due_date = done + pm_frequency_days
        WHERE id = NEW.asset_id AND (last_pm_date IS NULL OR last_pm_date < done);
    ELSIF NEW.work_order_type = 'CALIBRATION' THEN
        UPDATE assets SET last_calibration_date = done, next_calibration_date = done + calibration_frequency_days
        WHERE id = NEW.asset_id AND (last_calibration_date IS NULL OR last_calibration_date < done);
    ELSIF NEW.work_order_type = 'INSPECTION' THEN
        UPDATE assets SET last_safety_inspection_date = done, next_safety_inspection_date = done + safety_inspection_frequency_days
        WHERE id = NEW.asset_id AND (last_safety_inspection_date IS NULL OR last_safety_inspection_date < done);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION apply_completed_work() IS
    'Trigger: a completed maintenance, calibration or inspection moves the asset''s last date to the day it was done and the next one by the frequency (to NULL without one).';

CREATE OR REPLACE TRIGGER apply_completed_work AFTER INSERT OR UPDATE OF work_order_status, completed_at ON maintenance_history
    FOR EACH ROW WHEN (NEW.work_order_status = 'COMPLETED' AND NEW.completed_at IS NOT NULL)
    EXECUTE FUNCTION apply_completed_work();
