-- The processes that share one subscription (MQTT_SHARE_GROUP), so that the living notice a dead one. Its session stays at
-- the broker, which goes on dealing messages into it; a survivor empties that session (src/ingest/replicas.ts).
-- All times are the database's: the clocks of the replicas' hosts need not agree.

CREATE TABLE ingest_replicas (
    broker           text        NOT NULL,
    client_id        text        NOT NULL,
    share_group      text        NOT NULL,
    filters          text[]      NOT NULL,
    renewed_at       timestamptz NOT NULL DEFAULT now(),
    overdue_after    interval    NOT NULL,
    resisted         smallint    NOT NULL DEFAULT 0,
    adopted_by       text,
    adopted_at       timestamptz,
    session_ended_at timestamptz,
    sessions_ended   integer     NOT NULL DEFAULT 0,
    PRIMARY KEY (broker, client_id)
);

COMMENT ON TABLE ingest_replicas IS
    'One row per process that shares a subscription, renewed while it lives; who is overdue has its MQTT session emptied by another.';
COMMENT ON COLUMN ingest_replicas.broker IS 'host and port of MQTT_URL: a client id is unique at one broker';
COMMENT ON COLUMN ingest_replicas.filters IS 'what it has subscribed to, to be given up for it';
COMMENT ON COLUMN ingest_replicas.resisted IS
    'how often it took its session back while overdue: it lives, cut off from the database; the next try waits twice as long';
COMMENT ON COLUMN ingest_replicas.adopted_by IS 'client id of the replica that empties its session';
COMMENT ON COLUMN ingest_replicas.sessions_ended IS
    'how often another ended its session, empty: what tells that from a session the broker has lost';
