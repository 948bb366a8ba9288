/** A loop in the background that ends when told to. */
import { setTimeout as wait } from 'node:timers/promises'

/** Runs `work` now and again `everyMs` after each end of it, until `signal` aborts. `work` must not throw. Resolves after the last run. */
export async function repeat(work: () => Promise<void>, everyMs: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await work()
    await wait(everyMs, undefined, { signal }).catch(() => undefined)
  }
}
