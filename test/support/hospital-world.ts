// A small hospital of three rooms on two floors, random trajectories of tags through it, and both stored in a database.
import fc from 'fast-check'
import type { Polygon, TracePing, Wearing, World } from './brute-force.ts'

type Query = (sql: string, values?: unknown[]) => Promise<unknown>

/** East of each other with a shared wall; the third is above the first. */
export const polygons: ReadonlyMap<string, Polygon> = new Map([
  [
    'r1',
    [
      [0, 0],
      [6, 0],
      [6, 5],
      [0, 5],
      [0, 0],
    ],
  ],
  [
    'r2',
    [
      [6, 0],
      [12, 0],
      [12, 5],
      [6, 5],
      [6, 0],
    ],
  ],
  [
    'r3',
    [
      [0, 0],
      [6, 0],
      [6, 5],
      [0, 5],
      [0, 0],
    ],
  ],
])

export async function storeBuilding(query: Query): Promise<void> {
  await query(
    `INSERT INTO buildings (id, facility_id, building_code, building_name) VALUES ('b', 'f', 'M', 'Main')`,
  )
  await query(
    `INSERT INTO floors (id, building_id, floor_number, floor_name) VALUES ('l0', 'b', 0, 'G'), ('l1', 'b', 1, '1')`,
  )
  for (const [id, polygon] of polygons)
    await query(
      `INSERT INTO rooms (id, floor_id, department_id, room_code, room_name, geofence_polygon) VALUES ($1, $2, 'd', $1, $1, $3)`,
      [id, id === 'r3' ? 'l1' : 'l0', JSON.stringify(polygon)],
    )
}

/** Mostly some seconds apart, sometimes a nap, sometimes a silence. */
const gapMs = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 0, max: 25_000 }) },
  { weight: 3, arbitrary: fc.integer({ min: 60_000, max: 800_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 901_000, max: 2_400_000 }) },
)

const step = fc.record({
  gapMs,
  /** Stays where it was in most steps; a step of one ping elsewhere is a jump through the wall. */
  move: fc.oneof(
    { weight: 5, arbitrary: fc.constant('stay' as const) },
    { weight: 2, arbitrary: fc.constantFrom('r1' as const, 'r2' as const, 'r3' as const) },
    { weight: 1, arbitrary: fc.constantFrom('jump' as const, 'corridor' as const, 'nowhere' as const) },
  ),
  x: fc.integer({ min: 0, max: 600 }),
  y: fc.integer({ min: 0, max: 500 }),
  accuracy: fc.option(fc.constantFrom(0.5, 1, 4)),
  gateway: fc.constantFrom('g1', 'g2'),
})

/** Two tags, two assets; the first tag may change hands in the middle. Times are whole milliseconds from 0. */
export const worlds: fc.Arbitrary<World> = fc
  .record({
    first: fc.array(step, { maxLength: 60 }),
    second: fc.array(step, { maxLength: 60 }),
    handover: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
  })
  .map(({ first, second, handover }) => {
    const pings = [...trace('TAG1', first), ...trace('TAG2', second)]
    const end = Math.max(0, ...pings.map(({ t }) => t))
    const at = handover === null ? null : Math.round(handover * end) + 1
    const wearings: Wearing[] = [
      { tag: 'TAG1', asset: 'a', from: -1, to: at },
      { tag: 'TAG2', asset: 'b', from: -1, to: null },
    ]
    if (at !== null) wearings.push({ tag: 'TAG1', asset: 'b', from: at, to: null })
    return { pings, wearings }
  })

function trace(
  tag: string,
  steps: readonly (typeof step extends fc.Arbitrary<infer Step> ? Step : never)[],
): TracePing[] {
  const pings = new Map<string, TracePing>()
  let t = 0
  let room: string | null = 'r1'
  for (const { gapMs: gap, move, x, y, accuracy, gateway } of steps) {
    t += gap
    if (move === 'corridor') room = null
    else if (move !== 'stay' && move !== 'jump' && move !== 'nowhere') room = move
    const here: string | null = move === 'jump' ? (room === 'r2' ? 'r1' : 'r2') : room
    const left = here === 'r2' ? 6 : here === null ? 20 : 0
    const isPlaced = move !== 'nowhere'
    const ping: TracePing = {
      t,
      tag,
      gateway,
      room: isPlaced ? here : null,
      floor: here === 'r3' ? 1 : 0,
      x: isPlaced ? left + x / 100 : null,
      y: isPlaced ? y / 100 : null,
      accuracy,
    }
    pings.set(`${t} ${gateway}`, ping)
  }
  return [...pings.values()]
}

export const shifted = (world: World, by: number): World => ({
  pings: world.pings.map((ping) => ({ ...ping, t: ping.t + by })),
  wearings: world.wearings.map((worn) => ({
    ...worn,
    from: worn.from + by,
    to: worn.to === null ? null : worn.to + by,
  })),
})

const at = (ms: number): string => new Date(ms).toISOString()

export async function storePings(query: Query, pings: readonly TracePing[]): Promise<void> {
  if (pings.length === 0) return
  await query(
    `INSERT INTO location_history (t, tag_id, gateway_id, facility_id, room_id, floor, x, y, accuracy_m, fix)
     SELECT *, CASE WHEN x IS NULL THEN 'proximity' ELSE 'position' END::fix_quality
     FROM (SELECT t, tag, gateway, 'h1', room, floor, x, y, accuracy
       FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::real[], $6::float8[], $7::float8[], $8::real[])
         AS p(t, tag, gateway, room, floor, x, y, accuracy)) AS p(t, tag, gateway, facility, room, floor, x, y, accuracy)
     ON CONFLICT DO NOTHING`,
    [
      pings.map(({ t }) => at(t)),
      pings.map(({ tag }) => tag),
      pings.map(({ gateway }) => gateway),
      pings.map(({ room }) => room),
      pings.map(({ floor }) => floor),
      pings.map(({ x }) => x),
      pings.map(({ y }) => y),
      pings.map(({ accuracy }) => accuracy),
    ],
  )
}

export async function storeWearings(query: Query, wearings: readonly Wearing[]): Promise<void> {
  for (const { tag, asset, from, to } of wearings)
    await query(
      `INSERT INTO tag_assignments (tag_id, asset_id, valid_from, valid_to) VALUES ($1, $2, $3, $4)`,
      [tag, asset, at(from), to === null ? null : at(to)],
    )
}
