// The contract with MQTT.js's private parts and with brokers: what source.ts promises to the ledger.
import { afterEach, describe, expect, it } from 'vitest'
import type { IncomingMessage, SessionState, Source } from '../../src/ingest/source-contract.ts'
import { openSource } from '../../src/ingest/source.ts'
import { noTlsFiles } from '../../src/ops/tls-files.ts'
import { type TestBroker, openTestBroker } from '../support/broker.ts'
import { openMosquitto } from '../support/mosquitto.ts'
import { type Publisher, openPublisher } from '../support/publisher.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

interface Session {
  readonly source: Source
  readonly messages: IncomingMessage[]
  readonly states: SessionState[]
  readonly sentences: string[]
  connects: number
  lost: number
  disconnects: number
  retained: number
  texts(): string[]
}

async function openSession(
  url: string,
  more: { clientId?: string; keepaliveS?: number; protocolVersion?: 4 | 5 } = {},
): Promise<Session> {
  const session: { -readonly [Key in keyof Session]: Session[Key] } = {
    source: undefined as never,
    messages: [],
    states: [],
    sentences: [],
    connects: 0,
    lost: 0,
    disconnects: 0,
    retained: 0,
    texts: () => session.messages.map((message) => message.payload.toString()),
  }
  session.source = openSource(
    {
      url,
      clientId: 'seam-test',
      username: null,
      password: null,
      ...noTlsFiles,
      topics: ['rtls/+/+/pings'],
      shareGroup: null,
      receiveMaximum: 100,
      keepaliveS: 30,
      sessionExpiryS: 3600,
      protocolVersion: 5,
      ...more,
    },
    {
      onMessage: (message) => session.messages.push(message),
      onRetained(message) {
        session.retained += 1
        session.source.acknowledge(message)
      },
      onDisconnect: () => (session.disconnects += 1),
      onConnect: () => (session.connects += 1),
      onSessionLost: () => (session.lost += 1),
      onTakenOver: (sentence) => session.sentences.push(sentence),
      onState: (state) => session.states.push(state),
    },
  )
  closers.push(async () => session.source.close())
  await waitFor(
    () => session.states.at(-1)?.isConnected === true && session.states.at(-1)?.reason === undefined,
    {
      what: 'a subscription',
    },
  )
  return session
}

async function setUp(kind: 'aedes' | 'mosquitto'): Promise<{ broker: TestBroker; publisher: Publisher }> {
  const broker = await openTestBroker(kind)
  closers.push(async () => broker.stop())
  const publisher = await openPublisher(broker.url)
  closers.push(async () => publisher.close())
  return { broker, publisher }
}

describe.each(['aedes', 'mosquitto'] as const)('with %s', (kind) => {
  it('what is not acknowledged comes again to the next session, what is acknowledged does not', async () => {
    const { broker, publisher } = await setUp(kind)
    const first = await openSession(broker.url)
    for (const text of ['a', 'b', 'c']) await publisher.publish('rtls/h/g/pings', text)
    await waitFor(() => first.messages.length === 3, { what: 'three messages' })
    const [a, b] = first.messages
    if (a === undefined || b === undefined) throw new Error('unreachable')
    expect(first.source.acknowledge(a)).toBe(true)
    expect(first.source.acknowledge(b)).toBe(true)
    await first.source.close()

    const second = await openSession(broker.url)
    await waitFor(() => second.messages.length > 0, { what: 'the message that was not acknowledged' })
    expect(second.texts()).toEqual(['c'])
  })

  it('never acknowledges over another connection than the message came on', async () => {
    const { broker, publisher } = await setUp(kind)
    const proxy = await openTcpProxy({ targetPort: broker.port })
    closers.push(async () => proxy.close())
    const session = await openSession(proxy.urlFor(broker.url))
    await publisher.publish('rtls/h/g/pings', 'a')
    await waitFor(() => session.messages.length === 1, { what: 'the message' })
    const before = session.disconnects
    proxy.cut()
    await waitFor(() => session.messages.length === 2, {
      what: 'the message again, over the new connection',
    })
    const [old, current] = session.messages
    if (old === undefined || current === undefined) throw new Error('unreachable')
    expect(session.source.acknowledge(old)).toBe(false)
    expect(session.source.acknowledge(current)).toBe(true)
    expect(session.disconnects - before).toBe(1)
  })

  it('while held takes nothing more, keeps the connection alive, and goes on where it stopped', async () => {
    const { broker, publisher } = await setUp(kind)
    const proxy = await openTcpProxy({ targetPort: broker.port })
    closers.push(async () => proxy.close())
    const session = await openSession(proxy.urlFor(broker.url), { keepaliveS: 2 })
    const before = session.disconnects
    session.source.hold()
    let pings = 0
    proxy.onUpstream = (chunk) => {
      if (chunk.includes(Buffer.from([0xc0, 0x00]))) pings += 1
      return 'pass'
    }
    for (let index = 0; index < 5; index += 1) await publisher.publish('rtls/h/g/pings', String(index))
    // Eight pings at a quarter of the keep-alive: two keep-alive periods, and a broker waits for one and a half.
    await waitFor(() => pings >= 8, { what: 'eight keep-alive pings' })
    expect(session.disconnects).toBe(before)
    expect(session.messages.length).toBeLessThanOrEqual(1)
    session.source.resume()
    await waitFor(() => session.messages.length === 5, { what: 'all five messages' })
    expect(session.texts()).toEqual(['0', '1', '2', '3', '4'])
  })

  it('keeps the connection alive while the answer to its ping waits behind a backlog', async () => {
    const { broker, publisher } = await setUp(kind)
    const proxy = await openTcpProxy({ targetPort: broker.port })
    closers.push(async () => proxy.close())
    const session = await openSession(proxy.urlFor(broker.url), { keepaliveS: 2 })
    const before = session.disconnects
    // Three megabytes at half a megabyte a second: three keep-alive periods.
    proxy.throttle(500_000)
    const count = 15
    for (let index = 0; index < count; index += 1)
      await publisher.publish('rtls/h/g/pings', Buffer.alloc(200_000, 120))
    await waitFor(() => session.messages.length >= count, { what: 'the backlog' })
    expect(session.disconnects).toBe(before)
    expect(session.messages).toHaveLength(count)
  })

  it('subscribes again when the connection broke before the broker granted the subscription', async () => {
    const { broker, publisher } = await setUp(kind)
    const proxy = await openTcpProxy({ targetPort: broker.port })
    closers.push(async () => proxy.close())
    let cuts = 0
    proxy.onUpstream = (chunk) => {
      // SUBSCRIBE is packet type 8; the session is made by then, the subscription is not.
      if (cuts > 0 || (chunk[0] ?? 0) >> 4 !== 8) return 'pass'
      cuts += 1
      return 'cut'
    }
    const session = await openSession(
      proxy.urlFor(broker.url),
      kind === 'aedes' ? { protocolVersion: 4 } : {},
    )
    expect(cuts).toBe(1)
    await publisher.publish('rtls/h/g/pings', 'a')
    await waitFor(() => session.messages.length === 1, { what: 'the message' })
    expect(session.texts()).toEqual(['a'])
  })

  it('a retained message is told apart from news', async () => {
    const { broker, publisher } = await setUp(kind)
    await publisher.publish('rtls/h/g/pings', 'old', { retain: true })
    const session = await openSession(broker.url)
    await publisher.publish('rtls/h/g/pings', 'new')
    await waitFor(() => session.messages.length > 0, { what: 'the news' })
    expect(session.texts()).toEqual(['new'])
    // MQTT 5 lets us ask for none; MQTT 3.1.1 sends it, marked.
    expect(session.retained).toBe(kind === 'aedes' ? 1 : 0)
  })
})

