/**
 * The data path put together: source → decode → ledger → batcher → sink → settle. Only this file knows the order.
 *
 * A message's way: received (into the ledger) → its pings and rejections wait in the batcher of their lane → a batch is
 * taken when the policy says so → the sink makes it durable → its messages are settled → the ledger acknowledges the
 * settled prefix. Back edge: settling frees memory and acknowledges, and must never wait.
 *
 * Guarantees: received = committed + duplicates + dead-lettered + buffered + in flight + spooled, at every moment;
 * memory is bounded: beyond the limits the source is held until half of it is written.
 */
import PQueue from 'p-queue'
import { type Account, addOutcome, createAccount, totalOf } from './account.ts'
import {
  type Batch,
  type BatchLimits,
  type Batcher,
  type CloseReason,
  countOf,
  createBatcher,
} from './batcher.ts'
import type { Decode } from './decode.ts'
import { type Lane, laneOf } from './lanes.ts'
import { createLedger } from './ledger.ts'
import type { Delivery } from './ping.ts'
import type { Sink } from './sink.ts'
import type { IncomingMessage, Source } from './source.ts'
import { createWindowObserver } from './window.ts'
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
  readonly isHeld: boolean
  /** Since when the oldest unacknowledged message waits; ms since 1970. */
  readonly waitingSinceMs: number | undefined
}

interface LaneState {
  readonly batcher: Batcher
  readonly queue: PQueue
}

/** Long enough that the late pings of a gateway's buffer come together, short enough not to fill the broker's window for long. */
const lateAgeMs = 1000

const nothing = Buffer.alloc(0)

/** Enough for a quantile, too few to be felt. */
const agesPerBatch = 100

/** As far as NTP steps a clock that it slews otherwise, and more than a burst of messages can run ahead. */
const bridgedStepUs = 5_000_000

