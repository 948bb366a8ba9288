/**
 * What the API says about an asset: the schemas of the answers, and the SQL that makes them. The database makes the JSON, so that
 * a date stays a date and an amount its digits.
 */
import { z } from 'zod'
import { failureCategory, pmCompliance, trackingMethod } from './asset-choices.ts'
import { type AssetField, type AssetFieldName, assetField, assetFields, columnOf } from './asset-fields.ts'
import { type Kind, cents, day, instant, real, text, whole } from './field-kinds.ts'

const anything = Number.MAX_VALUE
const figure = real(-anything, anything)
const count = whole(0)
const optionalName = text()

/** Columns that assets_current adds; each is computed for the moment it is asked. Those that are never NULL stand first. */
const always = {
  facilityCode: text(),
  facilityName: text(),
  custodianDepartmentName: text(),
  primaryCustodianName: text(),
}
const computed: Readonly<Record<string, Kind>> = {
  pmDueDate: day,
  pmComplianceStatus: pmCompliance,
  bookValue: cents(0, anything),
  accumulatedDepreciation: cents(0, anything),
  lifetimeMaintenanceCost: cents(0, anything),
  downtimeHours: figure,
  totalCostOfOwnership: figure,
  roiPct: figure,
  replacementDate: day,
  totalUsageHours: figure,
  totalUsageCycles: count,
  utilizationPct: figure,
  idleHours30d: figure,
  lastUsedAt: instant,
  averageSessionMinutes: figure,
  peakDayHours: figure,
  peakHourOfDay: count,
  failureCount: count,
  lastFailureAt: instant,
  mtbfHours: figure,
  mttrHours: figure,
  failureProbabilityScore: figure,
  predictedFailureDate: day,
  predictedFailureCategory: failureCategory,
  predictionConfidence: figure,
  predictionScoredAt: instant,
  predictionModel: optionalName,
}

