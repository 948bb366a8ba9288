/**
 * The locations in a part of a floor as they change: one stream at a time, opened again after every failure with growing pauses,
 * closed while nobody looks. While a new one is being opened the old one goes on, so that the map never empties.
 */
import type { Location } from './types.ts'
import { ApiError, ask, backoffMs } from './client.ts'
import { createEventReader } from './events.ts'
import { token } from './token.ts'

export type LiveState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  /** Tried again then (epoch ms); null: not before something changes. */
  | { readonly kind: 'lost'; readonly error: ApiError; readonly againAtMs: number | null }

export interface LiveListener {
  onSnapshot(items: readonly Location[], atMs: number): void
  onUpdate(items: readonly Partial<Location>[], gone: readonly string[], atMs: number): void
  onState(state: LiveState): void
}

export interface Live {
  /** Another part of the floor, or another floor. */
  watch(path: string): void
  /** Tries again now. */
  retry(): void
  close(): void
}

/** Heartbeats come every 15 s: after this long without anything, nothing comes any more. */
const silenceMs = 40_000

export function openLive(listener: LiveListener): Live {
  let path: string | undefined
  let current: AbortController | undefined
  let next: AbortController | undefined
  let failures = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  const start = (): void => {
    clearTimeout(timer)
    next?.abort()
    if (path === undefined || document.hidden) return
    const mine = new AbortController()
    next = mine
    if (current === undefined) listener.onState({ kind: 'connecting' })
    read(path, mine.signal, (event) => {
      if (event.event === 'snapshot' && next === mine) {
        current?.abort()
        ;[current, next] = [mine, undefined]
        failures = 0
        listener.onState({ kind: 'live' })
      }
      if (current === mine) deliver(event)
    }).then(
      () => lost(mine, new Error('the stream ended')),
      (error: unknown) => lost(mine, error),
    )
  }
  const deliver = ({ event, data }: { event: string; data: string }): void => {
    const { items, gone, at } = JSON.parse(data) as { items: Location[]; gone?: string[]; at: string }
    if (event === 'snapshot') listener.onSnapshot(items, Date.parse(at))
    else if (event === 'update') listener.onUpdate(items, gone ?? [], Date.parse(at))
  }
  const lost = (mine: AbortController, caught: unknown): void => {
    if (mine !== current && mine !== next) return
    if (mine === current) current = undefined
    if (mine === next) next = undefined
    mine.abort()
    failures += 1
    const error =
      caught instanceof ApiError
        ? caught
        : new ApiError('The connection was lost', 'It is tried again by itself.', 0)
    const isHopeless = error.status >= 400 && error.status < 500 && error.status !== 429
    const waitMs = backoffMs(failures, error)
    if (current === undefined)
      listener.onState({ kind: 'lost', error, againAtMs: isHopeless ? null : Date.now() + waitMs })
    if (!isHopeless) timer = setTimeout(start, waitMs)
  }
  const stop = (): void => {
    clearTimeout(timer)
    for (const stream of [current, next]) stream?.abort()
    current = next = undefined
  }
  const wake = (): void => {
    if (document.hidden) stop()
    else if (current === undefined) start()
  }
  document.addEventListener('visibilitychange', wake)
  window.addEventListener('online', wake)
  const stopListening = token.listen(start)

  return {
    watch(wanted) {
      if (wanted === path) return
      path = wanted
      start()
    },
    retry: start,
    close() {
      stop()
      stopListening()
      document.removeEventListener('visibilitychange', wake)
      window.removeEventListener('online', wake)
    },
  }
}

async function read(
  path: string,
  signal: AbortSignal,
  onEvent: (event: { event: string; data: string }) => void,
): Promise<void> {
  const silence = new AbortController()
  let alarm = setTimeout(() => silence.abort(), silenceMs)
  try {
    const response = await ask(path, {
      accept: 'text/event-stream',
      signal: AbortSignal.any([signal, silence.signal]),
    })
    const events = createEventReader()
    const decoder = new TextDecoder()
    const reader = response.body?.getReader()
    for (;;) {
      const piece = await reader?.read()
      if (piece === undefined || piece.done) return
      clearTimeout(alarm)
      alarm = setTimeout(() => silence.abort(), silenceMs)
      for (const event of events(decoder.decode(piece.value, { stream: true }))) onEvent(event)
    }
  } finally {
    clearTimeout(alarm)
  }
}
