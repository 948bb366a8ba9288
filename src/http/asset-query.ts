/**
 * The list of assets as asked for: filters, search and order → SQL, and the cursor that goes on where a page ended.
 * Guarantees: nothing of a request gets into SQL but as a parameter; pages neither repeat nor leave out what was there all the time,
 * however much is inserted meanwhile, because a cursor is a place in the order and not a count.
 */
import { z } from 'zod'
import { assetStatuses, deviceCategories } from '../register/words.ts'
import { criticalities } from './asset-choices.ts'
import { cursorParameter, readCursor } from './cursor.ts'
import { choicesParameter, storable } from './field-kinds.ts'

const mostPerPage = 200
/** More than anybody reads of a search, and enough for a filter to find what is far down. */
const mostFound = 10_000

interface SortKey {
  readonly sql: string
  readonly type: string
}
const text = (sql: string): SortKey => ({ sql, type: 'text' })
/** Last in either direction, where there is none. */
const orLast =
  (column: string, type: string, last: string, first: string) =>
  (isDescending: boolean): SortKey => ({
    sql: `coalesce(${column}, '${isDescending ? first : last}'::${type})`,
    type,
  })

const sorts = {
  assetTagNumber: text('a.asset_tag_number'),
  equipmentName: text('a.equipment_name'),
  manufacturer: text('a.manufacturer'),
  modelNumber: text('a.model_number'),
  serialNumber: text('a.serial_number'),
  deviceCategory: { sql: 'a.device_category', type: 'device_category' },
  assetStatus: { sql: 'a.asset_status', type: 'asset_status' },
  criticalityLevel: { sql: 'a.criticality_level', type: 'criticality_level' },
  purchaseDate: orLast('a.purchase_date', 'date', 'infinity', '-infinity'),
  purchaseCost: orLast('a.purchase_cost', 'numeric', '1000000000000', '-1'),
  nextPmDueDate: orLast('a.next_pm_due_date', 'date', 'infinity', '-infinity'),
  createdAt: { sql: 'a.created_at', type: 'timestamptz' },
  updatedAt: { sql: 'a.updated_at', type: 'timestamptz' },
} satisfies Record<string, SortKey | ((isDescending: boolean) => SortKey)>

const sortNames = Object.keys(sorts) as (keyof typeof sorts)[]
const isSortName = (name: string): name is keyof typeof sorts => Object.hasOwn(sorts, name)

const word = (expected: string) => storable(1, 200).describe(expected).optional()

export const assetQuerySchema = z.strictObject({
  q: z
    .string()
    .trim()
    .pipe(storable(1, 200))
    .describe(
      'words to search for: 1 to 200 characters, may be mistyped; "exact phrase" and -without as on the web',
    )
    .optional(),
  status: choicesParameter(assetStatuses),
  category: choicesParameter(deviceCategories),
  criticality: choicesParameter(criticalities),
  facility: word('id or code of the facility it is in'),
  department: word('id or code of the department that answers for it'),
  room: word('id or code of the room it belongs to; where assets are now is another question'),
  custodian: word('id or username of its primary custodian'),
  tag: storable(1, 128).describe('id of a tag it wears now, such as AC:23:3F:A1:B2:C3').optional(),
  assetTagNumber: word('its asset tag number, exactly'),
  sort: z
    .enum([...sortNames, ...sortNames.map((name) => `-${name}` as const)])
    .describe(
      `one of ${sortNames.join(', ')}; with "-" before it, the other way round; without it assetTagNumber, or with q the best match first`,
    )
    .optional(),
  limit: z
    .preprocess(
      (value) => (typeof value === 'string' && /^\d{1,9}$/u.test(value) ? Number(value) : value),
      z.int().min(1).max(mostPerPage),
    )
    .describe(`a whole number from 1 to ${mostPerPage}`)
    .default(50),
  cursor: cursorParameter,
})

