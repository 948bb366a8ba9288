/** What stands where data would: that it is coming, that there is none, what is wrong and what to do, and that it is old. */
import type { ComponentChildren, JSX } from 'preact'
import type { ApiError } from '../api/client.ts'
import type { Loaded } from '../api/use-query.ts'
import { usePlace } from '../shell/place.ts'

/** The data once they are there; the other states meanwhile. `isEmpty` with `empty`: what to say where there is nothing, and what to do. */
export function Show<T>(props: {
  readonly query: Loaded<T>
  readonly children: (data: T) => ComponentChildren
  readonly isEmpty?: (data: T) => boolean
  readonly empty?: ComponentChildren
  /** Lines of the placeholder, so that nothing jumps when the data come. */
  readonly lines?: number
}): JSX.Element {
  const { query, children, isEmpty, empty = 'There is nothing here yet.', lines = 4 } = props
  const { data, error, atMs } = query
  if (data === undefined)
    return error === undefined ? <Loading lines={lines} /> : <Failure error={error} retry={query.reload} />
  return (
    <>
      {error !== undefined && <Stale error={error} atMs={atMs} />}
      {isEmpty?.(data) === true ? <p class="empty">{empty}</p> : children(data)}
    </>
  )
}

export function Loading({ lines = 4 }: { readonly lines?: number }): JSX.Element {
  return (
    <div class="loading" role="status">
      <span class="unseen">Loading</span>
      {Array.from({ length: lines }, (_, index) => (
        <span key={index} class="bone" aria-hidden="true" />
      ))}
    </div>
  )
}

export function Failure({
  error,
  retry,
}: {
  readonly error: ApiError
  readonly retry?: () => void
}): JSX.Element {
  return (
    <div class="failure" role="alert">
      <strong>{error.title}</strong>
      <p>{error.message}</p>
      {retry !== undefined && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}

function Stale({
  error,
  atMs,
}: {
  readonly error: ApiError
  readonly atMs: number | undefined
}): JSX.Element {
  const { clock } = usePlace()
  return (
    <p class="stale" role="status">
      {error.title}. This is how it was{atMs === undefined ? '' : ` at ${clock.seconds(atMs)}`}.
    </p>
  )
}
