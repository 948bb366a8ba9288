-- The assets: facts only. What follows from facts and the date of today (book value, whether maintenance is overdue, hours used,
-- mean times, the risk of failure, total cost) is computed when it is asked for, by the functions of sql/repeatable and the view
-- assets_current: a stored copy would be true on the day the row was last touched.
--
-- ON DELETE: an asset is deleted by deleted_at, never by DELETE while anything refers to it; what it refers to cannot be deleted
-- under it (RESTRICT). Only where it is at the moment may vanish, when a plan is drawn anew: that is then unknown (SET NULL).

-- NaN is greater than every number, and one in a column is one in every sum of it: < 'NaN'. An infinite date ends every report.
CREATE TABLE assets (
    id                         text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    organization_id            text        NOT NULL REFERENCES organizations ON DELETE RESTRICT,

    -- identification
    asset_tag_number           text        NOT NULL UNIQUE CHECK (asset_tag_number <> ''),
    equipment_name             text        NOT NULL CHECK (equipment_name <> ''),
    description                text,
    manufacturer               text        NOT NULL,
    model_number               text        NOT NULL,
    serial_number              text        NOT NULL CHECK (serial_number <> ''),
    device_category            device_category NOT NULL,
    device_subcategory         text,
    udi_di                     text        CHECK (udi_di <> ''),
    udi_pi                     text        CHECK (udi_pi <> ''),
    gmdn_code                  text        CHECK (gmdn_code ~ '^[0-9]{5}$'),
    gmdn_term                  text,
    tags                       text[]      NOT NULL DEFAULT '{}',

    -- status and criticality
    asset_status               asset_status NOT NULL DEFAULT 'ACTIVE',
    status_changed_at          timestamptz NOT NULL DEFAULT now(),
    status_reason              text,
    retired_on                 date        CHECK (isfinite(retired_on)),
    criticality_level          criticality_level NOT NULL DEFAULT 'MEDIUM',
    is_life_supporting         boolean     NOT NULL DEFAULT false,

    -- procurement
    vendor_id                  text        REFERENCES vendors ON DELETE RESTRICT,
    purchase_order_number      text,
    invoice_number             text,
    purchase_date              date        CHECK (isfinite(purchase_date)),
    delivery_date              date        CHECK (isfinite(delivery_date)),
    installation_date          date        CHECK (isfinite(installation_date)),
    commissioning_date         date        CHECK (isfinite(commissioning_date)),
    purchase_cost              numeric(14, 2) CHECK (purchase_cost >= 0 AND purchase_cost < 'NaN'),
    installation_cost          numeric(14, 2) CHECK (installation_cost >= 0 AND installation_cost < 'NaN'),
    currency                   text        NOT NULL DEFAULT 'USD' CHECK (currency ~ '^[A-Z]{3}$'),
    funding_source             text,
    grant_number               text,
    replacement_cost           numeric(14, 2) CHECK (replacement_cost >= 0 AND replacement_cost < 'NaN'),
    residual_value             numeric(14, 2) CHECK (residual_value >= 0 AND residual_value < 'NaN'),

    -- warranty, annual (AMC) and comprehensive (CMC) maintenance contracts, service level
    warranty_start_date        date        CHECK (isfinite(warranty_start_date)),
    warranty_end_date          date        CHECK (isfinite(warranty_end_date)),
    warranty_terms             text,
    amc_vendor_id              text        REFERENCES vendors ON DELETE RESTRICT,
    amc_contract_number        text,
    amc_start_date             date        CHECK (isfinite(amc_start_date)),
    amc_end_date               date        CHECK (isfinite(amc_end_date)),
    amc_annual_cost            numeric(14, 2) CHECK (amc_annual_cost >= 0 AND amc_annual_cost < 'NaN'),
    cmc_vendor_id              text        REFERENCES vendors ON DELETE RESTRICT,
    cmc_contract_number        text,
    cmc_start_date             date        CHECK (isfinite(cmc_start_date)),
    cmc_end_date               date        CHECK (isfinite(cmc_end_date)),
    cmc_annual_cost            numeric(14, 2) CHECK (cmc_annual_cost >= 0 AND cmc_annual_cost < 'NaN'),
    service_level              service_level,
    uptime_guarantee_pct       numeric(5, 2) CHECK (uptime_guarantee_pct BETWEEN 0 AND 100),

    -- technical
    firmware_version           text,
    software_version           text,
    operating_system           text,
    mac_address                macaddr,
    ip_address                 inet,
    hostname                   text,
    power_requirements         text,
    voltage_v                  double precision CHECK (voltage_v > 0 AND voltage_v < 'Infinity'),
    power_w                    double precision CHECK (power_w >= 0 AND power_w < 'Infinity'),
    battery_type               text,
    weight_kg                  double precision CHECK (weight_kg > 0 AND weight_kg < 'Infinity'),
    width_cm                   double precision CHECK (width_cm > 0 AND width_cm < 'Infinity'),
    depth_cm                   double precision CHECK (depth_cm > 0 AND depth_cm < 'Infinity'),
    height_cm                  double precision CHECK (height_cm > 0 AND height_cm < 'Infinity'),
    is_calibration_required    boolean     NOT NULL DEFAULT false,
    calibration_frequency_days integer     CHECK (calibration_frequency_days > 0),
    last_calibration_date      date        CHECK (isfinite(last_calibration_date)),
    next_calibration_date      date        CHECK (isfinite(next_calibration_date)),
    operating_temperature_min_c double precision,
    operating_temperature_max_c double precision,
    operating_humidity_min_pct double precision CHECK (operating_humidity_min_pct BETWEEN 0 AND 100),
    operating_humidity_max_pct double precision CHECK (operating_humidity_max_pct BETWEEN 0 AND 100),

    -- regulatory
    risk_classification        risk_classification NOT NULL DEFAULT 'CLASS_II',
    fda_registration_number    text,
    fda_510k_number            text,
    ce_certificate_number      text,
    ce_certificate_expires_on  date        CHECK (isfinite(ce_certificate_expires_on)),
    iso_certificate_number     text,
    iso_certificate_expires_on date        CHECK (isfinite(iso_certificate_expires_on)),
    recall_status              recall_status NOT NULL DEFAULT 'NONE',
    recall_notice_number       text,
    recall_notice_date         date        CHECK (isfinite(recall_notice_date)),
    recall_resolved_on         date        CHECK (isfinite(recall_resolved_on)),
    safety_inspection_frequency_days integer CHECK (safety_inspection_frequency_days > 0),
    last_safety_inspection_date date        CHECK (isfinite(last_safety_inspection_date)),
    next_safety_inspection_date date        CHECK (isfinite(next_safety_inspection_date)),
    waste_handling             waste_handling NOT NULL DEFAULT 'STANDARD',
    requires_operator_certification boolean NOT NULL DEFAULT false,
    operator_certification_type text,
    requires_decontamination   boolean     NOT NULL DEFAULT false,
    decontamination_procedure  text,
    last_decontaminated_at     timestamptz,

    -- preventive maintenance
    pm_frequency_days          integer     CHECK (pm_frequency_days > 0),
    last_pm_date               date        CHECK (isfinite(last_pm_date)),
    next_pm_due_date           date        CHECK (isfinite(next_pm_due_date)),
    pm_procedure               text,
    pm_estimated_minutes       integer     CHECK (pm_estimated_minutes > 0),
    is_pm_auto_work_order      boolean     NOT NULL DEFAULT false,

    -- location: where it is now. Kept by whoever keeps "last known"; a move is no edit and leaves version and updated_at alone.
    current_facility_id        text        NOT NULL REFERENCES facilities ON DELETE RESTRICT,
    current_building_id        text        REFERENCES buildings ON DELETE SET NULL,
    current_floor_id           text        REFERENCES floors ON DELETE SET NULL,
    current_room_id            text        REFERENCES rooms ON DELETE SET NULL,
    current_zone               text,
    current_x                  double precision,
    current_y                  double precision,
    current_z                  double precision,
    current_longitude          double precision CHECK (current_longitude BETWEEN -180 AND 180),
    current_latitude           double precision CHECK (current_latitude BETWEEN -90 AND 90),
    location_accuracy_m        real        CHECK (location_accuracy_m >= 0),
    location_method            tracking_method,
    last_seen_timestamp        timestamptz,
    is_moving                  boolean,
    geofence_violations        integer     NOT NULL DEFAULT 0 CHECK (geofence_violations >= 0),
    is_tracked                 boolean     NOT NULL DEFAULT true,
    rfid_tag_ids               text[]      NOT NULL DEFAULT '{}',
    ble_mac_address            text        CHECK (ble_mac_address = canonical_tag_id(ble_mac_address)),
    gps_device_number          text,
    home_building_id           text        REFERENCES buildings ON DELETE RESTRICT,
    home_floor_id              text        REFERENCES floors ON DELETE RESTRICT,
    home_room_id               text        REFERENCES rooms ON DELETE RESTRICT,

    -- usage
    usage_hours_before_logs    numeric(12, 2) NOT NULL DEFAULT 0 CHECK (usage_hours_before_logs >= 0 AND usage_hours_before_logs < 'NaN'),
    usage_cycles_before_logs   bigint      NOT NULL DEFAULT 0 CHECK (usage_cycles_before_logs >= 0),
    usage_units_before_logs    numeric(16, 2) NOT NULL DEFAULT 0 CHECK (usage_units_before_logs >= 0 AND usage_units_before_logs < 'NaN'),
    expected_hours_per_day     numeric(4, 2) NOT NULL DEFAULT 24 CHECK (expected_hours_per_day > 0 AND expected_hours_per_day <= 24),
    assigned_user_id           text        REFERENCES users ON DELETE RESTRICT,
    assigned_department_id     text        REFERENCES departments ON DELETE RESTRICT,

    -- predictive
    iot_sensors                jsonb,
    is_prediction_enabled      boolean     NOT NULL DEFAULT true,

    -- financial
    depreciation_method        depreciation_method NOT NULL DEFAULT 'STRAIGHT_LINE',
    useful_life_years          integer     NOT NULL CHECK (useful_life_years BETWEEN 1 AND 100),
    useful_life_units          numeric(16, 2) CHECK (useful_life_units > 0 AND useful_life_units < 'NaN'),
    depreciation_rate          numeric(6, 5) CHECK (depreciation_rate > 0 AND depreciation_rate < 1),
    depreciation_start_date    date        CHECK (isfinite(depreciation_start_date)),
    salvage_value              numeric(14, 2) NOT NULL DEFAULT 0 CHECK (salvage_value >= 0 AND salvage_value < 'NaN'),
    lifetime_maintenance_cost_before_records numeric(14, 2) NOT NULL DEFAULT 0
                               CHECK (lifetime_maintenance_cost_before_records >= 0 AND lifetime_maintenance_cost_before_records < 'NaN'),
    downtime_cost_per_hour     numeric(14, 2) CHECK (downtime_cost_per_hour >= 0 AND downtime_cost_per_hour < 'NaN'),
    annual_operating_cost      numeric(14, 2) CHECK (annual_operating_cost >= 0 AND annual_operating_cost < 'NaN'),
    annual_revenue             numeric(14, 2) CHECK (annual_revenue >= 0 AND annual_revenue < 'NaN'),
    gl_account                 text,

    -- custody
    primary_custodian_id       text        NOT NULL REFERENCES users ON DELETE RESTRICT,
    secondary_custodian_id     text        REFERENCES users ON DELETE RESTRICT,
    custodian_department_id    text        NOT NULL REFERENCES departments ON DELETE RESTRICT,
    authorized_operator_ids    text[]      NOT NULL DEFAULT '{}',
    checked_out_to_id          text        REFERENCES users ON DELETE RESTRICT,
    checked_out_at             timestamptz,
    check_in_due_at            timestamptz,
    check_out_purpose          text,

    -- integration
    ehr_device_id              text,
    cmms_asset_id              text,
    finance_asset_id           text,
    fhir_device_id             text,
    external_ids               jsonb,
    sync_status                sync_status NOT NULL DEFAULT 'NOT_CONFIGURED',
    last_synced_at             timestamptz,
    sync_error                 text,

    -- alerts
    is_alerting_enabled        boolean     NOT NULL DEFAULT true,
    alert_recipient_ids        text[]      NOT NULL DEFAULT '{}',
    alert_settings             jsonb,
    alert_min_severity         alert_severity NOT NULL DEFAULT 'WARNING',

    -- media
    primary_image_url          text,
    image_urls                 text[]      NOT NULL DEFAULT '{}',
    manual_url                 text,
    document_urls              text[]      NOT NULL DEFAULT '{}',
    qr_code_url                text,

    -- audit
    notes                      text,
    custom_fields              jsonb       NOT NULL DEFAULT '{}',
    version                    integer     NOT NULL DEFAULT 1 CHECK (version > 0),
    created_at                 timestamptz NOT NULL DEFAULT now(),
    created_by_id              text        NOT NULL REFERENCES users ON DELETE RESTRICT,
    updated_at                 timestamptz NOT NULL DEFAULT now(),
    updated_by_id              text        NOT NULL REFERENCES users ON DELETE RESTRICT,
    deleted_at                 timestamptz,
    deleted_by_id              text        REFERENCES users ON DELETE RESTRICT,

    -- Each rule has a name: it is what a person is told when a row is refused.
    CONSTRAINT assets_salvage_within_cost CHECK (purchase_cost IS NULL OR salvage_value <= purchase_cost + coalesce(installation_cost, 0)),
    CONSTRAINT assets_warranty_in_order CHECK (warranty_end_date >= warranty_start_date),
    CONSTRAINT assets_amc_in_order CHECK (amc_end_date >= amc_start_date),
    CONSTRAINT assets_cmc_in_order CHECK (cmc_end_date >= cmc_start_date),
    CONSTRAINT assets_calibration_in_order CHECK (next_calibration_date >= last_calibration_date),
    CONSTRAINT assets_safety_inspection_in_order CHECK (next_safety_inspection_date >= last_safety_inspection_date),
    CONSTRAINT assets_pm_in_order CHECK (next_pm_due_date >= last_pm_date),
    CONSTRAINT assets_temperature_in_order CHECK (operating_temperature_max_c >= operating_temperature_min_c),
    CONSTRAINT assets_humidity_in_order CHECK (operating_humidity_max_pct >= operating_humidity_min_pct),
    CONSTRAINT assets_recall_named CHECK (recall_status = 'NONE' OR coalesce(recall_notice_number, '') <> ''),
    -- A resolution belongs to one notice: one left over from an earlier recall would hide the new one.
    CONSTRAINT assets_recall_resolution_of_notice CHECK (
        recall_resolved_on IS NULL OR (coalesce(recall_notice_number, '') <> '' AND recall_notice_date IS NOT NULL)),
    CONSTRAINT assets_recall_in_order CHECK (recall_resolved_on >= recall_notice_date),
    CONSTRAINT assets_units_for_units_of_production CHECK (depreciation_method <> 'UNITS_OF_PRODUCTION' OR useful_life_units IS NOT NULL),
    CONSTRAINT assets_check_out_whole CHECK ((checked_out_to_id IS NULL) = (checked_out_at IS NULL)),
    CONSTRAINT assets_check_in_after_check_out CHECK (check_in_due_at > checked_out_at),
    CONSTRAINT assets_deletion_whole CHECK (deleted_by_id IS NULL OR deleted_at IS NOT NULL)
);

