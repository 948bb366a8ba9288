/** The chosen asset: where it is, how sure that is, what is known of it, and the way to its trail. */
import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { Location } from '../api/types.ts'
import { useQuery } from '../api/use-query.ts'
import { Failure, Loading } from '../parts/states.tsx'
import { usePlace } from '../shell/place.ts'
import { choose } from '../shell/route.ts'
import { span } from '../shell/time.ts'
import { stateNames, stateOf } from './dots.ts'
import { TrailSlider } from './trail-slider.tsx'
import type { Trail } from './draw-trail.ts'
import { placeOf, sureness } from './words.ts'

interface Asset {
  readonly manufacturer?: string | null
  readonly modelNumber?: string | null
  readonly serialNumber?: string | null
  readonly homeRoomName?: string | null
}

export function Card(props: {
  readonly assetId: string
  /** From the stream, where it is in view: fresher than what is asked. */
  readonly live: Location | undefined
  /** The service's clock, epoch ms. */
  readonly nowMs: number
  readonly isViolation: (location: Location) => boolean
  readonly isFollowing: boolean
  readonly onFollow: (isFollowing: boolean) => void
  readonly isTrailShown: boolean
  readonly roomName: (roomId: string) => string | undefined
  readonly onTrail: (trail: Trail | undefined) => void
}): JSX.Element {
  const { assetId, live, nowMs, isViolation, isFollowing, onFollow, isTrailShown, roomName, onTrail } = props
  const { facility, clock } = usePlace()
  const id = encodeURIComponent(assetId)
  const asked = useQuery<Location>(`/assets/${id}/location`, 10_000)
  const asset = useQuery<Asset>(`/assets/${id}`)
  const heading = useRef<HTMLHeadingElement>(null)
  const location = live ?? asked.data
  const isKnown = location !== undefined

  // Who chose it by keyboard goes on reading here.
  useEffect(() => {
    if (isKnown) heading.current?.focus({ preventScroll: true })
  }, [assetId, isKnown])

  if (location === undefined)
    return (
      <article class="card">
        <CloseButton />
        {asked.error === undefined ? <Loading /> : <Failure error={asked.error} retry={asked.reload} />}
      </article>
    )
  const seenAtMs = location.seenAt === null ? null : Date.parse(location.seenAt)
  const ageS = seenAtMs === null ? null : Math.max(0, (nowMs - seenAtMs) / 1000)
  const state = stateOf(location)
  const { manufacturer, modelNumber, serialNumber, homeRoomName } = asset.data ?? {}
  const facts: readonly (readonly [string, string | null | undefined])[] = [
    ['Home', homeRoomName],
    ['Kind', location.subcategory ?? location.category],
    ['Model', [manufacturer, modelNumber].filter((part) => part).join(' ')],
    ['Serial', serialNumber],
    ['Tag', location.tagId],
    ['Battery', location.batteryPct === null ? null : `${location.batteryPct} %`],
  ]
  return (
    <article class="card" aria-label="The chosen asset">
      <CloseButton />
      <p class="badge">
        <span class={`dot ${state}`} aria-hidden="true" />
        {stateNames[state]}
        {location.isMoving === true && ageS !== null && ageS < 60 ? ', moving' : ''}
      </p>
      <h2 ref={heading} tabIndex={-1}>
        {location.name} <small>{location.assetTag}</small>
      </h2>
      <p class="place">{ageS === null ? 'Nobody knows where' : placeOf(location, facility.floors)}</p>
      {ageS === null || seenAtMs === null ? (
        <p class="sure">No tag that it wears was ever heard.</p>
      ) : (
        <p class="sure" title={clock.dateTime(seenAtMs)}>
          Seen {span(ageS)} ago. {sureness(ageS, location.accuracyM)}
        </p>
      )}
      {isViolation(location) && <p class="violation">This room is restricted, and not its home.</p>}
      <div class="tools">
        <button type="button" aria-pressed={isFollowing} onClick={() => onFollow(!isFollowing)}>
          Follow
        </button>
        <button
          type="button"
          aria-pressed={isTrailShown}
          onClick={() => choose({ trail: isTrailShown ? null : '8' })}
        >
          Where was it?
        </button>
      </div>
      {isTrailShown && <TrailSlider {...{ assetId, nowMs, roomName, onTrail }} />}
      <dl class="facts">
        {facts.map(([title, value]) =>
          value === null || value === undefined || value === '' ? null : (
            <div key={title}>
              <dt>{title}</dt>
              <dd>{value}</dd>
            </div>
          ),
        )}
      </dl>
    </article>
  )
}

export function CloseButton(): JSX.Element {
  return (
    <button
      type="button"
      class="icon close"
      aria-label="Close"
      onClick={() => choose({ asset: null, room: null, trail: null }, true)}
    >
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <path d="m6 6 12 12M18 6 6 18" />
      </svg>
    </button>
  )
}