const instantSql = (value: string): string =>
  `to_char(${value} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

/** From the table or the view as `c`, under the name that the API has for it. */
function select(name: string, column: string, kind: Kind): string {
  const value =
    kind.isInstant === true
      ? instantSql(`c.${column}`)
      : kind === figure
        ? `round(c.${column}::numeric, 2)`
        : `c.${column}`
  return `${value} AS "${name}"`
}

/** Where people are is in no answer of the API. */
const isOfThings = (tag: string): string =>
  `NOT EXISTS (SELECT FROM person_tags worn WHERE worn.tag_id = ${tag})`

const currentTagsSql = `(
  SELECT coalesce(json_agg(json_build_object('tagId', w.tag_id, 'since',
      CASE WHEN isfinite(w.valid_from) THEN ${instantSql('w.valid_from')} END) ORDER BY w.valid_from, w.tag_id), '[]')
  FROM tag_assignments w
  WHERE w.asset_id = c.id AND w.valid_from <= now() AND (w.valid_to IS NULL OR w.valid_to > now())
    AND ${isOfThings('w.tag_id')}) AS "currentTags"`

const homeRoomNameSql = '(SELECT r.room_name FROM rooms r WHERE r.id = c.home_room_id) AS "homeRoomName"'

const lastLocationSql = `(
  SELECT row_to_json(l) FROM (
    SELECT ${instantSql('p.t')} AS "seenAt", greatest(0, round(EXTRACT(epoch FROM now() - p.t)))::bigint AS "secondsAgo",
      p.tag_id AS "tagId", p.tracking_method AS "trackingMethod", p.facility_id AS "facilityCode", b.building_name AS "buildingName",
      p.floor, fl.floor_name AS "floorName", r.id AS "roomId", r.room_name AS "roomName", p.zone,
      round(p.x::numeric, 3) AS x, round(p.y::numeric, 3) AS y, round(p.z::numeric, 3) AS z,
      p.longitude, p.latitude, p.accuracy_m AS "accuracyM", p.is_moving AS "isMoving", p.battery_pct AS "batteryPct"
    FROM asset_position(a) p
    LEFT JOIN rooms r ON r.id = p.room_id
    LEFT JOIN floors fl ON fl.id = r.floor_id
    LEFT JOIN buildings b ON b.id = fl.building_id
    WHERE ${isOfThings("coalesce(p.tag_id, '')")}) AS l) AS "lastLocation"`

const currentTags = z
  .array(
    z.object({
      tagId: z.string(),
      since: z.iso.datetime().nullable().describe('null: for as long as there are pings'),
    }),
  )
  .describe('The tags it wears now, as tag_assignments has them.')

const lastLocation = z
  .object({
    seenAt: z.iso.datetime(),
    secondsAgo: z.int(),
    tagId: z.string().nullable(),
    trackingMethod: trackingMethod.answered.nullable(),
    facilityCode: z.string().nullable(),
    buildingName: z.string().nullable(),
    floor: z.number().nullable(),
    floorName: z.string().nullable(),
    roomId: z.string().nullable(),
    roomName: z.string().nullable(),
    zone: z.string().nullable(),
    x: z.number().nullable().describe('metres in the frame of the facility'),
    y: z.number().nullable().describe('metres in the frame of the facility'),
    z: z.number().nullable().describe('metres above the floor'),
    longitude: z.number().nullable(),
    latitude: z.number().nullable(),
    accuracyM: z.number().nullable().describe('metres'),
    isMoving: z.boolean().nullable(),
    batteryPct: z.int().nullable(),
  })
  .nullable()
  .describe('Where one of its tags was last seen; null: nowhere yet.')

/** Location columns are answered as lastLocation. */
const storedFields = assetFields.filter(({ use }) => use !== 'located' && use !== 'unseen')

const answered = ({ kind, isNullable }: AssetField): z.ZodType =>
  isNullable ? kind.answered.nullable() : kind.answered

const alwaysShape = Object.fromEntries(Object.entries(always).map(([name, kind]) => [name, kind.answered]))
const computedShape = Object.fromEntries(
  Object.entries(computed).map(([name, kind]) => [name, kind.answered.nullable()]),
)

export const assetSchema = z
  .object({
    ...Object.fromEntries(storedFields.map((field) => [field.name, answered(field)])),
    ...alwaysShape,
    ...computedShape,
    homeRoomName: z.string().nullable(),
    currentTags,
    lastLocation,
  })
  .describe(
    'A whole asset: its facts, what follows from them at this moment, the tags it wears, where it was last seen.',
  )

/** $1: the id. */
export const wholeAssetSql = `
SELECT row_to_json(w) AS asset FROM (
  SELECT ${[
    ...storedFields.map(({ name, column, kind }) => select(name, column, kind)),
    ...Object.entries({ ...always, ...computed }).map(([name, kind]) => select(name, columnOf(name), kind)),
    homeRoomNameSql,
    currentTagsSql,
    lastLocationSql,
  ].join(',\n    ')}
  FROM assets_current c JOIN assets a ON a.id = c.id
  WHERE c.id = $1) AS w`

const summaryNames = [
  'id',
  'assetTagNumber',
  'equipmentName',
  'manufacturer',
  'modelNumber',
  'serialNumber',
  'deviceCategory',
  'deviceSubcategory',
  'assetStatus',
  'criticalityLevel',
  'riskClassification',
  'recallStatus',
  'currentFacilityId',
  'custodianDepartmentId',
  'primaryCustodianId',
  'homeRoomId',
  'version',
  'updatedAt',
] as const satisfies readonly AssetFieldName[]
const summaryFields = summaryNames.map((name) => assetField(name)).filter((field) => field !== undefined)

export const assetSummarySchema = z
  .object({
    ...Object.fromEntries(summaryFields.map((field) => [field.name, answered(field)])),
    ...alwaysShape,
    pmDueDate: day.answered.nullable(),
    pmComplianceStatus: pmCompliance.answered.nullable(),
    homeRoomName: z.string().nullable(),
    currentTags,
  })
  .describe('What a list shows of an asset; ask /assets/{id} for the rest.')

/** One row each of the assets in `page (id, place, keys)`, in its order, with the keys of the cursor. */
export const summariesSql = `
SELECT (SELECT row_to_json(s) FROM (
    SELECT ${[
      ...summaryFields.map(({ name, column, kind }) => select(name, column, kind)),
      ...Object.entries({ ...always, pmDueDate: day, pmComplianceStatus: pmCompliance }).map(([name, kind]) =>
        select(name, columnOf(name), kind),
      ),
      homeRoomNameSql,
      currentTagsSql,
    ].join(',\n      ')}) AS s) AS asset, page.keys
FROM page JOIN assets_current c ON c.id = page.id
ORDER BY page.place`
