// The analysts' questions answered ping by ping, as slowly and plainly as can be: what the SQL of sql/repeatable/questions_*
// is compared with. Shares no code and no order of computation with it. Times are milliseconds since 1970.

export interface TracePing {
  readonly t: number
  readonly tag: string
  readonly gateway: string
  readonly room: string | null
  readonly floor: number
  readonly x: number | null
  readonly y: number | null
  readonly accuracy: number | null
}

export interface Wearing {
  readonly tag: string
  readonly asset: string
  readonly from: number
  readonly to: number | null
}

export interface World {
  readonly pings: readonly TracePing[]
  readonly wearings: readonly Wearing[]
}

export interface Visit {
  readonly room: string
  readonly enteredAt: number
  readonly enteredAfter: number | null
  readonly lastSeen: number
  readonly leftAt: number
  readonly pings: number
  readonly confidence: number
}

export interface VisitRule {
  readonly minDwellMs: number
  readonly maxGapMs: number
  readonly marginM: number
}

export type Polygon = readonly (readonly [number, number])[]

/** What an asset's tags sent while it wore them, in order. */
export function pingsOf(world: World, asset: string, since: number, until: number): TracePing[] {
  const wore = ({ tag, t }: TracePing): boolean =>
    world.wearings.some(
      (worn) =>
        worn.asset === asset && worn.tag === tag && worn.from <= t && (worn.to === null || t < worn.to),
    )
  return world.pings
    .filter((ping) => ping.t >= since && ping.t < until && wore(ping))
    .toSorted((a, b) => a.t - b.t || compare(a.gateway, b.gateway) || compare(a.tag, b.tag))
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** The smallest distance to a wall, by walking each wall in small steps and then halving around the nearest. */
function wallDistance(polygon: Polygon, x: number, y: number): number {
  let least = Infinity
  for (let index = 1; index < polygon.length; index += 1) {
    const [ax, ay] = polygon[index - 1] ?? [0, 0]
    const [bx, by] = polygon[index] ?? [0, 0]
    const at = (share: number): number => Math.hypot(ax + share * (bx - ax) - x, ay + share * (by - ay) - y)
    let [low, high] = [0, 1]
    // Along a straight line the distance falls and then rises: ternary search.
    for (let turn = 0; turn < 200; turn += 1) {
      const [a, b] = [low + (high - low) / 3, high - (high - low) / 3]
      if (at(a) < at(b)) high = b
      else low = a
    }
    least = Math.min(least, at((low + high) / 2))
  }
  return least
}

/** A machine with one state, the room the asset counts as being in, fed one ping at a time. */
export function visitsOf(
  pings: readonly TracePing[],
  rule: VisitRule,
  until: number,
  polygons: ReadonlyMap<string, Polygon>,
): Visit[] {
  const evidence = pings.filter(({ room, x, y }) => {
    if (room === null && x === null) return false
    const polygon = room === null ? undefined : polygons.get(room)
    if (rule.marginM <= 0 || x === null || y === null || polygon === undefined) return true
    return wallDistance(polygon, x, y) >= rule.marginM
  })
  /** Does a proof begin here: the same room, without silence, for long enough? */
  const provesFrom = (start: number): boolean => {
    let end = start
    for (;;) {
      const [here, next] = [evidence[end], evidence[end + 1]]
      if (here === undefined || next === undefined) break
      if (next.room !== here.room || next.t - here.t > rule.maxGapMs) break
      end += 1
    }
    return end > start && (evidence[end]?.t ?? 0) - (evidence[start]?.t ?? 0) >= rule.minDwellMs
  }
  interface Open {
    readonly room: string | null
    readonly enteredAt: number
    readonly enteredAfter: number | null
    lastSeen: number
    next: number | undefined
    there: number
    heard: number
    heardThen: number
  }
  const visits: Visit[] = []
  let open: Open | undefined
  const close = (): void => {
    if (open !== undefined && open.room !== null)
      visits.push({
        room: open.room,
        enteredAt: open.enteredAt,
        enteredAfter: open.enteredAfter,
        lastSeen: open.lastSeen,
        leftAt: Math.min(open.next ?? Infinity, open.lastSeen + rule.maxGapMs, until),
        pings: open.there,
        confidence: open.there / open.heardThen,
      })
    open = undefined
  }
  for (const [index, ping] of evidence.entries()) {
    const before = evidence[index - 1]
    const isAfterSilence = before === undefined || ping.t - before.t > rule.maxGapMs
    if (open !== undefined && open.next === undefined && ping.room !== open.room) open.next = ping.t
    if (isAfterSilence) {
      if (open !== undefined) open.next ??= ping.t
      close()
    }
    const beginsRun = isAfterSilence || before.room !== ping.room
    if (beginsRun && ping.room !== (open === undefined ? undefined : open.room) && provesFrom(index)) {
      close()
      open = {
        room: ping.room,
        enteredAt: ping.t,
        enteredAfter: isAfterSilence ? null : before.t,
        lastSeen: ping.t,
        next: undefined,
        there: 0,
        heard: 0,
        heardThen: 0,
      }
    }
    if (open === undefined) continue
    open.heard += 1
    if (ping.room !== open.room) continue
    open.there += 1
    open.heardThen = open.heard
    open.lastSeen = ping.t
    open.next = undefined
  }
  close()
  return visits
}

/** Milliseconds by room and hour since 1970: right where the zone's offset is whole hours. */
export function dwellOf(visits: readonly Visit[]): Map<string, number> {
  const hourMs = 3_600_000
  const spent = new Map<string, number>()
  for (const { room, enteredAt, leftAt } of visits)
    for (let from = enteredAt; from < leftAt;) {
      const hour = Math.floor(from / hourMs)
      const to = Math.min(leftAt, (hour + 1) * hourMs)
      const key = `${room} ${hour * hourMs}`
      spent.set(key, (spent.get(key) ?? 0) + to - from)
      from = to
    }
  return spent
}

interface Place {
  readonly floor: number
  readonly bin: number
  readonly x: number
  readonly y: number
  readonly firstT: number
  readonly lastT: number
}

/** Mean positions of ten seconds on one floor, in order of time. */
function placesOf(pings: readonly TracePing[]): Place[] {
  const groups = new Map<string, TracePing[]>()
  for (const ping of pings) {
    if (ping.x === null || ping.y === null) continue
    const key = `${Math.floor(ping.t / 10_000)} ${ping.floor}`
    groups.set(key, [...(groups.get(key) ?? []), ping])
  }
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length
  return [...groups.values()]
    .map((group) => ({
      floor: group[0]?.floor ?? 0,
      bin: Math.floor((group[0]?.t ?? 0) / 10_000),
      x: mean(group.map(({ x }) => x ?? 0)),
      y: mean(group.map(({ y }) => y ?? 0)),
      firstT: Math.min(...group.map(({ t }) => t)),
      lastT: Math.max(...group.map(({ t }) => t)),
    }))
    .toSorted((a, b) => a.firstT - b.firstT || a.floor - b.floor)
}

export function distanceOf(pings: readonly TracePing[], maxGapMs: number): number {
  let metres = 0
  let before: Place | undefined
  for (const place of placesOf(pings)) {
    if (before !== undefined && before.floor === place.floor && place.firstT - before.lastT <= maxGapMs)
      metres += Math.hypot(place.x - before.x, place.y - before.y)
    before = place
  }
  return metres
}

/** Of the places of two assets in the same ten seconds on one floor, the least distance from `from` until before `to`. */
export function nearestOf(
  a: readonly TracePing[],
  b: readonly TracePing[],
  from: number,
  to: number,
): number | null {
  let least: number | null = null
  for (const one of placesOf(a))
    for (const other of placesOf(b)) {
      if (one.bin !== other.bin || one.floor !== other.floor) continue
      if (one.bin < Math.floor(from / 10_000) || one.bin * 10_000 >= to) continue
      const metres = Math.hypot(one.x - other.x, one.y - other.y)
      if (least === null || metres < least) least = metres
    }
  return least
}

export interface Point {
  readonly x: number
  readonly y: number
  readonly floor: number
}

/** How far a point lies from the straight line between two, a floor counting as 1,000 m: by ternary search along the line. */
export function deviation(a: Point, b: Point, p: Point): number {
  const at = (share: number): number =>
    Math.hypot(
      a.x + share * (b.x - a.x) - p.x,
      a.y + share * (b.y - a.y) - p.y,
      1000 * (a.floor + share * (b.floor - a.floor) - p.floor),
    )
  let [low, high] = [0, 1]
  for (let turn = 0; turn < 200; turn += 1) {
    const [one, two] = [low + (high - low) / 3, high - (high - low) / 3]
    if (at(one) < at(two)) high = two
    else low = one
  }
  return at((low + high) / 2)
}
