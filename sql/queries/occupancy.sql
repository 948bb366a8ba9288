-- How full were the rooms, hour by hour of the facility, by kind of equipment?
SELECT o.local_bucket, o.room_name, o.device_category, round(o.average::numeric, 2) AS average, o.most, o.heard_share
FROM rtls.facilities f, room_occupancy(f.facility_code, now() - INTERVAL '24 hours', now()) o
ORDER BY o.bucket, o.average DESC;
