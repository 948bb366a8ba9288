-- Which asset wore which tag when. History belongs to tags; assets own it through time.
--
-- An asset may wear several tags at once (a BLE tag and an RFID label), a tag is on one asset at a time: an exclusion
-- constraint, which holds under any concurrency. The usual way to compare a text column in one needs the extension btree_gist,
-- which not every server has; a range type over text needs none, because GiST on ranges is built in.

CREATE TYPE text_range AS RANGE (subtype = text, collation = "C");

CREATE TABLE tag_assignments (
    id             text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    tag_id         text        NOT NULL CHECK (tag_id <> '' AND length(tag_id) <= 128),
    asset_id       text        NOT NULL REFERENCES assets ON DELETE RESTRICT,
    valid_from     timestamptz NOT NULL DEFAULT now(),
    valid_to       timestamptz,
    assigned_by_id text        REFERENCES users ON DELETE RESTRICT,
    created_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tag_assignments_tag_canonical CHECK (tag_id = canonical_tag_id(tag_id)),
    CONSTRAINT tag_assignments_in_order CHECK (valid_to > valid_from),
    CONSTRAINT tag_assignments_one_asset_at_a_time EXCLUDE USING gist
        (text_range(tag_id, tag_id, '[]') WITH =, tstzrange(valid_from, valid_to) WITH &&)
);
COMMENT ON TABLE tag_assignments IS
    'Asset asset_id wore tag tag_id from valid_from until before valid_to. No tag is on two assets at a time, nor twice on one.';
COMMENT ON COLUMN tag_assignments.tag_id IS 'canonical, as in location_history; canonical_tag_id() makes it so';
COMMENT ON COLUMN tag_assignments.valid_from IS '-infinity: for as long as there are pings';
COMMENT ON COLUMN tag_assignments.valid_to IS 'exclusive; NULL: still';
CREATE INDEX tag_assignments_tag ON tag_assignments (tag_id, valid_from DESC);
CREATE INDEX tag_assignments_asset ON tag_assignments (asset_id, valid_from DESC);
