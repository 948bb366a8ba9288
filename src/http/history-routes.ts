/** /assets/{id}/location, /trail and /visits: where one asset is or was, which way it went, in which rooms it stayed. */
import { z } from 'zod'
import { fixes } from '../ingest/ping.ts'
import { locationOf } from '../live/location.ts'
import type { HttpDatabase } from './database.ts'
import { limitParameter } from './facilities.ts'
import { instant, storable } from './field-kinds.ts'
import { locationSchema } from './location-routes.ts'
import type { LocationStore } from './location-store.ts'
import { Problem } from './problem.ts'
import { type ApiPart, defineRoute } from './route.ts'
import { spanAsked, spanParameters } from './span.ts'

const mostDays = 31
const spanLimits = { defaultHours: 24, mostDays } as const

const pathSchema = z.strictObject({
  id: storable(1, 200).describe('the id of an asset, 1 to 200 characters'),
})

const pointSchema = z.object({
  at: z.iso.datetime(),
  facility: z.string(),
  floor: z.number().nullable(),
  roomId: z.string().nullable(),
  x: z.number().describe('metres in the frame of the facility'),
  y: z.number().describe('metres in the frame of the facility'),
  accuracyM: z.number().nullable(),
  fix: z.enum(fixes).nullable(),
  leftOut: z.int().describe('pings between this point and the next that are not drawn'),
  deviationM: z.number().describe('how far the farthest of them lies from the line'),
})

const visitSchema = z.object({
  facility: z.string(),
  roomId: z.string(),
  roomName: z.string().nullable(),
  departmentName: z.string().nullable(),
  enteredAt: z.iso.datetime(),
  leftAt: z.iso.datetime(),
  enteredAfter: z.iso
    .datetime()
    .nullable()
    .describe('it came between this and enteredAt; null: from silence, or before the span'),
  lastSeen: z.iso.datetime().describe('it left between this and leftAt'),
  dwellS: z.number(),
  pings: z.int(),
  isOpen: z.boolean().describe('it may be there still'),
  confidence: z.number().describe('of the evidence in between, the share that named this room'),
})

const trailSchema = z.object({ items: z.array(pointSchema) })
const visitsSchema = z.object({ items: z.array(visitSchema) })

/** $1: asset, $2: from, $3: to, $4: points. */
const trailSql = `
  SELECT t.t AS at, t.facility_id AS facility, t.floor, t.room_id AS "roomId", t.x, t.y, t.accuracy_m AS "accuracyM", t.fix,
    t.left_out AS "leftOut", round(t.deviation_m::numeric, 3)::double precision AS "deviationM"
  FROM asset_trail($1, $2, $3, $4) t ORDER BY t.t`

const visitsSql = `
  SELECT v.facility_id AS facility, v.room_id AS "roomId", v.room_name AS "roomName", d.department_name AS "departmentName",
    v.entered_at AS "enteredAt", v.left_at AS "leftAt", v.entered_after AS "enteredAfter", v.last_seen AS "lastSeen",
    round(EXTRACT(epoch FROM v.dwell), 1)::double precision AS "dwellS", v.pings::integer AS pings, v.is_open AS "isOpen",
    round(v.confidence::numeric, 3)::double precision AS confidence
  FROM asset_visits($1, $2, $3) v LEFT JOIN rtls.departments d ON d.id = v.department_id
  ORDER BY v.entered_at`

export function createHistoryRoutes(database: HttpDatabase, store: LocationStore): ApiPart {
  const expectAsset = async (id: string): Promise<void> => {
    const found = await database.query(
      'SELECT 1 FROM rtls.assets a WHERE a.id = $1 AND a.deleted_at IS NULL',
      [id],
    )
    if (found.length === 0) throw noSuchAsset(id)
  }
  return {
    schemas: { Trail: trailSchema, Visits: visitsSchema },
    routes: [
      defineRoute({
        method: 'GET',
        path: '/assets/{id}/location',
        name: 'getAssetLocation',
        summary: 'Where an asset is, or was at a time',
        description:
          'By the tags it wore at that time. seenAt null: nothing was known. ageS and confidence are those of that time.',
        role: 'viewer',
        takes: {
          path: pathSchema,
          query: z.strictObject({
            at: instant.written
              .describe(
                'a time from 1900 to 2199 with its offset, such as 2024-01-15T08:30:00Z; without it now',
              )
              .optional(),
          }),
        },
        answers: { 200: { description: 'Where it is or was.', schema: locationSchema } },
        problems: [404],
        async handle({ path, query }) {
          const at = query.at === undefined ? undefined : new Date(query.at as string)
          const located = await store.one(path.id, at)
          if (located === undefined) throw noSuchAsset(path.id)
          return { status: 200, body: locationOf(located, at?.getTime() ?? Date.now()) }
        },
      }),

      defineRoute({
        method: 'GET',
        path: '/assets/{id}/trail',
        name: 'getAssetTrail',
        summary: 'Which way an asset went',
        description: `In few points, chosen by shape: what is left out lies within deviationM of the line. At most ${mostDays} days.`,
        role: 'viewer',
        takes: {
          path: pathSchema,
          query: z.strictObject({ ...spanParameters, points: limitParameter(5000, 500) }),
        },
        table: { row: pointSchema, fileName: 'trail' },
        answers: { 200: { description: 'The trail, in order of time.', schema: trailSchema } },
        problems: [404],
        async handle({ path, query }) {
          const { from, to } = spanAsked(query, spanLimits)
          await expectAsset(path.id)
          const items = await database.query(trailSql, [path.id, from, to, Math.max(2, query.points)])
          return { status: 200, body: { items } }
        },
      }),

      defineRoute({
        method: 'GET',
        path: '/assets/{id}/visits',
        name: 'getAssetVisits',
        summary: 'In which rooms an asset stayed',
        description: `From when to when, and how sure; a ping through the wall makes no visit. At most ${mostDays} days.`,
        role: 'viewer',
        takes: { path: pathSchema, query: z.strictObject(spanParameters) },
        table: { row: visitSchema, fileName: 'visits' },
        answers: { 200: { description: 'The visits, in order of time.', schema: visitsSchema } },
        problems: [404],
        async handle({ path, query }) {
          const { from, to } = spanAsked(query, spanLimits)
          await expectAsset(path.id)
          return { status: 200, body: { items: await database.query(visitsSql, [path.id, from, to]) } }
        },
      }),
    ],
  }
}

const noSuchAsset = (id: string): Problem =>
  new Problem(
    'not-found',
    `No asset has the id ${JSON.stringify(id)}. GET /assets lists them; GET /find finds one by its tag.`,
  )
