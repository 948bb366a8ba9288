/**
 * The fields of an asset: JSON name ↔ column of `assets`, one to one, and for each what it holds and who sets it. The only place
 * where names are mapped; every identifier that reaches SQL comes from here. A test compares it with the table.
 */
import {
  category,
  criticality,
  depreciationMethod,
  severity,
  status,
  trackingMethod,
} from './asset-choices.ts'
import {
  type Kind,
  cents,
  day,
  instant,
  ipAddress,
  keysAndValues,
  macAddress,
  money,
  oneOf,
  pattern,
  prose,
  real,
  reference,
  tagId,
  text,
  texts,
  url,
  whole,
  yesNo,
} from './field-kinds.ts'

/**
 * required   must be given when an asset is created, and cannot be cleared
 * defaulted  may be given; cannot be cleared
 * optional   may be given; null clears it
 * fixed      may be given when the asset is created; does not change after that
 * kept       the service keeps it
 * located    where it is: comes from pings, is answered as lastLocation
 * unseen     the service keeps it, and answers nothing that has it
 */
type Use = 'required' | 'defaulted' | 'optional' | 'fixed' | 'kept' | 'located' | 'unseen'

export interface AssetField {
  readonly name: string
  readonly column: string
  readonly kind: Kind
  readonly use: Use
  /** Is NULL in some rows. */
  readonly isNullable: boolean
}

type Spec = readonly [use: Use, kind: Kind, isNullable: boolean]
const required = (kind: Kind): Spec => ['required', kind, false]
const defaulted = (kind: Kind): Spec => ['defaulted', kind, false]
const optional = (kind: Kind): Spec => ['optional', kind, true]
const fixed = (kind: Kind): Spec => ['fixed', kind, false]
const kept = (kind: Kind): Spec => ['kept', kind, false]
const unseen = (kind: Kind): Spec => ['unseen', kind, true]
const located = (kind: Kind): Spec => ['located', kind, true]

/** A measure of a device that no device exceeds. */
const measure = real(0, 1_000_000)
/** The table wants more than nothing. */
const size = real(0.001, 1_000_000)
const days = whole(1, 36_500)
const percent = real(0, 100)
const degrees = real(-273.15, 10_000)

