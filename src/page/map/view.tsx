/** The view of what is where now: find it, see it, follow it. What is chosen stands in the address. */
import type { JSX } from 'preact'
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { withQuery } from '../api/client.ts'
import type { Location, Plan } from '../api/types.ts'
import { useQuery } from '../api/use-query.ts'
import { Failure, Loading } from '../parts/states.tsx'
import { usePlace } from '../shell/place.ts'
import { choose, useRoute } from '../shell/route.ts'
import { MapCanvas } from './canvas.tsx'
import { Card } from './card.tsx'
import type { AssetState } from './dots.ts'
import { type Heat, shapesOf } from './draw-plan.ts'
import type { Trail } from './draw-trail.ts'
import { Find, type Here } from './find.tsx'
import { Floors } from './floors.tsx'
import { HeatDay } from './heat-day.tsx'
import { FloorList } from './list.tsx'
import { Overview } from './overview.tsx'
import { RoomCard } from './room-card.tsx'
import type { Scene, Stage } from './stage.ts'
import { Legend, Status } from './status.tsx'
import { useLive } from './use-live.ts'
import { useViolations } from './violations.ts'

/** A floor that has no rooms is shown this large. */
const nowhere = { minX: 0, minY: 0, maxX: 50, maxY: 30 }

export function MapView(): JSX.Element {
  const { facility, floor } = usePlace()
  const { params } = useRoute()
  const [assetId, roomId, isList] = [params.get('asset'), params.get('room'), params.has('list')]
  const plan = useQuery<Plan>(
    floor === undefined ? null : withQuery('/plan', { facility: facility.facility, floor: floor.floor }),
    300_000,
  )
  const shapes = useMemo(() => (plan.data === undefined ? [] : shapesOf(plan.data)), [plan.data])
  const stage = useRef<Stage | null>(null)
  const live = useLive(facility.facility, floor?.floor, shapes, () => stage.current?.wake())
  const isViolation = useViolations(facility.facility)
  const middle = useRef({ x: 0, y: 0 })
  const nowMs = useNow(live.clockOffsetMs)
  const [trail, setTrail] = useState<Trail>()
  const [heat, setHeat] = useState<Heat>()
  const [isFollowing, setIsFollowing] = useState(false)
  const [typed, setTyped] = useState('')
  const [hidden, setHidden] = useState<ReadonlySet<AssetState>>(new Set())

  const bounds = plan.data?.bounds ?? floor?.bounds ?? nowhere
  const scene = useMemo(
    (): Scene => ({
      shapes,
      bounds,
      selected: assetId,
      chosenRoom: roomId,
      trail,
      heat,
      isFollowing,
      isShown: (state) => !hidden.has(state),
      isViolation,
      clockOffsetMs: live.clockOffsetMs(),
    }),
    [shapes, bounds, assetId, roomId, trail, heat, isFollowing, hidden, isViolation],
  )
  const locations = [...live.dots.all.values()].map(({ location }) => location)
  const chosen = live.dots.all.get(assetId ?? '')
  const isChosenSeen = chosen !== undefined

  useEffect(() => setIsFollowing(false), [assetId])
  // What was found is shown where it is, wherever one was looking.
  useEffect(() => {
    if (chosen !== undefined) stage.current?.reveal(chosen.x, chosen.y)
  }, [assetId, isChosenSeen])

  const go = useCallback((location: Location) => {
    choose(
      { asset: location.assetId, room: null, trail: null, list: null, heat: null, floor: location.floor },
      true,
    )
    if (location.x !== null && location.y !== null) stage.current?.reveal(location.x, location.y)
  }, [])
  const here = (): Here => ({
    room: roomId,
    roomName: shapes.find(({ room }) => room.id === roomId)?.room.name ?? null,
    floor: floor?.floor,
    ...middle.current,
  })
  const room = shapes.find((shape) => shape.room.id === roomId)?.room
  const violations = locations.filter(isViolation)

  return (
    <div class={assetId === null && room === undefined ? 'map-view' : 'map-view chosen'}>
      <h1 class="unseen">Where is it?</h1>
      <aside class="side" aria-label="Find">
        <Find here={here} typed={typed} onType={setTyped} onChoose={go} />
        {assetId !== null && (
          <Card
            key={assetId}
            assetId={assetId}
            live={chosen?.location}
            nowMs={nowMs}
            isViolation={isViolation}
            isFollowing={isFollowing}
            onFollow={setIsFollowing}
            isTrailShown={params.has('trail')}
            roomName={(id) => shapes.find(({ room }) => room.id === id)?.room.name}
            onTrail={setTrail}
          />
        )}
        {assetId === null && room !== undefined && (
          <RoomCard key={room.id} room={room} locations={locations} onChoose={go} />
        )}
        {assetId === null && room === undefined && typed === '' && (
          <Overview locations={locations} onAsk={setTyped} />
        )}
      </aside>
      <section class="stage" aria-label="The floor">
        {isList ? (
          <FloorList locations={locations} nowMs={nowMs} onChoose={go} />
        ) : (
          <MapCanvas
            dots={live.dots}
            scene={scene}
            label={`Map of ${floor?.name ?? 'the floor'} with ${locations.length} assets`}
            onStage={(made) => {
              stage.current = made
            }}
            events={{
              onAsset: (id) => choose({ asset: id, room: null, trail: null }, true),
              onRoom: (id) => choose({ room: id, asset: null, trail: null }, true),
              onEscape: () => choose({ room: null, asset: null, trail: null }, true),
              onView(view, at) {
                middle.current = at
                live.look(view)
              },
              onHand: () => setIsFollowing(false),
            }}
          />
        )}
        {plan.data === undefined && !isList && (
          <div class="message">
            {plan.error === undefined ? <Loading /> : <Failure error={plan.error} retry={plan.reload} />}
          </div>
        )}
        <Floors />
        <div class="views">
          <button type="button" aria-pressed={isList} onClick={() => choose({ list: isList ? null : 1 })}>
            List
          </button>
          <button
            type="button"
            aria-pressed={params.has('heat')}
            onClick={() => choose({ heat: params.has('heat') ? null : 0, list: null })}
          >
            Heat map
          </button>
          {violations.length > 0 && (
            <button
              type="button"
              class="violations"
              onClick={() => violations[0] !== undefined && go(violations[0])}
            >
              {violations.length} out of place
            </button>
          )}
        </div>
        {params.has('heat') && <HeatDay nowMs={nowMs} onHeat={setHeat} />}
        <footer class="foot">
          <Legend
            counts={countsOf(live.dots.all.values())}
            hidden={hidden}
            onToggle={(state) => setHidden((last) => toggled(last, state))}
          />
          <Status state={live.state} heardAtMs={live.heardAtMs()} nowMs={nowMs} retry={live.retry} />
        </footer>
      </section>
    </div>
  )
}

/** The service's clock, once a second: ages count on also where nothing comes. */
function useNow(offsetMs: () => number): number {
  const [nowMs, setNowMs] = useState(() => Date.now() + offsetMs())
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now() + offsetMs()), 1000)
    return () => clearInterval(timer)
  }, [])
  return nowMs
}

function countsOf(dots: Iterable<{ readonly state: AssetState }>): Record<AssetState, number> {
  const counts = { free: 0, 'in-use': 0, service: 0, unknown: 0 }
  for (const { state } of dots) counts[state] += 1
  return counts
}

function toggled(set: ReadonlySet<AssetState>, state: AssetState): ReadonlySet<AssetState> {
  const next = new Set(set)
  if (!next.delete(state)) next.add(state)
  return next
}
