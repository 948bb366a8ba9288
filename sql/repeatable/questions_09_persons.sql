-- Tags that people wear: what is kept of them is kept for a time, and erased wherever it is.
--
-- SECURITY DEFINER: the materialised rollups belong to whoever migrates. Only rtls_admin may call it (roles.sql).

CREATE OR REPLACE FUNCTION erase_tag(tag text, before timestamptz DEFAULT 'infinity') RETURNS TABLE (place text, erased bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- A day of one tag is unpacked at a time by the key of its segments; the default limit is for accidents.
SET timescaledb.max_tuples_decompressed_per_dml_transaction = 0 AS $$
DECLARE
    wanted text := public.canonical_tag_id(tag);
    rollup record;
BEGIN
    -- Noted before the pings are gone: what a day's gateways heard is counted again without them.
    INSERT INTO public.rollup_refresh_queue (day)
    SELECT DISTINCT (h.t AT TIME ZONE 'UTC')::date AS day FROM public.location_history h WHERE h.tag_id = wanted AND h.t < before ORDER BY day
    ON CONFLICT (day) DO UPDATE SET requested_at = excluded.requested_at;

    DELETE FROM public.location_history h WHERE h.tag_id = wanted AND h.t < before;
    place := 'location_history';
    GET DIAGNOSTICS erased = ROW_COUNT;
    RETURN NEXT;

    -- Materialised buckets stay when pings go, often because their pings went long ago: they are erased where they are held.
    FOR rollup IN
        SELECT c.view_name, c.materialization_hypertable_schema AS schema, c.materialization_hypertable_name AS name
        FROM timescaledb_information.continuous_aggregates c
        WHERE c.view_schema = 'public' AND EXISTS (
            SELECT FROM information_schema.columns k
            WHERE k.table_schema = c.materialization_hypertable_schema AND k.table_name = c.materialization_hypertable_name
              AND k.column_name = 'tag_id')
        ORDER BY c.view_name
    LOOP
        EXECUTE format('DELETE FROM %I.%I WHERE tag_id = $1 AND bucket < $2', rollup.schema, rollup.name) USING wanted, before;
        place := rollup.view_name;
        GET DIAGNOSTICS erased = ROW_COUNT;
        RETURN NEXT;
    END LOOP;

    -- A message that could not be read as a whole may name other tags as well; it goes with this one.
    DELETE FROM public.dead_letter d
    WHERE d.received_at < before AND length(wanted) >= 4
      AND position(lower(wanted) IN translate(lower(encode(d.payload, 'escape')), ':.-', '')) > 0;
    place := 'dead_letter';
    GET DIAGNOSTICS erased = ROW_COUNT;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION erase_tag(text, timestamptz) IS
    'Erases what is known of a tag, in any spelling of its id, of the time before: pings (also in compressed chunks), buckets of every rollup that names tags, dead letters that hold its id. The bucket in which before lies goes whole. Days whose pings were erased are queued for refresh, so that counts by gateway follow. One transaction; what a gateway still buffers comes later: erase again. Backups and the disk blocks until the next VACUUM are not reached.';
REVOKE ALL ON FUNCTION erase_tag(text, timestamptz) FROM PUBLIC;

CREATE OR REPLACE PROCEDURE erase_expired_person_pings(job_id integer DEFAULT NULL, config jsonb DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
    person record;
BEGIN
    FOR person IN SELECT p.tag_id, now() - p.keep AS before FROM public.person_tags p ORDER BY p.tag_id LOOP
        PERFORM public.erase_tag(person.tag_id, person.before);
        -- A tag at a time: pings that are being stored meanwhile do not wait for the last.
        COMMIT;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE erase_expired_person_pings(integer, jsonb) IS
    'Erases the pings and rollups of people''s tags (person_tags) older than their keep. Runs every day as a job.';
REVOKE ALL ON PROCEDURE erase_expired_person_pings(integer, jsonb) FROM PUBLIC;

SELECT add_job('public.erase_expired_person_pings', INTERVAL '1 day')
WHERE NOT EXISTS (SELECT FROM timescaledb_information.jobs j WHERE j.proc_name = 'erase_expired_person_pings');

-- Usually empty, and in every question. Autovacuum looks at no table that nothing was written to, and of one that was never analysed
-- the planner expects ten pages of rows: questions took fifty times as long.
ANALYZE person_tags;
