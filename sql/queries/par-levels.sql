-- Which rooms have too few or too many of what they should hold? The levels are rows of par_levels.
SELECT p.room_name, p.device_category, p.device_subcategory, p.min_count, p.max_count, p.present, p.unsure, p.status
FROM rtls.par_status p
ORDER BY p.lacking DESC, p.surplus DESC;
