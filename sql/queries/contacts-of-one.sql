-- This one was found contaminated: with which others was it in one room?
SELECT o.asset_tag_number, o.equipment_name, m.contacts, m.together, m.first_at, m.last_at, m.confidence
FROM rtls.assets a, assets_met(a.id, now() - INTERVAL '24 hours', now()) m, rtls.assets o
WHERE a.asset_tag_number = 'DEMO-PUMP-0001' AND o.id = m.other_id
ORDER BY m.together DESC;
