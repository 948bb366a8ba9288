// GET /locations/stream over a real database and real sockets: viewports, limits, slow readers, the end.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Ping } from '../../src/ingest/ping.ts'
import { type LiveMap, openLiveMap } from '../support/event-stream.ts'
import { type HttpApi, openHttpApi } from '../support/http-api.ts'
import { pingLike } from '../support/pings.ts'
import { queryOnce } from '../support/query.ts'
import { useSuite } from '../support/suite.ts'
import { storeAssets, storeHospitals, storePings } from '../support/two-hospitals.ts'
import { waitFor } from '../support/wait-for.ts'

/** Enough that what a socket takes without being read is less than a snapshot of all. */
const crowd = 4000

const { database, closers } = useSuite()
let api: HttpApi
beforeAll(async () => {
  await storeHospitals(database.url)
  await storeAssets(database.url, [
    { id: 'IP-001', tag: 'T1' },
    { id: 'IP-002', tag: 'T2' },
    { id: 'IP-003', tag: 'T3' },
    { id: 'NEW-1', tag: 'T4' },
    { id: 'BADGE', tag: 'P1' },
    ...Array.from({ length: crowd }, (_, n) => ({
      id: `CROWD-${n}`,
      tag: `C${n}`,
      facility: 'f3' as const,
      name: 'Infusion pump '.repeat(80),
    })),
  ])
  await queryOnce(database.url, `INSERT INTO person_tags (tag_id) VALUES ('P1')`)
  await storePings(database.url, [
    { tag: 'T1', agoS: 60, floor: 0, room: 'bay', x: 1, y: 1 },
    { tag: 'T2', agoS: 60, floor: 0, room: 'hall', x: 30, y: 10 },
    { tag: 'T3', agoS: 60, floor: 1, room: 'or', fix: 'presence' },
    { tag: 'P1', agoS: 60, floor: 0, room: 'bay', x: 1, y: 1 },
    ...Array.from({ length: crowd }, (_, n) => ({
      tag: `C${n}`,
      agoS: 60,
      facility: 'h3',
      floor: 0,
      x: 0,
      y: 0,
    })),
  ])
  api = await openHttpApi(database.url, { maxStreams: 3 })
})
afterAll(async () => {
  await api.close()
})

// The place of one that left is free when the service has seen it.
beforeEach(async () => {
  await waitFor(() => api.live.watchers === 0, { what: 'nobody watching', deadlineMs: 30_000 })
})

const watch = async (query: string, options = {}): Promise<LiveMap> => {
  const map = await openLiveMap(`http://127.0.0.1:${api.port}/locations/stream?${query}`, options)
  closers.push(() => map.close())
  return map
}

const ping = (tagId: string, agoS: number, more: Partial<Ping> = {}): Ping =>
  pingLike({ tagId, tUs: (Date.now() - agoS * 1000) * 1000, facilityId: 'h1', floor: 0, x: 2, y: 2, ...more })

