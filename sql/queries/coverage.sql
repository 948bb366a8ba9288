-- In which rooms do assets vanish, to be heard again elsewhere?
SELECT c.room_name, c.silences, c.assets, c.longest, c.elsewhere_share, c.accuracy_m
FROM rtls.facilities f, coverage_holes(f.facility_code, now() - INTERVAL '7 days', now()) c;
