-- What could not be stored, with everything needed to try again.

CREATE TABLE dead_letter (
    id            uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    received_at   timestamptz NOT NULL DEFAULT now(),
    topic         text        NOT NULL,
    payload       bytea       NOT NULL,
    payload_bytes integer     NOT NULL CHECK (payload_bytes >= 0),
    element       integer     NOT NULL DEFAULT -1 CHECK (element >= -1),
    reason        text        NOT NULL CHECK (reason <> ''),
    detail        text        NOT NULL DEFAULT '',
    sqlstate      text        CHECK (sqlstate ~ '^[0-9A-Z]{5}$'),
    replayed_at   timestamptz
);

COMMENT ON TABLE dead_letter IS
    'One row per ping that could not be stored: the raw bytes of that ping (of the whole message where no ping could be told apart).';
COMMENT ON COLUMN dead_letter.id IS 'given by rtls-ingest, so that a repeated write of the same rejection is one row';
COMMENT ON COLUMN dead_letter.payload IS 'raw bytes, cut at the configured limit; payload_bytes is the true size';
COMMENT ON COLUMN dead_letter.element IS 'which ping of its message this was, from 0; -1 for a whole message';
COMMENT ON COLUMN dead_letter.reason IS 'one of a fixed set, the label of rtls_pings_dead_lettered_total';
COMMENT ON COLUMN dead_letter.sqlstate IS 'set when the database refused the row';

CREATE INDEX dead_letter_received_at ON dead_letter (received_at);
