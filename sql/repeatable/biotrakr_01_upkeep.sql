-- What the tables keep true by themselves: updated_at, the version of an asset, and the dates that completed work moves.
-- Triggers fix their search_path: a session that looks into another schema first (v1's) must not make them change its tables.

CREATE OR REPLACE FUNCTION touch_updated_at() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    -- A generated column is not there yet in NEW.
    IF to_jsonb(NEW) - 'total_cost' IS DISTINCT FROM to_jsonb(OLD) - 'total_cost' THEN
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
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    edited assets := NEW;
BEGIN
    -- Said as it was read, or as object-relational mappers do: SET version = 8 WHERE version = 7.
    IF NEW.version NOT IN (OLD.version, OLD.version + 1) THEN
        RAISE EXCEPTION 'asset % is at version %, not %: it was changed meanwhile', OLD.asset_tag_number, OLD.version, NEW.version
            USING ERRCODE = 'RT409', HINT = 'Read the asset again and repeat the change.';
    END IF;
    -- Where it is changes by itself, many times a day: no edit, or everybody who edits would be told of a conflict.
    edited.version := OLD.version;
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
        NEW.version := OLD.version;
        RETURN NEW;
    END IF;
    IF NEW.asset_status <> OLD.asset_status THEN
        NEW.status_changed_at := now();
        IF NEW.asset_status NOT IN ('RETIRED', 'DISPOSED') THEN
            NEW.retired_on := NULL;
        ELSIF NEW.retired_on IS NULL THEN
            SELECT (now() AT TIME ZONE f.timezone)::date INTO NEW.retired_on FROM facilities f WHERE f.id = NEW.current_facility_id;
        END IF;
    END IF;
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION keep_asset_version() IS
    'Trigger: every edit of an asset raises version by one. An UPDATE that sets version to another value than the row has, or the one after it, fails with SQLSTATE RT409; one that does not name it is taken as it comes. Changes of the current location alone are no edits, nor is the retention of usage_logs.';

CREATE OR REPLACE TRIGGER keep_asset_version BEFORE UPDATE ON assets
    FOR EACH ROW EXECUTE FUNCTION keep_asset_version();

CREATE OR REPLACE FUNCTION due_after(done date, frequency_days integer, planned date) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN frequency_days IS NULL AND planned > coalesce(done, '-infinity') THEN planned ELSE done + frequency_days END
$$;
COMMENT ON FUNCTION due_after(date, integer, date) IS
    'The next date after work was done: by the frequency; without one what somebody has planned for later stays, and else nothing is due.';

-- Only forwards: an order of last year that is entered today does not undo the one of last month, nor a date entered by hand.
-- Back only when the order is withdrawn that the date came from: to the latest that is left.
CREATE OR REPLACE FUNCTION follow_completed_work(asset text, type work_order_type, withdrawn date) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    done date;
BEGIN
    -- v1 holds completions in the future; they are kept, and move nothing.
    SELECT max((m.completed_at AT TIME ZONE f.timezone)::date) INTO done
    FROM maintenance_history m JOIN assets a ON a.id = m.asset_id JOIN facilities f ON f.id = a.current_facility_id
    WHERE m.asset_id = asset AND m.work_order_type = type AND m.work_order_status = 'COMPLETED' AND m.completed_at <= now() + INTERVAL '1 day';

    IF type = 'PREVENTIVE_MAINTENANCE' THEN
        UPDATE assets SET last_pm_date = done, next_pm_due_date = due_after(done, pm_frequency_days, next_pm_due_date)
        WHERE id = asset AND (done > coalesce(last_pm_date, '-infinity') OR last_pm_date = withdrawn AND done IS DISTINCT FROM withdrawn);
    ELSIF type = 'CALIBRATION' THEN
        UPDATE assets SET last_calibration_date = done,
            next_calibration_date = due_after(done, calibration_frequency_days, next_calibration_date)
        WHERE id = asset
          AND (done > coalesce(last_calibration_date, '-infinity') OR last_calibration_date = withdrawn AND done IS DISTINCT FROM withdrawn);
    ELSIF type = 'INSPECTION' THEN
        UPDATE assets SET last_safety_inspection_date = done,
            next_safety_inspection_date = due_after(done, safety_inspection_frequency_days, next_safety_inspection_date)
        WHERE id = asset AND (done > coalesce(last_safety_inspection_date, '-infinity')
           OR last_safety_inspection_date = withdrawn AND done IS DISTINCT FROM withdrawn);
    END IF;
END
$$;
COMMENT ON FUNCTION follow_completed_work(text, work_order_type, date) IS
    'Brings an asset''s last and next date of a kind of work up to the latest completed order; back to it only from the day of one that was withdrawn.';

CREATE OR REPLACE FUNCTION apply_completed_work() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP <> 'DELETE' THEN
        IF NEW.completed_at > now() + INTERVAL '1 day' AND NOT coalesce(NEW.metadata ? 'biotrakrV1', false) THEN
            RAISE EXCEPTION 'work order % is said to be completed at %, which is in the future', NEW.work_order_number, NEW.completed_at
                USING ERRCODE = 'check_violation', CONSTRAINT = 'maintenance_history_not_in_the_future', TABLE = 'maintenance_history';
        END IF;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        IF OLD.work_order_status = 'COMPLETED' AND OLD.completed_at IS NOT NULL THEN
            PERFORM follow_completed_work(OLD.asset_id, OLD.work_order_type, (OLD.completed_at AT TIME ZONE f.timezone)::date)
            FROM assets a JOIN facilities f ON f.id = a.current_facility_id WHERE a.id = OLD.asset_id;
        END IF;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        IF NEW.work_order_status = 'COMPLETED' AND NEW.completed_at IS NOT NULL THEN
            PERFORM follow_completed_work(NEW.asset_id, NEW.work_order_type, NULL);
        END IF;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION apply_completed_work() IS
    'Trigger: a completed maintenance, calibration or inspection moves the asset''s last date to the day it was done and the next one by the frequency; one that is corrected, cancelled or deleted takes them back. Completion in the future is refused.';

CREATE OR REPLACE TRIGGER apply_completed_work
    AFTER INSERT OR DELETE OR UPDATE OF work_order_status, completed_at, work_order_type, asset_id ON maintenance_history
    FOR EACH ROW EXECUTE FUNCTION apply_completed_work();
