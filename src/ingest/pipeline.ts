/**
 * The data path put together: source → decode → ledger → batcher → writer → settle. Only this file knows the order.
 *
 * A message's way: received (ledger, pending = its pings and rejections) → its parts wait in the batcher → a batch is
 * taken when the policy says so → written → each part lowers `pending` → the ledger acknowledges the settled prefix.
 * Back edge: settling frees memory and acknowledges, and must never wait.
 *
 * Guarantees: received = committed + duplicates + dead-lettered + buffered + in flight, at every moment;
 * memory is bounded: beyond the limits the source is held until half of it is written.
 */
import PQueue from 'p-queue'
import { type Batch, type BatchLimits, type CloseReason, createBatcher } from './batcher.ts'
import type { Decode } from './decode.ts'
import { createLedger } from './ledger.ts'
import type { Delivery, RejectionReason } from './ping.ts'
import type { IncomingMessage, Source } from './source.ts'
import { createWindowObserver } from './window.ts'
import type { Writer } from './writer.ts'

export interface PipelineLimits extends BatchLimits {
  readonly concurrency: number
  readonly maxBufferedPings: number
  readonly maxBufferedBytes: number
  readonly receiveMaximum: number
}

/** Called once a batch or a message, never once a ping. */
export interface PipelineObserver {
  onBatch(reason: CloseReason, rows: number): void
  /** Seconds from receipt to commit of one message, and the age of one of its pings at commit. */
  onCommitted(lagSeconds: number, ageSeconds: number | undefined): void
}

/** Where every ping is. */
export interface PipelineCounts {
  messages: number
  qos0Messages: number
  retainedMessages: number
  received: number
  committed: number
  duplicates: number
  deadLettered: Map<RejectionReason, number>
  inFlight: number
}

export interface Pipeline {
  receive(message: IncomingMessage): void
  /** The connection is gone: forget what it was owed; what is buffered is written all the same. */
  disconnected(): void
  /** Not stored (it was, when it was news), but acknowledged in its turn. */
  retained(message: IncomingMessage): void
  /** Before the first message. */
  attach(source: Pick<Source, 'acknowledge' | 'hold' | 'resume'>): void
  /** Takes nothing more, writes what is there, acknowledges it. Rejects when `signal` aborts first. */
  drain(signal: AbortSignal): Promise<void>
  readonly counts: Readonly<PipelineCounts>
  readonly buffered: number
  readonly unacked: number
  readonly isHeld: boolean
  /** When the last batch was committed, and since when the oldest unacknowledged message waits; ms since 1970. */
  readonly lastCommitAtMs: number | undefined
  readonly waitingSinceMs: number | undefined
}

