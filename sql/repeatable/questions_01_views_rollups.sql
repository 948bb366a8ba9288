-- The rollups as analysts read them: cut to their organisations, and by asset. The rules of questions_01_views.sql hold.
--
-- A migration that makes a rollup anew drops these views with it (DROP … CASCADE); this file then makes them again, for which it
-- must have changed.
--
-- How far a rollup is materialised TimescaleDB asks with the reader's rights, unless its planner has put the answer in place of
-- the question, which it does for a query and not for a function's body that is folded into one. So every function that reads
-- these views has a SET clause: it is planned by itself.

CREATE OR REPLACE VIEW rtls.location_1m WITH (security_barrier) AS
SELECT r.* FROM public.location_1m r
WHERE ((SELECT has_table_privilege(session_user, 'public.location_history', 'SELECT'))
    OR r.facility_id = ANY (ARRAY(SELECT f.facility_code FROM rtls.facilities f)))
  AND r.tag_id NOT IN (SELECT p.tag_id FROM public.person_tags p);

CREATE OR REPLACE VIEW rtls.location_1h WITH (security_barrier) AS
SELECT r.* FROM public.location_1h r
WHERE ((SELECT has_table_privilege(session_user, 'public.location_history', 'SELECT'))
    OR r.facility_id = ANY (ARRAY(SELECT f.facility_code FROM rtls.facilities f)))
  AND r.tag_id NOT IN (SELECT p.tag_id FROM public.person_tags p);

CREATE OR REPLACE VIEW rtls.location_1d WITH (security_barrier) AS
SELECT r.* FROM public.location_1d r
WHERE ((SELECT has_table_privilege(session_user, 'public.location_history', 'SELECT'))
    OR r.facility_id = ANY (ARRAY(SELECT f.facility_code FROM rtls.facilities f)))
  AND r.tag_id NOT IN (SELECT p.tag_id FROM public.person_tags p);

CREATE OR REPLACE VIEW rtls.room_presence_1m WITH (security_barrier) AS
SELECT r.* FROM public.room_presence_1m r
WHERE ((SELECT has_table_privilege(session_user, 'public.location_history', 'SELECT'))
    OR r.facility_id = ANY (ARRAY(SELECT f.facility_code FROM rtls.facilities f)))
  AND r.tag_id NOT IN (SELECT p.tag_id FROM public.person_tags p);

CREATE OR REPLACE VIEW rtls.room_presence_1h WITH (security_barrier) AS
SELECT r.* FROM public.room_presence_1h r
WHERE ((SELECT has_table_privilege(session_user, 'public.location_history', 'SELECT'))
    OR r.facility_id = ANY (ARRAY(SELECT f.facility_code FROM rtls.facilities f)))
  AND r.tag_id NOT IN (SELECT p.tag_id FROM public.person_tags p);
COMMENT ON VIEW rtls.room_presence_1h IS 'Where each tag was, hour by hour; unnest(stays) has the rooms. Not by asset: an hour in which a tag changed hands is of two.';

-- No tag is named here; how many a gateway hears says nothing about whose they are.
CREATE OR REPLACE VIEW rtls.gateway_1m WITH (security_barrier) AS
SELECT r.* FROM public.gateway_1m r
WHERE (SELECT has_table_privilege(session_user, 'public.location_history', 'SELECT'))
   OR r.facility_id = ANY (ARRAY(SELECT f.facility_code FROM rtls.facilities f));

-- A bucket in which a tag changed hands counts for the asset that wore it at its last ping.
CREATE OR REPLACE VIEW rtls.asset_location_1h WITH (security_barrier) AS
SELECT w.asset_id, r.*
FROM public.tag_assignments w
JOIN public.assets a ON a.id = w.asset_id
JOIN public.location_1h r ON r.tag_id = w.tag_id AND r.bucket > w.valid_from - INTERVAL '1 hour' AND r.bucket < coalesce(w.valid_to, 'infinity')
    AND r.last_t >= w.valid_from AND r.last_t < coalesce(w.valid_to, 'infinity')
WHERE a.organization_id = ANY (ARRAY(SELECT o.id FROM rtls.organizations o))
  AND ((SELECT has_table_privilege(session_user, 'public.location_history', 'SELECT'))
    OR r.facility_id = ANY (ARRAY(SELECT f.facility_code FROM rtls.facilities f)))
  AND w.tag_id NOT IN (SELECT p.tag_id FROM public.person_tags p);
COMMENT ON VIEW rtls.asset_location_1h IS 'location_1h by asset; an hour in which a tag changed hands counts for who wore it at its last ping.';

CREATE OR REPLACE VIEW rtls.asset_location_1d WITH (security_barrier) AS
SELECT w.asset_id, r.*
FROM public.tag_assignments w
JOIN public.assets a ON a.id = w.asset_id
JOIN public.location_1d r ON r.tag_id = w.tag_id AND r.bucket > w.valid_from - INTERVAL '1 day' AND r.bucket < coalesce(w.valid_to, 'infinity')
    AND r.last_t >= w.valid_from AND r.last_t < coalesce(w.valid_to, 'infinity')
WHERE a.organization_id = ANY (ARRAY(SELECT o.id FROM rtls.organizations o))
  AND ((SELECT has_table_privilege(session_user, 'public.location_history', 'SELECT'))
    OR r.facility_id = ANY (ARRAY(SELECT f.facility_code FROM rtls.facilities f)))
  AND w.tag_id NOT IN (SELECT p.tag_id FROM public.person_tags p);
COMMENT ON VIEW rtls.asset_location_1d IS 'location_1d by asset; a day in which a tag changed hands counts for who wore it at its last ping.';

CREATE OR REPLACE VIEW rtls.asset_presence_1m WITH (security_barrier) AS
SELECT w.asset_id, r.*
FROM public.room_presence_1m r
JOIN public.tag_assignments w ON r.tag_id = w.tag_id AND r.bucket > w.valid_from - INTERVAL '1 minute' AND r.bucket < coalesce(w.valid_to, 'infinity')
    AND r.last_t >= w.valid_from AND r.last_t < coalesce(w.valid_to, 'infinity')
JOIN public.assets a ON a.id = w.asset_id
WHERE a.organization_id = ANY (ARRAY(SELECT o.id FROM rtls.organizations o))
  AND ((SELECT has_table_privilege(session_user, 'public.location_history', 'SELECT'))
    OR r.facility_id = ANY (ARRAY(SELECT f.facility_code FROM rtls.facilities f)))
  AND w.tag_id NOT IN (SELECT p.tag_id FROM public.person_tags p);
COMMENT ON VIEW rtls.asset_presence_1m IS 'room_presence_1m by asset; a minute in which a tag changed hands counts for who wore it at its last ping there.';
