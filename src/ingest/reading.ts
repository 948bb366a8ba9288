/** What the data path says of itself, summed over its pipelines: our own session's, and the one that empties dead replicas'. */
import { type Account, createAccount } from './account.ts'
import type { Pipeline } from './pipeline-contract.ts'

export type PipelineReading = Pick<
  Pipeline,
  'counts' | 'buffered' | 'unacked' | 'windowed' | 'isHeld' | 'window' | 'waitingSinceMs'
>

/** Each term is read when it is asked for, so that terms read in one turn of the event loop belong together. */
export function sumReadings(parts: readonly PipelineReading[]): PipelineReading {
  const sum = (read: (part: PipelineReading) => number): number =>
    parts.reduce((total, part) => total + read(part), 0)
  return {
    get counts() {
      const account = createAccount()
      for (const { counts } of parts) {
        for (const term of terms) account[term] += counts[term]
        for (const [reason, count] of counts.deadLettered)
          account.deadLettered.set(reason, (account.deadLettered.get(reason) ?? 0) + count)
      }
      return account
    },
    get buffered() {
      return sum((part) => part.buffered)
    },
    get unacked() {
      return sum((part) => part.unacked)
    },
    get windowed() {
      return sum((part) => part.windowed)
    },
    /** Of our own session: it stands first. */
    get window() {
      return parts[0]?.window ?? 0
    },
    get isHeld() {
      return parts.some((part) => part.isHeld)
    },
    get waitingSinceMs() {
      const since = parts.flatMap((part) => part.waitingSinceMs ?? [])
      return since.length === 0 ? undefined : Math.min(...since)
    },
  }
}

/** Every one of them: the compiler says when one is missing. */
const isTerm: Readonly<Record<Exclude<keyof Account, 'deadLettered'>, true>> = {
  messages: true,
  qos0Messages: true,
  retainedMessages: true,
  received: true,
  committed: true,
  duplicates: true,
  inFlight: true,
  spooled: true,
  sightings: true,
  sightingsMerged: true,
}
const terms = Object.keys(isTerm) as (keyof typeof isTerm)[]
