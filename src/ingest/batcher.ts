/**
 * When a batch is closed and what is in it. A pure policy: the clock is an argument, there is no timer and no I/O here.
 * `pipeline.ts` asks `closeReason` whenever something happened, and again after `waitMs`.
 *
 * Batch size emerges: while the writers are busy the batch grows, when one is free it takes what is there.
 * Guarantees: every ping and rejection added is in exactly one batch, in the order it was added.
 */
import type { Decoded, Delivery, Ping, Rejection } from './ping.ts'

/** Why a batch was closed: the label of rtls_batches_total. */
export const closeReasons = ['rows', 'bytes', 'age', 'window', 'idle', 'drain'] as const
export type CloseReason = (typeof closeReasons)[number]

export interface Batch {
  /** The messages behind it, in the order of receipt. A message is never split over two batches. */
  readonly deliveries: Delivery[]
  readonly pings: Ping[]
  readonly rejections: Rejection[]
  /** Payload bytes behind this batch: what it holds of the memory bound. */
  bytes: number
}

export interface BatchLimits {
  readonly maxRows: number
  readonly maxBytes: number
  readonly maxAgeMs: number
}

/** What the rest of the pipeline is doing at the moment of the question. */
export interface Surroundings {
  /** No batch is being written. */
  readonly isWriterIdle: boolean
  /** The broker sends nothing more until something is acknowledged. */
  readonly isWindowFull: boolean
  /** The service is stopping: take what is there. */
  readonly isDraining: boolean
}

export interface Batcher {
  add(delivery: Delivery, decoded: Decoded, nowMs: number): void
  /** Why a batch should be taken now, or undefined when it should wait. */
  closeReason(nowMs: number, surroundings: Surroundings): CloseReason | undefined
  /** Milliseconds until `age` becomes a reason; undefined when there is nothing to wait for. */
  waitMs(nowMs: number): number | undefined
  /** The oldest batch. Only after `closeReason` gave a reason. */
  take(): Batch
  /** Pings and rejections waiting here. */
  readonly size: number
}

export function createBatcher(limits: BatchLimits): Batcher {
  /** Batches that reached a limit while the writers were busy; the open one is not among them. */
  const full: { batch: Batch; reason: 'rows' | 'bytes' }[] = []
  let open = emptyBatch()
  let openedAtMs = 0
  let size = 0

  return {
    get size() {
      return size
    },
    add(delivery, decoded, nowMs) {
      const count = decoded.pings.length + decoded.rejections.length
      if (count === 0) return
      if (countOf(open) === 0) openedAtMs = nowMs
      open.deliveries.push(delivery)
      // Not push(...array): a message may hold more pings than a call takes arguments.
      for (const ping of decoded.pings) open.pings.push(ping)
      for (const rejection of decoded.rejections) open.rejections.push(rejection)
      open.bytes += delivery.payload.length
      size += count
      const reason =
        countOf(open) >= limits.maxRows ? 'rows' : open.bytes >= limits.maxBytes ? 'bytes' : undefined
      if (reason !== undefined) {
        full.push({ batch: open, reason })
        open = emptyBatch()
      }
    },
    closeReason(nowMs, { isWriterIdle, isWindowFull, isDraining }) {
      const oldest = full[0]
      if (oldest !== undefined) return oldest.reason
      if (countOf(open) === 0) return undefined
      if (isDraining) return 'drain'
      if (isWriterIdle) return 'idle'
      if (isWindowFull) return 'window'
      return nowMs - openedAtMs >= limits.maxAgeMs ? 'age' : undefined
    },
    waitMs(nowMs) {
      if (countOf(open) === 0) return undefined
      return Math.max(0, openedAtMs + limits.maxAgeMs - nowMs)
    },
    take() {
      let batch = full.shift()?.batch
      if (batch === undefined) {
        batch = open
        open = emptyBatch()
      }
      size -= countOf(batch)
      return batch
    },
  }
}

export const emptyBatch = (): Batch => ({ deliveries: [], pings: [], rejections: [], bytes: 0 })

export const countOf = (batch: Batch): number => batch.pings.length + batch.rejections.length
