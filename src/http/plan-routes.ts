/** /facilities and /plan: which hospitals and floors there are, and the outlines of the rooms of a floor. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { HttpDatabase } from './database.ts'
import { type Facilities, facilityParameter, floorParameter } from './facilities.ts'
import { fieldProblem } from './problem.ts'
import { type ApiPart, defineRoute } from './route.ts'

const boundsSchema = z
  .object({ minX: z.number(), minY: z.number(), maxX: z.number(), maxY: z.number() })
  .nullable()
  .describe(
    'metres in the frame of the facility: the plan of the floor, else what its rooms cover; null: neither is known',
  )

const facilityListSchema = z.object({
  items: z.array(
    z.object({
      facility: z.string().describe('its code, as pings and ?facility= have it'),
      name: z.string(),
      organizationId: z.string(),
      timezone: z.string().describe('IANA'),
      floors: z.array(
        z.object({
          floor: z.number(),
          name: z.string(),
          buildingName: z.string(),
          rooms: z.int(),
          bounds: boundsSchema,
        }),
      ),
    }),
  ),
})

const planSchema = z.object({
  facility: z.string(),
  floor: z.number(),
  bounds: boundsSchema,
  rooms: z
    .array(
      z.object({
        id: z.string(),
        name: z.string(),
        type: z.string(),
        departmentName: z.string().nullable(),
        isRestricted: z.boolean(),
        polygon: z.array(z.array(z.number())).describe('[x, y] in metres; closed: the last is the first'),
      }),
    )
    .describe('with an outline, the largest first: drawn in this order no room hides one that lies in it'),
})

/** Of all buildings of a facility: they share its frame. $1: the facility's id. */
const floorsSql = `
  SELECT l.floor_number AS floor, string_agg(DISTINCT l.floor_name, ', ') AS name,
    string_agg(DISTINCT b.building_name, ', ') AS "buildingName", coalesce(sum(r.rooms), 0)::integer AS rooms,
    least(min(l.origin_x) FILTER (WHERE l.width_m > 0 AND l.depth_m > 0), min(r.min_x)) AS "minX",
    least(min(l.origin_y) FILTER (WHERE l.width_m > 0 AND l.depth_m > 0), min(r.min_y)) AS "minY",
    greatest(max(l.origin_x + l.width_m) FILTER (WHERE l.depth_m > 0), max(r.max_x)) AS "maxX",
    greatest(max(l.origin_y + l.depth_m) FILTER (WHERE l.width_m > 0), max(r.max_y)) AS "maxY"
  FROM rtls.floors l
  JOIN rtls.buildings b ON b.id = l.building_id AND b.is_active
  LEFT JOIN (
    SELECT r.floor_id, count(DISTINCT r.id) AS rooms, min((corner ->> 0)::double precision) AS min_x, max((corner ->> 0)::double precision) AS max_x,
      min((corner ->> 1)::double precision) AS min_y, max((corner ->> 1)::double precision) AS max_y
    FROM rtls.rooms r LEFT JOIN LATERAL jsonb_array_elements(r.geofence_polygon) AS corner ON true
    WHERE r.is_active AND r.facility_id = $1 GROUP BY r.floor_id) AS r ON r.floor_id = l.id
  WHERE b.facility_id = $1 AND l.is_active
  GROUP BY l.floor_number ORDER BY l.floor_number`

/** $1: the facility's id, $2: the floor. */
const roomsSql = `
  SELECT r.id, r.room_name AS name, r.room_type AS type, d.department_name AS "departmentName", r.is_restricted AS "isRestricted",
    r.geofence_polygon AS polygon
  FROM rtls.rooms r
  JOIN rtls.floors l ON l.id = r.floor_id AND l.is_active
  JOIN rtls.buildings b ON b.id = l.building_id AND b.is_active
  LEFT JOIN rtls.departments d ON d.id = r.department_id
  WHERE r.facility_id = $1 AND r.floor_number = $2::real AND r.is_active AND r.geofence_polygon IS NOT NULL
  ORDER BY r.id`

