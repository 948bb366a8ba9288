-- Where was it two hours ago? The latest ping until then; age says how long before that it was heard.
SELECT a.asset_tag_number, l.room_name, l.floor, l.t, l.age, l.confidence
FROM rtls.assets a, asset_location_at(a.id, now() - INTERVAL '2 hours') l
WHERE a.asset_tag_number = 'DEMO-PUMP-0001';
