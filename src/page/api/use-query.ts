/**
 * What the API answers to a path, in a component: loading, the data, and what is wrong. Old data stay while new ones are fetched
 * and while they cannot be; a failure is tried again by itself; nothing is asked while nobody looks at the tab.
 */
import { useCallback, useEffect, useState } from 'preact/hooks'
import { useSignal } from '../shell/signal.ts'
import { ApiError, backoffMs, getJson } from './client.ts'
import { token } from './token.ts'

export interface Loaded<T> {
  /** The last good answer to this very path. */
  readonly data: T | undefined
  /** When that was, epoch ms. */
  readonly atMs: number | undefined
  readonly error: ApiError | undefined
  readonly isLoading: boolean
  /** Asks again now. */
  readonly reload: () => void
}

interface State<T> {
  readonly path: string | null
  readonly data?: T
  readonly atMs?: number
  readonly error?: ApiError
}

/** `path` null: nothing is asked yet. `everyMs`: asked again that often. */
export function useQuery<T>(path: string | null, everyMs?: number): Loaded<T> {
  const [state, setState] = useState<State<T>>({ path })
  const [round, setRound] = useState(0)
  const kept = useSignal(token)
  const reload = useCallback(() => setRound((count) => count + 1), [])

  useEffect(() => {
    if (path === null) return undefined
    const stop = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    let failures = 0
    const again = (afterMs: number): void => {
      clearTimeout(timer)
      timer = setTimeout(() => void load(), afterMs)
    }
    const load = async (): Promise<void> => {
      if (document.hidden) return
      try {
        const data = await getJson<T>(path, stop.signal)
        failures = 0
        setState({ path, data, atMs: Date.now() })
        if (everyMs !== undefined) again(everyMs)
      } catch (caught) {
        if (stop.signal.aborted) return
        const error = asApiError(caught)
        setState((last) => (last.path === path ? { ...last, error } : { path, error }))
        failures += 1
        // What the caller must mend does not mend itself.
        if (error.isOffline || error.status >= 500 || error.status === 429) again(backoffMs(failures, error))
      }
    }
    const wake = (): void => {
      if (!document.hidden && (everyMs !== undefined || failures > 0)) again(0)
    }
    void load()
    document.addEventListener('visibilitychange', wake)
    window.addEventListener('online', wake)
    return () => {
      stop.abort()
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', wake)
      window.removeEventListener('online', wake)
    }
  }, [path, everyMs, round, kept])

  const isOfPath = state.path === path
  const data = isOfPath ? state.data : undefined
  const error = isOfPath ? state.error : undefined
  return {
    data,
    atMs: isOfPath ? state.atMs : undefined,
    error,
    isLoading: path !== null && data === undefined && error === undefined,
    reload,
  }
}

export function asApiError(caught: unknown): ApiError {
  if (caught instanceof ApiError) return caught
  return new ApiError(
    'The page made a mistake',
    caught instanceof Error ? caught.message : String(caught),
    -1,
  )
}
