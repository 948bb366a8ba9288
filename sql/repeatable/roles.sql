-- The three roles, and what each may do. Roles belong to the whole server, rights to this database.
--
--   rtls_ingest   what the running service needs: insert pings and dead letters, keep its own two tables, read the plan of rooms
--   rtls_analyst  read the views of schema rtls: the organisations that analyst_grants gives the login role, and no table
--   rtls_admin    read and write all tables, grant analysts, erase tags
--
-- None of them can log in: grant them to login roles. Where the migrating user may not create roles (a managed server), the
-- service starts without them; whoever may creates them and calls grant_rtls_roles() once.

-- What a staged batch looks like, for CREATE TABLE … (LIKE …): that needs SELECT, which the service shall not have on the pings.
CREATE OR REPLACE VIEW location_history_shape AS SELECT * FROM location_history WHERE false;
COMMENT ON VIEW location_history_shape IS 'The columns of location_history and never a row.';

-- What tells a second delivery from a first. Rights on single columns are refused on hypertables with a columnstore, hence a view.
CREATE OR REPLACE VIEW location_receipts AS SELECT tag_id, t, gateway_id, received_at FROM location_history;
COMMENT ON VIEW location_receipts IS 'Which pings are stored, and when they were received.';

CREATE OR REPLACE PROCEDURE grant_rtls_roles()
LANGUAGE plpgsql AS $$
DECLARE
    name text;
    missing text[] := '{}';
BEGIN
    FOREACH name IN ARRAY ARRAY['rtls_ingest', 'rtls_analyst', 'rtls_admin'] LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_roles r WHERE r.rolname = name);
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        EXCEPTION
            WHEN insufficient_privilege THEN missing := missing || name;
            -- Another database of this server is being migrated at the same time.
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END LOOP;
    IF missing <> '{}' THEN
        RAISE WARNING 'the user % may not create the roles %: everything else works; as a user with CREATEROLE run CREATE ROLE for each, then CALL grant_rtls_roles()',
            current_user, array_to_string(missing, ', ');
    END IF;

    IF NOT 'rtls_ingest' = ANY (missing) THEN
        GRANT USAGE ON SCHEMA public TO rtls_ingest;
        GRANT INSERT ON location_history TO rtls_ingest;
        GRANT SELECT ON location_history_shape, location_receipts TO rtls_ingest;
        GRANT INSERT, SELECT (id) ON dead_letter TO rtls_ingest;
        GRANT SELECT, INSERT, UPDATE, DELETE ON rollup_refresh_queue, ingest_replicas TO rtls_ingest;
        GRANT SELECT ON facilities, buildings, floors, rooms, rtls_schema_migrations TO rtls_ingest;
    END IF;

    IF NOT 'rtls_analyst' = ANY (missing) THEN
        GRANT USAGE ON SCHEMA public, rtls TO rtls_analyst;
        GRANT SELECT ON ALL TABLES IN SCHEMA rtls TO rtls_analyst;
    END IF;

    IF NOT 'rtls_admin' = ANY (missing) THEN
        GRANT USAGE ON SCHEMA public, rtls TO rtls_admin;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO rtls_admin;
        GRANT SELECT ON ALL TABLES IN SCHEMA rtls TO rtls_admin;
        REVOKE INSERT, UPDATE, DELETE ON rtls_schema_migrations FROM rtls_admin;
        GRANT EXECUTE ON FUNCTION erase_tag(text, timestamptz), record_restricted_entries(timestamptz, timestamptz) TO rtls_admin;
        GRANT EXECUTE ON PROCEDURE erase_expired_person_pings(integer, jsonb) TO rtls_admin;
    END IF;
END
$$;
COMMENT ON PROCEDURE grant_rtls_roles() IS
    'Creates the roles rtls_ingest, rtls_analyst and rtls_admin where they are missing and may be created, and gives them their rights in this database. To be called again after a role was created by hand.';

CALL grant_rtls_roles();
