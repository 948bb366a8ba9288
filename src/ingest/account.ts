/**
 * Where every ping is: the terms of received = committed + duplicates + dead-lettered + buffered + in flight + spooled.
 * Counters move when something has happened, never before. `buffered` is the batchers' own size.
 */
import type { RejectionReason } from './ping.ts'
import type { WriteOutcome } from './writer.ts'

export interface Account {
  messages: number
  qos0Messages: number
  retainedMessages: number
  received: number
  committed: number
  duplicates: number
  readonly deadLettered: Map<RejectionReason, number>
  inFlight: number
  /** Acknowledged, on our own disk, not in the database yet. */
  spooled: number
  /** Taken into windows, to be elected from: received = merged + windowed (presences.ts). */
  sightings: number
  /** What their windows led to is durable. */
  sightingsMerged: number
}

export const createAccount = (): Account => ({
  messages: 0,
  qos0Messages: 0,
  retainedMessages: 0,
  received: 0,
  committed: 0,
  duplicates: 0,
  deadLettered: new Map(),
  inFlight: 0,
  spooled: 0,
  sightings: 0,
  sightingsMerged: 0,
})

export function addOutcome(account: Account | WriteOutcome, outcome: WriteOutcome): void {
  account.committed += outcome.committed
  account.duplicates += outcome.duplicates
  for (const [reason, count] of outcome.deadLettered)
    account.deadLettered.set(reason, (account.deadLettered.get(reason) ?? 0) + count)
}

export const deadLetteredIn = ({ deadLettered }: Pick<Account, 'deadLettered'>): number =>
  [...deadLettered.values()].reduce((sum, count) => sum + count, 0)

export const totalOf = (outcome: WriteOutcome): number =>
  outcome.committed + outcome.duplicates + deadLetteredIn(outcome)
