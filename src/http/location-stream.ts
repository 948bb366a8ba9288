/**
 * /locations/stream: server-sent events of where things are, one stream a live map.
 * Guarantees: nothing is made for a reader who has not taken what was sent before, so that a slow one costs one event of memory.
 */
import { Readable } from 'node:stream'
import { z } from 'zod'
import { type Hub, HubFull, type Watcher } from '../live/hub.ts'
import type { Survey } from '../live/positions.ts'
import type { Room } from '../live/location.ts'
import type { HttpDatabase } from './database.ts'
import { type Facilities, facilityParameter, floorParameter, metresParameter } from './facilities.ts'
import { type LocationStore, roomSql } from './location-store.ts'
import { Problem, fieldProblem } from './problem.ts'
import { type ApiPart, defineRoute } from './route.ts'

/** Milliseconds after which a browser connects again. */
const retryMs = 3000

const querySchema = z.strictObject({
  facility: facilityParameter,
  floor: floorParameter.optional(),
  minX: metresParameter.optional(),
  minY: metresParameter.optional(),
  maxX: metresParameter.optional(),
  maxY: metresParameter.optional(),
})

export const createStreamRoutes = (hub: Hub, facilities: Facilities): ApiPart => ({
  schemas: {},
  routes: [
    defineRoute({
      method: 'GET',
      path: '/locations/stream',
      name: 'streamLocations',
      summary: 'Where assets are, as it changes',
      description:
        'Server-sent events for a live map: everything in the viewport, then what changes. Pings are shown as they are committed, at most one event a second; what other processes commit, and changes of the register, within 30 seconds. A reader that is slow is told the latest state of each asset, not each step; one that takes nothing for a minute is disconnected. After a reconnection there is a new snapshot.',
      role: 'viewer',
      takes: { query: querySchema },
      isStream: true,
      answers: {
        200: {
          description: 'The stream.',
          texts: {
            'text/event-stream':
              'Events "snapshot" with {items: Location[], at} and "update" with {items, gone, at}: items have assetId and the fields that changed, or all fields where the asset is new in the viewport; gone are the assetIds of those that left it. A comment every 15 seconds shows that the line is alive.',
          },
        },
      },
      problems: [],
      async handle({ query }) {
        const { minX, minY, maxX, maxY, floor } = query
        const sides = [minX, minY, maxX, maxY]
        const box =
          minX === undefined || minY === undefined || maxX === undefined || maxY === undefined
            ? undefined
            : { minX, minY, maxX, maxY }
        if (
          (box === undefined && sides.some((side) => side !== undefined)) ||
          (box !== undefined && (box.minX > box.maxX || box.minY > box.maxY))
        )
          throw fieldProblem('invalid-parameter', [
            {
              field: 'minX',
              in: 'query',
              detail: 'a viewport has all of minX, minY, maxX and maxY, the least first',
            },
          ])
        const facility = await facilities.resolve(query.facility)
        const { body, watcher } = createEventStream()
        try {
          const leave = await hub.watch(
            facility.organizationId,
            { facility: facility.code, floor, box },
            watcher,
          )
          body.once('close', leave)
          if (body.destroyed) leave()
        } catch (error) {
          body.destroy()
          throw error instanceof HubFull ? tooMany() : error
        }
        return {
          status: 200,
          body,
          headers: {
            'content-type': 'text/event-stream; charset=utf-8',
            // nginx would collect events until its buffer is full.
            'x-accel-buffering': 'no',
          },
        }
      },
    }),
  ],
})

const tooMany = (): Problem =>
  new Problem(
    'too-many-streams',
    'As many live maps are watching as http.maxStreams allows, or the service is stopping. Try again in 10 seconds.',
    { headers: { 'retry-after': '10' } },
  )

function createEventStream(): { readonly body: Readable; readonly watcher: Watcher } {
  let isWanted = false
  let isEnded = false
  let id = 0
  const body = new Readable({
    // Asked for more only when what was sent is gone.
    highWaterMark: 1,
    read() {
      isWanted = true
    },
  })
  const send = (text: string): void => {
    if (isEnded || body.destroyed) return
    isWanted = false
    body.push(text)
  }
  const event = (name: string, data: object): string => {
    id += 1
    return `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify({ ...data, at: new Date().toISOString() })}\n\n`
  }
  return {
    body,
    watcher: {
      isReady: () => isWanted,
      snapshot: (items) => send(`retry: ${retryMs}\n${event('snapshot', { items })}`),
      update: (update) => send(event('update', update)),
      alive: () => send(':\n\n'),
      end() {
        if (isEnded) return
        isEnded = true
        // What did not take the last event would not take the end either.
        if (isWanted) body.push(null)
        else body.destroy()
      },
    },
  }
}

const wearingsSql = `
  SELECT w.tag_id AS "tagId", w.asset_id AS "assetId",
    CASE WHEN isfinite(w.valid_from) THEN (EXTRACT(epoch FROM w.valid_from) * 1000000)::bigint::double precision END AS "fromUs"
  FROM rtls.tags_worn_now($1) w`

const roomsSql = `SELECT r.id, ${roomSql} AS room FROM rtls.rooms r JOIN rtls.facilities f ON f.id = r.facility_id WHERE f.organization_id = $1`

/** What the hub asks the database, for one organisation. */
export const surveyOf =
  (database: HttpDatabase, store: LocationStore) =>
  async (organizationId: string): Promise<Survey> => {
    const wearings = await database.query<{ tagId: string; assetId: string; fromUs: number | null }>(
      wearingsSql,
      [organizationId],
    )
    const rooms = await database.query<{ id: string; room: Room }>(roomsSql, [organizationId])
    return {
      wearings: wearings.map(({ tagId, assetId, fromUs }) => ({
        tagId,
        assetId,
        fromUs: fromUs ?? -Infinity,
      })),
      rooms: new Map(rooms.map(({ id, room }) => [id, room])),
      assets: await store.ofOrganization(organizationId),
    }
  }