describe('a live map', () => {
  it('is shown all that is in its viewport, then what moves, comes and leaves', async () => {
    const [whole, ground, corner] = await Promise.all(
      ['', '&floor=0', '&floor=0&minX=0&minY=0&maxX=6&maxY=5'].map(async (view) =>
        watch(`facility=h1${view}`),
      ),
    )
    if (whole === undefined || ground === undefined || corner === undefined) throw new Error('three maps')
    const tags = (map: LiveMap): string[] => [...map.shown.keys()].toSorted()
    await waitFor(() => [whole, ground, corner].every(({ snapshots }) => snapshots === 1), {
      what: 'snapshots',
    })
    // What was never located is nowhere, and people are not shown.
    expect([whole, ground, corner].map(tags)).toEqual([
      ['IP-001', 'IP-002', 'IP-003'],
      ['IP-001', 'IP-002'],
      ['IP-001'],
    ])
    expect(whole.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
    expect(whole.text()).toMatch(/^retry: 3000\nid: 1\nevent: snapshot\ndata: \{"items":\[/u)
    expect(whole.shown.get('IP-003')).toMatchObject({
      roomName: 'OR 1',
      floor: 1,
      isRestricted: true,
      x: null,
    })

    api.live.committed([
      ping('T1', 10, { x: 30, y: 12, roomId: 'hall', accuracyM: 0.3 }),
      ping('T2', 10, { floor: 1, x: 3, y: 3 }),
      ping('T4', 10),
      // Late, far ahead, of a person, of nobody.
      ping('T1', 300),
      ping('T1', -300),
      ping('P1', 5),
      ping('UNKNOWN', 5),
    ])
    await waitFor(() => [whole, ground, corner].every(({ updates }) => updates === 1), { what: 'updates' })
    expect([whole, ground, corner].map(tags)).toEqual([
      ['IP-001', 'IP-002', 'IP-003', 'NEW-1'],
      ['IP-001', 'NEW-1'],
      ['NEW-1'],
    ])
    expect(whole.shown.get('IP-001')).toMatchObject({
      x: 30,
      roomName: 'Hall',
      name: 'Infusion pump',
      accuracyM: 0.3,
    })
    expect(corner.shown.get('NEW-1')).toMatchObject({ assetTag: 'NEW-1', x: 2, isFree: true })
  })

  it('is refused beyond http.maxStreams, until one leaves', async () => {
    const maps = [await watch('facility=h1'), await watch('facility=h1'), await watch('facility=h3&floor=5')]
    expect(maps.map(({ status }) => status)).toEqual([200, 200, 200])
    const refused = await api.ask('/locations/stream?facility=h1')
    expect([refused.status, refused.headers.get('retry-after'), refused.body['type']]).toEqual([
      503,
      '10',
      'urn:rtls-ingest:problem:too-many-streams',
    ])
    maps[0]?.close()
    const next = await waitFor(
      async () => {
        const map = await watch('facility=h1')
        return map.status === 200 ? map : undefined
      },
      { what: 'a free place' },
    )
    expect(next.status).toBe(200)
  })

  it.each([
    ['/locations/stream', /several: h1/u],
    ['/locations/stream?facility=h1&minX=1', /all of minX, minY, maxX and maxY/u],
    ['/locations/stream?facility=h1&minX=9&minY=0&maxX=1&maxY=1', /the least first/u],
    ['/locations/stream?facility=h1&minX=a&minY=0&maxX=1&maxY=1', /a number such as 12.5/u],
    ['/locations/stream?facility=h1&every=1', /no such parameter/u],
  ])('%s is a 400', async (path, detail) => {
    expect(await api.ask(path)).toMatchObject({
      status: 400,
      body: { detail: expect.stringMatching(detail) as string },
    })
  })

  it('is not asked for its headers alone', async () => {
    const reply = await fetch(`http://127.0.0.1:${api.port}/locations/stream?facility=h1`, { method: 'HEAD' })
    expect(reply.status).toBe(405)
  })
})

it('a map that does not read costs no queue: when it reads again it is shown the latest', async () => {
  const fast = await watch('facility=h3')
  const stuck = await watch('facility=h3', { isStuck: true })
  const others = api.live.events
  await waitFor(() => fast.snapshots === 1, { what: 'a snapshot' })
  let x = 0
  const move = (): void => {
    x += 1
    api.live.committed(
      Array.from({ length: crowd }, (_, n) =>
        ping(`C${n}`, 0, { facilityId: 'h3', x, y: n, tUs: Date.now() * 1000 + x }),
      ),
    )
  }
  // Were there a queue, the stuck map would be sent as many events as the other.
  await waitFor(
    () => {
      if (fast.updates + 1 > x || x === 0) move()
      const toStuck = api.live.events - others - fast.updates
      return fast.updates - toStuck >= 6
    },
    { what: 'six updates that only the map that reads was sent' },
  )
  const last = x
  stuck.read()
  await waitFor(
    () => stuck.shown.size === crowd && [...stuck.shown.values()].every((item) => item['x'] === last),
    { what: 'the latest of everything' },
  )
  expect(stuck.snapshots).toBe(1)
  expect(stuck.updates).toBeLessThan(last)
})

it('the service stops: maps end at once, and no other begins', async () => {
  const stopping = await openHttpApi(database.url)
  const url = `http://127.0.0.1:${stopping.port}/locations/stream?facility=h1`
  const map = await openLiveMap(url)
  await waitFor(() => map.snapshots === 1, { what: 'a snapshot' })
  stopping.live.close()
  await waitFor(() => map.isEnded, { what: 'the end' })
  expect((await stopping.ask('/locations/stream?facility=h1')).status).toBe(503)
  await stopping.close()
})