export type AssetQuery = z.output<typeof assetQuerySchema>

export interface PageStatement {
  /** Gives `page (id, place, keys)`, one row more than the limit where there is a next page. */
  readonly sql: string
  readonly parameters: readonly unknown[]
}

export function pageStatement(query: AssetQuery): PageStatement {
  const parameters: unknown[] = []
  const put = (value: unknown): string => `$${parameters.push(value)}`
  const { keys, isDescending } = orderOf(query)
  const where = ['a.deleted_at IS NULL', ...filtersOf(query, put)]
  if (query.cursor !== undefined) {
    const values = readCursor(query, keys.length).map(
      (value, at) => `${put(value)}::${keys[at]?.type ?? 'text'}`,
    )
    where.push(
      `(${keys.map(({ sql }) => sql).join(', ')}) ${isDescending ? '<' : '>'} (${values.join(', ')})`,
    )
  }
  const order = keys.map(({ sql }) => `${sql}${isDescending ? ' DESC' : ''}`).join(', ')
  const found =
    query.q === undefined ? '' : `JOIN search_assets(${put(query.q)}, ${mostFound}) s ON s.asset_id = a.id`
  return {
    sql: `WITH page AS MATERIALIZED (
  SELECT a.id, row_number() OVER (ORDER BY ${order}) AS place, ARRAY[${keys.map(({ sql }) => `(${sql})::text`).join(', ')}] AS keys
  FROM assets a ${found}
  WHERE ${where.join('\n    AND ')}
  ORDER BY ${order}
  LIMIT ${put(query.limit + 1)})`,
    parameters,
  }
}

/** The id is the last key, so that no two rows share a place. */
function orderOf({ sort, q }: AssetQuery): { keys: readonly SortKey[]; isDescending: boolean } {
  const id = text('a.id')
  if (sort === undefined && q !== undefined)
    return { keys: [{ sql: '-s.rank', type: 'real' }, text('a.asset_tag_number'), id], isDescending: false }
  const isDescending = sort?.startsWith('-') === true
  const name = sort?.replace(/^-/u, '') ?? 'assetTagNumber'
  const key = sorts[isSortName(name) ? name : 'assetTagNumber']
  return { keys: [typeof key === 'function' ? key(isDescending) : key, id], isDescending }
}

function filtersOf(query: AssetQuery, put: (value: unknown) => string): string[] {
  const filters: string[] = []
  const among = (column: string, type: string, values: readonly string[] | undefined): void => {
    if (values !== undefined) filters.push(`a.${column} = ANY (${put(values)}::${type}[])`)
  }
  const refersTo = (column: string, table: string, code: string, value: string | undefined): void => {
    if (value === undefined) return
    const parameter = put(value)
    filters.push(
      `a.${column} IN (SELECT t.id FROM ${table} t WHERE t.id = ${parameter} OR t.${code} = ${parameter})`,
    )
  }
  among('asset_status', 'asset_status', query.status)
  among('device_category', 'device_category', query.category)
  among('criticality_level', 'criticality_level', query.criticality)
  refersTo('current_facility_id', 'facilities', 'facility_code', query.facility)
  refersTo('custodian_department_id', 'departments', 'department_code', query.department)
  refersTo('home_room_id', 'rooms', 'room_code', query.room)
  refersTo('primary_custodian_id', 'users', 'username', query.custodian)
  if (query.tag !== undefined)
    filters.push(`a.id IN (SELECT w.asset_id FROM tag_assignments w WHERE w.tag_id = canonical_tag_id(${put(query.tag)})
      AND w.valid_from <= now() AND (w.valid_to IS NULL OR w.valid_to > now())
      AND NOT EXISTS (SELECT FROM person_tags worn WHERE worn.tag_id = w.tag_id))`)
  if (query.assetTagNumber !== undefined) filters.push(`a.asset_tag_number = ${put(query.assetTagNumber)}`)
  return filters
}
