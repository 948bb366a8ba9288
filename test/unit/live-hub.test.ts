// The hub of live maps: one survey for all who come at once, again and again while somebody watches, and nothing when nobody does.
import { afterEach, expect, it } from 'vitest'
import type { Location } from '../../src/live/location.ts'
import { type Hub, HubFull, type Watcher, createHub } from '../../src/live/hub.ts'
import type { Survey } from '../../src/live/positions.ts'
import type { LocationChange } from '../../src/live/view.ts'
import { pingLike } from '../support/pings.ts'
import { waitFor } from '../support/wait-for.ts'

const quick = { updateMs: 5, surveyMs: 20, aliveMs: 50, stuckMs: 100 }
let hub: Hub
afterEach(() => {
  hub.close()
})

interface Seen extends Watcher {
  isReading: boolean
  readonly snapshots: (readonly Location[])[]
  readonly items: LocationChange[]
  alives: number
  ends: number
}

function map(): Seen {
  const made: Seen = {
    isReading: true,
    snapshots: [],
    items: [],
    alives: 0,
    ends: 0,
    isReady: () => made.isReading,
    snapshot: (items) => made.snapshots.push(items),
    update: ({ items }) => made.items.push(...items),
    alive: () => {
      made.alives += 1
    },
    end: () => {
      made.ends += 1
    },
  }
  return made
}

const tUs = Date.now() * 1000
const surveyWith = (x: number): Survey => ({
  rooms: new Map(),
  wearings: [{ tagId: 'T', assetId: 'a', fromUs: -Infinity }],
  assets: [
    {
      facts: {
        assetId: 'a',
        assetTag: 'a',
        name: 'a',
        category: 'OTHER',
        subcategory: null,
        status: 'ACTIVE',
        isFree: true,
      },
      homeFacility: 'h1',
      place: {
        tUs: tUs + x,
        tagId: 'T',
        facility: 'h1',
        floor: 0,
        roomId: null,
        zone: null,
        x,
        y: 0,
        z: null,
        accuracyM: null,
        fix: null,
        isMoving: null,
        batteryPct: null,
      },
      room: null,
    },
  ],
})

it('asks the database once for all who come at once, again while they stay, and not when they have left', async () => {
  let surveys = 0
  hub = createHub(
    async () => {
      surveys += 1
      return surveyWith(surveys)
    },
    10,
    quick,
  )
  const maps = [map(), map(), map()]
  const leaves = await Promise.all(maps.map(async (one) => hub.watch('o', { facility: 'h1' }, one)))
  expect(surveys).toBe(1)
  expect(maps.map(({ snapshots }) => snapshots.map((items) => items.map(({ x }) => x)))).toEqual([
    [[1]],
    [[1]],
    [[1]],
  ])
  // What another process committed comes with the next survey.
  await waitFor(() => maps.every(({ items }) => (items.at(-1)?.x ?? 0) >= 3), { what: 'two more surveys' })
  for (const leave of leaves) leave()
  expect(hub.watchers).toBe(0)
  const asked = surveys
  hub.committed([pingLike({ tagId: 'T', tUs: tUs + 1000, x: 9 })])
  await hub.watch('o', { facility: 'h1' }, map())
  expect(surveys).toBe(asked + 1)
})

it('a survey that fails fails those who came with it, leaves no place taken, and disturbs none who watch', async () => {
  let isAway = true
  hub = createHub(
    async () => {
      if (isAway) throw new Error('away')
      return surveyWith(1)
    },
    2,
    quick,
  )
  const failed = await Promise.allSettled(
    [map(), map()].map(async (one) => hub.watch('o', { facility: 'h1' }, one)),
  )
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(hub.watchers).toBe(0)
  isAway = false
  const one = map()
  await hub.watch('o', { facility: 'h1' }, one)
  isAway = true
  hub.committed([pingLike({ tagId: 'T', tUs: tUs + 1000, x: 9, y: 0, floor: 0 })])
  await waitFor(() => one.items.at(-1)?.x === 9, { what: 'what was committed while the database is away' })
  await hub.watch('o', { facility: 'h1' }, map())
  await expect(hub.watch('o', { facility: 'h1' }, map())).rejects.toThrow(HubFull)
})

it('one that takes nothing is let go, one that hears nothing is told that the line is alive, all end with the hub', async () => {
  hub = createHub(async () => surveyWith(1), 10, quick)
  const idle = map()
  const stuck = map()
  await hub.watch('o', { facility: 'h1' }, idle)
  await hub.watch('o', { facility: 'h1' }, stuck)
  stuck.isReading = false
  await waitFor(() => stuck.ends === 1, { what: 'the end of the one that is stuck' })
  await waitFor(() => idle.alives > 1, { what: 'signs of life' })
  expect([stuck.alives, hub.watchers]).toEqual([0, 1])
  hub.close()
  expect([idle.ends, stuck.ends, hub.watchers]).toEqual([1, 1, 0])
  await expect(hub.watch('o', { facility: 'h1' }, map())).rejects.toThrow(HubFull)
})
