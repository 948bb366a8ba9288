-- Days whose rollups must be computed again, because pings of that day came later than the refresh policies look back.
-- Written in the transaction that stores those pings, so that neither is there without the other; one row a day, not a ping.

CREATE TABLE rollup_refresh_queue (
    day          date        PRIMARY KEY,
    requested_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE rollup_refresh_queue IS
    'Days (UTC) with late pings whose continuous aggregates rtls-ingest has still to refresh.';
