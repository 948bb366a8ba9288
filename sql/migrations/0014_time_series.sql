-- The three hypertables beside location_history. Their compression and retention stand in sql/repeatable/biotrakr_policies.sql.
--
-- ON DELETE RESTRICT towards assets: a measurement without its device says nothing. Chunk intervals are the commission's.

CREATE TABLE usage_logs (
    id            text        NOT NULL DEFAULT gen_random_uuid()::text,
    asset_id      text        NOT NULL REFERENCES assets ON DELETE RESTRICT,
    session_start timestamptz NOT NULL,
    session_end   timestamptz,
    user_id       text        REFERENCES users ON DELETE RESTRICT,
    department_id text        REFERENCES departments ON DELETE RESTRICT,
    room_id       text,
    cycles        integer     NOT NULL DEFAULT 0 CHECK (cycles >= 0),
    units         numeric(16, 2) NOT NULL DEFAULT 0 CHECK (units >= 0 AND units < 'NaN'),
    purpose       text,
    source        text        NOT NULL DEFAULT 'MANUAL' CHECK (source IN ('MANUAL', 'DEVICE', 'RTLS', 'EHR')),
    metadata      jsonb,
    PRIMARY KEY (asset_id, session_start, id),
    CONSTRAINT usage_logs_end_after_start CHECK (session_end >= session_start),
    CONSTRAINT usage_logs_at_most_31_days CHECK (session_end <= session_start + INTERVAL '31 days')
);
COMMENT ON TABLE usage_logs IS 'Sessions of use, one row each. Hypertable on session_start.';
COMMENT ON COLUMN usage_logs.session_end IS 'NULL: in use now; counts for 24 hours at most';
COMMENT ON COLUMN usage_logs.units IS 'what the session produced (scans, tests, litres): the units of UNITS_OF_PRODUCTION';
SELECT create_hypertable('usage_logs', by_range('session_start', INTERVAL '30 days'), create_default_indexes => false);
ALTER TABLE usage_logs SET (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'asset_id', timescaledb.orderby = 'session_start, id');

CREATE TABLE iot_sensor_readings (
    t           timestamptz      NOT NULL,
    asset_id    text             NOT NULL REFERENCES assets ON DELETE RESTRICT,
    sensor_id   text             NOT NULL CHECK (sensor_id <> ''),
    sensor_type text             NOT NULL CHECK (sensor_type <> ''),
    value       double precision NOT NULL,
    unit        text             NOT NULL,
    is_anomaly  boolean          NOT NULL DEFAULT false,
    metadata    jsonb,
    PRIMARY KEY (asset_id, sensor_id, t)
);
COMMENT ON TABLE iot_sensor_readings IS 'Readings of sensors in or at an asset. Hypertable on t.';
COMMENT ON COLUMN iot_sensor_readings.unit IS 'as UCUM writes it: Cel, A, mm[Hg], %';
SELECT create_hypertable('iot_sensor_readings', by_range('t', INTERVAL '7 days'), create_default_indexes => false);
ALTER TABLE iot_sensor_readings SET (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'asset_id, sensor_id', timescaledb.orderby = 't');

CREATE TABLE predictive_scores_history (
    scored_at                  timestamptz NOT NULL DEFAULT now(),
    asset_id                   text        NOT NULL REFERENCES assets ON DELETE RESTRICT,
    model_id                   text        NOT NULL REFERENCES ml_models ON DELETE RESTRICT,
    failure_probability_score  double precision NOT NULL CHECK (failure_probability_score BETWEEN 0 AND 100),
    confidence                 double precision CHECK (confidence BETWEEN 0 AND 1),
    predicted_failure_date     date,
    predicted_failure_category failure_category,
    valid_until                timestamptz,
    factors                    jsonb,
    PRIMARY KEY (asset_id, scored_at, model_id),
    CONSTRAINT predictive_scores_history_valid_after_scored CHECK (valid_until > scored_at),
    CONSTRAINT predictive_scores_history_valid_a_year CHECK (valid_until <= scored_at + INTERVAL '366 days')
);
COMMENT ON TABLE predictive_scores_history IS
    'What models outside the database said. Hypertable on scored_at. The latest row that is still valid overrides failure_risk(asset).';
COMMENT ON COLUMN predictive_scores_history.failure_probability_score IS '0 to 100';
COMMENT ON COLUMN predictive_scores_history.valid_until IS 'NULL: for 30 days after scored_at; a year at most';
SELECT create_hypertable('predictive_scores_history', by_range('scored_at', INTERVAL '30 days'), create_default_indexes => false);
