/**
 * Where the assets are: they stand in a room for minutes and are then walked, through doors, corridor and lift, to another.
 * Guarantees: on average 95 % stand; a standing asset keeps `marginM` from every wall; time only moves forwards;
 * the same random sequence and the same times give the same paths.
 */
import { at, type Hospital, type Point, type Room } from './hospital.ts'
import type { Random } from './random.ts'

export interface Walker {
  x: number
  y: number
  floor: number
  /** Where it stands; while walking, where it is going. */
  room: Room
  moving: boolean
  readonly home: Room
  /** Milliseconds of the virtual clock up to which x and y are worked out. */
  atMs: number
  /** When it next starts to walk; only while standing. */
  standsUntilMs: number
  legs: readonly Leg[]
  nextLeg: number
  walkStartedMs: number
  /** When the lift it is in arrives; 0 outside a lift. */
  rideEndsMs: number
}

interface Leg extends Point {
  readonly floor: number
}

export interface Walks {
  /** Puts a new asset into its home room, or on its way, at `startMs`. */
  place(homeRoomId: string, startMs: number): Walker
  /** Brings one asset up to `nowMs`; an earlier moment changes nothing. */
  advance(walker: Walker, nowMs: number): void
}

/** Metres a second: a nurse pushing a pump. */
const speed = 1.2
/** A lift takes its time whether it goes one floor or three. */
const liftMs = 15_000
/** 19 times as long standing as walking makes 95 %. */
const standingPerWalking = 19
/** The first stop, before a first walk could tell how long walks are. */
const typicalWalkMs = 30_000
export const marginM = 0.8

export function createWalks(hospital: Hospital, random: Random): Walks {
  const rooms = hospital.floors.flatMap((floor) => floor.rooms)
  const byId = new Map(rooms.map((room) => [room.id, room]))
  const onFloor = hospital.floors.map((floor) => floor.rooms.filter((room) => room.kind === 'room'))
  const lifts = hospital.floors.map((floor) => at(floor.rooms.filter(isLift), 0))
  const lane = (at(lifts, 0).y0 + at(lifts, 0).y1) / 2

  const spotIn = (room: Room): Point => ({
    x: room.x0 + marginM + random.next() * (room.x1 - room.x0 - 2 * marginM),
    y: room.y0 + marginM + random.next() * (room.y1 - room.y0 - 2 * marginM),
  })

  const chooseGoal = (walker: Walker): Room => {
    if (walker.room !== walker.home && random.next() < 0.5) return walker.home
    const floor = random.next() < 0.9 ? walker.floor : random.int(onFloor.length)
    const choices = at(onFloor, floor)
    return at(choices, random.int(choices.length))
  }

  const startWalk = (walker: Walker): void => {
    const from = walker.room
    const goal = chooseGoal(walker)
    const legs: Leg[] = []
    if (from !== goal) {
      legs.push({ ...from.door, floor: from.floor }, { x: from.door.x, y: lane, floor: from.floor })
      if (from.floor !== goal.floor) legs.push(...throughLift(at(lifts, from.floor), at(lifts, goal.floor)))
      legs.push({ x: goal.door.x, y: lane, floor: goal.floor }, { ...goal.door, floor: goal.floor })
    }
    legs.push({ ...spotIn(goal), floor: goal.floor })
    walker.room = goal
    walker.legs = legs
    walker.nextLeg = 0
    walker.moving = true
    walker.walkStartedMs = walker.atMs
  }

  const arrive = (walker: Walker): void => {
    walker.moving = false
    const walkedMs = walker.atMs - walker.walkStartedMs
    walker.standsUntilMs = walker.atMs + walkedMs * standingPerWalking * (0.2 + 1.6 * random.next())
  }

  const advance = (walker: Walker, nowMs: number): void => {
    while (walker.atMs < nowMs) {
      if (walker.moving) {
        if (walker.nextLeg === walker.legs.length) arrive(walker)
        else walkLeg(walker, at(walker.legs, walker.nextLeg), nowMs)
      } else if (walker.standsUntilMs > nowMs) walker.atMs = nowMs
      else {
        walker.atMs = Math.max(walker.atMs, walker.standsUntilMs)
        startWalk(walker)
      }
    }
  }

  const place = (homeRoomId: string, startMs: number): Walker => {
    const home = byId.get(homeRoomId)
    if (home === undefined) throw new RangeError(`no room ${homeRoomId}`)
    const stopMs = random.next() * typicalWalkMs * standingPerWalking
    const walker: Walker = {
      ...spotIn(home),
      floor: home.floor,
      room: home,
      home,
      moving: false,
      atMs: startMs,
      standsUntilMs: startMs + stopMs,
      legs: [],
      nextLeg: 0,
      walkStartedMs: startMs,
      rideEndsMs: 0,
    }
    if (random.next() * (standingPerWalking + 1) < 1) {
      walker.atMs = startMs - random.next() * typicalWalkMs
      startWalk(walker)
      advance(walker, startMs)
    }
    return walker
  }

  return { place, advance }
}

function isLift(room: Room): boolean {
  return room.kind === 'lift'
}

function throughLift(from: Room, to: Room): Leg[] {
  const inside = { x: (from.x0 + from.x1) / 2, y: from.door.y }
  return [
    { ...from.door, floor: from.floor },
    { ...inside, floor: from.floor },
    { ...inside, floor: to.floor },
    { ...to.door, floor: to.floor },
  ]
}

/** Moves along one leg until its end or `nowMs`, whichever comes first. */
function walkLeg(walker: Walker, leg: Leg, nowMs: number): void {
  if (leg.floor !== walker.floor) {
    rideLift(walker, leg, nowMs)
    return
  }
  const dx = leg.x - walker.x
  const dy = leg.y - walker.y
  const legMs = (Math.sqrt(dx * dx + dy * dy) / speed) * 1000
  const leftMs = nowMs - walker.atMs
  if (legMs <= leftMs) {
    walker.x = leg.x
    walker.y = leg.y
    walker.atMs += legMs
    walker.nextLeg++
    return
  }
  walker.x += (dx * leftMs) / legMs
  walker.y += (dy * leftMs) / legMs
  walker.atMs = nowMs
}

function rideLift(walker: Walker, leg: Leg, nowMs: number): void {
  if (walker.rideEndsMs === 0) walker.rideEndsMs = walker.atMs + liftMs
  if (walker.rideEndsMs > nowMs) {
    walker.atMs = nowMs
    return
  }
  walker.atMs = walker.rideEndsMs
  walker.floor = leg.floor
  walker.rideEndsMs = 0
  walker.nextLeg++
}
