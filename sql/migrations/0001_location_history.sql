-- The pings: one row per (tag, time, gateway), however often a ping is delivered.
--
-- Column order: fixed-width columns first, widest first, so that no row carries alignment padding;
-- the variable-width columns that every row has (the ids) follow, the rarely set ones come last.
-- The ids are compared byte by byte (collation "C"): they are codes, not words, and the key below is what COPY pays for
-- (measured: a tenth to a fifth of its time under C.UTF-8, more under a language's collation).

CREATE TYPE tracking_method AS ENUM ('RFID', 'BLE', 'QR', 'GPS', 'MANUAL', 'NFC', 'UWB', 'WIFI');

-- device: the ping carried its time. received: it carried none. replaced: its time was impossible
-- (in the future or before 2000), the original is kept in props.
CREATE TYPE time_source AS ENUM ('device', 'received', 'replaced');

CREATE TABLE location_history (
    t               timestamptz      NOT NULL,
    received_at     timestamptz      NOT NULL DEFAULT now(),
    x               double precision,
    y               double precision,
    longitude       double precision CHECK (longitude BETWEEN -180 AND 180),
    latitude        double precision CHECK (latitude BETWEEN -90 AND 90),
    seq             bigint,
    z               real,
    floor           real,
    accuracy_m      real             CHECK (accuracy_m >= 0),
    tracking_method tracking_method,
    time_source     time_source      NOT NULL DEFAULT 'device',
    rssi_dbm        smallint,
    battery_pct     smallint         CHECK (battery_pct BETWEEN 0 AND 100),
    is_moving       boolean,
    facility_id     text COLLATE "C" NOT NULL CHECK (facility_id <> ''),
    gateway_id      text COLLATE "C" NOT NULL CHECK (gateway_id <> ''),
    tag_id          text COLLATE "C" NOT NULL CHECK (tag_id <> ''),
    room_id         text COLLATE "C",
    zone            text,
    props           jsonb
);

COMMENT ON TABLE location_history IS
    'RTLS pings as received, one row per (tag_id, t, gateway_id). Hypertable on t. Units: metres, dBm, percent.';
COMMENT ON COLUMN location_history.t IS 'when the tag was there: the ping''s own time, or the receive time (see time_source)';
COMMENT ON COLUMN location_history.received_at IS 'when rtls-ingest received the message from the broker';
COMMENT ON COLUMN location_history.tag_id IS 'canonical: MAC and EUI-64 in upper-case hex without delimiters, anything else as sent';
COMMENT ON COLUMN location_history.floor IS '0 is the ground, 1.5 a mezzanine, NULL unknown';
COMMENT ON COLUMN location_history.room_id IS 'the room whose polygon contains (x, y) on that floor; NULL when in none';
COMMENT ON COLUMN location_history.zone IS 'the zone as named by the gateway''s vendor';
COMMENT ON COLUMN location_history.props IS 'every key of the ping that has no column of its own';

-- One-day chunks: at 1,500 pings/s a chunk's unique index is some 10 GB, at 500/s it fits the cache of a small server.
SELECT create_hypertable('location_history', by_range('t', INTERVAL '1 day'), create_default_indexes => false);

-- The key of "effectively once". It is also the index of every question about one tag.
-- No second index on t: it would halve the rate of COPY, and chunks already cut by time.
CREATE UNIQUE INDEX location_history_key ON location_history (tag_id, t, gateway_id);

ALTER TABLE location_history SET (
    timescaledb.enable_columnstore,
    timescaledb.segmentby = 'tag_id',
    timescaledb.orderby = 't'
);
