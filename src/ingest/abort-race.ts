/** A promise that rejects when a signal aborts, for races with work that does not know the signal. */

/** `onAbort` runs first. Nobody needs to listen to the promise. */
export function rejectOnAbort(signal: AbortSignal, message: string, onAbort: () => void): Promise<never> {
  const aborted = new Promise<never>((_, reject) => {
    const giveUp = (): void => {
      onAbort()
      reject(signal.reason instanceof Error ? signal.reason : new Error(message))
    }
    if (signal.aborted) giveUp()
    else signal.addEventListener('abort', giveUp, { once: true })
  })
  aborted.catch(() => undefined)
  return aborted
}
