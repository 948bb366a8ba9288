// The pipeline with sightings: a message is acknowledged when all its windows are durable, under any schedule.
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Batch, countOf } from '../../src/ingest/batcher.ts'
import { createDecode } from '../../src/ingest/decode.ts'
import { createPipeline } from '../../src/ingest/pipeline.ts'
import type { Pipeline, PipelineLimits } from '../../src/ingest/pipeline-contract.ts'
import { createPresences } from '../../src/ingest/presences.ts'
import { createRoutes, mappingOf } from '../../src/ingest/routes.ts'
import type { SinkOutcome } from '../../src/ingest/sink.ts'
import { limits as decodeLimits } from '../support/pings.ts'
import { waitFor } from '../support/wait-for.ts'

interface Pending {
  readonly batch: Batch
  resolve(outcome: SinkOutcome): void
}

const limits: PipelineLimits = {
  maxRows: 20,
  maxBytes: 1_000_000,
  maxAgeMs: 1,
  concurrency: 2,
  maxBufferedPings: 40,
  maxBufferedBytes: 1_000_000,
  receiveMaximum: 1000,
}

const mappings = [
  mappingOf('minew', '/gw/{gateway}/status', { facility: 'h1' }),
  mappingOf('native', 'rtls/{facility}/{gateway}/pings'),
]

interface Bench {
  readonly pipeline: Pipeline
  readonly pending: Pending[]
  readonly acknowledged: number[]
  /** Sightings of that many tags by a gateway, seconds after a boundary of windows; the last may be bad. */
  hear(packetId: number, gateway: string, tags: number, seconds: number, bad?: boolean): void
  commit(which?: number): void
}

const startMs = Math.floor((Date.now() - 3_600_000) / 5000) * 5000

function setUp(windowS: number, more: Partial<PipelineLimits> = {}, store = false): Bench {
  const pending: Pending[] = []
  const acknowledged: number[] = []
  const pipeline = createPipeline(
    { ...limits, ...more },
    createDecode(decodeLimits, createRoutes(mappings), store ? 'both' : 'apart'),
    {
      write: async (batch) =>
        new Promise((resolve) => {
          pending.push({ batch, resolve })
        }),
    },
    () => -Infinity,
    { onBatch: () => undefined, onCommitted: () => undefined, onPingAge: () => undefined },
    createPresences({
      windowS,
      hysteresisDb: 6,
      maxTags: 1000,
      gateways: [{ facility: null, gateway: 'g1', room: 'R1', floor: 2 }],
    }),
  )
  pipeline.attach({
    acknowledge(message) {
      acknowledged.push(message.packetId)
      return true
    },
    hold: () => undefined,
    resume: () => undefined,
  })
  return {
    pipeline,
    pending,
    acknowledged,
    hear(packetId, gateway, tags, seconds, bad = false) {
      const elements: object[] = Array.from({ length: tags }, (_, index) => ({
        mac: `T${index}`,
        rssi: -60 - (packetId % 7),
        timestamp: new Date(startMs + seconds * 1000).toISOString(),
      }))
      if (bad) elements.push({ mac: '' })
      const payload = Buffer.from(JSON.stringify(elements))
      pipeline.receive({ topic: `/gw/${gateway}/status`, payload, packetId, epoch: 1 })
    },
    commit(which = 0) {
      const [one] = pending.splice(which % Math.max(1, pending.length), 1)
      if (one === undefined) return
      const { pings, rejections } = one.batch
      one.resolve({
        committed: pings.length,
        duplicates: 0,
        deadLettered: new Map(rejections.length === 0 ? [] : [['invalid_ping', rejections.length]]),
      })
    },
  }
}

function expectConserved({ pipeline }: Bench): void {
  const { counts } = pipeline
  const dead = [...counts.deadLettered.values()].reduce((sum, count) => sum + count, 0)
  expect(
    counts.committed + counts.duplicates + dead + counts.inFlight + counts.spooled + pipeline.buffered,
  ).toBe(counts.received)
  expect(counts.sightingsMerged + pipeline.windowed).toBe(counts.sightings)
}

