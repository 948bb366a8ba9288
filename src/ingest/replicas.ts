/**
 * Replicas of one shared subscription look after each other. Each renews its entry in a table; one that is overdue is
 * taken for dead, and one of the living empties its session (adoption.ts). MQTT itself leaves that to the broker, and
 * Mosquitto and EMQX do not: what the dead one had not acknowledged waits in its session, and new messages go on being
 * dealt into it.
 *
 *   overdue ─claim─▶ its session is emptied ──▶ ended; when it comes back, it starts afresh
 *                    └─ it lives after all, and took it back ──▶ left alone for twice as long as before
 *
 * Guarantees: one adopter at a time, at most one adoption in a process; nobody is taken for dead because the database was
 * away; an innocent loses nothing but a connection, and that at most three times a minute.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { Claim, ReplicaTable } from '../db/replica-table.ts'
import { repeat } from '../ops/repeat.ts'
import type { AdoptionOutcome } from './adoption.ts'

export interface ReplicaEvents {
  onOverdue(claim: Claim): void
  onAdopted(claim: Claim, outcome: AdoptionOutcome): void
  /** Our session was ended by another, empty, while we were away: no loss. */
  onSessionEnded(): void
  onSessionLost(): void
  /** The table cannot be written; undefined when it can again. */
  onProblem(error: unknown): void
}

export interface Replicas {
  /** Resolves when the first entry was written, or could not be. */
  readonly registered: Promise<void>
  /** The broker has no session for us: finds out why. */
  explainLostSession(): Promise<void>
  /** Gives up what it was emptying: another replica goes on with it. Never rejects. */
  close(): Promise<void>
}

/** An entry is renewed this often within the time after which it is overdue. */
const renewalsPerTerm = 3
const retryMs = 1000

export function openReplicas(
  table: ReplicaTable,
  overdueAfterS: number,
  /** We are subscribed ourselves: what is dealt no more to the dead one is dealt to us. */
  isSubscribed: () => boolean,
  empty: (claim: Claim, mayEnd: () => Promise<boolean>, signal: AbortSignal) => Promise<AdoptionOutcome>,
  events: ReplicaEvents,
): Replicas {
  const termMs = overdueAfterS * 1000
  const closing = new AbortController()
  let renewedAtMs: number | undefined
  /** Since when our renewals have come in time: after an outage the others need time to renew theirs. */
  let steadySinceMs = Infinity
  let sessionsEnded: number | undefined
  let adoption:
    | { readonly claim: Claim; readonly abort: AbortController; readonly over: Promise<void> }
    | undefined

  const renew = async (): Promise<void> => {
    const count = await table.renew()
    sessionsEnded ??= count
    const nowMs = performance.now()
    if (renewedAtMs === undefined || nowMs - renewedAtMs > termMs || steadySinceMs === Infinity)
      steadySinceMs = nowMs
    renewedAtMs = nowMs
    events.onProblem(undefined)
  }

  const tick = async (): Promise<void> => {
    try {
      await renew()
      if (adoption !== undefined) {
        if (!(await table.renewClaim(adoption.claim.clientId))) adoption.abort.abort()
        return
      }
      if (!isSubscribed() || performance.now() - steadySinceMs < termMs) return
      const claim = await table.claim()
      if (claim !== undefined && !closing.signal.aborted) adopt(claim)
    } catch (error) {
      steadySinceMs = Infinity
      if (!closing.signal.aborted) events.onProblem(error)
    }
  }

  const adopt = (claim: Claim): void => {
    const abort = new AbortController()
    const run = async (): Promise<void> => {
      events.onOverdue(claim)
      const outcome = await empty(claim, async () => table.end(claim.clientId), abort.signal)
      events.onAdopted(claim, outcome)
      try {
        if (outcome.kind === 'kept')
          await table.release(claim.clientId, closing.signal.aborted ? 'stopping' : 'resisted')
      } catch (error) {
        // The claim runs out by itself.
        events.onProblem(error)
      }
      adoption = undefined
    }
    adoption = { claim, abort, over: run() }
  }

  const first = tick()
  const goOn = async (): Promise<void> => {
    await first
    await wait(termMs / renewalsPerTerm, undefined, { signal: closing.signal }).catch(() => undefined)
    await repeat(tick, termMs / renewalsPerTerm, closing.signal)
  }
  const loop = goOn()

  return {
    registered: first,
    async explainLostSession() {
      while (!closing.signal.aborted) {
        try {
          const count = await table.renew()
          const isEnded = sessionsEnded !== undefined && count > sessionsEnded
          sessionsEnded = count
          if (isEnded) events.onSessionEnded()
          else events.onSessionLost()
          return
        } catch {
          await wait(retryMs, undefined, { signal: closing.signal }).catch(() => undefined)
        }
      }
    },
    async close() {
      closing.abort()
      adoption?.abort.abort()
      await adoption?.over
      await loop
    },
  }
}
