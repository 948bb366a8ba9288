/**
 * Why an asset cannot be stored, as problems that name the fields: references that point nowhere or into another organisation, asked
 * before; and what the table refuses, by the name of the constraint.
 */
import type pg from 'pg'
import { type AssetField, assetFields, fieldOfColumn } from './asset-fields.ts'
import type { HttpDatabase } from './database.ts'
import type { ReferencedTable } from './field-kinds.ts'
import { type FieldError, Problem, fieldProblem } from './problem.ts'

/** Which organisation a row belongs to; NULL: to all. $N stands for its id. */
const organizationOf: Readonly<Record<ReferencedTable, string>> = {
  organizations: 'SELECT o.id AS organization FROM organizations o WHERE o.id = $N',
  facilities: 'SELECT f.organization_id FROM facilities f WHERE f.id = $N',
  departments:
    'SELECT f.organization_id FROM departments d JOIN facilities f ON f.id = d.facility_id WHERE d.id = $N',
  buildings:
    'SELECT f.organization_id FROM buildings b JOIN facilities f ON f.id = b.facility_id WHERE b.id = $N',
  floors: `SELECT f.organization_id FROM floors l JOIN buildings b ON b.id = l.building_id
    JOIN facilities f ON f.id = b.facility_id WHERE l.id = $N`,
  rooms: `SELECT f.organization_id FROM rooms r JOIN floors l ON l.id = r.floor_id JOIN buildings b ON b.id = l.building_id
    JOIN facilities f ON f.id = b.facility_id WHERE r.id = $N`,
  users: 'SELECT u.organization_id FROM users u WHERE u.id = $N',
  vendors: 'SELECT NULL::text FROM vendors v WHERE v.id = $N',
}

/** Throws a problem with all references of `values` (by field name) that are not rows of the organisation. */
export async function checkReferences(
  database: HttpDatabase,
  values: Readonly<Record<string, unknown>>,
  organizationId: string,
): Promise<void> {
  const references = assetFields.filter(
    ({ name, kind }) => kind.table !== undefined && typeof values[name] === 'string',
  )
  if (references.length === 0) return
  const found = await database.query<{ name: string; organization: string | null }>(
    references.map((field, at) => lookUp(field, at)).join('\nUNION ALL\n'),
    references.map(({ name }) => values[name]),
  )
  const owners = new Map(found.map(({ name, organization }) => [name, organization]))
  const errors = references.flatMap(({ name, kind }): FieldError[] => {
    const owner = owners.get(name)
    if (owner === undefined)
      return [
        {
          field: name,
          in: 'body',
          detail: `no row of ${kind.table} has the id ${JSON.stringify(values[name])}`,
        },
      ]
    return owner === null || owner === organizationId
      ? []
      : [{ field: name, in: 'body', detail: 'belongs to another organisation than the asset' }]
  })
  if (errors.length > 0) throw fieldProblem('invalid-fields', errors)
}

function lookUp({ name, kind }: AssetField, at: number): string {
  const sql = kind.table === undefined ? '' : organizationOf[kind.table]
  return `SELECT '${name}' AS name, t.organization FROM (${sql.replace('$N', `$${at + 1}`)}) AS t (organization)`
}

/** The rules of the table that concern several fields, or say more than what is expected in one. */
const rules: Readonly<Record<string, { readonly fields: readonly string[]; readonly detail: string }>> = {
  assets_salvage_within_cost: {
    fields: ['salvageValue'],
    detail: 'must not exceed purchaseCost and installationCost together',
  },
  assets_warranty_in_order: inOrder('warrantyStartDate', 'warrantyEndDate'),
  assets_amc_in_order: inOrder('amcStartDate', 'amcEndDate'),
  assets_cmc_in_order: inOrder('cmcStartDate', 'cmcEndDate'),
  assets_calibration_in_order: inOrder('lastCalibrationDate', 'nextCalibrationDate'),
  assets_safety_inspection_in_order: inOrder('lastSafetyInspectionDate', 'nextSafetyInspectionDate'),
  assets_pm_in_order: inOrder('lastPmDate', 'nextPmDueDate'),
  assets_temperature_in_order: {
    fields: ['operatingTemperatureMaxC'],
    detail: 'must not be below operatingTemperatureMinC',
  },
  assets_humidity_in_order: {
    fields: ['operatingHumidityMaxPct'],
    detail: 'must not be below operatingHumidityMinPct',
  },
  assets_recall_named: {
    fields: ['recallNoticeNumber'],
    detail: 'is required while recallStatus is another than NONE',
  },
  assets_recall_resolution_of_notice: {
    fields: ['recallNoticeNumber', 'recallNoticeDate'],
    detail: 'is required while recallResolvedOn is given',
  },
  assets_recall_in_order: inOrder('recallNoticeDate', 'recallResolvedOn'),
  assets_units_for_units_of_production: {
    fields: ['usefulLifeUnits'],
    detail: 'is required while depreciationMethod is UNITS_OF_PRODUCTION',
  },
  assets_check_out_whole: {
    fields: ['checkedOutToId', 'checkedOutAt'],
    detail: 'give checkedOutToId and checkedOutAt together, or clear both',
  },
  assets_check_in_after_check_out: { fields: ['checkInDueAt'], detail: 'must be later than checkedOutAt' },
}

export const constraintRules = Object.keys(rules)

function inOrder(first: string, last: string): { fields: string[]; detail: string } {
  return { fields: [last], detail: `must not be earlier than ${first}` }
}

/** What the database refused (SQLSTATE classes 22 and 23), in the words of the API. */
export function explainRefusal(error: pg.DatabaseError): Problem {
  const { constraint = '', column, code } = error
  if (constraint === 'assets_udi')
    return fieldProblem(
      'duplicate',
      bodyErrors(['udiDi', 'udiPi'], 'another asset has this UDI-DI and UDI-PI'),
    )
  const rule = rules[constraint]
  if (rule !== undefined) return fieldProblem('invalid-fields', bodyErrors(rule.fields, rule.detail))
  const field =
    fieldOfColumn(column ?? '') ??
    fieldOfColumn(/^assets_(.+)_(?:key|fkey|check)$/u.exec(constraint)?.[1] ?? '')
  if (field === undefined)
    return new Problem(
      'invalid-fields',
      'The database refuses a value that this service took for valid. Compare what you sent with /openapi.json.',
    )
  if (code === '23505')
    return fieldProblem('duplicate', bodyErrors([field], 'another asset has this value; it must be unique'))
  const detail =
    code === '23503'
      ? 'refers to a row that does not exist'
      : code === '23502'
        ? 'is required'
        : 'is not valid'
  return fieldProblem('invalid-fields', bodyErrors([field], detail))
}

const bodyErrors = (fields: readonly string[], detail: string): FieldError[] =>
  fields.map((field) => ({ field, in: 'body', detail }))
