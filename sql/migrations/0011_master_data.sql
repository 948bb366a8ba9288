-- Who and where: organizations, facilities, buildings, floors, rooms, departments, users, vendors.
--
-- ON DELETE: master data that anything refers to is not deleted but set inactive, hence RESTRICT nearly everywhere. A plan goes
-- with what it is a plan of (building → floors → rooms: CASCADE, refused as soon as an asset is at home in one of them).
-- A reference that is only additional (manager, parent) is cut: SET NULL.

CREATE TABLE organizations (
    id         text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    name       text        NOT NULL CHECK (name <> ''),
    type       text        NOT NULL DEFAULT 'hospital',
    settings   jsonb       NOT NULL DEFAULT '{}',
    is_active  boolean     NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE organizations IS 'The owner of facilities, users and assets: a hospital, or a group of hospitals.';

CREATE TABLE facilities (
    id                   text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    organization_id      text        NOT NULL REFERENCES organizations ON DELETE RESTRICT,
    facility_code        text        NOT NULL UNIQUE CHECK (facility_code <> ''),
    facility_name        text        NOT NULL CHECK (facility_name <> ''),
    facility_type        text,
    address_line1        text,
    address_line2        text,
    city                 text,
    state_province       text,
    postal_code          text,
    country              text,
    address              jsonb,
    phone                text,
    email                text,
    license_number       text,
    license_expires_on   date,
    accreditation_body   text,
    accreditation_number text,
    accreditation_expires_on date,
    timezone             text        NOT NULL DEFAULT 'UTC' CHECK (is_time_zone(timezone)),
    latitude             double precision CHECK (latitude BETWEEN -90 AND 90),
    longitude            double precision CHECK (longitude BETWEEN -180 AND 180),
    floor_plans          jsonb,
    is_active            boolean     NOT NULL DEFAULT true,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE facilities IS 'A site with a name, an address and a local frame of x and y in metres.';
COMMENT ON COLUMN facilities.facility_code IS 'the {facility} of the MQTT topics rtls/{facility}/{gateway}/pings, and so location_history.facility_id';
COMMENT ON COLUMN facilities.timezone IS 'IANA name; decides on which day something is due';
COMMENT ON COLUMN facilities.address IS 'an address that came as JSON and was not taken apart (v1)';
COMMENT ON COLUMN facilities.floor_plans IS 'floor plans that came as JSON and were not taken apart (v1)';
CREATE INDEX facilities_organization ON facilities (organization_id);

CREATE TABLE buildings (
    id            text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    facility_id   text        NOT NULL REFERENCES facilities ON DELETE RESTRICT,
    building_code text        NOT NULL CHECK (building_code <> ''),
    building_name text        NOT NULL CHECK (building_name <> ''),
    address       text,
    year_built    integer     CHECK (year_built BETWEEN 1000 AND 2200),
    is_active     boolean     NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (facility_id, building_code)
);
COMMENT ON TABLE buildings IS 'A building of a facility. All buildings of a facility share its frame of x and y.';

CREATE TABLE floors (
    id               text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    building_id      text        NOT NULL REFERENCES buildings ON DELETE CASCADE,
    floor_number     real        NOT NULL,
    floor_name       text        NOT NULL CHECK (floor_name <> ''),
    plan_image_url   text,
    metres_per_pixel double precision CHECK (metres_per_pixel > 0),
    origin_x         double precision NOT NULL DEFAULT 0,
    origin_y         double precision NOT NULL DEFAULT 0,
    width_m          double precision CHECK (width_m > 0),
    depth_m          double precision CHECK (depth_m > 0),
    is_active        boolean     NOT NULL DEFAULT true,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (building_id, floor_number)
);
COMMENT ON TABLE floors IS 'A floor of a building and its plan.';
COMMENT ON COLUMN floors.floor_number IS 'as location_history.floor: 0 is the ground, 1.5 a mezzanine, -1 the basement';
COMMENT ON COLUMN floors.metres_per_pixel IS 'scale of the image at plan_image_url';
COMMENT ON COLUMN floors.origin_x IS 'metres: where in the facility''s frame the lower left corner of the plan lies';
COMMENT ON COLUMN floors.origin_y IS 'metres: where in the facility''s frame the lower left corner of the plan lies';

CREATE TABLE departments (
    id                   text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    facility_id          text        NOT NULL REFERENCES facilities ON DELETE RESTRICT,
    department_code      text        NOT NULL CHECK (department_code <> ''),
    department_name      text        NOT NULL CHECK (department_name <> ''),
    parent_department_id text        REFERENCES departments ON DELETE SET NULL,
    manager_id           text,
    cost_center          text,
    floor_number         real,
    phone                text,
    email                text,
    is_default           boolean     NOT NULL DEFAULT false,
    is_active            boolean     NOT NULL DEFAULT true,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    UNIQUE (facility_id, department_code),
    CHECK (parent_department_id <> id)
);
COMMENT ON TABLE departments IS 'A department of a facility: it answers for assets and pays for them.';
COMMENT ON COLUMN departments.is_default IS 'answers for the facility''s assets that no other department answers for; at most one a facility';
CREATE UNIQUE INDEX departments_default ON departments (facility_id) WHERE is_default;
CREATE INDEX departments_parent ON departments (parent_department_id);

CREATE TABLE rooms (
    id               text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    floor_id         text        NOT NULL REFERENCES floors ON DELETE CASCADE,
    department_id    text        REFERENCES departments ON DELETE SET NULL,
    room_code        text        NOT NULL CHECK (room_code <> ''),
    room_name        text        NOT NULL CHECK (room_name <> ''),
    room_type        text        NOT NULL DEFAULT 'OTHER',
    area_m2          double precision CHECK (area_m2 > 0),
    bed_count        integer     NOT NULL DEFAULT 0 CHECK (bed_count >= 0),
    is_restricted    boolean     NOT NULL DEFAULT false,
    geofence_polygon jsonb       CHECK (is_geofence_polygon(geofence_polygon)),
    center_x         double precision,
    center_y         double precision,
    is_active        boolean     NOT NULL DEFAULT true,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (floor_id, room_code)
);
COMMENT ON TABLE rooms IS 'A room, corridor or lift. Its id is location_history.room_id of the pings from inside its polygon.';
COMMENT ON COLUMN rooms.geofence_polygon IS 'metres in the facility''s frame: one closed ring [[x, y], …, first again], counter-clockwise';
COMMENT ON COLUMN rooms.is_restricted IS 'assets that are not at home here should not be here';
CREATE INDEX rooms_department ON rooms (department_id);

CREATE TABLE users (
    id                    text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    organization_id       text        NOT NULL REFERENCES organizations ON DELETE RESTRICT,
    department_id         text        REFERENCES departments ON DELETE SET NULL,
    username              text        NOT NULL UNIQUE CHECK (username <> ''),
    email                 text        NOT NULL UNIQUE CHECK (email <> ''),
    password_hash         text,
    first_name            text        NOT NULL,
    last_name             text        NOT NULL,
    role                  text        NOT NULL DEFAULT 'VIEWER'
                          CHECK (role IN ('ADMIN', 'ENGINEER', 'TECHNICIAN', 'CLINICAL_STAFF', 'VIEWER')),
    permissions           jsonb,
    employee_number       text,
    job_title             text,
    phone                 text,
    is_active             boolean     NOT NULL DEFAULT true,
    last_login_at         timestamptz,
    failed_login_attempts integer     NOT NULL DEFAULT 0 CHECK (failed_login_attempts >= 0),
    last_failed_login_at  timestamptz,
    locked_until          timestamptz,
    lock_reason           text,
    password_changed_at   timestamptz,
    must_change_password  boolean     NOT NULL DEFAULT false,
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE users IS 'People who use BioTrakr or answer for assets. Somebody who left is set inactive: history refers to them.';
COMMENT ON COLUMN users.password_hash IS 'never a password; rtls-ingest neither reads nor writes it';
COMMENT ON COLUMN users.locked_until IS 'no login before; NULL: not locked';
CREATE INDEX users_organization ON users (organization_id);
CREATE INDEX users_department ON users (department_id);

-- Departments and users refer to each other: the second half of the circle comes when both are there.
ALTER TABLE departments ADD CONSTRAINT departments_manager_id_fkey
    FOREIGN KEY (manager_id) REFERENCES users ON DELETE SET NULL;
CREATE INDEX departments_manager ON departments (manager_id);

CREATE TABLE vendors (
    id             text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    vendor_code    text        NOT NULL UNIQUE CHECK (vendor_code <> ''),
    vendor_name    text        NOT NULL CHECK (vendor_name <> ''),
    vendor_type    vendor_type NOT NULL,
    contact_name   text,
    email          text,
    phone          text,
    website        text,
    address_line1  text,
    address_line2  text,
    city           text,
    state_province text,
    postal_code    text,
    country        text,
    tax_number     text,
    payment_terms  text,
    payment_days   integer     CHECK (payment_days >= 0),
    service_level  service_level,
    rating         numeric(2, 1) CHECK (rating BETWEEN 0 AND 5),
    notes          text,
    is_active      boolean     NOT NULL DEFAULT true,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE vendors IS 'Manufacturers, distributors, service providers, suppliers of parts.';
COMMENT ON COLUMN vendors.rating IS '0 to 5';
