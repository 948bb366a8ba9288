import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { Aedes } from 'aedes'
import { connectAsync } from 'mqtt'
import { afterEach, describe, expect, it } from 'vitest'
import { maxUnacked, openPublisher } from '../../src/simulate/publisher.ts'
import { simulateDefaults, type SimulateOptions } from '../../src/simulate/options.ts'
import { openSimulation } from '../../src/simulate/simulate.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

interface Taken {
  topic: string
  text: string
}

interface Inbox {
  readonly taken: Taken[]
  add(topic: string, payload: Buffer | string): void
  /** Fulfilled when so many messages have come. */
  reached(count: number): Promise<void>
}

function createInbox(): Inbox {
  const taken: Taken[] = []
  let waiting: { count: number; resolve: () => void }[] = []
  return {
    taken,
    add: (topic, payload) => {
      taken.push({ topic, text: payload.toString() })
      for (const { count, resolve } of waiting) if (taken.length >= count) resolve()
      waiting = waiting.filter(({ count }) => taken.length < count)
    },
    reached: async (count) =>
      new Promise((resolve) => {
        if (taken.length >= count) resolve()
        else waiting.push({ count, resolve })
      }),
  }
}

/** A real broker that notes every message before it acknowledges it. */
async function openBroker(inbox: Inbox, port = 0): Promise<{ port: number; close: () => Promise<void> }> {
  const broker = await Aedes.createBroker({
    authorizePublish: (_client, packet, done) => {
      inbox.add(packet.topic, packet.payload)
      done(null)
    },
  })
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    broker.handle(socket)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const close = async (): Promise<void> => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
    await new Promise<void>((resolve) => broker.close(resolve))
  }
  closers.push(close)
  return { port: portOf(server.address()), close }
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('not a TCP port')
  return address.port
}

function openRun(port: number, options: Partial<SimulateOptions>) {
  const events: string[] = []
  const listeners: (() => void)[] = []
  const simulation = openSimulation(
    {
      ...simulateDefaults,
      url: `mqtt://127.0.0.1:${port}`,
      badShare: 0.02,
      duplicateShare: 0.05,
      ...options,
    },
    (event) => {
      events.push(event)
      for (const listener of listeners.splice(0)) listener()
    },
  )
  closers.push(async () => simulation.stop())
  const logged = async (event: string): Promise<void> => {
    while (!events.includes(event)) await new Promise<void>((resolve) => listeners.push(resolve))
  }
  return { simulation, logged }
}

/** The keys of all good pings that a broker or subscriber got, counted, and their digest by the documented definition. */
function readKeys(taken: readonly Taken[]): { size: number; digest: string } {
  const keys = new Set<string>()
  for (const { topic, text } of taken)
    for (const element of parse(text) ?? text.split('\n').flatMap((line) => parse(line) ?? [])) {
      const key = keyOf(element)
      if (key !== undefined) keys.add(`${key}|${topic.split('/')[2]}`)
    }
  let sum = 0n
  for (const key of keys) sum += BigInt(`0x${createHash('sha256').update(key).digest('hex').slice(0, 12)}`)
  return { size: keys.size, digest: (sum % 2n ** 48n).toString(16).padStart(12, '0') }
}

function parse(text: string): unknown[] | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    const elements: unknown[] = Array.isArray(parsed) ? parsed : [parsed]
    return elements
  } catch {
    return undefined
  }
}

function keyOf(element: unknown): string | undefined {
  if (typeof element !== 'object' || element === null) return undefined
  const { tagId, t, x, y } = { tagId: '', t: '', x: '', y: '', ...element }
  const isGood = tagId && !Number.isNaN(Date.parse(t)) && typeof x === 'number' && typeof y === 'number'
  return isGood ? `${tagId.replaceAll(/[:-]/g, '').toUpperCase()}|${t}` : undefined
}

