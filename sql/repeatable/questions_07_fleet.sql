-- The fleet: who occupies which room, what is missing from it, what is used at once, and so how many are enough.

-- Minutes and not visits, because the questions are about hundreds of assets and weeks. The room of a minute is the one most of
-- its pings name, so that a jump through a wall for one ping counts nothing where the tag sends more.
CREATE OR REPLACE FUNCTION room_occupancy(facility text, since timestamptz, until timestamptz, unit text DEFAULT 'hour',
    max_gap interval DEFAULT '15 minutes')
RETURNS TABLE (
    bucket timestamptz, local_bucket timestamp, room_id text, room_name text, device_category device_category,
    average double precision, most bigint, assets bigint, heard_share double precision)
LANGUAGE sql STABLE SET jit = off AS $$
    WITH place AS MATERIALIZED (
        SELECT f.timezone FROM rtls.facilities f WHERE f.facility_code = facility
    ), stay AS MATERIALIZED (
        SELECT s.*, a.device_category
        FROM rtls.facility_stays(facility, since, until, max_gap) s JOIN rtls.assets a ON a.id = s.asset_id
        WHERE s.room_id IS NOT NULL
    ), edge AS MATERIALIZED (
        -- When the local hours or days begin, and one more; in steps of a quarter of an hour, because those of some time zones begin at :30 or :45.
        SELECT array_agg(DISTINCT date_trunc(unit, q, z.timezone)) AS begins
        FROM place z CROSS JOIN (SELECT min(s.from_t) AS first_t, max(s.to_t) AS last_t FROM stay s) AS span
        CROSS JOIN LATERAL generate_series(date_bin('15 minutes', first_t, timestamptz '2000-01-01 00:00Z'),
            last_t + ('1 ' || unit)::interval + INTERVAL '1 hour', INTERVAL '15 minutes') AS q
    ), placed AS (
        SELECT s.*, width_bucket(s.from_t, (SELECT begins FROM edge)) AS i,
            width_bucket(s.to_t - INTERVAL '1 microsecond', (SELECT begins FROM edge)) AS j
        FROM stay s WHERE EXISTS (SELECT FROM place)
    ), cut AS (
        SELECT p.i AS n, p.asset_id, p.room_id, p.device_category, p.heard, p.from_t AS began_t, p.from_t, p.to_t FROM placed p WHERE p.i = p.j
        UNION ALL
        SELECT n, p.asset_id, p.room_id, p.device_category, p.heard, p.from_t, greatest(p.from_t, (SELECT begins FROM edge)[n]),
            least(p.to_t, (SELECT begins FROM edge)[n + 1])
        FROM placed p CROSS JOIN LATERAL generate_series(p.i, p.j) AS n WHERE p.i < p.j
    ), piece AS MATERIALIZED (
        -- Heard: the minutes with a ping, the last one as far as it counts.
        SELECT c.n, c.asset_id, c.room_id, c.device_category, c.from_t, c.to_t, date_part('epoch', c.to_t - c.from_t) AS seconds,
            60 * bit_count(((c.heard >> m.skip) & ((1::bigint << m.whole - m.skip) - 1))::bit(60))
                + ((c.heard >> m.whole) & 1) * (date_part('epoch', c.to_t - c.began_t) - 60 * m.whole) AS heard
        FROM cut c
        CROSS JOIN LATERAL (SELECT least(60, (date_part('epoch', c.from_t - c.began_t) / 60)::integer) AS skip,
            least(60, floor(date_part('epoch', c.to_t - c.began_t) / 60)::integer) AS whole) AS m
    ), edges AS (
        SELECT n, begin, w.from_t, w.to_t, date_part('epoch', w.to_t - w.from_t) AS seconds
        FROM edge CROSS JOIN LATERAL unnest(edge.begins) WITH ORDINALITY AS b(begin, n)
        CROSS JOIN LATERAL (SELECT greatest(begin, since) AS from_t, least(edge.begins[n + 1], until) AS to_t) AS w
    ), share AS MATERIALIZED (
        SELECT p.n, p.room_id, p.device_category, p.asset_id, sum(p.seconds) AS seconds, sum(p.heard) AS heard FROM piece p GROUP BY 1, 2, 3, 4
    ), total AS MATERIALIZED (
        SELECT s.n, s.room_id, s.device_category, sum(s.seconds) AS seconds, sum(s.heard) AS heard, count(*) AS assets,
            count(*) FILTER (WHERE s.seconds > e.seconds - 1e-6) AS all_along
        FROM share s JOIN edges e ON e.n = s.n GROUP BY 1, 2, 3
    ), change AS (
        -- Who was there all along is there at the peak; when it was is asked only where several others came and went.
        SELECT p.n, p.room_id, p.device_category, v.t, sum(v.step) AS step
        FROM total t
        JOIN edges e ON e.n = t.n
        JOIN share s ON s.n = t.n AND s.room_id = t.room_id AND s.device_category = t.device_category AND s.seconds <= e.seconds - 1e-6
        JOIN piece p ON p.n = s.n AND p.room_id = s.room_id AND p.device_category = s.device_category AND p.asset_id = s.asset_id
        CROSS JOIN LATERAL (VALUES (p.from_t, 1), (p.to_t, -1)) AS v(t, step)
        WHERE t.assets - t.all_along > 1
        GROUP BY 1, 2, 3, 4
    ), level AS (
        SELECT c.n, c.room_id, c.device_category, sum(c.step) OVER (PARTITION BY c.n, c.room_id, c.device_category ORDER BY c.t) AS present
        FROM change c
    ), peak AS (
        SELECT l.n, l.room_id, l.device_category, max(l.present)::bigint AS most FROM level l GROUP BY 1, 2, 3
    )
    SELECT e.begin, e.begin AT TIME ZONE z.timezone, t.room_id, r.room_name, t.device_category, t.seconds / e.seconds,
        t.all_along + coalesce(k.most, t.assets - t.all_along), t.assets, t.heard / nullif(t.seconds, 0)
    FROM total t
    JOIN edges e ON e.n = t.n
    CROSS JOIN place z
    LEFT JOIN peak k ON k.n = t.n AND k.room_id = t.room_id AND k.device_category = t.device_category
    LEFT JOIN rtls.rooms r ON r.id = t.room_id
    ORDER BY e.begin, t.room_id, t.device_category
