/** /locations: where the assets of a facility are now, as a list or a table. */
import { z } from 'zod'
import { type Location, locationOf } from '../live/location.ts'
import { fixes } from '../ingest/ping.ts'
import { assetStatuses, deviceCategories } from '../register/words.ts'
import { category, status } from './asset-choices.ts'
import { cursorAfter, cursorParameter, readCursor } from './cursor.ts'
import { choicesParameter, storable } from './field-kinds.ts'
import { type Facilities, facilityParameter, floorParameter, limitParameter } from './facilities.ts'
import type { LocationStore } from './location-store.ts'
import { type ApiPart, defineRoute } from './route.ts'
import type { Searching } from './search.ts'

export const locationSchema = z
  .object({
    assetId: z.string(),
    assetTag: z.string().describe('its asset tag number'),
    name: z.string(),
    category: category.answered,
    subcategory: z.string().nullable(),
    status: status.answered,
    isFree: z
      .boolean()
      .describe('active or in service, and no session of use is under way, by what the register knows'),
    tagId: z.string().nullable().describe('the tag that said where; null: never located'),
    facility: z.string().describe('where it is; of what was never located, where it belongs'),
    floor: z.number().nullable(),
    roomId: z.string().nullable(),
    roomName: z.string().nullable(),
    zone: z.string().nullable(),
    x: z.number().nullable().describe('metres in the frame of the facility'),
    y: z.number().nullable().describe('metres in the frame of the facility'),
    z: z.number().nullable().describe('metres above the floor'),
    accuracyM: z.number().nullable().describe('metres'),
    fix: z.enum(fixes).nullable().describe('how it is known; null: not said'),
    confidence: z
      .number()
      .nullable()
      .describe('0 to 1: kind of fix × accuracy × age, as the function location_confidence says'),
    seenAt: z.iso.datetime().nullable().describe('when it was there; null: never located'),
    ageS: z.number().nullable(),
    isMoving: z.boolean().nullable(),
    batteryPct: z.int().nullable(),
    isRestricted: z.boolean().describe('the room is a restricted one'),
  })
  .describe('Where an asset was last: by the newest ping of a tag it wears that says where.')

const pageSchema = z.object({
  items: z.array(locationSchema),
  nextCursor: z.string().nullable().describe('for ?cursor=; null: this was the last page'),
})

const mostPerPage = 5000

const querySchema = z.strictObject({
  facility: facilityParameter,
  floor: floorParameter.optional(),
  room: storable(1, 200).describe('id or code of the room it is in').optional(),
  category: choicesParameter(deviceCategories),
  status: choicesParameter(assetStatuses),
  q: z
    .string()
    .trim()
    .pipe(storable(1, 200))
    .describe(
      'words to search for, as /assets has them, or the beginning of a tag number or tag id: 1 to 200 characters',
    )
    .optional(),
  limit: limitParameter(mostPerPage, 200),
  cursor: cursorParameter,
})

export const createLocationRoutes = (
  store: LocationStore,
  facilities: Facilities,
  searching: Searching,
): ApiPart => ({
  schemas: { Location: locationSchema, LocationPage: pageSchema },
  routes: [
    defineRoute({
      method: 'GET',
      path: '/locations',
      name: 'listLocations',
      summary: 'Where the assets of a facility are',
      description:
        'Those that are there, and those that belong there and were never located; by asset tag. Late pings never move an asset back, pings more than a minute ahead of now do not count.',
      role: 'viewer',
      takes: { query: querySchema },
      table: { row: locationSchema, fileName: 'locations' },
      answers: { 200: { description: 'A page of locations.', schema: pageSchema } },
      problems: [],
      async handle({ query }) {
        const { q, limit, cursor, room, floor } = query
        const [assetTag = '', assetId = ''] = cursor === undefined ? [] : readCursor(query, 2)
        const facility = await facilities.resolve(query.facility)
        const found = q === undefined ? undefined : await searching.find(q)
        const located = await store.inFacility(
          facility,
          {
            room,
            floor,
            category: query.category,
            status: query.status,
            assetIds: found?.map((match) => match.assetId),
          },
          { limit: limit + 1, after: cursor === undefined ? undefined : [assetTag, assetId] },
        )
        const nowMs = Date.now()
        const items: Location[] = located.slice(0, limit).map((one) => locationOf(one, nowMs))
        const last = items.at(-1)
        const isMore = located.length > limit && last !== undefined
        return {
          status: 200,
          body: { items, nextCursor: isMore ? cursorAfter(query, [last.assetTag, last.assetId]) : null },
        }
      },
    }),
  ],
})
