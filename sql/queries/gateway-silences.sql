-- When was which gateway silent for more than ten minutes?
SELECT s.gateway_id, s.silent_from, s.silent_to, s.silent_for, s.is_open
FROM rtls.facilities f, gateway_silences(f.facility_code, now() - INTERVAL '7 days', now(), '10 minutes') s;