describe('a simulated hospital at a real broker', () => {
  it.each([0, 1] as const)('reaches a subscriber with every message, at QoS %i', async (qos) => {
    const { port } = await openBroker(createInbox())
    const inbox = createInbox()
    const subscriber = await connectAsync(`mqtt://127.0.0.1:${port}`)
    closers.push(async () => subscriber.endAsync(true))
    subscriber.on('message', (topic, payload) => inbox.add(topic, payload))
    await subscriber.subscribeAsync('rtls/+/+/pings', { qos: 1 })

    const report = await openRun(port, { rate: 0, count: 5000, qos }).simulation.done
    await inbox.reached(report.messages)

    expect(report).toMatchObject({ pings: 5000, acked: report.messages, unacked: 0 })
    expect(inbox.taken).toHaveLength(report.messages)
    expect(readKeys(inbox.taken)).toEqual({ size: report.unique, digest: report.digest })
  })

  it('loses nothing when the broker goes away in the middle and comes back', async () => {
    const inbox = createInbox()
    const first = await openBroker(inbox)
    const { simulation, logged } = openRun(first.port, { rate: 0, count: 20_000, pingsPerMessage: 5 })
    await inbox.reached(1000)
    await first.close()
    await logged('disconnected')
    const before = simulation.snapshot()
    expect(before.acked).toBeLessThan(before.messages)
    await openBroker(inbox, first.port)

    const report = await simulation.done
    expect(report).toMatchObject({ pings: 20_000, acked: report.messages, unacked: 0 })
    expect(before.messages).toBeLessThan(report.messages)
    expect(readKeys(inbox.taken)).toEqual({ size: report.unique, digest: report.digest })
  })

  it('waits for a broker that is not there yet', async () => {
    const inbox = createInbox()
    const { port, close } = await openBroker(inbox)
    await close()
    const { simulation, logged } = openRun(port, { rate: 0, count: 500 })
    await logged('connection_failed')
    await openBroker(inbox, port)
    const report = await simulation.done
    expect(report).toMatchObject({ pings: 500, unacked: 0 })
    expect(inbox.taken).toHaveLength(report.messages)
  })

  it('keeps to its rate by the clock and sends exactly what the duration holds', async () => {
    const inbox = createInbox()
    const { port } = await openBroker(inbox)
    const report = await openRun(port, { rate: 2000, durationS: 1.5, tags: 300 }).simulation.done
    expect(report.pings).toBe(3000)
    expect(report.seconds).toBeGreaterThan(1.45)
  })

  it('sends the same messages for the same seed and start', async () => {
    const start = new Date('2026-11-22T07:00:00Z')
    const texts: string[][] = []
    for (const isPrepared of [false, true]) {
      const inbox = createInbox()
      const { port } = await openBroker(inbox)
      await openRun(port, { rate: 0, count: 2000, start, isPrepared }).simulation.done
      texts.push(inbox.taken.map(({ topic, text }) => topic + text).toSorted())
    }
    expect(texts[0]).toEqual(texts[1])
  })

  it('stops when told to, with everything sent acknowledged', async () => {
    const inbox = createInbox()
    const { port } = await openBroker(inbox)
    const { simulation } = openRun(port, { rate: 1000 })
    await inbox.reached(20)
    const report = await simulation.stop()
    expect(report.unacked).toBe(0)
    expect(inbox.taken).toHaveLength(report.messages)
    expect(await simulation.stop()).toEqual(report)
  })

  it('stops before it ever connected', async () => {
    const { port, close } = await openBroker(createInbox())
    await close()
    const { simulation, logged } = openRun(port, {})
    await logged('connection_failed')
    expect(await simulation.stop()).toMatchObject({ messages: 0, acked: 0, unacked: 0, seconds: 0 })
  })
})

describe('the publisher', () => {
  it('counts nothing as acked without PUBACK, has a bounded number out, and gives up at its deadline', async () => {
    const connack = Buffer.from([0x20, 2, 0, 0])
    const server = createServer((socket) => {
      socket.once('data', () => socket.write(connack))
      // Reads and forgets.
      socket.resume()
      socket.on('error', () => undefined)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closers.push(async () => new Promise((resolve) => server.close(resolve)))
    let sent = 0
    const events: string[] = []
    const messages = Array.from({ length: 3 * maxUnacked }, (_, index) => ({
      topic: 'rtls/demo/gw/pings',
      payload: Buffer.from('{}'),
      gateway: index % 2,
      atMs: 0,
    }))
    const publisher = openPublisher({
      url: `mqtt://127.0.0.1:${portOf(server.address())}`,
      qos: 1,
      protocolVersion: 4,
      gateways: 2,
      messages: messages.values(),
      isPaced: false,
      stopAfterMs: 300,
      ackDeadlineMs: 100,
      onSent: () => sent++,
      log: (event) => events.push(event),
    })
    await publisher.done
    expect(publisher.acked()).toBe(0)
    expect(sent).toBe(maxUnacked)
    expect(events).toContain('acks_missing')
  })

  it('fails when the messages cannot be made, rather than ending as if they were all sent', async () => {
    const { port } = await openBroker(createInbox())
    const publisher = openPublisher({
      url: `mqtt://127.0.0.1:${port}`,
      qos: 1,
      protocolVersion: 4,
      gateways: 1,
      messages: {
        next: () => {
          throw new Error('no more ideas')
        },
      },
      isPaced: true,
      stopAfterMs: Infinity,
      ackDeadlineMs: 100,
      onSent: () => undefined,
      log: () => undefined,
    })
    await expect(publisher.done).rejects.toThrow('no more ideas')
  })
})
