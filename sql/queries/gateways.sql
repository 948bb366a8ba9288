-- Which gateways are silent, weak, late, or have a wrong clock?
SELECT g.gateway_id, g.status, g.last_seen, g.pings_a_minute, g.usual_pings_a_minute, g.clock_skew_s, g.lateness_s, g.late_share
FROM gateway_health() g
ORDER BY g.status = 'OK', g.gateway_id;
