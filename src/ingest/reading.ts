/** What the data path says of itself, summed over its pipelines: our own session's, and the one that empties dead replicas'. */
import { createAccount } from './account.ts'
import type { Pipeline } from './pipeline.ts'

export type PipelineReading = Pick<Pipeline, 'counts' | 'buffered' | 'unacked' | 'isHeld' | 'waitingSinceMs'>

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
    get isHeld() {
      return parts.some((part) => part.isHeld)
    },
    get waitingSinceMs() {
      const since = parts.flatMap((part) => part.waitingSinceMs ?? [])
      return since.length === 0 ? undefined : Math.min(...since)
    },
  }
}

const terms = [
  'messages',
  'qos0Messages',
  'retainedMessages',
  'received',
  'committed',
  'duplicates',
  'inFlight',
  'spooled',
] as const
