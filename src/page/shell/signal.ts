/** A value that tells when it changes, outside of any component; `useSignal` makes a component follow it. */
import { useEffect, useState } from 'preact/hooks'

export interface Signal<T> {
  get(): T
  set(value: T): void
  /** Returns how to stop listening. */
  listen(listener: (value: T) => void): () => void
}

export function createSignal<T>(first: T): Signal<T> {
  let value = first
  const listeners = new Set<(value: T) => void>()
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return
      value = next
      for (const listener of listeners) listener(value)
    },
    listen(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
  }
}

export function useSignal<T>(signal: Signal<T>): T {
  const [value, setValue] = useState(() => signal.get())
  useEffect(() => {
    setValue(() => signal.get())
    return signal.listen((next) => setValue(() => next))
  }, [signal])
  return value
}
