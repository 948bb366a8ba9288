-- Where is this asset now, how old is that, and how far may it be relied on?
SELECT a.asset_tag_number, l.room_name, l.floor, l.t, l.age, l.fix, l.accuracy_m, l.confidence
FROM rtls.assets a, asset_location_now(a.id) l
WHERE a.asset_tag_number = 'DEMO-PUMP-0001';