describe('sightings in the pipeline', () => {
  it('become one presence a tag, in the gateway’s room; only then their messages are acknowledged', async () => {
    const bench = setUp(0.1)
    bench.hear(1, 'g1', 2, 1)
    bench.hear(2, 'g2', 2, 1)
    expectConserved(bench)
    expect(bench.pipeline.windowed).toBe(4)
    await waitFor(() => bench.pending.length > 0, { what: 'the window to be due' })
    expect(bench.acknowledged).toEqual([])
    const pings = bench.pending.flatMap(({ batch }) => batch.pings)
    expect(
      pings.map(({ tagId, gatewayId, roomId, floor, fix }) => [tagId, gatewayId, roomId, floor, fix]),
    ).toEqual([
      ['T0', 'g1', 'R1', 2, 'presence'],
      ['T1', 'g1', 'R1', 2, 'presence'],
    ])
    bench.commit()
    await waitFor(() => bench.acknowledged.length === 2, { what: 'both acknowledgements' })
    expect(bench.acknowledged).toEqual([1, 2])
    expect(bench.pipeline.counts).toMatchObject({
      received: 2,
      committed: 2,
      sightings: 4,
      sightingsMerged: 4,
    })
    expectConserved(bench)
  })

  it('that elect nobody new are acknowledged without a row', async () => {
    const bench = setUp(1000)
    bench.hear(1, 'g1', 1, 1)
    const first = bench.pipeline.drain(new AbortController().signal)
    await waitFor(() => bench.pending.length > 0, { what: 'the presence' })
    bench.commit()
    await first
    // Draining goes on cutting windows short: the second sighting changes nothing.
    bench.hear(2, 'g1', 1, 2)
    await waitFor(() => bench.acknowledged.length === 2, { what: 'the second acknowledgement' })
    expect(bench.pipeline.counts.received).toBe(1)
    expectConserved(bench)
  })

  it('do not stall a broker whose window of ten is full', async () => {
    const bench = setUp(1000, { receiveMaximum: 10 })
    for (let id = 1; id <= 10; id += 1) bench.hear(id, 'g1', 1, id / 10)
    await waitFor(() => bench.pending.length > 0, { what: 'a window cut short' })
    bench.commit()
    await waitFor(() => bench.acknowledged.length === 10, { what: 'ten acknowledgements' })
    expect(bench.pipeline.windowed).toBe(0)
  })

  it('are cut short when memory is full', async () => {
    const bench = setUp(1000)
    bench.hear(1, 'g1', 40, 1)
    await waitFor(() => bench.pending.length > 0, { what: 'a window cut short' })
    expect(bench.pipeline.isHeld).toBe(true)
    while (bench.acknowledged.length === 0) {
      bench.commit()
      await nextTurn()
    }
    expect(bench.pipeline.isHeld).toBe(false)
  })

  it('are stored as well when asked to be, each under a key of its own', async () => {
    const bench = setUp(0.1, {}, true)
    bench.hear(1, 'g1', 1, 1)
    const pings = (): object[] => bench.pending.flatMap(({ batch }) => batch.pings)
    await waitFor(() => pings().length === 2, { what: 'sighting and presence' })
    expect(pings()).toMatchObject([{ fix: 'proximity' }, { fix: 'presence' }])
    expect(new Set((pings() as { tUs: number }[]).map(({ tUs }) => tUs)).size).toBe(2)
    bench.commit()
    await nextTurn()
    expect(bench.acknowledged).toEqual([])
    bench.commit()
    await waitFor(() => bench.acknowledged.length === 1, { what: 'the acknowledgement' })
  })

  it('under any schedule lose nothing from either account, and each message is acknowledged once, in order, after all it led to', async () => {
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          kind: fc.constant('hear' as const),
          gateway: fc.constantFrom('g1', 'g2', 'g3'),
          tags: fc.nat(4),
          second: fc.nat(30),
          bad: fc.boolean(),
        }),
      },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('commit' as const), which: fc.nat(3) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('turn' as const) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.boolean(), async (steps, store) => {
        const bench = setUp(1000, { receiveMaximum: 10 }, store)
        let packetId = 0
        for (const one of steps) {
          if (one.kind === 'hear') bench.hear((packetId += 1), one.gateway, one.tags, one.second, one.bad)
          else if (one.kind === 'commit') bench.commit(one.which)
          else await nextTurn()
          expectConserved(bench)
          // What is not durable yet is not acknowledged.
          for (const { batch } of bench.pending)
            for (const { packetId: id } of batch.deliveries)
              expect(bench.acknowledged).not.toContain(id === 0 ? -1 : id)
        }
        const draining = bench.pipeline.drain(new AbortController().signal)
        const done = new AbortController()
        void draining.then(() => done.abort())
        while (!done.signal.aborted) {
          bench.commit()
          await nextTurn()
          expectConserved(bench)
        }
        expect(bench.acknowledged).toEqual(Array.from({ length: packetId }, (_, index) => index + 1))
        expect([bench.pipeline.windowed, bench.pipeline.unacked]).toEqual([0, 0])
        expect(bench.pending.reduce((sum, { batch }) => sum + countOf(batch), 0)).toBe(0)
      }),
      { numRuns: 150 },
    )
  })
})
