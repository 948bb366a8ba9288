/** What the pipeline is to the rest of the service: its bounds, what it can be told, and what can be read of it. */
import type { Account } from './account.ts'
import type { BatchLimits, CloseReason } from './batcher.ts'
import type { IncomingMessage, Source } from './source-contract.ts'
import type { WriteOutcome } from './writer.ts'

export interface PipelineLimits extends BatchLimits {
  readonly concurrency: number
  readonly maxBufferedPings: number
  readonly maxBufferedBytes: number
  readonly receiveMaximum: number
}

/** Called once a batch, a message or a sampled ping, never once for every ping. */
export interface PipelineObserver {
  onBatch(reason: CloseReason, rows: number): void
  /** Seconds from receipt to commit of one message. */
  onCommitted(lagSeconds: number): void
  /** Age of a ping at commit; a sample of each batch. */
  onPingAge(seconds: number): void
}

export interface Pipeline {
  receive(message: IncomingMessage): void
  /** The connection is gone: forget what it was owed; what is buffered is written all the same. */
  disconnected(): void
  /** Not stored (it was, when it was news), but acknowledged in its turn. */
  retained(message: IncomingMessage): void
  /** Before the first message of this source. */
  attach(source: Pick<Source, 'acknowledge' | 'hold' | 'resume'>): void
  /** Pings found in the spool at start: received by the process before this one. */
  recovered(pings: number): void
  /** Pings that left the spool. */
  drained(spooled: number, outcome: WriteOutcome): void
  /** Takes nothing more, writes what is there, acknowledges it. Rejects when `signal` aborts first. */
  drain(signal: AbortSignal): Promise<void>
  readonly counts: Readonly<Account>
  readonly buffered: number
  readonly unacked: number
  /** Sightings whose window is not durable yet. */
  readonly windowed: number
  readonly isHeld: boolean
  /** Messages the broker sends before it waits for an acknowledgement: as observed, or as many as we offered. */
  readonly window: number
  /** Since when the oldest unacknowledged message waits; ms since 1970. */
  readonly waitingSinceMs: number | undefined
}
