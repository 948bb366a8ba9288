-- How many of each kind would have been enough 95 % of the time?
SELECT r.device_category, r.device_subcategory, r.owned, r.enough, r.most_used, r.spare, r.tracked_share
FROM rtls.facilities f, right_size(f.facility_code, now() - INTERVAL '30 days', now(), 'AWAY') r
ORDER BY r.spare DESC;
