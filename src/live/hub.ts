/**
 * Live maps and what feeds them: the pings this process commits, at once, and the database every half minute, which also has what
 * other processes committed, what was assigned anew, and what people changed in the register.
 * Guarantees: costs a comparison a batch while nobody watches; holds one place an asset while somebody does; a watcher that does not
 * read is told the latest state when it reads again, and is let go when it does not read for a minute.
 */
import type { Ping } from '../ingest/ping.ts'
import type { Location } from './location.ts'
import { type Positions, type Survey, createPositions } from './positions.ts'
import { type Update, type View, type Viewport, createView } from './view.ts'

/** One live map, as the transport has it. */
export interface Watcher {
  /** Asked before anything is sent: whether what was sent before has left. */
  isReady(): boolean
  snapshot(items: readonly Location[]): void
  update(update: Update): void
  /** Nothing to say for a while: the line is alive. */
  alive(): void
  /** No more will come. */
  end(): void
}

export interface Hub {
  /** The pings of one commit. */
  committed(pings: readonly Ping[]): void
  /** Starts to watch: a snapshot, then updates. Errors: those of the survey, and HubFull. Returns how to stop. */
  watch(organizationId: string, viewport: Viewport, watcher: Watcher): Promise<() => void>
  readonly watchers: number
  /** Events sent, of all watchers ever. */
  readonly events: number
  /** Ends all. */
  close(): void
}

export class HubFull extends Error {
  override readonly name = 'HubFull'
}

export interface HubTimes {
  readonly updateMs: number
  readonly surveyMs: number
  readonly aliveMs: number
  readonly stuckMs: number
}

const usualTimes: HubTimes = { updateMs: 1000, surveyMs: 30_000, aliveMs: 15_000, stuckMs: 60_000 }

interface Member {
  readonly view: View
  readonly watcher: Watcher
  hasSnapshot: boolean
  lastEventMs: number
  leave(): void
}

/** All live maps of one organisation: an asset may move from one of its facilities to another. */
interface Group {
  readonly positions: Positions
  readonly members: Set<Member>
  ready: Promise<void>
  isSurveying: boolean
  surveyedMs: number
}

export function createHub(
  survey: (organizationId: string) => Promise<Survey>,
  maxWatchers: number,
  times: HubTimes = usualTimes,
): Hub {
  const groups = new Map<string, Group>()
  let watchers = 0
  let events = 0
  let isClosed = false
  let timer: NodeJS.Timeout | undefined

  const read = async (organizationId: string, group: Group): Promise<void> => {
    group.isSurveying = true
    try {
      const asOf = group.positions.now
      group.positions.load(await survey(organizationId), asOf)
    } finally {
      group.surveyedMs = performance.now()
      group.isSurveying = false
    }
  }

  const groupOf = (organizationId: string): Group => {
    const known = groups.get(organizationId)
    if (known !== undefined) return known
    const group: Group = {
      positions: createPositions(),
      members: new Set(),
      ready: Promise.resolve(),
      isSurveying: false,
      surveyedMs: 0,
    }
    groups.set(organizationId, group)
    group.ready = read(organizationId, group)
    return group
  }

  const tick = (): void => {
    const nowMs = performance.now()
    for (const [organizationId, group] of groups) {
      const changed = group.positions.takeChanged()
      for (const member of group.members) {
        member.view.changed(changed)
        if (member.hasSnapshot) tell(group, member, nowMs)
      }
      // The database is away: what this process commits is shown all the same, and the next look may find it back.
      if (!group.isSurveying && nowMs - group.surveyedMs >= times.surveyMs)
        read(organizationId, group).catch(() => undefined)
    }
  }

  const tell = ({ positions }: Group, member: Member, nowMs: number): void => {
    const { view, watcher } = member
    if (!watcher.isReady()) {
      if (nowMs - member.lastEventMs > times.stuckMs) {
        member.leave()
        watcher.end()
      }
      return
    }
    const update = view.update((assetId) => positions.entry(assetId), Date.now())
    if (update !== undefined) {
      watcher.update(update)
      events += 1
    } else if (nowMs - member.lastEventMs < times.aliveMs) return
    else watcher.alive()
    member.lastEventMs = nowMs
  }

  return {
    get watchers() {
      return watchers
    },
    get events() {
      return events
    },
    committed(pings) {
      if (groups.size === 0) return
      const nowMs = Date.now()
      for (const { positions } of groups.values()) positions.take(pings, nowMs)
    },
    async watch(organizationId, viewport, watcher) {
      if (isClosed || watchers >= maxWatchers) throw new HubFull()
      watchers += 1
      const group = groupOf(organizationId)
      timer ??= setInterval(tick, times.updateMs)
      const member: Member = {
        view: createView(viewport),
        watcher,
        hasSnapshot: false,
        lastEventMs: performance.now(),
        leave() {
          if (!group.members.delete(member)) return
          watchers -= 1
          if (group.members.size === 0 && groups.get(organizationId) === group) groups.delete(organizationId)
          if (groups.size === 0) {
            clearInterval(timer)
            timer = undefined
          }
        },
      }
      group.members.add(member)
      try {
        await group.ready
      } catch (error) {
        // The next to come asks again.
        if (groups.get(organizationId) === group) groups.delete(organizationId)
        member.leave()
        throw error
      }
      // Not when all were ended meanwhile.
      if (group.members.has(member)) {
        watcher.snapshot(member.view.snapshot(group.positions.entries(), Date.now()))
        events += 1
        member.hasSnapshot = true
      }
      return () => member.leave()
    },
    close() {
      isClosed = true
      for (const { members } of groups.values())
        for (const member of members) {
          member.leave()
          member.watcher.end()
        }
    },
  }
}