export function createPipeline(
  limits: PipelineLimits,
  decode: Decode,
  writer: Writer,
  observer: PipelineObserver,
): Pipeline {
  const batcher = createBatcher(limits)
  const ledger = createLedger()
  const window = createWindowObserver(limits.receiveMaximum)
  const queue = new PQueue({ concurrency: limits.concurrency })
  const abort = new AbortController()
  const counts: PipelineCounts = {
    messages: 0,
    qos0Messages: 0,
    retainedMessages: 0,
    received: 0,
    committed: 0,
    duplicates: 0,
    deadLettered: new Map(),
    inFlight: 0,
  }
  let source: Pick<Source, 'acknowledge' | 'hold' | 'resume'> | undefined
  let bufferedBytes = 0
  let isHeld = false
  let isDraining = false
  let isPumpPlanned = false
  let timer: NodeJS.Timeout | undefined
  let lastReceivedAtUs = 0
  let lastCommitAtMs: number | undefined
  let waitingSinceMs: number | undefined

  /** Strictly rising, with room behind it for as many pings as the last message held (see placeInTime). */
  const receiveTimeUs = (): number => Math.max(Date.now() * 1000, lastReceivedAtUs + 1)

  const receive = (message: IncomingMessage): void => {
    const delivery: Delivery = {
      topic: message.topic,
      payload: message.payload,
      receivedAtUs: receiveTimeUs(),
      packetId: message.packetId,
      epoch: message.epoch,
      pending: 0,
    }
    const decoded = decode(delivery)
    const count = decoded.pings.length + decoded.rejections.length
    delivery.pending = count
    lastReceivedAtUs = delivery.receivedAtUs + count
    counts.messages += 1
    if (message.packetId === 0) counts.qos0Messages += 1
    else ledger.add(delivery)
    counts.received += count
    bufferedBytes += delivery.payload.length
    const nowMs = performance.now()
    batcher.add(decoded, delivery.payload.length, nowMs)
    waitingSinceMs ??= delivery.receivedAtUs / 1000
    if (count === 0) {
      bufferedBytes -= delivery.payload.length
      ledger.release(acknowledge)
    }
    if (
      !isHeld &&
      (batcher.size + counts.inFlight >= limits.maxBufferedPings || bufferedBytes >= limits.maxBufferedBytes)
    ) {
      isHeld = true
      source?.hold()
    }
    planPump()
  }

  const acknowledge = (delivery: Delivery): void => {
    source?.acknowledge(delivery)
  }

  /** After the packets of the same read, so that an idle writer does not take a batch of one. */
  const planPump = (): void => {
    if (isPumpPlanned) return
    isPumpPlanned = true
    setImmediate(() => {
      isPumpPlanned = false
      pump()
    })
  }

  const pump = (): void => {
    clearTimeout(timer)
    timer = undefined
    const nowMs = performance.now()
    while (queue.pending < limits.concurrency) {
      const reason = batcher.closeReason(nowMs, {
        isWriterIdle: queue.pending === 0,
        isWindowFull: ledger.size >= window.size,
        isDraining,
      })
      if (reason === undefined) break
      start(batcher.take(), reason)
    }
    if (queue.pending >= limits.concurrency) return
    const waitMs = batcher.waitMs(nowMs)
    if (waitMs !== undefined) timer = setTimeout(pump, waitMs)
  }

  const start = (batch: Batch, reason: CloseReason): void => {
    const rows = batch.pings.length + batch.rejections.length
    counts.inFlight += rows
    observer.onBatch(reason, rows)
    queue
      .add(async () => {
        const outcome = await writer.write(batch, abort.signal)
        counts.inFlight -= rows
        counts.committed += outcome.committed
        counts.duplicates += outcome.duplicates
        for (const [why, many] of outcome.deadLettered)
          counts.deadLettered.set(why, (counts.deadLettered.get(why) ?? 0) + many)
        settle(batch)
      })
      // Only an abort ends a write without an outcome: nothing of the batch is settled, the broker keeps it.
      .catch(() => undefined)
      .finally(pump)
  }

  const settle = (batch: Batch): void => {
    const nowMs = Date.now()
    lastCommitAtMs = nowMs
    for (const ping of batch.pings) lower(ping.delivery, nowMs, ping.tUs)
    for (const rejection of batch.rejections) lower(rejection.delivery, nowMs, undefined)
    bufferedBytes -= batch.bytes
    window.peak(ledger.size)
    ledger.release(acknowledge)
    waitingSinceMs = batcher.size + counts.inFlight === 0 ? undefined : nowMs
    if (
      isHeld &&
      !isDraining &&
      batcher.size + counts.inFlight <= limits.maxBufferedPings / 2 &&
      bufferedBytes <= limits.maxBufferedBytes / 2
    ) {
      isHeld = false
      source?.resume()
    }
  }

  const lower = (delivery: Delivery, nowMs: number, tUs: number | undefined): void => {
    delivery.pending -= 1
    if (delivery.pending === 0)
      observer.onCommitted(
        Math.max(0, nowMs - delivery.receivedAtUs / 1000) / 1000,
        tUs === undefined ? undefined : Math.max(0, nowMs - tUs / 1000) / 1000,
      )
  }

  return {
    receive,
    disconnected() {
      ledger.forget()
      window.reset()
    },
    retained(message) {
      counts.retainedMessages += 1
      if (message.packetId !== 0) ledger.add({ ...message, receivedAtUs: receiveTimeUs(), pending: 0 })
      ledger.release(acknowledge)
    },
    attach(attached) {
      source = attached
    },
    async drain(signal) {
      isDraining = true
      source?.hold()
      signal.addEventListener('abort', () => abort.abort(signal.reason), { once: true })
      if (signal.aborted) abort.abort(signal.reason)
      pump()
      while (batcher.size > 0 || queue.pending > 0) {
        signal.throwIfAborted()
        await queue.onIdle()
        pump()
      }
    },
    counts,
    get buffered() {
      return batcher.size
    },
    get unacked() {
      return ledger.size
    },
    get isHeld() {
      return isHeld
    },
    get lastCommitAtMs() {
      return lastCommitAtMs
    },
    get waitingSinceMs() {
      return waitingSinceMs
    },
  }
}