$$;
COMMENT ON FUNCTION room_occupancy(text, timestamptz, timestamptz, text, interval) IS
    'How many assets of which category were in which room, by hour or day of the facility (its code): on average over the bucket, at most at once, and how many different ones. heard_share: of that presence, what is vouched for by a ping in the same minute; the rest is silence of at most max_gap. sql/queries/occupancy.sql';

CREATE OR REPLACE VIEW rtls.asset_locations WITH (security_barrier) AS
SELECT a.id AS asset_id, a.asset_tag_number, a.equipment_name, a.device_category, a.device_subcategory, a.asset_status,
    a.home_room_id, a.current_facility_id, l.t, l.age, l.facility_id AS facility_code, l.floor, l.room_id, l.room_name, l.zone, l.x, l.y,
    l.z, l.longitude, l.latitude, l.accuracy_m, l.fix, l.is_moving, l.battery_pct, l.tag_id, l.confidence
FROM rtls.assets a
LEFT JOIN LATERAL asset_location_now(a.id) l ON true
WHERE a.deleted_at IS NULL;
COMMENT ON VIEW rtls.asset_locations IS
    'Every asset and where it is now, as asset_location_now says; without a ping the location is NULL.';

CREATE OR REPLACE FUNCTION rtls.use_spells(facility text, since timestamptz, until timestamptz, by_what text)
RETURNS TABLE (asset_id text, from_t timestamptz, to_t timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT s.asset_id, lower(part), upper(part)
    FROM (
        SELECT spell.asset_id, range_agg(spell.used) AS used FROM (
            SELECT u.asset_id, tstzrange(greatest(u.session_start, since), least(coalesce(u.session_end, now()), until)) AS used
            FROM rtls.usage_logs u
            JOIN rtls.assets a ON a.id = u.asset_id
            JOIN rtls.facilities f ON f.id = a.current_facility_id
            WHERE by_what = 'LOG' AND f.facility_code = facility AND u.session_start < least(until, now())
              AND coalesce(u.session_end, now()) > greatest(u.session_start, since)
            UNION ALL
            SELECT y.asset_id, tstzrange(y.from_t, y.to_t)
            FROM (SELECT 1 WHERE by_what = 'AWAY') AS asked
            CROSS JOIN LATERAL rtls.facility_stays(facility, since, until, INTERVAL '15 minutes') y
            JOIN rtls.assets a ON a.id = y.asset_id
            WHERE a.home_room_id IS NOT NULL AND y.room_id IS DISTINCT FROM a.home_room_id
        ) AS spell
        GROUP BY spell.asset_id
    ) AS s, unnest(s.used) AS part
$$;
COMMENT ON FUNCTION rtls.use_spells(text, timestamptz, timestamptz, text) IS
    'When assets of a facility were in use: LOG by usage_logs, AWAY by their tags (outside their home room, heard of in the last 15 minutes).';

CREATE OR REPLACE FUNCTION fleet_use(facility text, since timestamptz, until timestamptz, by_what text DEFAULT 'LOG')
RETURNS TABLE (
    asset_id text, asset_tag_number text, equipment_name text, device_category device_category, used interval, idle interval,
    used_pct double precision, longest_idle interval, last_used_at timestamptz)
LANGUAGE sql STABLE AS $$
    WITH window_end AS (SELECT least(until, now()) AS t), spell AS (
        SELECT s.*, s.from_t - coalesce(lag(s.to_t) OVER (PARTITION BY s.asset_id ORDER BY s.from_t), since) AS idle_before
        FROM rtls.use_spells(facility, since, until, by_what) s
    ), total AS MATERIALIZED (
        -- Once, and not once an asset: the planner expects one asset.
        SELECT s.asset_id, sum(s.to_t - s.from_t) AS used, max(s.idle_before) AS idle_before, max(s.to_t) AS last_used_at FROM spell s GROUP BY 1
    )
    SELECT a.id, a.asset_tag_number, a.equipment_name, a.device_category, u.used, e.t - since - u.used,
        100 * extract(epoch FROM u.used)::double precision / nullif(extract(epoch FROM e.t - since)::double precision, 0),
        greatest(t.idle_before, e.t - coalesce(t.last_used_at, since)), t.last_used_at
    FROM rtls.assets a
    JOIN rtls.facilities f ON f.id = a.current_facility_id
    CROSS JOIN window_end e
    LEFT JOIN total t ON t.asset_id = a.id
    CROSS JOIN LATERAL (SELECT coalesce(t.used, INTERVAL '0') AS used) AS u
    WHERE f.facility_code = facility AND a.deleted_at IS NULL AND a.asset_status IN ('ACTIVE', 'IN_SERVICE')
    ORDER BY 7, 2
$$;
COMMENT ON FUNCTION fleet_use(text, timestamptz, timestamptz, text) IS
    'How long each asset was used and idle, the least used first. by_what: LOG counts sessions of usage_logs; AWAY counts the time its tag was outside its home room, which is a sign of use and no proof: use it where nobody logs sessions. sql/queries/utilisation.sql';

CREATE OR REPLACE FUNCTION right_size(facility text, since timestamptz, until timestamptz, by_what text DEFAULT 'LOG', share double precision DEFAULT 0.95)
RETURNS TABLE (
    device_category device_category, device_subcategory text, owned bigint, average_used double precision, enough bigint, most_used bigint,
    spare bigint, tracked_share double precision)
LANGUAGE sql STABLE AS $$
    WITH fleet AS (
        SELECT a.id, a.device_category, a.device_subcategory
        FROM rtls.assets a JOIN rtls.facilities f ON f.id = a.current_facility_id
        WHERE f.facility_code = facility AND a.deleted_at IS NULL AND a.asset_status IN ('ACTIVE', 'IN_SERVICE')
    ), spell AS (
        SELECT f.device_category, f.device_subcategory, s.* FROM rtls.use_spells(facility, since, until, by_what) s JOIN fleet f ON f.id = s.asset_id
    ), kind AS (
        SELECT f.device_category, f.device_subcategory, count(*) AS owned,
            count(*) FILTER (WHERE f.id IN (SELECT s.asset_id FROM spell s))::double precision / count(*)::double precision AS tracked_share
        FROM fleet f GROUP BY 1, 2
    ), change AS (
        SELECT s.device_category, s.device_subcategory, e.t, sum(e.n) AS n
        FROM spell s CROSS JOIN LATERAL (VALUES (s.from_t, 1), (s.to_t, -1)) AS e(t, n)
        GROUP BY 1, 2, 3
        UNION ALL
        SELECT k.device_category, k.device_subcategory, since, 0 FROM kind k
    ), level AS (
        SELECT c.device_category, c.device_subcategory, sum(c.n) OVER w AS used,
            extract(epoch FROM lead(c.t, 1, least(until, now())) OVER w - c.t)::double precision AS seconds
        FROM change c
        WINDOW w AS (PARTITION BY c.device_category, c.device_subcategory ORDER BY c.t, c.n)
    ), ranked AS (
        SELECT l.device_category, l.device_subcategory, l.used, sum(l.seconds) AS seconds,
            sum(sum(l.seconds)) OVER (PARTITION BY l.device_category, l.device_subcategory ORDER BY l.used) AS up_to,
            sum(sum(l.seconds)) OVER (PARTITION BY l.device_category, l.device_subcategory) AS total
        FROM level l GROUP BY 1, 2, 3
    ), sized AS (
        SELECT r.device_category, r.device_subcategory, sum(r.used * r.seconds) / nullif(max(r.total), 0) AS average_used,
            min(r.used) FILTER (WHERE r.up_to >= share * r.total - 1e-6) AS enough, max(r.used) FILTER (WHERE r.seconds > 0) AS most_used
        FROM ranked r GROUP BY 1, 2
    )
    SELECT k.device_category, k.device_subcategory, k.owned, s.average_used::double precision, s.enough::bigint, s.most_used::bigint,
        k.owned - s.enough::bigint, k.tracked_share
    FROM kind k JOIN sized s ON s.device_category = k.device_category AND s.device_subcategory IS NOT DISTINCT FROM k.device_subcategory
    ORDER BY 7 DESC, 1, 2
$$;
COMMENT ON FUNCTION right_size(text, timestamptz, timestamptz, text, double precision) IS
    'How many of each kind would have been enough: in share (95 %) of the time no more than that were in use at once, moment by moment, not hour by hour. spare is what is owned beyond. tracked_share: of the assets of the kind, those with any use at all in the data; where it is small, the log is poor rather than the fleet large. sql/queries/right-size.sql';
