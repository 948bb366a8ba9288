-- Which assets were in restricted rooms that are not their home?
SELECT v.asset_tag_number, v.room_name, v.entered_at, v.left_at, v.confidence
FROM restricted_visits(now() - INTERVAL '24 hours', now()) v;
