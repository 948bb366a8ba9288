import mqtt from 'mqtt'
import type { MqttClient } from 'mqtt'
import { Client } from 'pg'
import { describe, expect, inject, it } from 'vitest'
import { openTestBroker } from '../support/broker.ts'
import { openTestDatabase } from '../support/database.ts'
import { openMosquitto } from '../support/mosquitto.ts'
import { waitFor } from '../support/wait-for.ts'

/** Subscribes with a session that outlives the connection. */
async function connect(url: string, clientId: string): Promise<MqttClient> {
  return mqtt.connectAsync(url, {
    clientId,
    clean: false,
    protocolVersion: 5,
    properties: { sessionExpiryInterval: 600 },
    reconnectPeriod: 0,
  })
}

/** True when a message that was published while the client was away is there after it came back. */
async function hasKeptMessage(url: string): Promise<boolean> {
  const received: string[] = []
  const client = mqtt.connect(url, {
    clientId: 'keeper',
    clean: false,
    protocolVersion: 5,
    properties: { sessionExpiryInterval: 600 },
  })
  client.on('message', (_topic, payload) => received.push(payload.toString()))
  try {
    await waitFor(() => received.includes('kept'), { what: 'the message that the broker kept' })
    return true
  } finally {
    await client.endAsync()
  }
}

async function leaveMessage(url: string): Promise<void> {
  const keeper = await connect(url, 'keeper')
  await keeper.subscribeAsync('a/b', { qos: 1 })
  await keeper.endAsync()
  const publisher = await connect(url, 'publisher')
  await publisher.publishAsync('a/b', 'kept', { qos: 1 })
  await publisher.endAsync()
}

describe('the test brokers', () => {
  it.each(['aedes', 'mosquitto'] as const)('%s delivers a message', async (kind) => {
    const broker = await openTestBroker(kind)
    const client = await mqtt.connectAsync(broker.url, { reconnectPeriod: 0 })
    const received: string[] = []
    client.on('message', (_topic, payload) => received.push(payload.toString()))
    await client.subscribeAsync('a/b', { qos: 1 })
    await client.publishAsync('a/b', 'hello', { qos: 1 })
    expect(await waitFor(() => received[0], { what: 'the message' })).toBe('hello')
    await client.endAsync()
    await broker.stop()
    await expect(mqtt.connectAsync(broker.url, { reconnectPeriod: 0 }, false)).rejects.toThrow('ECONNREFUSED')
  })

  it('Mosquitto keeps sessions when it is stopped and started again', async () => {
    const broker = await openMosquitto()
    await leaveMessage(broker.url)
    await broker.stop()
    await broker.restart()
    expect(await hasKeptMessage(broker.url)).toBe(true)
    await broker.stop()
  })

  it('Mosquitto keeps sessions when it is killed, if told to write them at once', async () => {
    const broker = await openMosquitto({ config: ['autosave_interval 1', 'autosave_on_changes true'] })
    await leaveMessage(broker.url)
    await broker.kill()
    await broker.restart()
    expect(await hasKeptMessage(broker.url)).toBe(true)
    await broker.stop()
  })

  it('a Mosquitto that cannot start fails with its own words', async () => {
    await expect(openMosquitto({ config: ['no_such_option true'] })).rejects.toThrow(/no_such_option/)
  })
})

describe('the containers', () => {
  it('are a TimescaleDB and a Mosquitto, shared by all files', async (ctx) => {
    const missing = inject('containersMissing')
    if (missing !== undefined) ctx.skip(missing)
    const database = await openTestDatabase()
    const client = new Client({ connectionString: database.url })
    await client.connect()
    const { rows } = await client.query<{ version: string }>(
      `SELECT extversion AS version FROM pg_extension WHERE extname = 'timescaledb'`,
    )
    await client.end()
    await database.close()
    expect(rows[0]?.version).toMatch(/^2\.23\./)
    const broker = await mqtt.connectAsync(inject('containerBrokerUrl') ?? '', { reconnectPeriod: 0 })
    await broker.endAsync()
  })
})
