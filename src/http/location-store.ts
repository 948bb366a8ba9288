/**
 * Where assets are, read from the database: all of an organisation for a live map, some of a facility for a list or a search.
 * Reads through the views of schema rtls: what the login may not see, and tags that people wear, are in no answer.
 */
import { type AssetFacts, type Located, type Place, type Room } from '../live/location.ts'
import type { HttpDatabase } from './database.ts'
import type { Facility } from './facilities.ts'

export interface LocationFilter {
  readonly category?: readonly string[] | undefined
  readonly subcategory?: string | undefined
  readonly status?: readonly string[] | undefined
  readonly assetIds?: readonly string[] | undefined
  /** Id or code of the room it is in. */
  readonly room?: string | undefined
  readonly floor?: number | undefined
  readonly isFree?: boolean | undefined
}

export interface Page {
  readonly limit: number
  /** Asset tag and id of the last of the page before. */
  readonly after?: readonly [assetTag: string, assetId: string] | undefined
}

export interface LocationStore {
  /** Assets of the facility: those that are there, and its own that nothing is known of. By asset tag. */
  inFacility(facility: Facility, filter: LocationFilter, page?: Page): Promise<Located[]>
  ofOrganization(organizationId: string): Promise<Located[]>
  /** By its id or code. */
  room(facility: Facility, idOrCode: string): Promise<Room | undefined>
  /** Undefined: there is no such asset. `at` undefined: now. */
  one(assetId: string, at?: Date): Promise<Located | undefined>
}

type Row = Record<string, unknown> &
  AssetFacts &
  Omit<Place, 'tUs' | 'tagId' | 'facility'> & {
    readonly homeFacility: string
    /** Null: never located. */
    readonly tUs: number | null
    readonly tagId: string | null
    readonly facility: string | null
    readonly room: Room | null
  }

/** A session without an end counts for a day. */
const inUseSql = `
  SELECT u.asset_id FROM rtls.usage_logs u
  WHERE u.session_start > now() - INTERVAL '24 hours' AND u.session_start <= now() AND coalesce(u.session_end > now(), true)`

const boxMiddleSql = (axis: 0 | 1): string => `(
  SELECT (min((corner ->> ${axis})::double precision) + max((corner ->> ${axis})::double precision)) / 2
  FROM jsonb_array_elements(r.geofence_polygon) AS corner)`

export const roomSql = `json_build_object('name', r.room_name, 'floor', r.floor_number, 'isRestricted', r.is_restricted,
  'x', coalesce(r.center_x, ${boxMiddleSql(0)}), 'y', coalesce(r.center_y, ${boxMiddleSql(1)}))`

/**
 * `locations`: asset_id and the columns of rtls.assets_now. Of these only candidates: the full join is a left join that no plan makes
 * a nested loop of, which where nothing was analysed yet is seconds for thousands of assets.
 */
const rowsSql = (candidates: string, locations: string): string => `
WITH candidate AS MATERIALIZED (
  SELECT a.id, a.asset_tag_number, a.equipment_name, a.device_category, a.device_subcategory, a.asset_status, a.current_facility_id
  FROM rtls.assets a WHERE a.deleted_at IS NULL AND ${candidates}
), room AS MATERIALIZED (
  SELECT r.id, r.room_code, ${roomSql} AS room FROM rtls.rooms r
), known AS MATERIALIZED (
  SELECT * FROM candidate a FULL JOIN ${locations} ON l.asset_id = a.id
), located AS (
  SELECT k.id AS "assetId", k.asset_tag_number AS "assetTag", k.equipment_name AS name, k.device_category AS category,
    k.device_subcategory AS subcategory, k.asset_status AS status,
    k.asset_status IN ('ACTIVE', 'IN_SERVICE') AND k.id NOT IN (${inUseSql}) AS "isFree",
    f.facility_code AS "homeFacility", coalesce(k.facility_id, f.facility_code) AS here,
    (EXTRACT(epoch FROM k.t) * 1000000)::bigint::double precision AS "tUs", k.tag_id AS "tagId", k.facility_id AS facility, k.floor,
    k.room_id AS "roomId", k.zone, k.x, k.y, k.z, k.accuracy_m AS "accuracyM", k.fix, k.is_moving AS "isMoving",
    k.battery_pct AS "batteryPct", room.room, room.room_code, coalesce(k.floor, (room.room ->> 'floor')::real) AS on_floor
  FROM known k
  JOIN rtls.facilities f ON f.id = k.current_facility_id
  LEFT JOIN room ON room.id = k.room_id
)
SELECT * FROM located`

