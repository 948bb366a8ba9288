-- What happened to the assets: maintenance, parts, compliance, alerts, assignments, transfers, trainings, media, models, scans.
--
-- ON DELETE: records are evidence. What has a record, or is named by one, cannot be deleted (RESTRICT): an asset, a person, a room.
-- People who left are set inactive. Only what is part of a record goes with it (CASCADE). Stock is no record: its place may be
-- cut (SET NULL).

CREATE TABLE ml_models (
    id               text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    model_name       text        NOT NULL CHECK (model_name <> ''),
    model_version    text        NOT NULL CHECK (model_version <> ''),
    model_type       text        NOT NULL,
    device_category  device_category,
    trained_at       timestamptz,
    training_rows    bigint      CHECK (training_rows >= 0),
    precision_score  double precision CHECK (precision_score BETWEEN 0 AND 1),
    recall_score     double precision CHECK (recall_score BETWEEN 0 AND 1),
    f1_score         double precision CHECK (f1_score BETWEEN 0 AND 1),
    hyperparameters  jsonb,
    is_active        boolean     NOT NULL DEFAULT true,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (model_name, model_version)
);
COMMENT ON TABLE ml_models IS 'Models outside the database that write predictive_scores_history.';

CREATE TABLE maintenance_history (
    id                text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    asset_id          text        NOT NULL REFERENCES assets ON DELETE RESTRICT,
    work_order_number text        NOT NULL UNIQUE DEFAULT 'WO-' || upper(substr(gen_random_uuid()::text, 1, 13)),
    work_order_type   work_order_type NOT NULL,
    work_order_status work_order_status NOT NULL DEFAULT 'PENDING',
    priority          text        NOT NULL DEFAULT 'medium' CHECK (priority <> ''),
    summary           text        NOT NULL,
    details           text,
    failure_category  failure_category,
    root_cause        text,
    resolution        text,
    requested_by_id   text        REFERENCES users ON DELETE RESTRICT,
    assigned_to_id    text        REFERENCES users ON DELETE RESTRICT,
    vendor_id         text        REFERENCES vendors ON DELETE RESTRICT,
    reported_at       timestamptz NOT NULL DEFAULT now(),
    scheduled_for     timestamptz,
    started_at        timestamptz,
    completed_at      timestamptz,
    downtime_hours    double precision CHECK (downtime_hours >= 0 AND downtime_hours < 'Infinity'),
    labor_hours       double precision CHECK (labor_hours >= 0 AND labor_hours < 'Infinity'),
    labor_cost        numeric(14, 2) NOT NULL DEFAULT 0 CHECK (labor_cost >= 0 AND labor_cost < 'NaN'),
    parts_cost        numeric(14, 2) NOT NULL DEFAULT 0 CHECK (parts_cost >= 0 AND parts_cost < 'NaN'),
    external_cost     numeric(14, 2) NOT NULL DEFAULT 0 CHECK (external_cost >= 0 AND external_cost < 'NaN'),
    total_cost        numeric(14, 2) GENERATED ALWAYS AS (labor_cost + parts_cost + external_cost) STORED,
    checklist         jsonb,
    metadata          jsonb,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT maintenance_history_started_before_completed CHECK (completed_at >= started_at),
    -- Work that is done without a day of its own counts in no date and no mean time. v1 did not ask for one; its rows say so.
    CONSTRAINT maintenance_history_completed_when CHECK (
        work_order_status <> 'COMPLETED' OR completed_at IS NOT NULL OR coalesce(metadata ? 'biotrakrV1', false))
);
COMMENT ON TABLE maintenance_history IS 'Work orders, open and done.';
COMMENT ON COLUMN maintenance_history.reported_at IS 'when the work was asked for; of a failure: when it was noticed, from which MTBF and MTTR count';
COMMENT ON COLUMN maintenance_history.downtime_hours IS 'hours the asset could not be used; NULL: not recorded, then reported_at to completed_at counts for corrective work';
COMMENT ON COLUMN maintenance_history.priority IS 'low, medium, high, urgent, or the hospital''s own words';
CREATE INDEX maintenance_history_asset ON maintenance_history (asset_id, reported_at DESC);
CREATE INDEX maintenance_history_open ON maintenance_history (work_order_status, scheduled_for) WHERE completed_at IS NULL;
CREATE INDEX maintenance_history_assigned ON maintenance_history (assigned_to_id);
CREATE INDEX maintenance_history_requested ON maintenance_history (requested_by_id);
CREATE INDEX maintenance_history_vendor ON maintenance_history (vendor_id);