COMMENT ON TABLE assets IS
    'Biomedical equipment, one row a device: the facts. Ask the view assets_current for what follows from them today.';
COMMENT ON COLUMN assets.serial_number IS 'as on the nameplate; where nobody knows it, a marked placeholder';
COMMENT ON COLUMN assets.device_subcategory IS 'finer than device_category, in the hospital''s own words: infusion pump';
COMMENT ON COLUMN assets.udi_di IS 'device identifier: which model of which maker';
COMMENT ON COLUMN assets.udi_pi IS 'production identifier, with the serial number in it: which device of that model';
COMMENT ON COLUMN assets.gmdn_code IS 'five digits of the Global Medical Device Nomenclature';
COMMENT ON COLUMN assets.commissioning_date IS 'first day of service; before it the asset does not depreciate (else installation, else purchase)';
COMMENT ON COLUMN assets.retired_on IS 'last day of service of what is RETIRED or DISPOSED; set with the status where nobody says it';
COMMENT ON COLUMN assets.purchase_cost IS 'in currency; installation_cost is capitalised with it';
COMMENT ON COLUMN assets.residual_value IS 'what the market would pay today; salvage_value is what the books end at';
COMMENT ON COLUMN assets.recall_status IS 'FDA: CLASS_I is the most serious';
COMMENT ON COLUMN assets.next_pm_due_date IS 'a day in the facility''s time zone; pm_compliance_status follows from it and the date';
COMMENT ON COLUMN assets.current_x IS 'metres in the facility''s frame';
COMMENT ON COLUMN assets.current_y IS 'metres in the facility''s frame';
COMMENT ON COLUMN assets.current_z IS 'metres above the floor';
COMMENT ON COLUMN assets.location_accuracy_m IS 'metres';
COMMENT ON COLUMN assets.ble_mac_address IS 'canonical, as canonical_tag_id gives it; which tag it wears when: tag_assignments';
COMMENT ON COLUMN assets.usage_hours_before_logs IS 'hours on the meter when usage_logs began';
COMMENT ON COLUMN assets.usage_cycles_before_logs IS 'cycles on the counter when usage_logs began';
COMMENT ON COLUMN assets.usage_units_before_logs IS 'units made when usage_logs began; counts for UNITS_OF_PRODUCTION';
COMMENT ON COLUMN assets.expected_hours_per_day IS 'hours a day it could be in use: what 100 % utilisation means';
COMMENT ON COLUMN assets.useful_life_units IS 'units the asset can make in its life, in the unit of usage_logs.units; for UNITS_OF_PRODUCTION';
COMMENT ON COLUMN assets.depreciation_rate IS 'share of the book value a year for DECLINING_BALANCE; NULL: 1.5 / useful_life_years';
COMMENT ON COLUMN assets.depreciation_start_date IS 'NULL: commissioning, else installation, else purchase date';
COMMENT ON COLUMN assets.is_prediction_enabled IS 'false: scores in predictive_scores_history are not believed for this asset';
COMMENT ON COLUMN assets.lifetime_maintenance_cost_before_records IS 'in currency: spent before maintenance_history began';
COMMENT ON COLUMN assets.version IS 'counts edits; an update that names another version than the row has is refused';
COMMENT ON COLUMN assets.current_facility_id IS 'where it is, and whose time zone decides on which day something is due';

