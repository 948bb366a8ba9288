-- The upgrade's own schema: how far it has come, which mapping it used, what of v1 has no place in v2's columns, and the report.
-- Made in the transaction that moves v1's tables, so that the two are there together or not at all. Stays after `finalize`.

CREATE SCHEMA biotrakr_upgrade;
COMMENT ON SCHEMA biotrakr_upgrade IS 'The upgrade from BioTrakr v1: its state, its report, and what of v1 has no column in v2.';

CREATE TABLE biotrakr_upgrade.state (
    only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    phase        text NOT NULL
                 CHECK (phase IN ('moved', 'converted', 'copied', 'applied', 'finalized', 'rolling_back')),
    -- Of asset_location_pings: the first block of the table that is not copied yet.
    next_block   bigint NOT NULL DEFAULT 0,
    pings_copied bigint NOT NULL DEFAULT 0,
    -- Each v1 table's rows and checksum at the moment it was moved: what verify and rollback must find again.
    fingerprint  jsonb NOT NULL,
    -- The manifest of the backup; NULL: --i-have-a-backup.
    backup       jsonb,
    -- Names in public that were neither v1's nor rtls-ingest's: rollback leaves them alone.
    foreign_objects text[] NOT NULL,
    v1_objects   text[] NOT NULL,
    started_at   timestamptz NOT NULL DEFAULT now(),
    applied_at   timestamptz
);

CREATE TABLE biotrakr_upgrade.setting (
    name  text PRIMARY KEY,
    value text NOT NULL
);
COMMENT ON TABLE biotrakr_upgrade.setting IS 'orphans_to: the user of --assign-orphans-to; task_type: of the mapping file.';

-- The mapping file as it was when v1 was moved. section: categories, statuses, roles, taskStatuses, usefulLifeYears.
CREATE TABLE biotrakr_upgrade.word (
    section text NOT NULL,
    key     text NOT NULL,
    value   text NOT NULL,
    PRIMARY KEY (section, key)
);

-- What v2's own columns cannot give back of a v1 row: column → v1's value. Filled by comparing, not by a list: see remainder.sql.
CREATE TABLE biotrakr_upgrade.remainder (
    table_name text NOT NULL,
    row_id     text NOT NULL,
    v1         jsonb NOT NULL,
    PRIMARY KEY (table_name, row_id)
);
COMMENT ON TABLE biotrakr_upgrade.remainder IS
    'Values of v1 that have no column in v2, or that v2 does not allow there, by v1 table and row. Kept for good.';

CREATE TABLE biotrakr_upgrade.report (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN
               ('defaulted', 'derived', 'placeholder', 'differs', 'orphan', 'unmapped', 'dead_letter', 'repeated', 'setting')),
    table_name text NOT NULL,
    row_id     text NOT NULL,
    detail     jsonb NOT NULL
);
COMMENT ON TABLE biotrakr_upgrade.report IS
    'Everything that was not carried over as it was: defaulted, derived, replaced, put in another place, by row.';
CREATE INDEX report_row ON biotrakr_upgrade.report (table_name, row_id);

-- The same rule as wordKey in src/upgrade/mapping.ts: "Infusion Pump", "infusion-pump" and "infusion_pump" are one word.
CREATE FUNCTION biotrakr_upgrade.word_key(word text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT regexp_replace(lower(btrim(word, E' \t\n\r')), '[\s_-]+', '_', 'g') $$;

CREATE FUNCTION biotrakr_upgrade.translate(section text, word text) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT w.value FROM biotrakr_upgrade.word w
   WHERE w.section = translate.section AND w.key = biotrakr_upgrade.word_key(word) $$;

CREATE FUNCTION biotrakr_upgrade.setting_of(wanted text) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT value FROM biotrakr_upgrade.setting WHERE name = wanted $$;

-- The synthetic tag of an asset's v1 pings. tag_assignments wants ids of at most 128 characters, without blanks around them.
CREATE FUNCTION biotrakr_upgrade.tag_of(asset_id text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN length(asset_id) BETWEEN 1 AND 120 AND asset_id ~ '^[!-~]+$' THEN 'asset:' || asset_id
               ELSE 'asset:md5:' || md5(asset_id) END $$;

-- v1's timestamp(3) without zone means UTC.
CREATE FUNCTION biotrakr_upgrade.utc(t timestamp) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT t AT TIME ZONE 'UTC' $$;
CREATE FUNCTION biotrakr_upgrade.v1_time(t timestamptz) RETURNS timestamp LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT (t AT TIME ZONE 'UTC')::timestamp(3) $$;
