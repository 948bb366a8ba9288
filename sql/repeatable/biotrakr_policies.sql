-- Compression and retention of BioTrakr's hypertables; the rules of policies.sql hold here too: what an operator set stays.
-- predictive_scores_history has neither: a row a day and asset is little, and models are judged by what they once said.

CALL add_columnstore_policy('usage_logs', after => INTERVAL '180 days', if_not_exists => true);
SELECT add_retention_policy('usage_logs', drop_after => INTERVAL '5 years', if_not_exists => true);

CALL add_columnstore_policy('iot_sensor_readings', after => INTERVAL '90 days', if_not_exists => true);
SELECT add_retention_policy('iot_sensor_readings', drop_after => INTERVAL '3 years', if_not_exists => true);