CREATE TABLE maintenance_event_logs (
    id             text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    maintenance_id text        NOT NULL REFERENCES maintenance_history ON DELETE RESTRICT,
    asset_id       text        NOT NULL REFERENCES assets ON DELETE RESTRICT,
    event_type     text        NOT NULL CHECK (event_type <> ''),
    payload        jsonb,
    occurred_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE maintenance_event_logs IS 'What happened to a work order, step by step.';
CREATE INDEX maintenance_event_logs_maintenance ON maintenance_event_logs (maintenance_id, occurred_at);
CREATE INDEX maintenance_event_logs_asset ON maintenance_event_logs (asset_id);

CREATE TABLE spare_parts (
    id                  text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    organization_id     text        NOT NULL REFERENCES organizations ON DELETE RESTRICT,
    part_number         text        NOT NULL CHECK (part_number <> ''),
    part_name           text        NOT NULL CHECK (part_name <> ''),
    manufacturer        text,
    vendor_id           text        REFERENCES vendors ON DELETE SET NULL,
    facility_id         text        REFERENCES facilities ON DELETE SET NULL,
    room_id             text        REFERENCES rooms ON DELETE SET NULL,
    compatible_models   text[]      NOT NULL DEFAULT '{}',
    quantity_on_hand    integer     NOT NULL DEFAULT 0 CHECK (quantity_on_hand >= 0),
    reorder_level       integer     NOT NULL DEFAULT 0 CHECK (reorder_level >= 0),
    unit_cost           numeric(14, 2) CHECK (unit_cost >= 0 AND unit_cost < 'NaN'),
    currency            text        NOT NULL DEFAULT 'USD' CHECK (currency ~ '^[A-Z]{3}$'),
    lead_time_days      integer     CHECK (lead_time_days >= 0),
    expires_on          date,
    is_active           boolean     NOT NULL DEFAULT true,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, part_number)
);
COMMENT ON TABLE spare_parts IS 'Parts in stock, and which models they fit (assets.model_number).';

CREATE TABLE compliance_events (
    id                 text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    asset_id           text        NOT NULL REFERENCES assets ON DELETE RESTRICT,
    event_type         text        NOT NULL CHECK (event_type <> ''),
    title              text        NOT NULL,
    description        text,
    severity           alert_severity NOT NULL DEFAULT 'INFO',
    regulatory_body    text,
    reference_number   text,
    occurred_at        timestamptz NOT NULL DEFAULT now(),
    due_on             date,
    resolved_at        timestamptz,
    resolved_by_id     text        REFERENCES users ON DELETE RESTRICT,
    resolution         text,
    evidence_urls      text[]      NOT NULL DEFAULT '{}',
    recorded_by_id     text        REFERENCES users ON DELETE RESTRICT,
    created_at         timestamptz NOT NULL DEFAULT now(),
    CHECK (resolved_at >= occurred_at)
);
COMMENT ON TABLE compliance_events IS 'Inspections, certifications, recalls, incidents: what an auditor asks for.';
CREATE INDEX compliance_events_asset ON compliance_events (asset_id, occurred_at DESC);
CREATE INDEX compliance_events_open ON compliance_events (due_on) WHERE resolved_at IS NULL;

CREATE TABLE alert_history (
    id                 text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    asset_id           text        REFERENCES assets ON DELETE RESTRICT,
    facility_id        text        REFERENCES facilities ON DELETE RESTRICT,
    alert_type         text        NOT NULL CHECK (alert_type <> ''),
    severity           alert_severity NOT NULL,
    title              text        NOT NULL,
    message            text,
    source             text,
    raised_at          timestamptz NOT NULL DEFAULT now(),
    acknowledged_at    timestamptz,
    acknowledged_by_id text        REFERENCES users ON DELETE RESTRICT,
    resolved_at        timestamptz,
    resolved_by_id     text        REFERENCES users ON DELETE RESTRICT,
    metadata           jsonb,
    CHECK (acknowledged_at >= raised_at),
    CHECK (resolved_at >= raised_at)
);
COMMENT ON TABLE alert_history IS 'Alerts raised, acknowledged, resolved.';
CREATE INDEX alert_history_asset ON alert_history (asset_id, raised_at DESC);
CREATE INDEX alert_history_open ON alert_history (severity, raised_at DESC) WHERE resolved_at IS NULL;

CREATE TABLE assignment_history (
    id             text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    asset_id       text        NOT NULL REFERENCES assets ON DELETE RESTRICT,
    user_id        text        REFERENCES users ON DELETE RESTRICT,
    department_id  text        REFERENCES departments ON DELETE RESTRICT,
    room_id        text        REFERENCES rooms ON DELETE RESTRICT,
    assigned_at    timestamptz NOT NULL DEFAULT now(),
    assigned_by_id text        REFERENCES users ON DELETE RESTRICT,
    returned_at    timestamptz,
    purpose        text,
    notes          text,
    CHECK (user_id IS NOT NULL OR department_id IS NOT NULL),
    CHECK (returned_at >= assigned_at)
);
COMMENT ON TABLE assignment_history IS 'Who had the asset when: a person, a department, or both.';
CREATE INDEX assignment_history_asset ON assignment_history (asset_id, assigned_at DESC);

