// Waiting in tests: for a condition, with a deadline, never for a time.
import { setTimeout as pause } from 'node:timers/promises'
import { inspect } from 'node:util'

export interface WaitOptions {
  /** What is awaited, as it completes the sentence "waited for …". */
  what: string
  /** How long it may take before the test fails. */
  deadlineMs?: number
}

type Truthy<T> = Exclude<T, false | 0 | 0n | '' | null | undefined>

const DEADLINE_MS = 90_000 // a machine ten times as slow; whoever waits in vain is not in a hurry
const EVERY_MS = 10

/**
 * Calls `condition` until it returns (or resolves to) something truthy, which is the result.
 * A condition that throws is not fulfilled yet. Past the deadline it rejects with what was awaited and what was last seen.
 */
export async function waitFor<T>(condition: () => T | Promise<T>, options: WaitOptions): Promise<Truthy<T>> {
  const { what, deadlineMs = DEADLINE_MS } = options
  const deadline = performance.now() + deadlineMs
  let seen = 'nothing yet: the condition has not answered once'
  let cause: unknown
  const isOver = new AbortController()
  const timeout = pause(deadlineMs, 'timeout' as const, { signal: isOver.signal }).catch(
    () => 'timeout' as const,
  )
  try {
    do {
      const outcome = await Promise.race([attempt(condition), timeout])
      if (outcome === 'timeout') break
      if ('value' in outcome && isTruthy(outcome.value)) return outcome.value
      cause = 'error' in outcome ? outcome.error : undefined
      seen = 'error' in outcome ? `threw ${inspect(outcome.error)}` : `last value ${inspect(outcome.value)}`
      await pause(EVERY_MS)
    } while (performance.now() < deadline)
  } finally {
    isOver.abort()
  }
  throw new Error(`Waited ${deadlineMs} ms for ${what}; ${seen}`, { cause })
}

async function attempt<T>(condition: () => T | Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await condition() }
  } catch (error) {
    return { error }
  }
}

function isTruthy<T>(value: T): value is Truthy<T> {
  return Boolean(value)
}
