/** /find and /nearest: where is it, and where is the next one, answered in words first. */
import { z } from 'zod'
import { type Located, type Location, locationOf, pointOf } from '../live/location.ts'
import { deviceCategories } from '../register/words.ts'
import {
  type Facilities,
  type Facility,
  facilityParameter,
  floorParameter,
  limitParameter,
  metresParameter,
} from './facilities.ts'
import { choicesParameter, storable } from './field-kinds.ts'
import { nameInWords, placeInWords, seenInWords, whereInWords } from './in-words.ts'
import { locationSchema } from './location-routes.ts'
import type { LocationStore } from './location-store.ts'
import { fieldProblem } from './problem.ts'
import { type ApiPart, defineRoute } from './route.ts'
import { type Searching, exactRank } from './search.ts'

const answer = z.string().describe('a sentence for people')

const findSchema = z.object({
  answer,
  items: z.array(locationSchema).describe('the best match first'),
  matches: z.int().describe('how many match in this facility, at most 1000'),
})

const nearSchema = z.object({
  answer,
  items: z
    .array(
      z.object({
        ...locationSchema.shape,
        distanceM: z
          .number()
          .nullable()
          .describe(
            'metres in a straight line; from the middle of its room where its tag says no more; null: not known',
          ),
        floorsAway: z.number().nullable().describe('0: on this floor'),
      }),
    )
    .describe('what is on the same floor first, then by distance; what was not seen for an hour comes last'),
})

const word = storable(1, 200)
const q = z
  .string()
  .trim()
  .pipe(word)
  .describe(
    'what to find: asset tag, name, model, serial number or tag id, its beginning, or mistyped: 1 to 200 characters',
  )

const findQuery = z.strictObject({ q, facility: facilityParameter, limit: limitParameter(100, 10) })

const nearQuery = z.strictObject({
  facility: facilityParameter,
  category: choicesParameter(deviceCategories),
  subcategory: word.describe('the subcategory as the register has it').optional(),
  q: q.optional(),
  free: z
    .enum(['true', 'false'])
    .describe('true: only what is usable and not in use; false or without it: all')
    .optional(),
  assetId: word.describe('near this asset').optional(),
  room: word.describe('near this room: its id or code').optional(),
  floor: floorParameter.optional(),
  x: metresParameter.optional(),
  y: metresParameter.optional(),
  limit: limitParameter(100, 5),
})

type NearQuery = z.output<typeof nearQuery>

interface Spot {
  readonly floor: number | null
  readonly point: { readonly x: number; readonly y: number } | null
  readonly assetId?: string
}

type Near = Location & { readonly distanceM: number | null; readonly floorsAway: number | null }

export const createFindRoutes = (
  store: LocationStore,
  facilities: Facilities,
  searching: Searching,
): ApiPart => ({
  schemas: { Found: findSchema, Near: nearSchema },
  routes: [
    defineRoute({
      method: 'GET',
      path: '/find',
      name: 'findAsset',
      summary: 'Where is it?',
      description:
        'The answer in a sentence that says how sure it is, and the matches behind it. Of matches that are equally good the one seen last comes first.',
      role: 'viewer',
      takes: { query: findQuery },
      answers: { 200: { description: 'The answer; also when nothing matches.', schema: findSchema } },
      problems: [],
      async handle({ query }) {
        const facility = await facilities.resolve(query.facility)
        const matches = await searching.find(query.q)
        const ranks = new Map(matches.map(({ assetId, rank }) => [assetId, rank]))
        const nowMs = Date.now()
        const located = await store.inFacility(facility, { assetIds: [...ranks.keys()] })
        const all = located
          .map((one) => locationOf(one, nowMs))
          .toSorted(
            (a, b) =>
              (ranks.get(b.assetId) ?? 0) - (ranks.get(a.assetId) ?? 0) ||
              (a.ageS ?? Infinity) - (b.ageS ?? Infinity) ||
              (a.assetTag < b.assetTag ? -1 : 1),
          )
        const [best] = all
        const isExact = best !== undefined && (ranks.get(best.assetId) ?? 0) >= exactRank
        return {
          status: 200,
          body: {
            answer:
              best === undefined
                ? `Nothing in ${facility.name} is known by ${JSON.stringify(query.q)}: no asset tag, name, model, serial number or tag id is like it.`
                : `${whereInWords(best)}${isExact || all.length === 1 ? '' : ` ${all.length} match; this is the best.`}`,
            items: all.slice(0, query.limit),
            matches: all.length,
          },
        }
      },
    }),

    defineRoute({
      method: 'GET',
      path: '/nearest',
      name: 'findNearest',
      summary: 'Where is the nearest one of a kind?',
      description:
        'Say of what kind (category, subcategory or q) and near what: assetId; room; or floor with x and y. Distances are in a straight line. Same floor first.',
      role: 'viewer',
      takes: { query: nearQuery },
      answers: { 200: { description: 'The answer; also when there is none.', schema: nearSchema } },
      problems: [],
      async handle({ query }) {
        const { category, subcategory, free } = query
        if (category === undefined && subcategory === undefined && query.q === undefined)
          throw wrong('category', 'say of what kind: category, subcategory or q')
        const facility = await facilities.resolve(query.facility)
        const spot = await spotOf(query, facility, store)
        const found = query.q === undefined ? undefined : await searching.find(query.q)
        const located = await store.inFacility(facility, {
          category,
          subcategory,
          assetIds: found?.map(({ assetId }) => assetId),
          isFree: free === 'true' ? true : undefined,
        })
        const nowMs = Date.now()
        const items = located
          .filter((one) => one.place !== null && one.facts.assetId !== spot.assetId)
          .map((one) => nearOf(one, spot, nowMs))
          .toSorted(byNearness)
        const kind = `${free === 'true' ? 'free ' : ''}${query.q ?? subcategory ?? category?.join(' or ').toLowerCase().replaceAll('_', ' ') ?? ''}`
        return {
          status: 200,
          body: { answer: nearInWords(items[0], kind, facility), items: items.slice(0, query.limit) },
        }
      },
    }),
  ],
})