CREATE TABLE transfer_history (
    id                 text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    asset_id           text        NOT NULL REFERENCES assets ON DELETE RESTRICT,
    from_facility_id   text        REFERENCES facilities ON DELETE RESTRICT,
    to_facility_id     text        NOT NULL REFERENCES facilities ON DELETE RESTRICT,
    from_department_id text        REFERENCES departments ON DELETE RESTRICT,
    to_department_id   text        REFERENCES departments ON DELETE RESTRICT,
    from_room_id       text        REFERENCES rooms ON DELETE RESTRICT,
    to_room_id         text        REFERENCES rooms ON DELETE RESTRICT,
    requested_by_id    text        REFERENCES users ON DELETE RESTRICT,
    approved_by_id     text        REFERENCES users ON DELETE RESTRICT,
    requested_at       timestamptz NOT NULL DEFAULT now(),
    shipped_at         timestamptz,
    received_at        timestamptz,
    reason             text,
    condition_notes    text,
    CHECK (shipped_at >= requested_at),
    CHECK (received_at >= coalesce(shipped_at, requested_at))
);
COMMENT ON TABLE transfer_history IS 'Moves of an asset from one facility or department to another, as decided; where it was seen is location_history.';
CREATE INDEX transfer_history_asset ON transfer_history (asset_id, requested_at DESC);

CREATE TABLE training_records (
    id                 text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    user_id            text        NOT NULL REFERENCES users ON DELETE RESTRICT,
    asset_id           text        REFERENCES assets ON DELETE RESTRICT,
    model_number       text,
    training_type      text        NOT NULL CHECK (training_type <> ''),
    trainer            text,
    completed_on       date        NOT NULL,
    expires_on         date,
    score_pct          numeric(5, 2) CHECK (score_pct BETWEEN 0 AND 100),
    certificate_number text,
    certificate_url    text,
    created_at         timestamptz NOT NULL DEFAULT now(),
    CHECK (expires_on >= completed_on)
);
COMMENT ON TABLE training_records IS 'Who may operate what: for one asset, or for all of a model.';
CREATE INDEX training_records_user ON training_records (user_id);
CREATE INDEX training_records_asset ON training_records (asset_id);
CREATE INDEX training_records_expiry ON training_records (expires_on);

CREATE TABLE asset_relationships (
    id                text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    parent_asset_id   text        NOT NULL REFERENCES assets ON DELETE RESTRICT,
    child_asset_id    text        NOT NULL REFERENCES assets ON DELETE RESTRICT,
    relationship_type text        NOT NULL DEFAULT 'COMPONENT'
                      CHECK (relationship_type IN ('COMPONENT', 'ACCESSORY', 'DEPENDS_ON', 'REPLACES', 'CONNECTED_TO')),
    created_at        timestamptz NOT NULL DEFAULT now(),
    UNIQUE (parent_asset_id, child_asset_id, relationship_type),
    CHECK (parent_asset_id <> child_asset_id)
);
COMMENT ON TABLE asset_relationships IS 'The child is part of, goes with, is needed by, replaces or is connected to the parent.';
CREATE INDEX asset_relationships_child ON asset_relationships (child_asset_id);

CREATE TABLE media_attachments (
    id             text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    asset_id       text        REFERENCES assets ON DELETE RESTRICT,
    maintenance_id text        REFERENCES maintenance_history ON DELETE CASCADE,
    media_type     text        NOT NULL CHECK (media_type <> ''),
    title          text,
    url            text        NOT NULL CHECK (url <> ''),
    mime_type      text,
    size_bytes     bigint      CHECK (size_bytes >= 0),
    sha256         text        CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    uploaded_by_id text        REFERENCES users ON DELETE RESTRICT,
    uploaded_at    timestamptz NOT NULL DEFAULT now(),
    CHECK (asset_id IS NOT NULL OR maintenance_id IS NOT NULL)
);
COMMENT ON TABLE media_attachments IS 'Pictures, manuals, certificates: where they are kept, not the bytes.';
CREATE INDEX media_attachments_asset ON media_attachments (asset_id);
CREATE INDEX media_attachments_maintenance ON media_attachments (maintenance_id);

CREATE TABLE telemetry_ingest_events (
    id           text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    asset_id     text        REFERENCES assets ON DELETE SET NULL,
    device_id    text        NOT NULL,
    raw_payload  jsonb       NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now(),
    processed_at timestamptz,
    status       text        NOT NULL DEFAULT 'pending'
);
COMMENT ON TABLE telemetry_ingest_events IS 'Telemetry as it came over BioTrakr''s own interface (v1). Pings come through rtls-ingest into location_history.';
CREATE INDEX telemetry_ingest_events_asset ON telemetry_ingest_events (asset_id, received_at DESC);

CREATE TABLE asset_scan_logs (
    id            text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    asset_id      text        NOT NULL REFERENCES assets ON DELETE RESTRICT,
    qr_payload    text        NOT NULL,
    notes         text,
    location_hint text,
    scanned_by_id text        REFERENCES users ON DELETE RESTRICT,
    created_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE asset_scan_logs IS 'Somebody scanned the asset''s code.';
CREATE INDEX asset_scan_logs_asset ON asset_scan_logs (asset_id, created_at DESC);
