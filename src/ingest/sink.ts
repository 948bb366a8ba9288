/**
 * Where a batch becomes durable: in the database (`ack.mode: commit`), or, when that is away or behind, in the spool
 * (`ack.mode: spool`). The pipeline acknowledges what a sink resolves, and does not know which it was.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { addOutcome } from './account.ts'
import { type Batch, countOf, emptyBatch } from './batcher.ts'
import type { Decode } from './decode.ts'
import type { Lane } from './lanes.ts'
import type { Spool } from './spool.ts'
import type { WriteOutcome, Writer } from './writer.ts'
import { messageOf } from '../ops/user-error.ts'

export type SinkOutcome = WriteOutcome | { readonly spooled: number }

export interface Sink {
  /** Resolves when all of the batch is durable; rejects only when `signal` aborts. */
  write(batch: Batch, lane: Lane, signal: AbortSignal): Promise<SinkOutcome>
  /** Stops draining; what is spooled stays on disk. */
  close(): Promise<void>
}

export const createDirectSink = (writer: Writer): Sink => ({
  write: async (batch, lane, signal) => writer.write(batch, { lane }, signal),
  close: async () => undefined,
})

export interface SpoolSinkEvents {
  /** `spooled` pings left the spool; the outcome says where to. */
  onDrained(spooled: number, outcome: WriteOutcome): void
  /** Nothing can be acknowledged for now; undefined when it can again. */
  onProblem(problem: string | undefined): void
}

export interface SpoolSinkOptions {
  /** A batch not committed after this long is spooled. */
  readonly afterMs: number
  /** Pings drained with one write. */
  readonly drainRows: number
  readonly drainBytes: number
}

const retryMs = 250

/**
 * While the spool is empty a batch goes to the database, and only to the spool when that fails or takes too long.
 * While it is not, every batch goes behind what is there, and one loop drains from the front.
 */
export function createSpoolSink(
  writer: Writer,
  spool: Spool,
  decode: Decode,
  laneFor: (batch: Batch) => Lane,
  options: SpoolSinkOptions,
  events: SpoolSinkEvents,
): Sink {
  const closing = new AbortController()
  let draining: Promise<void> | undefined

  const startDraining = (): void => {
    if (draining !== undefined || spool.pings === 0) return
    draining = drainAll().finally(() => {
      draining = undefined
    })
  }

  /** Until the spool is empty or we close: a disk that fails now is tried again. */
  const drainAll = async (): Promise<void> => {
    while (spool.pings > 0 && !closing.signal.aborted) {
      try {
        await drain()
      } catch {
        await wait(retryMs, undefined, { signal: closing.signal }).catch(() => undefined)
      }
    }
  }

  const drain = async (): Promise<void> => {
    while (spool.pings > 0) {
      const entries = await spool.oldest(options.drainRows, options.drainBytes)
      if (entries.length === 0) return
      const batches: Record<Lane, Batch> = { hot: emptyBatch(), late: emptyBatch() }
      for (const delivery of entries.flatMap((entry) => entry.deliveries)) {
        const decoded = decode(delivery)
        const one: Batch = { ...emptyBatch(), pings: [...decoded.pings], rejections: [...decoded.rejections] }
        const batch = batches[laneFor(one)]
        batch.deliveries.push(delivery)
        for (const ping of one.pings) batch.pings.push(ping)
        for (const rejection of one.rejections) batch.rejections.push(rejection)
      }
      const outcomes: WriteOutcome[] = []
      for (const lane of ['hot', 'late'] as const)
        if (countOf(batches[lane]) > 0)
          outcomes.push(await writer.write(batches[lane], { lane, isRepeat: true }, closing.signal))
      await spool.remove(entries)
      events.onDrained(
        entries.reduce((sum, entry) => sum + entry.pings, 0),
        sumOf(outcomes),
      )
    }
  }

  /** The database's answer, or undefined when it did not give one in time. */
  const tryDatabase = async (
    batch: Batch,
    lane: Lane,
    signal: AbortSignal,
  ): Promise<WriteOutcome | undefined> => {
    const giveUp = new AbortController()
    const timer = setTimeout(() => giveUp.abort(), options.afterMs)
    // Not AbortSignal.any: on Node 20 each one stays attached to the long-lived signal for ever.
    const pass = (): void => giveUp.abort()
    signal.addEventListener('abort', pass, { once: true })
    try {
      // A copy: the writer sorts what it is given, and the spool may need it after all.
      return await writer.write({ ...batch, pings: [...batch.pings] }, { lane }, giveUp.signal)
    } catch (error) {
      signal.throwIfAborted()
      if (giveUp.signal.aborted) return undefined
      throw error
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', pass)
    }
  }

  startDraining()
  return {
    async write(batch, lane, signal) {
      if (spool.pings === 0) {
        const outcome = await tryDatabase(batch, lane, signal)
        if (outcome !== undefined) return outcome
      }
      for (;;) {
        signal.throwIfAborted()
        try {
          await spool.put(batch.deliveries, countOf(batch))
          events.onProblem(undefined)
          startDraining()
          return { spooled: countOf(batch) }
        } catch (error) {
          events.onProblem(`the spool cannot take more: ${messageOf(error)}`)
          startDraining()
          await wait(retryMs, undefined, { signal })
          if (spool.pings === 0) {
            const outcome = await tryDatabase(batch, lane, signal)
            if (outcome !== undefined) {
              events.onProblem(undefined)
              return outcome
            }
          }
        }
      }
    },
    async close() {
      closing.abort()
      await draining
      await spool.close()
    },
  }
}

function sumOf(outcomes: readonly WriteOutcome[]): WriteOutcome {
  const sum: WriteOutcome = { committed: 0, duplicates: 0, deadLettered: new Map() }
  for (const outcome of outcomes) addOutcome(sum, outcome)
  return sum
}
