-- How many hours did each department have the therapeutic equipment, day by day of the facility?
SELECT w.local_day, d.department_name, sum(w.dwell) AS dwell, min(w.confidence) AS confidence
FROM asset_dwell(ARRAY(SELECT a.id FROM rtls.assets a WHERE a.device_category = 'THERAPEUTIC'), now() - INTERVAL '2 days', now()) w
JOIN rtls.departments d ON d.id = w.department_id
GROUP BY w.local_day, d.department_name
ORDER BY w.local_day, dwell DESC;