interface FloorRow {
  readonly [name: string]: unknown
  readonly floor: number
  readonly name: string
  readonly buildingName: string
  readonly rooms: number
  readonly minX: number | null
  readonly minY: number | null
  readonly maxX: number | null
  readonly maxY: number | null
}

interface RoomRow {
  readonly [name: string]: unknown
  readonly id: string
  readonly polygon: readonly (readonly [number, number])[]
}

export const createPlanRoutes = (database: HttpDatabase, facilities: Facilities): ApiPart => ({
  schemas: { FacilityList: facilityListSchema, Plan: planSchema },
  routes: [
    defineRoute({
      method: 'GET',
      path: '/facilities',
      name: 'listFacilities',
      summary: 'Facilities and their floors',
      description: 'Those that are active. All buildings of a facility share its frame of x and y.',
      role: 'viewer',
      takes: {},
      answers: { 200: { description: 'All facilities.', schema: facilityListSchema } },
      problems: [],
      async handle() {
        const items = []
        for (const { id, code, name, organizationId, timezone } of await facilities.all()) {
          const floors = await database.query<FloorRow>(floorsSql, [id])
          items.push({ facility: code, name, organizationId, timezone, floors: floors.map(floorOf) })
        }
        return { status: 200, body: { items } }
      },
    }),

    defineRoute({
      method: 'GET',
      path: '/plan',
      name: 'getPlan',
      summary: 'The plan of a floor',
      description:
        'The outlines of its rooms. Send the ETag back as If-None-Match: while nobody draws a wall anew the answer is 304 and empty.',
      role: 'viewer',
      takes: {
        query: z.strictObject({ facility: facilityParameter, floor: floorParameter }),
        headers: { 'If-None-Match': 'the ETag of the plan that is there already' },
      },
      answers: {
        200: {
          description: 'The plan.',
          schema: planSchema,
          headers: { ETag: 'changes when anything of the plan does' },
        },
        304: { description: 'The plan is still the one with this ETag.' },
      },
      problems: [],
      async handle({ query, headers }) {
        const facility = await facilities.resolve(query.facility)
        const floors = await database.query<FloorRow>(floorsSql, [facility.id])
        const floor = floors.find((row) => Math.fround(row.floor) === query.floor)
        if (floor === undefined)
          throw fieldProblem('invalid-parameter', [
            {
              field: 'floor',
              in: 'query',
              detail: `${facility.code} has no such floor: ${floors.map((row) => row.floor).join(', ') || 'none is in the database'}`,
            },
          ])
        const rooms = await database.query<RoomRow>(roomsSql, [facility.id, query.floor])
        const body = JSON.stringify({
          facility: facility.code,
          floor: floor.floor,
          bounds: floorOf(floor).bounds,
          rooms: rooms.toSorted((a, b) => areaOf(b) - areaOf(a)),
        })
        const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
        // Kept, but asked for each time: 304 costs the page nothing.
        const kept = { etag, 'cache-control': 'private, no-cache' }
        return isOneOf(etag, headers['if-none-match'])
          ? { status: 304, headers: kept }
          : { status: 200, body, headers: { ...kept, 'content-type': 'application/json; charset=utf-8' } }
      },
    }),
  ],
})

function floorOf({ floor, name, buildingName, rooms, minX, minY, maxX, maxY }: FloorRow) {
  const isKnown = minX !== null && minY !== null && maxX !== null && maxY !== null
  return { floor, name, buildingName, rooms, bounds: isKnown ? { minX, minY, maxX, maxY } : null }
}

function areaOf({ polygon }: RoomRow): number {
  let doubled = 0
  for (const [index, [x, y]] of polygon.entries()) {
    const [nextX, nextY] = polygon[(index + 1) % polygon.length] ?? [x, y]
    doubled += x * nextY - nextX * y
  }
  return Math.abs(doubled)
}

/** RFC 9110: a list of tags, compared weakly, or *. */
const isOneOf = (etag: string, header: string | undefined): boolean =>
  header !== undefined &&
  header.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//u, '') === etag)
