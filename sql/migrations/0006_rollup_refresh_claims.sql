-- A big site's day is refreshed in pieces, each in a statement and over a connection of its own; so what keeps two processes
-- from the same day can no longer be a lock of one connection. A claim runs out by itself when its process dies.

ALTER TABLE rollup_refresh_queue ADD COLUMN claimed_until timestamptz;

COMMENT ON COLUMN rollup_refresh_queue.claimed_until IS 'a process is refreshing this day; it extends the claim with every piece';
