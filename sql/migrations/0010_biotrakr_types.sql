-- BioTrakr v2 begins here: its enumerations, and the few rules that several tables' constraints share.
--
-- tracking_method is there already (0001). Ids are text, as in v1, where they are not always UUIDs.
-- The functions of this file stand in constraints: they may never change their answer for a value once accepted, hence they
-- live in a migration and not in sql/repeatable.

CREATE TYPE asset_status AS ENUM
    ('ACTIVE', 'IN_SERVICE', 'IN_MAINTENANCE', 'QUARANTINED', 'CONDEMNED', 'RETIRED', 'DISPOSED');
CREATE TYPE device_category AS ENUM
    ('IMAGING', 'LABORATORY', 'SURGICAL', 'PATIENT_MONITORING', 'THERAPEUTIC', 'LIFE_SUPPORT', 'DIAGNOSTIC', 'ANESTHESIA',
     'STERILIZATION', 'SUPPORT_EQUIPMENT', 'IT_MEDICAL', 'OTHER');
-- The most critical first, so that ORDER BY puts it on top.
CREATE TYPE criticality_level AS ENUM ('CRITICAL', 'HIGH', 'MEDIUM', 'LOW');
CREATE TYPE risk_classification AS ENUM ('CLASS_I', 'CLASS_II', 'CLASS_III');
-- The FDA counts the other way round than for devices: a Class I recall is the most serious.
CREATE TYPE recall_status AS ENUM ('NONE', 'CLASS_I', 'CLASS_II', 'CLASS_III');
CREATE TYPE pm_compliance_status AS ENUM ('COMPLIANT', 'GRACE_PERIOD', 'OVERDUE', 'CRITICAL');
CREATE TYPE failure_category AS ENUM
    ('ELECTRICAL', 'MECHANICAL', 'SOFTWARE', 'HYDRAULIC', 'PNEUMATIC', 'SENSOR', 'CALIBRATION', 'USER_ERROR', 'UNKNOWN');
CREATE TYPE depreciation_method AS ENUM
    ('STRAIGHT_LINE', 'DECLINING_BALANCE', 'DOUBLE_DECLINING', 'UNITS_OF_PRODUCTION', 'SUM_OF_YEARS_DIGITS');
CREATE TYPE work_order_status AS ENUM
    ('PENDING', 'ASSIGNED', 'IN_PROGRESS', 'AWAITING_PARTS', 'ON_HOLD', 'COMPLETED', 'CANCELLED');
CREATE TYPE work_order_type AS ENUM
    ('PREVENTIVE_MAINTENANCE', 'CORRECTIVE_MAINTENANCE', 'CALIBRATION', 'INSPECTION', 'EMERGENCY_REPAIR', 'INSTALLATION',
     'DECOMMISSIONING');
CREATE TYPE vendor_type AS ENUM ('MANUFACTURER', 'DISTRIBUTOR', 'SERVICE_PROVIDER', 'PARTS_SUPPLIER');
CREATE TYPE alert_severity AS ENUM ('INFO', 'WARNING', 'ERROR', 'CRITICAL');
CREATE TYPE sync_status AS ENUM ('SYNCED', 'PENDING', 'FAILED', 'NOT_CONFIGURED');
CREATE TYPE service_level AS ENUM
    ('TWO_HOURS', 'FOUR_HOURS', 'EIGHT_HOURS', 'TWENTY_FOUR_HOURS', 'NEXT_DAY', 'BEST_EFFORT');
CREATE TYPE waste_handling AS ENUM ('STANDARD', 'BIOHAZARD', 'RADIOACTIVE', 'CHEMICAL', 'SHARPS', 'PHARMACEUTICAL');

-- The same rule as canonicalId in src/ingest/ping.ts: a test compares the two on generated ids. The characters trimmed are
-- those JavaScript calls white space. COLLATE "C": what is a hexadecimal digit must not depend on the database's locale.
CREATE FUNCTION canonical_tag_id(id text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE
        WHEN trimmed ~* '^([0-9a-f]{12}|[0-9a-f]{16})$' THEN upper(trimmed)
        WHEN trimmed ~* '^[0-9a-f]{2}([:-])[0-9a-f]{2}(\1[0-9a-f]{2}){4}((\1[0-9a-f]{2}){2})?$'
          OR trimmed ~* '^[0-9a-f]{4}(\.[0-9a-f]{4}){2,3}$' THEN upper(translate(trimmed, ':.-', ''))
        ELSE trimmed
    END
    FROM (SELECT btrim(id, E' \t\n\u000b\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff')
        COLLATE "C" AS trimmed) AS input
$$;
COMMENT ON FUNCTION canonical_tag_id(text) IS
    'A tag id as location_history and tag_assignments keep it: MAC and EUI-64 in upper-case hex without delimiters, anything else trimmed. canonical_tag_id(''ac:23:3f:a1:b2:c3'') = ''AC233FA1B2C3''.';

CREATE FUNCTION is_time_zone(name text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    PERFORM timestamptz '2000-01-01 00:00Z' AT TIME ZONE name;
    -- 'X5' and the like pass as POSIX zones; a facility has a place, and places have names.
    RETURN name IN ('UTC', 'GMT') OR name ~ '^[A-Za-z_]+/[A-Za-z0-9_+/-]+$';
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN false;
END
$$;
COMMENT ON FUNCTION is_time_zone(text) IS 'Is this UTC or the name of a time zone of the IANA database, such as America/New_York?';

-- Checked here and not by whoever reads it: a room whose polygon cannot be read is a room in which nothing is ever found.
CREATE FUNCTION is_geofence_polygon(polygon jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE
        WHEN jsonb_typeof(polygon) <> 'array' THEN false
        WHEN jsonb_array_length(polygon) < 4 THEN false
        ELSE polygon -> 0 = polygon -> -1 AND NOT EXISTS (
            SELECT FROM jsonb_array_elements(polygon) AS corner
            WHERE NOT CASE WHEN jsonb_typeof(corner) = 'array'
                THEN jsonb_array_length(corner) = 2
                 AND jsonb_typeof(corner -> 0) = 'number' AND jsonb_typeof(corner -> 1) = 'number'
                ELSE false END)
    END
$$;
COMMENT ON FUNCTION is_geofence_polygon(jsonb) IS
    'Is this one closed ring of at least three corners, [[x, y], …, first again], as the coordinates of a GeoJSON polygon have it?';
