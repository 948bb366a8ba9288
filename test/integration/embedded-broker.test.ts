// The embedded broker with users: what a gateway may, and what a rogue one may not. Real connections, over TCP and TLS.
import { readFileSync } from 'node:fs'
import net from 'node:net'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { afterEach, describe, expect, it } from 'vitest'
import { brokerUsers } from '../../src/app-gateways.ts'
import { configSchema } from '../../src/config-schema.ts'
import { type BrokerOptions, type EmbeddedBroker, openEmbeddedBroker } from '../../src/embedded/broker.ts'
import { hashPassword } from '../../src/ops/password.ts'
import { openAuthority } from '../support/certificates.ts'
import { waitFor } from '../support/wait-for.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

interface Opened {
  readonly broker: EmbeddedBroker
  readonly refusals: string[]
  /** What the ingester got. */
  readonly heard: { topic: string; text: string }[]
}

const { formats, mqtt: defaults } = configSchema.parse({})
const user = (name: string, password: string, more: object = {}) => ({
  name,
  password,
  passwordFile: null,
  facility: 'h1',
  gateway: null,
  topics: [],
  ...more,
})

async function open(more: Partial<BrokerOptions> = {}): Promise<Opened> {
  const refusals: string[] = []
  const users = [user('gw-1', await hashPassword('one')), user('gw-2', 'two')]
  const broker = await openEmbeddedBroker({
    ...defaults,
    host: '0.0.0.0',
    port: 0,
    users: brokerUsers({ mqtt: { ...defaults, users }, formats }),
    maxPacketBytes: 10_000,
    onRefusal: (refusal, name) => refusals.push(`${refusal} of ${name ?? 'somebody unknown'}`),
    ...more,
  })
  closers.push(async () => broker.close())
  const heard: { topic: string; text: string }[] = []
  const ingester = mqtt.connect(broker.innerUrl, { clientId: 'rtls-ingest', clean: false })
  closers.push(async () => ingester.endAsync(true))
  ingester.on('message', (topic, payload) => heard.push({ topic, text: payload.toString() }))
  await ingester.subscribeAsync('#', { qos: 1 })
  broker.admit()
  return { broker, refusals, heard }
}

const reachable = ({ url }: EmbeddedBroker): string => url.replace('0.0.0.0', '127.0.0.1')

async function connect(
  { broker }: Opened,
  username: string,
  password: string,
  more: IClientOptions = {},
): Promise<MqttClient> {
  const client = await mqtt.connectAsync(
    reachable(broker),
    {
      username,
      password,
      reconnectPeriod: 0,
      ...more,
    },
    false,
  )
  client.on('error', () => undefined)
  closers.push(async () => client.endAsync(true))
  return client
}

const closed = async (client: MqttClient): Promise<void> => {
  await waitFor(() => !client.connected, { what: 'the broker to close the connection' })
}

