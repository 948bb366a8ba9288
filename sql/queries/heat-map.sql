-- Where on the ground floor does the equipment stand, in squares of two metres?
SELECT h.cell_x, h.cell_y, h.minutes, h.assets, h.accuracy_m
FROM rtls.facilities f, heat_map(f.facility_code, 0, now() - INTERVAL '24 hours', now(), 2) h
ORDER BY h.minutes DESC
LIMIT 20;
