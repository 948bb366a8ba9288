-- What the analysts' questions need beside the pings: who may read which organisation, which tags people wear, how many of
-- what a room should hold, and which entries into restricted rooms were recorded.
--
-- Row-level security is refused on hypertables with a columnstore. So analysts have no rights on the tables; they read the
-- security-barrier views of the schema rtls (sql/repeatable/questions_01_views.sql), which ask analyst_grants.

CREATE SCHEMA rtls;
COMMENT ON SCHEMA rtls IS
    'What analysts read: views of the same names as the tables and rollups, cut to the organisations the login role is granted, without the tags people wear.';

CREATE TABLE analyst_grants (
    login           text        NOT NULL CHECK (login <> ''),
    organization_id text        NOT NULL REFERENCES organizations ON DELETE CASCADE,
    granted_at      timestamptz NOT NULL DEFAULT now(),
    granted_by      text        NOT NULL DEFAULT session_user,
    PRIMARY KEY (login, organization_id)
);
COMMENT ON TABLE analyst_grants IS 'Login role login may read organisation organization_id through the views of schema rtls.';
COMMENT ON COLUMN analyst_grants.login IS
    'the role that logs in (session_user): no SET and no SET ROLE changes it, as a setting would be changed by its user';

CREATE TABLE person_tags (
    tag_id     text        PRIMARY KEY CHECK (tag_id = canonical_tag_id(tag_id) AND tag_id <> ''),
    keep       interval    NOT NULL DEFAULT INTERVAL '30 days' CHECK (keep >= INTERVAL '1 day'),
    flagged_at timestamptz NOT NULL DEFAULT now(),
    note       text
);
COMMENT ON TABLE person_tags IS
    'Tags worn by people: no view of schema rtls and no question shows them; only who may read the tables does. Their pings are erased after keep.';
COMMENT ON COLUMN person_tags.keep IS 'how long their pings and rollups stay; erase_expired_person_pings() erases older ones';

CREATE TABLE par_levels (
    id                 text    PRIMARY KEY DEFAULT gen_random_uuid()::text,
    room_id            text    NOT NULL REFERENCES rooms ON DELETE CASCADE,
    device_category    device_category NOT NULL,
    device_subcategory text,
    min_count          integer NOT NULL CHECK (min_count >= 0),
    max_count          integer,
    CONSTRAINT par_levels_in_order CHECK (max_count >= min_count)
);
COMMENT ON TABLE par_levels IS 'How many assets of a kind a room should hold: at least min_count, at most max_count.';
COMMENT ON COLUMN par_levels.device_subcategory IS 'as in assets; NULL: all of the category';
-- coalesce and not NULLS NOT DISTINCT: that needs PostgreSQL 15.
CREATE UNIQUE INDEX par_levels_kind ON par_levels (room_id, device_category, coalesce(device_subcategory, ''));

-- An asset is where it is by its pings, so an entry is recomputed when late ones come; what was alerted once is kept here.
CREATE TABLE restricted_area_entries (
    asset_id   text        NOT NULL REFERENCES assets ON DELETE CASCADE,
    room_id    text        NOT NULL,
    entered_at timestamptz NOT NULL,
    left_at    timestamptz NOT NULL,
    alert_id   text        REFERENCES alert_history ON DELETE SET NULL,
    PRIMARY KEY (asset_id, room_id, entered_at),
    CHECK (left_at >= entered_at)
);
COMMENT ON TABLE restricted_area_entries IS
    'Entries of assets into restricted rooms they do not belong in, as recorded by record_restricted_area_entries(): one alert each, and one on assets.geofence_violations.';
CREATE INDEX restricted_area_entries_time ON restricted_area_entries (entered_at);
COMMENT ON COLUMN restricted_area_entries.alert_id IS 'NULL: alerts of this asset are switched off (assets.is_alerting_enabled), or the alert was deleted';
