-- Which batteries are low, and which will be empty when?
SELECT b.asset_tag_number, b.tag_id, b.battery_pct, b.is_low, b.empty_on, b.days_left, b.days_used, b.confidence
FROM battery_forecast(low_pct => 20) b;