-- The pair names one device when there is a serial number (21) in it: a lot (10) or an expiry date is that of many. A row that was
-- deleted may be entered again, and a device may be in the books of two organizations, the seller's and the buyer's.
CREATE UNIQUE INDEX assets_udi ON assets (organization_id, udi_di, udi_pi)
    WHERE udi_di IS NOT NULL AND udi_pi LIKE '%(21)%' AND deleted_at IS NULL;
-- Not unique: two makers may print the same number, and old data holds placeholders.
CREATE INDEX assets_serial_number ON assets (serial_number);
CREATE INDEX assets_facility_status ON assets (current_facility_id, asset_status) WHERE deleted_at IS NULL;
CREATE INDEX assets_category ON assets (device_category) WHERE deleted_at IS NULL;
CREATE INDEX assets_next_pm_due_date ON assets (next_pm_due_date) WHERE deleted_at IS NULL;
CREATE INDEX assets_current_room ON assets (current_room_id);
CREATE INDEX assets_home_room ON assets (home_room_id);
CREATE INDEX assets_custodian ON assets (primary_custodian_id);
CREATE INDEX assets_custodian_department ON assets (custodian_department_id);
CREATE INDEX assets_vendor ON assets (vendor_id);
CREATE INDEX assets_organization ON assets (organization_id);