const specs = {
  id: kept(text()),
  organizationId: fixed(reference('organizations')),
  assetTagNumber: required(text()),
  equipmentName: required(text()),
  description: optional(prose),
  manufacturer: required(text()),
  modelNumber: required(text()),
  serialNumber: required(text()),
  deviceCategory: required(category),
  deviceSubcategory: optional(text()),
  udiDi: optional(text()),
  udiPi: optional(text()),
  gmdnCode: optional(pattern(/^[0-9]{5}$/u, 'five digits')),
  gmdnTerm: optional(text()),
  tags: defaulted(texts),

  assetStatus: defaulted(status),
  statusChangedAt: kept(instant),
  statusReason: optional(prose),
  retiredOn: optional(day),
  criticalityLevel: defaulted(criticality),
  isLifeSupporting: defaulted(yesNo),

  vendorId: optional(reference('vendors')),
  purchaseOrderNumber: optional(text()),
  invoiceNumber: optional(text()),
  purchaseDate: optional(day),
  deliveryDate: optional(day),
  installationDate: optional(day),
  commissioningDate: optional(day),
  purchaseCost: optional(money),
  installationCost: optional(money),
  currency: defaulted(pattern(/^[A-Z]{3}$/u, 'three capital letters such as USD')),
  fundingSource: optional(text()),
  grantNumber: optional(text()),
  replacementCost: optional(money),
  residualValue: optional(money),

  warrantyStartDate: optional(day),
  warrantyEndDate: optional(day),
  warrantyTerms: optional(prose),
  amcVendorId: optional(reference('vendors')),
  amcContractNumber: optional(text()),
  amcStartDate: optional(day),
  amcEndDate: optional(day),
  amcAnnualCost: optional(money),
  cmcVendorId: optional(reference('vendors')),
  cmcContractNumber: optional(text()),
  cmcStartDate: optional(day),
  cmcEndDate: optional(day),
  cmcAnnualCost: optional(money),
  serviceLevel: optional(
    oneOf('TWO_HOURS', 'FOUR_HOURS', 'EIGHT_HOURS', 'TWENTY_FOUR_HOURS', 'NEXT_DAY', 'BEST_EFFORT'),
  ),
  uptimeGuaranteePct: optional(cents(0, 100)),

  firmwareVersion: optional(text()),
  softwareVersion: optional(text()),
  operatingSystem: optional(text()),
  macAddress: optional(macAddress),
  ipAddress: optional(ipAddress),
  hostname: optional(text(253)),
  powerRequirements: optional(text()),
  voltageV: optional(size),
  powerW: optional(measure),
  batteryType: optional(text()),
  weightKg: optional(size),
  widthCm: optional(size),
  depthCm: optional(size),
  heightCm: optional(size),
  isCalibrationRequired: defaulted(yesNo),
  calibrationFrequencyDays: optional(days),
  lastCalibrationDate: optional(day),
  nextCalibrationDate: optional(day),
  operatingTemperatureMinC: optional(degrees),
  operatingTemperatureMaxC: optional(degrees),
  operatingHumidityMinPct: optional(percent),
  operatingHumidityMaxPct: optional(percent),

  riskClassification: defaulted(oneOf('CLASS_I', 'CLASS_II', 'CLASS_III')),
  fdaRegistrationNumber: optional(text()),
  fda510kNumber: optional(text()),
  ceCertificateNumber: optional(text()),
  ceCertificateExpiresOn: optional(day),
  isoCertificateNumber: optional(text()),
  isoCertificateExpiresOn: optional(day),
  recallStatus: defaulted(oneOf('NONE', 'CLASS_I', 'CLASS_II', 'CLASS_III')),
  recallNoticeNumber: optional(text()),
  recallNoticeDate: optional(day),
  recallResolvedOn: optional(day),
  safetyInspectionFrequencyDays: optional(days),
  lastSafetyInspectionDate: optional(day),
  nextSafetyInspectionDate: optional(day),
  wasteHandling: defaulted(
    oneOf('STANDARD', 'BIOHAZARD', 'RADIOACTIVE', 'CHEMICAL', 'SHARPS', 'PHARMACEUTICAL'),
  ),
  requiresOperatorCertification: defaulted(yesNo),
  operatorCertificationType: optional(text()),
  requiresDecontamination: defaulted(yesNo),
  decontaminationProcedure: optional(prose),
  lastDecontaminatedAt: optional(instant),

  pmFrequencyDays: optional(days),
  lastPmDate: optional(day),
  nextPmDueDate: optional(day),
  pmProcedure: optional(prose),
  pmEstimatedMinutes: optional(whole(1)),
  isPmAutoWorkOrder: defaulted(yesNo),

  currentFacilityId: required(reference('facilities')),
  currentBuildingId: located(reference('buildings')),
  currentFloorId: located(reference('floors')),
  currentRoomId: located(reference('rooms')),
  currentZone: located(text()),
  currentX: located(measure),
  currentY: located(measure),
  currentZ: located(measure),
  currentLongitude: located(measure),
  currentLatitude: located(measure),
  locationAccuracyM: located(measure),
  locationMethod: located(trackingMethod),
  lastSeenTimestamp: located(instant),
  isMoving: located(yesNo),
  geofenceViolations: kept(whole(0)),
  isTracked: defaulted(yesNo),
  rfidTagIds: defaulted(texts),
  bleMacAddress: optional(tagId),
  gpsDeviceNumber: optional(text()),
  homeBuildingId: optional(reference('buildings')),
  homeFloorId: optional(reference('floors')),
  homeRoomId: optional(reference('rooms')),

  usageHoursBeforeLogs: defaulted(cents(0, 9_999_999_999.99)),
  usageCyclesBeforeLogs: defaulted(whole(0, Number.MAX_SAFE_INTEGER)),
  usageUnitsBeforeLogs: defaulted(cents(0, 999_999_999_999.99)),
  expectedHoursPerDay: defaulted(cents(0.01, 24)),
  assignedUserId: optional(reference('users')),
  assignedDepartmentId: optional(reference('departments')),

  iotSensors: optional(keysAndValues),
  isPredictionEnabled: defaulted(yesNo),

  depreciationMethod: defaulted(depreciationMethod),
  usefulLifeYears: required(whole(1, 100)),
  usefulLifeUnits: optional(cents(0.01, 999_999_999_999.99)),
  depreciationRate: optional(real(0.00001, 0.99999)),
  depreciationStartDate: optional(day),
  salvageValue: defaulted(money),
  lifetimeMaintenanceCostBeforeRecords: defaulted(money),
  downtimeCostPerHour: optional(money),
  annualOperatingCost: optional(money),
  annualRevenue: optional(money),
  glAccount: optional(text()),

  primaryCustodianId: required(reference('users')),
  secondaryCustodianId: optional(reference('users')),
  custodianDepartmentId: required(reference('departments')),
  authorizedOperatorIds: defaulted(texts),
  checkedOutToId: optional(reference('users')),
  checkedOutAt: optional(instant),
  checkInDueAt: optional(instant),
  checkOutPurpose: optional(prose),

  ehrDeviceId: optional(text()),
  cmmsAssetId: optional(text()),
  financeAssetId: optional(text()),
  fhirDeviceId: optional(text()),
  externalIds: optional(keysAndValues),
  syncStatus: defaulted(oneOf('SYNCED', 'PENDING', 'FAILED', 'NOT_CONFIGURED')),
  lastSyncedAt: optional(instant),
  syncError: optional(prose),

  isAlertingEnabled: defaulted(yesNo),
  alertRecipientIds: defaulted(texts),
  alertSettings: optional(keysAndValues),
  alertMinSeverity: defaulted(severity),

  primaryImageUrl: optional(url),
  imageUrls: defaulted(texts),
  manualUrl: optional(url),
  documentUrls: defaulted(texts),
  qrCodeUrl: optional(url),

  notes: optional(prose),
  customFields: defaulted(keysAndValues),
  version: kept(whole(1)),
  createdAt: kept(instant),
  createdById: kept(reference('users')),
  updatedAt: kept(instant),
  updatedById: kept(reference('users')),
  deletedAt: unseen(instant),
  deletedById: unseen(reference('users')),
} as const satisfies Record<string, Spec>

export type AssetFieldName = keyof typeof specs

/** A digit begins no word in camel case. */
const exceptions: Readonly<Record<string, string>> = {
  fda510kNumber: 'fda_510k_number',
  idleHours30d: 'idle_hours_30d',
}

/** Every name becomes its column by the same rule, but these. */
export const columnOf = (name: string): string =>
  exceptions[name] ?? name.replaceAll(/[A-Z]/gu, (letter) => `_${letter.toLowerCase()}`)

export const assetFields: readonly AssetField[] = Object.entries(specs).map(
  ([name, [use, kind, isNullable]]) => ({ name, column: columnOf(name), kind, use, isNullable }),
)
const byName = new Map(assetFields.map((field) => [field.name, field]))
const byColumn = new Map(assetFields.map((field) => [field.column, field]))

export const assetField = (name: string): AssetField | undefined => byName.get(name)
/** What people call a column. */
export const fieldOfColumn = (column: string): string | undefined => byColumn.get(column)?.name
