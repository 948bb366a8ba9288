-- Which rooms have too few or too many: par levels against where assets are now, all of them asked for in one go.

CREATE OR REPLACE VIEW rtls.par_status WITH (security_barrier) AS
WITH present AS MATERIALIZED (
    SELECT a.device_category, a.device_subcategory, a.current_facility_id, l.room_id,
        location_confidence(l.fix, l.accuracy_m, now() - l.t) AS confidence
    FROM rtls.assets_now(ARRAY(
            SELECT s.id FROM rtls.assets s
            WHERE s.deleted_at IS NULL AND s.asset_status IN ('ACTIVE', 'IN_SERVICE')
              AND s.device_category IN (SELECT p.device_category FROM rtls.par_levels p))) AS l
    JOIN rtls.assets a ON a.id = l.asset_id
)
SELECT p.room_id, r.room_name, p.device_category, p.device_subcategory, p.min_count, p.max_count, n.present, n.unsure,
    CASE WHEN n.present < p.min_count THEN 'UNDER' WHEN n.present > p.max_count THEN 'OVER' ELSE 'OK' END AS status,
    greatest(p.min_count - n.present, 0) AS lacking, greatest(n.present - p.max_count, 0) AS surplus, n.confidence
FROM rtls.par_levels p
JOIN rtls.rooms r ON r.id = p.room_id
CROSS JOIN LATERAL (
    SELECT count(*) AS present, count(*) FILTER (WHERE i.confidence < 0.25) AS unsure, min(i.confidence) AS confidence
    FROM present i
    WHERE i.room_id = p.room_id AND i.current_facility_id = r.facility_id AND i.device_category = p.device_category
      AND (p.device_subcategory IS NULL OR i.device_subcategory = p.device_subcategory)
    ) AS n;
COMMENT ON VIEW rtls.par_status IS
    'Par levels against what is there: UNDER, OK or OVER. present: usable assets last located in the room; unsure: those of them with a confidence below 0.25 (a fix of 20 minutes ago, say); confidence: of the least sure. sql/queries/par-levels.sql';
