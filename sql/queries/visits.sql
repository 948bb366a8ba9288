-- In which rooms was it since yesterday, from when to when? A stay of a minute or more counts, seen half a metre from the walls.
SELECT v.room_name, v.entered_at, v.left_at, v.left_at - v.last_seen AS left_within, v.dwell, v.pings, v.is_open, v.confidence
FROM rtls.assets a, asset_visits(a.id, now() - INTERVAL '24 hours', now(), min_dwell => '1 minute', margin_m => 0.5) v
WHERE a.asset_tag_number = 'DEMO-PUMP-0001'
ORDER BY v.entered_at;