/** Each way to say where is one whole way, and there is one of them. */
async function spotOf(query: NearQuery, facility: Facility, store: LocationStore): Promise<Spot> {
  const { assetId, room, floor, x, y } = query
  const isPoint = floor !== undefined || x !== undefined || y !== undefined
  if ([assetId !== undefined, room !== undefined, isPoint].filter(Boolean).length !== 1)
    throw wrong('assetId', 'say near what, in one way: assetId; room; or floor, x and y')
  if (assetId !== undefined) {
    const located = await store.one(assetId)
    if (located === undefined) throw wrong('assetId', 'there is no such asset')
    if (located.place?.facility !== facility.code)
      throw wrong('assetId', `it was not located in ${facility.code}, so nothing can be near it`)
    return { floor: located.place.floor ?? located.room?.floor ?? null, point: pointOf(located), assetId }
  }
  if (room !== undefined) {
    const found = await store.room(facility, room)
    if (found === undefined) throw wrong('room', `${facility.code} has no such room`)
    return { floor: found.floor, point: pointOf({ place: null, room: found }) }
  }
  if (floor === undefined || x === undefined || y === undefined)
    throw wrong(floor === undefined ? 'floor' : x === undefined ? 'x' : 'y', 'floor, x and y belong together')
  return { floor, point: { x, y } }
}

function nearOf(one: Located, spot: Spot, nowMs: number): Near {
  const location = locationOf(one, nowMs)
  const point = pointOf(one)
  return {
    ...location,
    distanceM:
      point === null || spot.point === null
        ? null
        : Math.round(Math.hypot(point.x - spot.point.x, point.y - spot.point.y) * 10) / 10,
    floorsAway: location.floor === null || spot.floor === null ? null : Math.abs(location.floor - spot.floor),
  }
}

/** What was silent for longer may be anywhere by now. */
const freshS = 3600

const byNearness = (a: Near, b: Near): number =>
  Number((a.ageS ?? Infinity) > freshS) - Number((b.ageS ?? Infinity) > freshS) ||
  difference(a.floorsAway, b.floorsAway) ||
  difference(a.distanceM, b.distanceM) ||
  (a.assetTag < b.assetTag ? -1 : 1)

/** What is not known comes last. */
function difference(a: number | null, b: number | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null)
  return a - b
}

function nearInWords(best: Near | undefined, kind: string, facility: Facility): string {
  if (best === undefined) return `No ${kind} is known to be anywhere in ${facility.name}.`
  const floors =
    best.floorsAway === null || best.floorsAway === 0
      ? ''
      : ` (${best.floorsAway === 1 ? 'another floor' : `${best.floorsAway} floors away`})`
  const distance = best.distanceM === null ? '' : `, ${Math.round(best.distanceM)} m away in a straight line`
  return `The nearest ${kind} is ${nameInWords(best)} ${placeInWords(best)}${floors}${distance}, ${seenInWords(best)}.`
}

const wrong = (field: string, detail: string): Error =>
  fieldProblem('invalid-parameter', [{ field, in: 'query', detail }])