describe('a gateway', () => {
  it('publishes as itself', async () => {
    const opened = await open()
    const client = await connect(opened, 'gw-1', 'one')
    await client.publishAsync('rtls/h1/gw-1/pings', 'mine', { qos: 1 })
    await waitFor(() => opened.heard.length === 1, { what: 'the message' })
    expect(opened.heard).toEqual([{ topic: 'rtls/h1/gw-1/pings', text: 'mine' }])
    expect(opened.refusals).toEqual([])
  })

  it.each([
    ['another gateway', 'rtls/h1/gw-2/pings'],
    ['itself in another facility', 'rtls/h2/gw-1/pings'],
    ['a topic of nobody', 'rtls/h1/gw-1/other'],
    ['the broker itself', '$SYS/gw-1/pings'],
  ])('cannot publish as %s', async (_who, topic) => {
    const opened = await open()
    const rogue = await connect(opened, 'gw-1', 'one')
    rogue.publish(topic, 'forged', { qos: 1 })
    await closed(rogue)
    const honest = await connect(opened, 'gw-2', 'two')
    await honest.publishAsync('rtls/h1/gw-2/pings', 'true', { qos: 1 })
    await waitFor(() => opened.heard.length > 0, { what: 'the honest message' })
    expect(opened.heard.map(({ text }) => text)).toEqual(['true'])
    expect(opened.refusals).toEqual(['topic of gw-1'])
  })

  it('cannot leave a will in the name of another', async () => {
    const opened = await open()
    const rogue = await connect(opened, 'gw-1', 'one', {
      will: { topic: 'rtls/h1/gw-2/pings', payload: Buffer.from('forged'), qos: 1, retain: false },
    })
    rogue.stream.destroy()
    await waitFor(() => opened.refusals.includes('topic of gw-1'), { what: 'the refusal' })
    expect(opened.heard).toEqual([])
  })

  it('cannot subscribe, not even to its own topics', async () => {
    const opened = await open()
    const rogue = await connect(opened, 'gw-1', 'one')
    for (const filter of ['#', 'rtls/+/+/pings', 'rtls/h1/gw-1/pings'])
      await expect(rogue.subscribeAsync(filter, { qos: 1 })).rejects.toThrow(/subscribe error|unspecified/iu)
    const honest = await connect(opened, 'gw-2', 'two')
    rogue.on('message', () => opened.refusals.push('something was overheard'))
    await honest.publishAsync('rtls/h1/gw-2/pings', 'secret', { qos: 1 })
    await waitFor(() => opened.heard.length === 1, { what: 'the message' })
    expect(new Set(opened.refusals)).toEqual(new Set(['subscription of gw-1']))
  })

  it('cannot take the session of the ingester or of another gateway', async () => {
    const opened = await open()
    const honest = await connect(opened, 'gw-2', 'two', { clientId: 'second' })
    for (const clientId of ['rtls-ingest', 'second'])
      await expect(connect(opened, 'gw-1', 'one', { clientId })).rejects.toThrow(/identifier rejected/iu)
    await honest.publishAsync('rtls/h1/gw-2/pings', 'still here', { qos: 1 })
    await waitFor(() => opened.heard.length === 1, { what: 'the message' })
    expect(opened.refusals).toEqual(['client id of gw-1', 'client id of gw-1'])
  })

  it('that floods waits, and holds up nobody else', async () => {
    const opened = await open({ maxMessageRate: 10 })
    const rogue = await connect(opened, 'gw-1', 'one')
    for (let n = 0; n < 1000; n += 1)
      rogue.publish('rtls/h1/gw-1/pings', 'flood', { qos: 1 }, () => undefined)
    await waitFor(() => opened.heard.length >= 10, { what: 'the burst' })
    const honest = await connect(opened, 'gw-2', 'two')
    await honest.publishAsync('rtls/h1/gw-2/pings', 'heard', { qos: 1 })
    await waitFor(() => opened.heard.some(({ text }) => text === 'heard'), { what: 'the honest message' })
    expect(opened.heard.length).toBeLessThan(1000)
    expect(rogue.connected).toBe(true)
  })

  it('is cut off when it announces a packet that is too large', async () => {
    const opened = await open()
    const rogue = await connect(opened, 'gw-1', 'one')
    rogue.publish('rtls/h1/gw-1/pings', 'x'.repeat(20_000), { qos: 1 })
    await closed(rogue)
    // Before its bytes come.
    const socket = net.connect(Number(new URL(opened.broker.url).port), '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]))
    await waitFor(() => socket.destroyed || socket.readableEnded, { what: 'the end of a packet of 256 MiB' })
    socket.resume()
    expect(opened.heard).toEqual([])
  })
})

describe('a stranger', () => {
  it.each([
    ['', ''],
    ['gw-1', 'wrong'],
    ['gw-1', ''],
    ['nobody', 'one'],
    ['ingester', 'one'],
    ['simulation', ''],
  ])('"%s" with the password "%s" is not let in', async (name, password) => {
    const opened = await open()
    await expect(connect(opened, name, password)).rejects.toThrow(/not authorized/iu)
    expect(opened.refusals).toEqual([`login of ${name === 'gw-1' ? name : 'somebody unknown'}`])
  })

  it('finds the door shut when all places are taken', async () => {
    const opened = await open({ maxConnections: 1 })
    await connect(opened, 'gw-1', 'one')
    await expect(connect(opened, 'gw-2', 'two')).rejects.toThrow(/couldn't connect|reset|closed/iu)
  })

  it('cannot use the inner door without its secret', async () => {
    const { broker } = await open()
    const url = new URL(broker.innerUrl)
    for (const [username, password] of [
      ['ingester', 'guessed'],
      ['gw-1', 'one'],
      ['', ''],
    ] as const)
      await expect(
        mqtt.connectAsync(`mqtt://${url.host}`, { username, password, reconnectPeriod: 0 }, false),
      ).rejects.toThrow(/not authorized/iu)
  })
})

it('users are replaced while it runs: who is gone is sent away', async () => {
  const opened = await open()
  const first = await connect(opened, 'gw-1', 'one')
  const second = await connect(opened, 'gw-2', 'two')
  const users = [user('gw-2', 'two'), user('gw-3', 'three')]
  await opened.broker.renew(brokerUsers({ mqtt: { ...defaults, users }, formats }), defaults)
  await closed(first)
  await expect(connect(opened, 'gw-1', 'one')).rejects.toThrow(/not authorized/iu)
  await connect(opened, 'gw-3', 'three')
  await second.publishAsync('rtls/h1/gw-2/pings', 'stayed', { qos: 1 })
  await waitFor(() => opened.heard.length === 1, { what: 'the message' })
  expect(opened.heard[0]?.text).toBe('stayed')
})

it('with a certificate it speaks TLS, and with an authority it asks gateways for theirs', async () => {
  const authority = openAuthority()
  const own = authority.issue('broker')
  const gateway = authority.issue('gw-1')
  const opened = await open({ ...own, caFile: authority.caFile })
  expect(opened.broker.url).toMatch(/^mqtts:/u)
  const ca = readFileSync(authority.caFile)
  const client = await connect(opened, 'gw-1', 'one', {
    ca,
    cert: readFileSync(gateway.certFile),
    key: readFileSync(gateway.keyFile),
  })
  await client.publishAsync('rtls/h1/gw-1/pings', 'mine', { qos: 1 })
  await expect(connect(opened, 'gw-1', 'one', { ca })).rejects.toThrow(
    /couldn't connect|reset|certificate|closed/iu,
  )
  expect(opened.heard.map(({ text }) => text)).toEqual(['mine'])
})

it('does not listen beyond this machine without users', async () => {
  await expect(open({ users: [] })).rejects.toThrow(
    'does not listen on 0.0.0.0 without users: whoever reached it could publish for any gateway',
  )
})

it('without users, on this machine, everybody publishes and listens, but nobody is the ingester', async () => {
  const opened = await open({ users: [], host: '127.0.0.1' })
  const anybody = await connect(opened, '', '')
  await anybody.subscribeAsync('#')
  await anybody.publishAsync('rtls/h9/gw-9/pings', 'x', { qos: 1 })
  await waitFor(() => opened.heard.length === 1, { what: 'the message' })
  await expect(connect(opened, '', '', { clientId: 'rtls-ingest' })).rejects.toThrow(/identifier rejected/iu)
})
