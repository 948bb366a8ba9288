-- BioTrakr v1 as its ORM created it: quoted camelCase columns, text ids, timestamp(3) meaning UTC; asset_scan_logs alone is snake_case.
CREATE TABLE public.organizations (
    id text NOT NULL, name text NOT NULL, type text NOT NULL, settings jsonb,
    "createdAt" timestamp(3) without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    "updatedAt" timestamp(3) without time zone NOT NULL,
    CONSTRAINT organizations_pkey PRIMARY KEY (id)
);
CREATE TABLE public.facilities (
    id text NOT NULL, "organizationId" text NOT NULL, name text NOT NULL, address jsonb NOT NULL,
    timezone text DEFAULT 'America/New_York' NOT NULL, "floorPlans" jsonb,
    "createdAt" timestamp(3) without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    "updatedAt" timestamp(3) without time zone NOT NULL,
    CONSTRAINT facilities_pkey PRIMARY KEY (id)
);
CREATE TABLE public.departments (
    id text NOT NULL, "facilityId" text NOT NULL, name text NOT NULL, code text NOT NULL, floor integer,
    "createdAt" timestamp(3) without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    "updatedAt" timestamp(3) without time zone NOT NULL,
    CONSTRAINT departments_pkey PRIMARY KEY (id)
);
CREATE TYPE public."UserRole" AS ENUM ('admin', 'engineer', 'technician', 'clinical_staff', 'viewer');
CREATE TABLE public.users (
    id text NOT NULL, "organizationId" text NOT NULL, email text NOT NULL, password text,
    "firstName" text NOT NULL, "lastName" text NOT NULL, role public."UserRole" NOT NULL, permissions jsonb,
    "isActive" boolean DEFAULT true NOT NULL, "lastLoginAt" timestamp(3) without time zone,
    "createdAt" timestamp(3) without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    "updatedAt" timestamp(3) without time zone NOT NULL,
    CONSTRAINT users_pkey PRIMARY KEY (id)
);
CREATE TABLE public.assets (
    id text NOT NULL, "organizationId" text NOT NULL, "facilityId" text NOT NULL, "departmentId" text,
    name text NOT NULL, description text, "assetTag" text NOT NULL, "serialNumber" text, category text NOT NULL,
    manufacturer text NOT NULL, model text NOT NULL, "purchaseDate" timestamp(3) without time zone,
    "purchaseCost" numeric(10,2), status text DEFAULT 'available' NOT NULL, condition text DEFAULT 'good' NOT NULL,
    "currentLocation" jsonb, "customFields" jsonb, tags text[],
    "createdAt" timestamp(3) without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    "updatedAt" timestamp(3) without time zone NOT NULL, "deletedAt" timestamp(3) without time zone,
    CONSTRAINT assets_pkey PRIMARY KEY (id)
);
CREATE TABLE public.asset_location_pings (
    id text NOT NULL, "assetId" text NOT NULL, latitude double precision NOT NULL, longitude double precision NOT NULL,
    status text NOT NULL, "observedAt" timestamp(3) without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL, metadata jsonb,
    CONSTRAINT asset_location_pings_pkey PRIMARY KEY (id)
);
CREATE TABLE public.maintenance_tasks (
    id text NOT NULL, "assetId" text NOT NULL, "requestedById" text NOT NULL, "assignedToId" text,
    status text DEFAULT 'scheduled' NOT NULL, priority text DEFAULT 'medium' NOT NULL, summary text NOT NULL, details text,
    "scheduledFor" timestamp(3) without time zone, "completedAt" timestamp(3) without time zone,
    "createdAt" timestamp(3) without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    "updatedAt" timestamp(3) without time zone NOT NULL,
    CONSTRAINT maintenance_tasks_pkey PRIMARY KEY (id)
);
CREATE TABLE public.telemetry_ingest_events (
    id text NOT NULL, "assetId" text, "deviceId" text NOT NULL, "rawPayload" jsonb NOT NULL,
    "receivedAt" timestamp(3) without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    "processedAt" timestamp(3) without time zone, status text DEFAULT 'pending' NOT NULL,
    CONSTRAINT telemetry_ingest_events_pkey PRIMARY KEY (id)
);
CREATE TABLE public.maintenance_event_logs (
    id text NOT NULL, "maintenanceId" text NOT NULL, "assetId" text NOT NULL, "eventType" text NOT NULL, payload jsonb,
    "occurredAt" timestamp(3) without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT maintenance_event_logs_pkey PRIMARY KEY (id)
);
CREATE TABLE public.asset_scan_logs (
    id text NOT NULL, asset_id text NOT NULL, qr_payload text NOT NULL, notes text, location_hint text,
    created_at timestamp(3) without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT asset_scan_logs_pkey PRIMARY KEY (id)
);
CREATE TABLE public._prisma_migrations (
    id character varying(36) NOT NULL PRIMARY KEY, checksum character varying(64) NOT NULL,
    finished_at timestamp with time zone, migration_name character varying(255) NOT NULL, logs text,
    rolled_back_at timestamp with time zone, started_at timestamp with time zone DEFAULT now() NOT NULL,
    applied_steps_count integer DEFAULT 0 NOT NULL
);