describe('the session', () => {
  it('speaks MQTT 5 where the broker does, and 3.1.1 where it does not', async () => {
    const mosquitto = await setUp('mosquitto')
    expect((await openSession(mosquitto.broker.url)).states.at(-1)?.protocolVersion).toBe(5)
    const aedes = await setUp('aedes')
    expect((await openSession(aedes.broker.url)).states.at(-1)?.protocolVersion).toBe(4)
  })

  it('hands over QoS 0 messages with nothing to acknowledge', async () => {
    const { broker, publisher } = await setUp('mosquitto')
    const session = await openSession(broker.url)
    await publisher.publish('rtls/h/g/pings', 'a', { qos: 0 })
    await waitFor(() => session.messages.length === 1, { what: 'the message' })
    expect(session.messages[0]?.packetId).toBe(0)
  })

  it('comes back by itself when the broker comes back', async () => {
    const broker = await openTestBroker('mosquitto')
    closers.push(async () => broker.stop())
    const proxy = await openTcpProxy({ targetPort: broker.port })
    closers.push(async () => proxy.close())
    const session = await openSession(proxy.urlFor(broker.url))
    proxy.refuse()
    proxy.cut()
    await waitFor(() => session.states.some((state) => /nothing listens/u.test(state.reason ?? '')), {
      what: 'the refusal',
    })
    await proxy.accept()
    await waitFor(() => session.states.at(-1)?.reason === undefined && session.connects === 2, {
      what: 'the session',
    })
    expect(session.lost).toBe(0)
  })

  it('notices that the broker has lost it', async () => {
    const mosquitto = await openMosquitto({ config: [] })
    closers.push(async () => mosquitto.stop())
    const session = await openSession(mosquitto.url)
    // Killed before it wrote its sessions to disk.
    await mosquitto.kill()
    await mosquitto.restart()
    await waitFor(() => session.lost === 1, { what: 'the loss of the session' })
    await waitFor(() => session.states.at(-1)?.reason === undefined, { what: 'a new subscription' })
    const publisher = await openPublisher(mosquitto.url)
    closers.push(async () => publisher.close())
    await publisher.publish('rtls/h/g/pings', 'a')
    await waitFor(() => session.messages.length === 1, { what: 'a message over the new subscription' })
    expect(session.texts()).toEqual(['a'])
  })

  it('taken back and forth by two processes with one client id slows down and says why', async () => {
    const { broker } = await setUp('mosquitto')
    const one = await openSession(broker.url)
    const two = await openSession(broker.url)
    await waitFor(
      () =>
        [...one.states, ...two.states].some((state) =>
          /give each its own MQTT_CLIENT_ID/u.test(state.reason ?? ''),
        ),
      {
        what: 'the reason',
      },
    )
    expect(one.connects + two.connects).toBeLessThan(20)
  })
})