const nowSql = 'rtls.assets_now(ARRAY(SELECT c.id FROM candidate c)) l'

export function createLocationStore(database: HttpDatabase): LocationStore {
  const read = async (sql: string, parameters: readonly unknown[]): Promise<Located[]> =>
    (await database.query<Row>(sql, parameters)).map(locatedOf)

  return {
    async inFacility(facility, filter, page) {
      const parameters: unknown[] = [facility.organizationId, facility.code]
      const put = (value: unknown): string => `$${parameters.push(value)}`
      const candidates = ['a.organization_id = $1']
      if (filter.category !== undefined)
        candidates.push(`a.device_category = ANY (${put(filter.category)}::device_category[])`)
      if (filter.status !== undefined)
        candidates.push(`a.asset_status = ANY (${put(filter.status)}::asset_status[])`)
      if (filter.subcategory !== undefined)
        candidates.push(`lower(a.device_subcategory) = lower(${put(filter.subcategory)})`)
      if (filter.assetIds !== undefined) candidates.push(`a.id = ANY (${put(filter.assetIds)}::text[])`)
      if (page?.after !== undefined)
        candidates.push(`(a.asset_tag_number, a.id) > (${put(page.after[0])}, ${put(page.after[1])})`)
      const where = ['here = $2']
      if (filter.floor !== undefined) where.push(`on_floor = ${put(filter.floor)}::real`)
      if (filter.room !== undefined) {
        const room = put(filter.room)
        where.push(`("roomId" = ${room} OR room_code = ${room})`)
      }
      if (filter.isFree !== undefined) where.push(`"isFree" = ${put(filter.isFree)}`)
      const limit = page === undefined ? '' : ` LIMIT ${put(page.limit)}`
      return read(
        `${rowsSql(candidates.join(' AND '), nowSql)} WHERE ${where.join(' AND ')} ORDER BY "assetTag", "assetId"${limit}`,
        parameters,
      )
    },

    ofOrganization: async (organizationId) =>
      read(rowsSql('a.organization_id = $1', nowSql), [organizationId]),

    async room(facility, idOrCode) {
      const [found] = await database.query<{ room: Room }>(
        `SELECT ${roomSql} AS room FROM rtls.rooms r WHERE r.facility_id = $1 AND (r.id = $2 OR r.room_code = $2)
         ORDER BY r.id <> $2, r.id LIMIT 1`,
        [facility.id, idOrCode],
      )
      return found?.room
    },

    async one(assetId, at) {
      const [located] =
        at === undefined
          ? await read(rowsSql('a.id = $1', nowSql), [assetId])
          : await read(rowsSql('a.id = $1', 'asset_location_at($1, $2::timestamptz) l'), [assetId, at])
      return located
    },
  }
}

function locatedOf(row: Row): Located {
  const { assetId, assetTag, name, category, subcategory, status, isFree, homeFacility, room } = row
  const { tUs, tagId, facility, floor, roomId, zone, x, y, z, accuracyM, fix, isMoving, batteryPct } = row
  const place: Place | null =
    tUs === null || tagId === null || facility === null
      ? null
      : { tUs, tagId, facility, floor, roomId, zone, x, y, z, accuracyM, fix, isMoving, batteryPct }
  return {
    facts: { assetId, assetTag, name, category, subcategory, status, isFree },
    homeFacility,
    place,
    room,
  }
}
