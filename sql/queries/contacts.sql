-- When were these two in the same room, and how near to each other?
SELECT c.room_id, c.began_at, c.ended_at, c.together, c.nearest_m, c.accuracy_m, c.confidence
FROM rtls.assets a, rtls.assets b, asset_contacts(a.id, b.id, now() - INTERVAL '24 hours', now()) c
WHERE a.asset_tag_number = 'DEMO-PUMP-0001' AND b.asset_tag_number = 'DEMO-PUMP-0002'
ORDER BY c.began_at;