CREATE UNIQUE INDEX "departments_facilityId_code_key" ON public.departments ("facilityId", code);
CREATE UNIQUE INDEX users_email_key ON public.users (email);
CREATE UNIQUE INDEX "assets_assetTag_key" ON public.assets ("assetTag");
CREATE INDEX "asset_location_pings_assetId_observedAt_idx" ON public.asset_location_pings ("assetId", "observedAt");

ALTER TABLE public.facilities ADD CONSTRAINT "facilities_organizationId_fkey"
    FOREIGN KEY ("organizationId") REFERENCES public.organizations(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE public.departments ADD CONSTRAINT "departments_facilityId_fkey"
    FOREIGN KEY ("facilityId") REFERENCES public.facilities(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE public.users ADD CONSTRAINT "users_organizationId_fkey"
    FOREIGN KEY ("organizationId") REFERENCES public.organizations(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE public.assets ADD CONSTRAINT "assets_organizationId_fkey"
    FOREIGN KEY ("organizationId") REFERENCES public.organizations(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE public.assets ADD CONSTRAINT "assets_facilityId_fkey"
    FOREIGN KEY ("facilityId") REFERENCES public.facilities(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE public.assets ADD CONSTRAINT "assets_departmentId_fkey"
    FOREIGN KEY ("departmentId") REFERENCES public.departments(id) ON UPDATE CASCADE ON DELETE SET NULL;
ALTER TABLE public.asset_location_pings ADD CONSTRAINT "asset_location_pings_assetId_fkey"
    FOREIGN KEY ("assetId") REFERENCES public.assets(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE public.maintenance_tasks ADD CONSTRAINT "maintenance_tasks_assetId_fkey"
    FOREIGN KEY ("assetId") REFERENCES public.assets(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE public.maintenance_tasks ADD CONSTRAINT "maintenance_tasks_requestedById_fkey"
    FOREIGN KEY ("requestedById") REFERENCES public.users(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE public.maintenance_tasks ADD CONSTRAINT "maintenance_tasks_assignedToId_fkey"
    FOREIGN KEY ("assignedToId") REFERENCES public.users(id) ON UPDATE CASCADE ON DELETE SET NULL;
ALTER TABLE public.telemetry_ingest_events ADD CONSTRAINT "telemetry_ingest_events_assetId_fkey"
    FOREIGN KEY ("assetId") REFERENCES public.assets(id) ON UPDATE CASCADE ON DELETE SET NULL;
ALTER TABLE public.maintenance_event_logs ADD CONSTRAINT "maintenance_event_logs_maintenanceId_fkey"
    FOREIGN KEY ("maintenanceId") REFERENCES public.maintenance_tasks(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE public.maintenance_event_logs ADD CONSTRAINT "maintenance_event_logs_assetId_fkey"
    FOREIGN KEY ("assetId") REFERENCES public.assets(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE public.asset_scan_logs ADD CONSTRAINT "asset_scan_logs_asset_id_fkey"
    FOREIGN KEY (asset_id) REFERENCES public.assets(id) ON UPDATE CASCADE ON DELETE CASCADE;
