-- The analysts' schema: what they may read of the tables and rollups, as views of the same names.
--
-- The boundary. Every view is a security barrier owned by whoever migrates: a reader needs no right on what is beneath, and no
-- function of a reader's own sees a row before the view has let it through. Which organisations a reader has is asked of
-- analyst_grants by session_user, the role that logged in: neither SET, SET ROLE nor a SECURITY DEFINER function changes that.
-- Who may read the whole of location_history anyway (the owner, rtls_admin) sees all organisations here as well.
-- Tags that people wear (person_tags) are in none of these views, whoever asks.
--
-- Each condition below is a scalar or hashed sub-select, so that it is computed once a query and not once a row.

CREATE OR REPLACE VIEW rtls.organizations WITH (security_barrier) AS
SELECT o.id, o.name, o.type, o.is_active
FROM public.organizations o
WHERE (SELECT has_table_privilege(session_user, 'public.location_history', 'SELECT'))
   OR o.id IN (SELECT g.organization_id FROM public.analyst_grants g WHERE g.login = session_user);
COMMENT ON VIEW rtls.organizations IS 'The organisations the login role may read.';

CREATE OR REPLACE VIEW rtls.facilities WITH (security_barrier) AS
SELECT f.* FROM public.facilities f WHERE f.organization_id = ANY (ARRAY(SELECT o.id FROM rtls.organizations o));
COMMENT ON VIEW rtls.facilities IS 'The facilities of the organisations the login role may read.';

CREATE OR REPLACE VIEW rtls.buildings WITH (security_barrier) AS
SELECT b.* FROM public.buildings b WHERE b.facility_id = ANY (ARRAY(SELECT f.id FROM rtls.facilities f));

CREATE OR REPLACE VIEW rtls.departments WITH (security_barrier) AS
SELECT d.* FROM public.departments d WHERE d.facility_id = ANY (ARRAY(SELECT f.id FROM rtls.facilities f));

CREATE OR REPLACE VIEW rtls.floors WITH (security_barrier) AS
SELECT l.* FROM public.floors l WHERE l.building_id = ANY (ARRAY(SELECT b.id FROM rtls.buildings b));

CREATE OR REPLACE VIEW rtls.rooms WITH (security_barrier) AS
SELECT r.*, b.facility_id, l.floor_number
FROM public.rooms r JOIN public.floors l ON l.id = r.floor_id JOIN public.buildings b ON b.id = l.building_id
WHERE b.facility_id = ANY (ARRAY(SELECT f.id FROM rtls.facilities f));
COMMENT ON VIEW rtls.rooms IS 'Rooms with the facility (its id) and the floor number they are on.';

CREATE OR REPLACE VIEW rtls.assets WITH (security_barrier) AS
SELECT a.* FROM public.assets a WHERE a.organization_id = ANY (ARRAY(SELECT o.id FROM rtls.organizations o));

CREATE OR REPLACE VIEW rtls.par_levels WITH (security_barrier) AS
SELECT p.* FROM public.par_levels p WHERE p.room_id IN (SELECT r.id FROM rtls.rooms r);

CREATE OR REPLACE VIEW rtls.restricted_area_entries WITH (security_barrier) AS
SELECT e.* FROM public.restricted_area_entries e WHERE e.asset_id IN (SELECT a.id FROM rtls.assets a);

CREATE OR REPLACE VIEW rtls.alert_history WITH (security_barrier) AS
SELECT h.* FROM public.alert_history h WHERE h.asset_id IN (SELECT a.id FROM rtls.assets a);

CREATE OR REPLACE VIEW rtls.usage_logs WITH (security_barrier) AS
SELECT u.* FROM public.usage_logs u WHERE u.asset_id IN (SELECT a.id FROM rtls.assets a);

CREATE OR REPLACE VIEW rtls.tag_assignments WITH (security_barrier) AS
SELECT w.* FROM public.tag_assignments w JOIN public.assets a ON a.id = w.asset_id
WHERE a.organization_id = ANY (ARRAY(SELECT o.id FROM rtls.organizations o))
  AND w.tag_id NOT IN (SELECT p.tag_id FROM public.person_tags p);
COMMENT ON VIEW rtls.tag_assignments IS 'Which asset wore which tag when; without tags that people wear.';

-- A facility that is in no table has no organisation: its pings are seen by those only who see everything.
CREATE OR REPLACE VIEW rtls.location_history WITH (security_barrier) AS
SELECT h.* FROM public.location_history h
WHERE ((SELECT has_table_privilege(session_user, 'public.location_history', 'SELECT'))
    OR h.facility_id = ANY (ARRAY(SELECT f.facility_code FROM rtls.facilities f)))
  AND h.tag_id NOT IN (SELECT p.tag_id FROM public.person_tags p);
COMMENT ON VIEW rtls.location_history IS 'The pings of the facilities the login role may read. Name a tag and a span of time.';

-- One view and not a join of two: a condition on one barrier view does not reach into another.
CREATE OR REPLACE VIEW rtls.asset_history WITH (security_barrier) AS
SELECT w.asset_id, h.*
FROM public.tag_assignments w
JOIN public.assets a ON a.id = w.asset_id
JOIN public.location_history h
  ON h.tag_id = w.tag_id AND h.t >= w.valid_from AND h.t < coalesce(w.valid_to, 'infinity')
WHERE a.organization_id = ANY (ARRAY(SELECT o.id FROM rtls.organizations o))
  AND ((SELECT has_table_privilege(session_user, 'public.location_history', 'SELECT'))
    OR h.facility_id = ANY (ARRAY(SELECT f.facility_code FROM rtls.facilities f)))
  AND w.tag_id NOT IN (SELECT p.tag_id FROM public.person_tags p);
COMMENT ON VIEW rtls.asset_history IS
    'The pings of the tags an asset wore, while it wore them. Name an asset and a span of time: the key of location_history then answers from the chunks of that span.';
