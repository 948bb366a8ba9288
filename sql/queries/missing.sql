-- What has been silent for longer than it usually is, and where was it heard last?
SELECT m.asset_tag_number, m.last_seen, m.silent_for, m.expected_interval, m.room_name, m.battery_pct, m.confidence
FROM missing_assets(factor => 3) m
ORDER BY m.overdue_factor DESC NULLS FIRST;
