-- Which way did it go today, in at most 50 points that keep the shape?
SELECT p.t, p.floor, p.x, p.y, p.left_out, p.deviation_m
FROM rtls.assets a, asset_trail(a.id, now() - INTERVAL '24 hours', now(), 50) p
WHERE a.asset_tag_number = 'DEMO-PUMP-0001'
ORDER BY p.t;
