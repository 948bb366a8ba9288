// The pipeline under any schedule of arrivals, commits, spooling, refusals and reconnections. The sink is the pipeline's own
// argument; what it does with a batch is chosen by the test.
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { type Batch, countOf } from '../../src/ingest/batcher.ts'
import { createDecode } from '../../src/ingest/decode.ts'
import { createPipeline } from '../../src/ingest/pipeline.ts'
import type { Pipeline, PipelineLimits } from '../../src/ingest/pipeline-contract.ts'
import type { SinkOutcome } from '../../src/ingest/sink.ts'
import { limits as decodeLimits } from '../support/pings.ts'

interface Pending {
  readonly batch: Batch
  resolve(outcome: SinkOutcome): void
}

interface Bench {
  readonly pipeline: Pipeline
  readonly pending: Pending[]
  readonly acknowledged: { packetId: number; epoch: number }[]
  readonly held: boolean[]
  epoch: number
  receive(packetId: number, pings: number, bad?: boolean): void
  total(): number
}

const limits: PipelineLimits = {
  maxRows: 20,
  maxBytes: 1_000_000,
  maxAgeMs: 1_000_000,
  concurrency: 2,
  maxBufferedPings: 100,
  maxBufferedBytes: 1_000_000,
  receiveMaximum: 1000,
}

function setUp(more: Partial<PipelineLimits> = {}): Bench {
  const pending: Pending[] = []
  const pipeline = createPipeline(
    { ...limits, ...more },
    createDecode(decodeLimits),
    {
      write: async (batch) =>
        new Promise((resolve) => {
          pending.push({ batch, resolve })
        }),
    },
    () => -Infinity,
    { onBatch: () => undefined, onCommitted: () => undefined, onPingAge: () => undefined },
  )
  const bench: Bench = {
    pipeline,
    pending,
    acknowledged: [],
    held: [],
    epoch: 1,
    receive(packetId, pings, bad = false) {
      const elements = Array.from({ length: pings }, (_, index) => ({
        tagId: bad && index === 0 ? '' : `T${index}`,
      }))
      pipeline.receive({
        topic: 'rtls/h/g/pings',
        payload: Buffer.from(JSON.stringify(elements)),
        packetId,
        epoch: bench.epoch,
      })
    },
    total() {
      const { committed, duplicates, deadLettered, inFlight, spooled } = pipeline.counts
      const dead = [...deadLettered.values()].reduce((sum, count) => sum + count, 0)
      return committed + duplicates + dead + inFlight + spooled + pipeline.buffered
    },
  }
  pipeline.attach({
    acknowledge(message) {
      if (message.epoch !== bench.epoch) return false
      bench.acknowledged.push({ packetId: message.packetId, epoch: message.epoch })
      return true
    },
    hold: () => bench.held.push(true),
    resume: () => bench.held.push(false),
  })
  return bench
}

const committedAll = (batch: Batch): SinkOutcome => ({
  committed: batch.pings.length,
  duplicates: 0,
  deadLettered: new Map(batch.rejections.length === 0 ? [] : [['invalid_ping', batch.rejections.length]]),
})

