-- What stood at home all month? By tags; 'LOG' instead of 'AWAY' counts logged sessions.
SELECT u.asset_tag_number, u.equipment_name, u.used, u.idle, round(u.used_pct::numeric, 1) AS used_pct, u.longest_idle, u.last_used_at
FROM rtls.facilities f, fleet_use(f.facility_code, now() - INTERVAL '30 days', now(), 'AWAY') u
ORDER BY u.used_pct
LIMIT 20;
