/** What stands at the foot of the map: which colour means what and how many there are, and whether this is now. */
import type { JSX } from 'preact'
import type { LiveState } from '../api/live.ts'
import { usePlace } from '../shell/place.ts'
import { type AssetState, stateNames } from './dots.ts'

const states: readonly AssetState[] = ['free', 'in-use', 'service', 'unknown']

export function Legend(props: {
  readonly counts: Readonly<Record<AssetState, number>>
  readonly hidden: ReadonlySet<AssetState>
  readonly onToggle: (state: AssetState) => void
}): JSX.Element {
  const { counts, hidden, onToggle } = props
  return (
    <div class="legend" role="group" aria-label="Shown on the map">
      {states.map((state) =>
        counts[state] === 0 && state === 'unknown' ? null : (
          <button key={state} type="button" aria-pressed={!hidden.has(state)} onClick={() => onToggle(state)}>
            <span class={`dot ${state}`} aria-hidden="true" />
            {stateNames[state]} <b>{counts[state]}</b>
          </button>
        ),
      )}
    </div>
  )
}

/** Silence for longer than this is said, although nothing has failed yet. */
const quietMs = 20_000

export function Status(props: {
  readonly state: LiveState
  readonly heardAtMs: number | undefined
  readonly nowMs: number
  readonly retry: () => void
}): JSX.Element {
  const { state, heardAtMs, nowMs, retry } = props
  const { clock } = usePlace()
  const since = heardAtMs === undefined ? '' : ` What you see is from ${clock.seconds(heardAtMs)}.`
  if (state.kind === 'lost') {
    const waitS =
      state.againAtMs === null ? undefined : Math.max(0, Math.ceil((state.againAtMs - Date.now()) / 1000))
    return (
      <div class="status lost" role="status">
        <span class="lamp" aria-hidden="true" />
        <span>
          {state.error.title}. {waitS === undefined ? state.error.message : 'Trying again by itself.'}
          {since}
        </span>
        <button type="button" onClick={retry}>
          Try now
        </button>
      </div>
    )
  }
  if (state.kind === 'connecting')
    return (
      <div class="status" role="status">
        <span class="lamp" aria-hidden="true" />
        Connecting…
      </div>
    )
  const isQuiet = heardAtMs !== undefined && nowMs - heardAtMs > quietMs
  return (
    <div class={isQuiet ? 'status quiet' : 'status live'} role="status">
      <span class="lamp" aria-hidden="true" />
      {isQuiet ? `No pings come.${since}` : 'Live'}
      {!isQuiet && (
        <time aria-hidden="true" title={`Time in ${clock.zone}`}>
          {clock.seconds(nowMs)}
        </time>
      )}
    </div>
  )
}