describe('the pipeline', () => {
  it('under any schedule acknowledges each message once, in order, never before it is durable, and loses no ping from its account', async () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constant('receive' as const), pings: fc.nat(12), bad: fc.boolean() }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('settle' as const),
          which: fc.nat(5),
          how: fc.constantFrom('commit', 'spool', 'duplicate'),
        }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('turn' as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('disconnect' as const) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const bench = setUp()
        const { pipeline, pending } = bench
        let packetId = 0
        const durable = new Set<number>()
        /** Packet ids received over the present connection, in order. */
        let expected: number[] = []
        const settle = (which: number, how: string): void => {
          const [one] = pending.splice(which % Math.max(1, pending.length), 1)
          if (one === undefined) return
          for (const delivery of one.batch.deliveries) durable.add(delivery.packetId)
          const count = countOf(one.batch)
          one.resolve(
            how === 'spool'
              ? { spooled: count }
              : how === 'duplicate'
                ? { committed: 0, duplicates: count, deadLettered: new Map() }
                : committedAll(one.batch),
          )
        }
        const check = (): void => {
          expect(bench.total()).toBe(pipeline.counts.received)
          const acknowledged = bench.acknowledged
            .filter((one) => one.epoch === bench.epoch)
            .map((one) => one.packetId)
          expect(acknowledged).toEqual(expected.slice(0, acknowledged.length))
          for (const id of acknowledged) expect(durable.has(id)).toBe(true)
        }
        for (const step of steps) {
          if (step.kind === 'receive') {
            packetId += 1
            expected.push(packetId)
            if (step.pings === 0) durable.add(packetId)
            bench.receive(packetId, step.pings, step.bad)
          } else if (step.kind === 'settle') settle(step.which, step.how)
          else if (step.kind === 'turn') await nextTurn()
          else {
            pipeline.disconnected()
            bench.epoch += 1
            expected = []
          }
          check()
        }
        while (bench.total() > 0 && pipeline.buffered + pipeline.counts.inFlight > 0) {
          await nextTurn()
          settle(0, 'commit')
          await nextTurn()
          check()
        }
        expect(
          bench.acknowledged.filter((one) => one.epoch === bench.epoch).map((one) => one.packetId),
        ).toEqual(expected)
        expect(pipeline.unacked).toBe(0)
      }),
      { numRuns: 300 },
    )
  })

  it('holds the source at its bound and lets it go when half of that is written', async () => {
    const bench = setUp()
    for (let id = 1; id <= 10; id += 1) bench.receive(id, 10)
    expect(bench.held).toEqual([true])
    expect(bench.pipeline.isHeld).toBe(true)
    const settled: number[] = []
    while (bench.pipeline.isHeld) {
      await nextTurn()
      const one = bench.pending.shift()
      if (one !== undefined) {
        settled.push(countOf(one.batch))
        one.resolve(committedAll(one.batch))
      }
      await nextTurn()
    }
    expect(bench.held).toEqual([true, false])
    expect(settled.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(50)
  })

  it('takes one batch at once when nothing is being written, then lets it grow until the writer is free', async () => {
    const bench = setUp()
    bench.receive(1, 1)
    bench.receive(2, 1)
    await nextTurn()
    expect(bench.pending.map((one) => countOf(one.batch))).toEqual([2])
    for (let id = 3; id <= 12; id += 1) bench.receive(id, 1)
    await nextTurn()
    expect(bench.pending).toHaveLength(1)
    const [first] = bench.pending.splice(0, 1)
    first?.resolve(committedAll(first.batch))
    await nextTurn()
    expect(bench.pending.map((one) => countOf(one.batch))).toEqual([10])
  })

  it('drains: writes what it has, then is empty', async () => {
    const bench = setUp()
    bench.receive(1, 3)
    const draining = bench.pipeline.drain(new AbortController().signal)
    await nextTurn()
    const [one] = bench.pending.splice(0, 1)
    one?.resolve(committedAll(one.batch))
    await draining
    expect(bench.acknowledged.map((message) => message.packetId)).toEqual([1])
  })

  it('gives up draining when told to', async () => {
    const bench = setUp()
    bench.receive(1, 3)
    await expect(bench.pipeline.drain(AbortSignal.timeout(50))).rejects.toThrow(/timeout|aborted/iu)
    expect(bench.acknowledged).toEqual([])
  })

  it('gives every message a time of its own when the clock of this host is stepped, and follows a large correction', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      const bench = setUp({ concurrency: 1 })
      const clock = [
        1_800_000_000_000, 1_799_999_999_000, 1_799_999_999_000, 1_900_000_000_000, 1_800_000_001_000,
        1_800_000_001_000,
      ]
      for (const [index, nowMs] of clock.entries()) {
        vi.setSystemTime(nowMs)
        bench.receive(index + 1, 3)
      }
      await nextTurn()
      const times = bench.pending.flatMap((one) =>
        one.batch.deliveries.map((message) => message.receivedAtUs),
      )
      expect(times).toEqual([
        1_800_000_000_000_000, 1_800_000_000_000_004, 1_800_000_000_000_008, 1_900_000_000_000_000,
        1_800_000_001_000_000, 1_800_000_001_000_004,
      ])
    } finally {
      vi.useRealTimers()
    }
  })
})
