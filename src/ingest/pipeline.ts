/**
 * The data path put together: source → decode → ledger → batcher → sink → settle. Only this file knows the order.
 *
 * A message's way: received (into the ledger) → its pings and rejections wait in the batcher of their lane → a batch is
 * taken when the policy says so → the sink makes it durable → its messages are settled → the ledger acknowledges the
 * settled prefix. Back edge: settling frees memory and acknowledges, and must never wait. Sightings wait in their windows
 * first (presences.ts); what a window elects is received like a message.
 *
 * Guarantees: received = committed + duplicates + dead-lettered + buffered + in flight + spooled, and
 * sightings received = merged + windowed, at every moment;
 * memory is bounded: beyond the limits the source is held until half of it is written.
 */
import PQueue from 'p-queue'
import { rejectOnAbort } from './abort-race.ts'
import { addOutcome, createAccount, totalOf } from './account.ts'
import { type Batch, type Batcher, type CloseReason, countOf, createBatcher } from './batcher.ts'
import type { Decode } from './decode.ts'
import { type Lane, laneOf } from './lanes.ts'
import { createLedger } from './ledger.ts'
import { type Delivery, elementsIn } from './ping.ts'
import type { Election } from './presence.ts'
import type { Presences } from './presences.ts'
import { type ReceiveClock, createReceiveClock } from './receive-clock.ts'
import type { Sink } from './sink.ts'
import type { Pipeline, PipelineLimits, PipelineObserver } from './pipeline-contract.ts'
import type { IncomingMessage, Source } from './source-contract.ts'
import { createWindowObserver } from './window.ts'

interface LaneState {
  readonly batcher: Batcher
  readonly queue: PQueue
}

/** Long enough that the late pings of a gateway's buffer come together, short enough not to fill the broker's window for long. */
const lateAgeMs = 1000

const nothing = Buffer.alloc(0)

/** Enough for a quantile, too few to be felt. */
const agesPerBatch = 100

export function createPipeline(
  limits: PipelineLimits,
  decode: Decode,
  sink: Pick<Sink, 'write'>,
  /** Pings older than this take the late lane; microseconds since 1970. */
  horizonUs: () => number,
  observer: PipelineObserver,
  /** Absent: there are no sightings. */
  presences?: Presences,
  /** One for all pipelines of a process: no two messages have the same receive time. */
  clock: ReceiveClock = createReceiveClock(),
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
  let lastArrivalMs = 0
  let waitingSinceMs: number | undefined

  const receive = (message: IncomingMessage): void => {
    const delivery: Delivery = {
      topic: message.topic,
      payload: message.payload,
      receivedAtUs: clock.nowUs(),
      packetId: message.packetId,
      epoch: message.epoch,
      isSettled: false,
    }
    lastArrivalMs = performance.now()
    counts.messages += 1
    if (message.packetId === 0) counts.qos0Messages += 1
    else ledger.add(delivery)
    enter(delivery)
    if (!isHeld && isFull()) {
      isHeld = true
      source?.hold()
    }
    planPump()
  }

  const isFull = (): boolean =>
    buffered() + counts.inFlight + (presences?.windowed ?? 0) >= limits.maxBufferedPings ||
    bufferedBytes + (presences?.bytes ?? 0) >= limits.maxBufferedBytes

  /** A message's pings and rejections go to a batcher, its sightings to their windows. */
  const enter = (delivery: Delivery): void => {
    const decoded = decode(delivery)
    const count = decoded.pings.length + decoded.rejections.length
    clock.took(delivery.receivedAtUs, elementsIn(decoded))
    counts.received += count
    const sightings = presences?.take(delivery, decoded, count, lastArrivalMs) ?? 0
    counts.sightings += sightings
    if (count > 0) {
      bufferedBytes += delivery.payload.length
      lanes[laneOf(decoded, horizonUs())].batcher.add(delivery, decoded, performance.now())
      waitingSinceMs ??= delivery.receivedAtUs / 1000
    } else {
      delivery.payload = nothing
      delivery.isSettled = sightings === 0
      if (delivery.isSettled) ledger.release(acknowledge)
    }
  }

  /** Closes windows; returns in how many milliseconds to ask again. */
  const elect = (): number | undefined => {
    const nowMs = performance.now()
    return presences?.close(
      nowMs,
      {
        isUrgent: isDraining || isFull(),
        unacked: ledger.size,
        windowSize: window.size,
        quietForMs: nowMs - lastArrivalMs,
      },
      (election) => {
        if (election.elected.length > 0) return enter(presences.derive(election, clock.nowUs()))
        settleElection(election)
        release()
      },
    )
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
    const waits = [elect(), pumpLane('hot'), pumpLane('late')].filter((waitMs) => waitMs !== undefined)
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
      delivery.isSettled = presences?.isSettled(delivery) ?? true
      delivery.payload = nothing
      observer.onCommitted(Math.max(0, nowMs - delivery.receivedAtUs / 1000) / 1000)
      const election = presences?.electionOf(delivery)
      if (election !== undefined) settleElection(election)
    }
    const step = Math.ceil(batch.pings.length / agesPerBatch)
    for (let index = 0; index < batch.pings.length; index += step)
      observer.onPingAge(Math.max(0, nowMs - (batch.pings[index]?.tUs ?? 0) / 1000) / 1000)
    bufferedBytes -= batch.bytes
    release()
  }

  const settleElection = ({ sources, sightings }: Election): void => {
    counts.sightingsMerged += sightings
    for (const source of sources) source.isSettled = presences?.isSettled(source) ?? true
  }

  /** Acknowledges what may be, and lets the source go on when there is room. */
  const release = (): void => {
    const nowMs = Date.now()
    window.peak(ledger.size)
    ledger.release(acknowledge)
    // The oldest message that waits, or, where nobody waits for an acknowledgement, the last sign of progress.
    waitingSinceMs = buffered() + counts.inFlight === 0 ? undefined : (ledger.oldestMs ?? nowMs)
    const isRoomy =
      buffered() + counts.inFlight + (presences?.windowed ?? 0) <= limits.maxBufferedPings / 2 &&
      bufferedBytes + (presences?.bytes ?? 0) <= limits.maxBufferedBytes / 2
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
      if (message.packetId !== 0)
        ledger.add({ ...message, payload: nothing, receivedAtUs: clock.nowUs(), isSettled: true })
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
      // Past the end of draining nobody listens any more.
      const givenUp = rejectOnAbort(signal, 'draining was given up', () => abort.abort(signal.reason))
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
    get window() {
      return window.size
    },
    get windowed() {
      return presences?.windowed ?? 0
    },
    get isHeld() {
      return isHeld
    },
    get waitingSinceMs() {
      return waitingSinceMs
    },
  }
}
