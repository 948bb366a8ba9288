-- Organisations, facilities, departments, users. First the rows of v1, then, where rows point to parents that are gone, a marked
-- and inactive placeholder under the very id they name: the reference stays true, and nothing hangs on a wrong parent.
-- `apply` gets here with such rows only when it was given --assign-orphans-to.

INSERT INTO public.organizations (id, name, type, settings, created_at, updated_at)
SELECT id, coalesce(nullif(name, ''), '(no name)'), coalesce(type, ''), coalesce(settings, '{}'),
       biotrakr_upgrade.utc("createdAt"), biotrakr_upgrade.utc("updatedAt")
FROM biotrakr_v1.organizations;

WITH missing AS (
    SELECT "organizationId" AS id FROM biotrakr_v1.facilities
    UNION SELECT "organizationId" FROM biotrakr_v1.users
    UNION SELECT "organizationId" FROM biotrakr_v1.assets
    EXCEPT SELECT id FROM biotrakr_v1.organizations
), made AS (
    INSERT INTO public.organizations (id, name, type, is_active)
    SELECT id, '(missing in BioTrakr v1: ' || id || ')', 'unknown', false FROM missing
    RETURNING id
)
INSERT INTO biotrakr_upgrade.report (kind, table_name, row_id, detail)
SELECT 'placeholder', 'organizations', id, '{"why": "v1 rows name an organisation that is not there"}' FROM made;

-- facility_code is the {facility} of the MQTT topics: one level, so letters, digits and "-". The first of a name gets it bare.
WITH named AS (
    SELECT f.*, coalesce(nullif(btrim(regexp_replace(upper(f.name), '[^A-Z0-9]+', '-', 'g'), '-'), ''), 'FACILITY') AS stem
    FROM biotrakr_v1.facilities f
), numbered AS (
    SELECT n.*, row_number() OVER (PARTITION BY stem ORDER BY "createdAt", id) AS nth FROM named n
), coded AS (
    -- A name such as "Annex 2" must not meet the second "Annex".
    SELECT n.*, CASE WHEN nth = 1 THEN stem
                     WHEN EXISTS (SELECT FROM named o WHERE o.stem = n.stem || '-' || n.nth) THEN n.stem || '-' || md5(n.id)
                     ELSE n.stem || '-' || n.nth END AS code
    FROM numbered n
), made AS (
    INSERT INTO public.facilities (id, organization_id, facility_code, facility_name, address, timezone, floor_plans, created_at, updated_at)
    SELECT id, "organizationId", code, coalesce(nullif(name, ''), '(no name)'), address,
           CASE WHEN public.is_time_zone(timezone) THEN timezone ELSE 'UTC' END, "floorPlans",
           biotrakr_upgrade.utc("createdAt"), biotrakr_upgrade.utc("updatedAt")
    FROM coded
    RETURNING id, facility_code
)
INSERT INTO biotrakr_upgrade.report (kind, table_name, row_id, detail)
SELECT 'derived', 'facilities', id, jsonb_build_object('facility_code', facility_code) FROM made;

WITH missing AS (
    SELECT "facilityId" AS id FROM biotrakr_v1.departments
    UNION SELECT "facilityId" FROM biotrakr_v1.assets
    EXCEPT SELECT id FROM biotrakr_v1.facilities
), made AS (
    INSERT INTO public.facilities (id, organization_id, facility_code, facility_name, is_active)
    SELECT m.id, u."organizationId", 'MISSING-' || upper(left(md5(m.id), 8)), '(missing in BioTrakr v1: ' || m.id || ')', false
    FROM missing m JOIN biotrakr_v1.users u ON u.id = biotrakr_upgrade.setting_of('orphans_to')
    RETURNING id
)
INSERT INTO biotrakr_upgrade.report (kind, table_name, row_id, detail)
SELECT 'placeholder', 'facilities', id, '{"why": "v1 rows name a facility that is not there"}' FROM made;

-- Where v1's unique index was lost, a code may occur twice in a facility; the second gets its id behind it.
INSERT INTO public.departments (id, facility_id, department_code, department_name, floor_number, created_at, updated_at)
SELECT id, "facilityId",
       CASE WHEN nth = 1 AND code <> '' THEN code ELSE concat_ws(' ', nullif(code, ''), '(' || id || ')') END,
       coalesce(nullif(name, ''), '(no name)'), floor, biotrakr_upgrade.utc("createdAt"), biotrakr_upgrade.utc("updatedAt")
FROM (SELECT d.*, row_number() OVER (PARTITION BY "facilityId", code ORDER BY "createdAt", id) AS nth FROM biotrakr_v1.departments d) d;

-- The default department of a facility answers for assets that name none.
WITH made AS (
    INSERT INTO public.departments (id, facility_id, department_code, department_name, is_default)
    SELECT 'unassigned:' || f.id, f.id,
           CASE WHEN EXISTS (SELECT FROM public.departments d WHERE d.facility_id = f.id AND d.department_code = 'UNASSIGNED')
                THEN 'UNASSIGNED (' || f.id || ')' ELSE 'UNASSIGNED' END,
           'Unassigned', true
    FROM public.facilities f
    RETURNING id
)
INSERT INTO biotrakr_upgrade.report (kind, table_name, row_id, detail)
SELECT 'placeholder', 'departments', id, '{"why": "the default department of its facility, for assets that name none"}' FROM made;

-- The local part of the address where nobody else has it, else the whole address, which is unique.
WITH unique_email AS (
    SELECT u.*, lower(split_part(email, '@', 1)) AS local_part,
           row_number() OVER (PARTITION BY email ORDER BY "createdAt", id) AS nth
    FROM biotrakr_v1.users u
), named AS (
    SELECT u.*, CASE WHEN nth = 1 AND email <> '' THEN email ELSE concat_ws(' ', nullif(email, ''), '(' || id || ')') END AS address,
           count(*) OVER (PARTITION BY local_part) AS namesakes
    FROM unique_email u
), made AS (
    INSERT INTO public.users (id, organization_id, username, email, password_hash, first_name, last_name, role, permissions,
                              is_active, last_login_at, created_at, updated_at)
    SELECT id, "organizationId", CASE WHEN namesakes = 1 AND local_part <> '' THEN local_part ELSE address END, address, password,
           coalesce("firstName", ''), coalesce("lastName", ''), biotrakr_upgrade.translate('roles', role::text), permissions,
           coalesce("isActive", true), biotrakr_upgrade.utc("lastLoginAt"),
           biotrakr_upgrade.utc("createdAt"), biotrakr_upgrade.utc("updatedAt")
    FROM named
    RETURNING id, username
)
INSERT INTO biotrakr_upgrade.report (kind, table_name, row_id, detail)
SELECT 'derived', 'users', id, jsonb_build_object('username', username) FROM made;

-- Who answers for the assets of an organisation: its admin, one that is active if there is one, the oldest of them; an
-- organisation without an admin gets the user of --assign-orphans-to.
CREATE TEMPORARY TABLE custodian ON COMMIT DROP AS
SELECT o.id AS organization_id, coalesce((
    SELECT u.id FROM public.users u WHERE u.organization_id = o.id AND u.role = 'ADMIN'
    ORDER BY u.is_active DESC, u.created_at, u.id LIMIT 1), biotrakr_upgrade.setting_of('orphans_to')) AS user_id
FROM public.organizations o;
