-- How far was it moved since yesterday? Legs over silence and to other floors are counted, not guessed.
SELECT d.metres, d.legs, d.over_gap, d.other_floor, d.accuracy_m
FROM rtls.assets a, asset_distance(a.id, now() - INTERVAL '24 hours', now()) d
WHERE a.asset_tag_number = 'DEMO-PUMP-0001';
