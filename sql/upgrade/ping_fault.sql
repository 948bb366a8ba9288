-- Why the v1 ping p cannot stand in location_history; NULL: it can. An expression, used by `upgrade plan` to count and by
-- `upgrade apply` to decide. The limits are those of the ingester: before 2000 a clock was never set, and a ping of the future
-- would open a chunk there. Written with NOT … BETWEEN because NaN is greater than every number.
CASE
    WHEN p."assetId" IS NULL THEN 'it names no asset'
    WHEN p."observedAt" IS NULL THEN 'it has no time'
    WHEN NOT isfinite(p."observedAt") THEN 'its time is not finite'
    WHEN p."observedAt" < timestamp '2000-01-01' THEN 'it was observed before 2000'
    WHEN p."observedAt" > (now() AT TIME ZONE 'UTC') + interval '1 day' THEN 'it was observed in the future'
    WHEN NOT p.latitude BETWEEN -90 AND 90 THEN 'its latitude is not from -90 to 90'
    WHEN NOT p.longitude BETWEEN -180 AND 180 THEN 'its longitude is not from -180 to 180'
END
