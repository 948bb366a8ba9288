-- How long does equipment stay in a room at a time? Visits of today, to the minute, by room.
SELECT d.group_name, d.visits, d.assets, d.median, d.p95, d.longest, d.to_5_min, d.to_15_min, d.to_1_h, d.to_4_h, d.to_12_h, d.to_24_h, d.longer
FROM rtls.facilities f, dwell_distribution(f.facility_code, now() - INTERVAL '24 hours', now()) d
ORDER BY d.visits DESC;