export function createPipeline(
  limits: PipelineLimits,
  decode: Decode,
  sink: Pick<Sink, 'write'>,
  /** Pings older than this take the late lane; microseconds since 1970. */
  horizonUs: () => number,
  observer: PipelineObserver,
): Pipeline {
  const lanes: Record<Lane, LaneState> = {
    hot: { batcher: createBatcher(limits), queue: new PQueue({ concurrency: limits.concurrency }) },
    // One at a time: unpacking old chunks is slow, and must not take the connections of the present.
    late: {
      batcher: createBatcher({ ...limits, maxAgeMs: lateAgeMs }),
      queue: new PQueue({ concurrency: 1 }),
    },
  }
  const buffered = (): number => lanes.hot.batcher.size + lanes.late.batcher.size
  const ledger = createLedger()
  const window = createWindowObserver(limits.receiveMaximum)
  const abort = new AbortController()
  const counts = createAccount()
  let source: Pick<Source, 'acknowledge' | 'hold' | 'resume'> | undefined
  let bufferedBytes = 0
  let isHeld = false
  let isDraining = false
  let isPumpPlanned = false
  let timer: NodeJS.Timeout | undefined
  let lastReceivedAtUs = 0
  let waitingSinceMs: number | undefined

  /**
   * Strictly rising, with room behind it for as many pings as the last message held (see placeInTime). A small step back of
   * the clock is bridged; a large one is a correction, and to stay in the wrong time until the right one catches up would be worse.
   */
  const receiveTimeUs = (): number => {
    const nowUs = Date.now() * 1000
    return nowUs > lastReceivedAtUs || lastReceivedAtUs - nowUs > bridgedStepUs ? nowUs : lastReceivedAtUs + 1
  }

  const receive = (message: IncomingMessage): void => {
    const delivery: Delivery = {
      topic: message.topic,
      payload: message.payload,
      receivedAtUs: receiveTimeUs(),
      packetId: message.packetId,
      epoch: message.epoch,
      isSettled: false,
    }
    const decoded = decode(delivery)
    const count = decoded.pings.length + decoded.rejections.length
    delivery.isSettled = count === 0
    lastReceivedAtUs = delivery.receivedAtUs + count
    counts.messages += 1
    if (message.packetId === 0) counts.qos0Messages += 1
    else ledger.add(delivery)
    counts.received += count
    if (count === 0) ledger.release(acknowledge)
    else {
      bufferedBytes += delivery.payload.length
      lanes[laneOf(decoded, horizonUs())].batcher.add(delivery, decoded, performance.now())
      waitingSinceMs ??= delivery.receivedAtUs / 1000
    }
    const isFull =
      buffered() + counts.inFlight >= limits.maxBufferedPings || bufferedBytes >= limits.maxBufferedBytes
    if (!isHeld && isFull) {
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
    const waits = [pumpLane('hot'), pumpLane('late')].filter((waitMs) => waitMs !== undefined)
    if (waits.length > 0) timer = setTimeout(pump, Math.min(...waits))
  }

  /** Starts what is due; returns in how many milliseconds something will be, if nothing happens before. */
  const pumpLane = (lane: Lane): number | undefined => {
    const { batcher, queue } = lanes[lane]
    const nowMs = performance.now()
    while (queue.pending < queue.concurrency) {
      const reason = batcher.closeReason(nowMs, {
        // The late lane never hurries: a few large batches unpack each chunk once.
        isWriterIdle: lane === 'hot' && queue.pending === 0,
        isWindowFull: ledger.size >= window.size,
        isDraining,
      })
      if (reason === undefined) return batcher.waitMs(nowMs)
      start(batcher.take(), reason, lane)
    }
    return undefined
  }

  const start = (batch: Batch, reason: CloseReason, lane: Lane): void => {
    const rows = countOf(batch)
    counts.inFlight += rows
    observer.onBatch(reason, rows)
    lanes[lane].queue
      .add(async () => {
        const outcome = await sink.write(batch, lane, abort.signal)
        counts.inFlight -= rows
        if ('spooled' in outcome) counts.spooled += outcome.spooled
        else addOutcome(counts, outcome)
        settle(batch)
      })
      // Only an abort ends a write without an outcome: nothing of the batch is settled, the broker keeps it.
      .catch(() => undefined)
      .finally(pump)
  }

  const settle = (batch: Batch): void => {
    const nowMs = Date.now()
    for (const delivery of batch.deliveries) {
      delivery.isSettled = true
      delivery.payload = nothing
      observer.onCommitted(Math.max(0, nowMs - delivery.receivedAtUs / 1000) / 1000)
    }
    const step = Math.ceil(batch.pings.length / agesPerBatch)
    for (let index = 0; index < batch.pings.length; index += step)
      observer.onPingAge(Math.max(0, nowMs - (batch.pings[index]?.tUs ?? 0) / 1000) / 1000)
    bufferedBytes -= batch.bytes
    window.peak(ledger.size)
    ledger.release(acknowledge)
    // The oldest message that waits, or, where nobody waits for an acknowledgement, the last sign of progress.
    waitingSinceMs = buffered() + counts.inFlight === 0 ? undefined : (ledger.oldestMs ?? nowMs)
    const isRoomy =
      buffered() + counts.inFlight <= limits.maxBufferedPings / 2 &&
      bufferedBytes <= limits.maxBufferedBytes / 2
    if (isHeld && !isDraining && isRoomy) {
      isHeld = false
      source?.resume()
    }
  }

  return {
    receive,
    disconnected() {
      ledger.forget()
      window.reset()
    },
    retained(message) {
      counts.retainedMessages += 1
      if (message.packetId !== 0) ledger.add({ ...message, receivedAtUs: receiveTimeUs(), isSettled: true })
      ledger.release(acknowledge)
    },
    recovered(pings) {
      counts.received += pings
      counts.spooled += pings
    },
    drained(spooled, outcome) {
      counts.spooled -= spooled
      // Another version's decode may see another number of pings in the same message.
      counts.received += totalOf(outcome) - spooled
      addOutcome(counts, outcome)
    },
    attach(attached) {
      source = attached
      if (isHeld) attached.hold()
    },
    async drain(signal) {
      isDraining = true
      source?.hold()
      const givenUp = new Promise<never>((_, reject) => {
        const giveUp = (): void => {
          abort.abort(signal.reason)
          reject(signal.reason instanceof Error ? signal.reason : new Error('draining was given up'))
        }
        if (signal.aborted) giveUp()
        else signal.addEventListener('abort', giveUp, { once: true })
      })
      // Past the end of draining nobody listens any more.
      givenUp.catch(() => undefined)
      pump()
      while (buffered() + counts.inFlight > 0) {
        const idle = Promise.all([lanes.hot.queue.onIdle(), lanes.late.queue.onIdle()])
        await Promise.race([idle, givenUp])
        pump()
      }
    },
    counts,
    get buffered() {
      return buffered()
    },
    get unacked() {
      return ledger.size
    },
    get isHeld() {
      return isHeld
    },
    get waitingSinceMs() {
      return waitingSinceMs
    },
  }
}
