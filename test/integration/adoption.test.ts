// The session of a dead replica at a real Mosquitto: emptied, and ended where the protocol lets us end it safely.
import mqtt from 'mqtt'
import { afterEach, describe, expect, it } from 'vitest'
import { emptySession } from '../../src/ingest/adoption.ts'
import { type SourceOptions, filtersOf } from '../../src/ingest/mqtt-options.ts'
import { createPipeline } from '../../src/ingest/pipeline.ts'
import { openTestBroker } from '../support/broker.ts'
import { decode } from '../support/ingest.ts'
import { message } from '../support/numbered.ts'
import { noTlsFiles } from '../../src/ops/tls-files.ts'
import { openPublisher } from '../support/publisher.ts'
import { waitFor } from '../support/wait-for.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

describe.each([5, 4] as const)('with MQTT version %i', (protocolVersion) => {
  it('what waits in it is stored and acknowledged, nothing more comes into it, and it is ended where that is safe', async () => {
    const broker = await openTestBroker('mosquitto')
    closers.push(async () => broker.stop())
    const publisher = await openPublisher(broker.url)
    closers.push(async () => publisher.close())
    const options: SourceOptions = {
      url: broker.url,
      clientId: 'dead',
      username: null,
      password: null,
      ...noTlsFiles,
      topics: ['rtls/+/+/pings'],
      shareGroup: 'g',
      receiveMaximum: 100,
      keepaliveS: 30,
      sessionExpiryS: 3600,
      protocolVersion,
    }
    const filters = filtersOf(options)
    const connect = async (clientId: string): Promise<{ client: mqtt.MqttClient; isPresent: boolean }> => {
      const client = mqtt.connect(broker.url, {
        clientId,
        clean: false,
        protocolVersion,
        resubscribe: false,
        reconnectPeriod: 0,
        ...(protocolVersion === 5 ? { properties: { sessionExpiryInterval: 3600 } } : {}),
      })
      closers.push(async () => client.endAsync(true))
      const isPresent = await new Promise<boolean>((resolve, reject) => {
        client.once('connect', ({ sessionPresent }) => resolve(sessionPresent))
        client.once('error', reject)
      })
      return { client, isPresent }
    }
    // Both are dealt messages; one dies with half of them.
    const dead = (await connect('dead')).client
    await dead.subscribeAsync(filters, { qos: 1 })
    await dead.endAsync(false)
    const living = (await connect('living')).client
    let received = 0
    living.on('message', () => (received += 1))
    await living.subscribeAsync(filters, { qos: 1 })
    for (let index = 0; index < 20; index += 1)
      await publisher.publish('rtls/h1/gw-1/pings', message(index, 1))
    await waitFor(() => received === 10, { what: 'the share of the living' })

    const stored: number[] = []
    const pipeline = createPipeline(
      {
        maxRows: 1000,
        maxBytes: 1_000_000,
        maxAgeMs: 10,
        concurrency: 1,
        maxBufferedPings: 1000,
        maxBufferedBytes: 1_000_000,
        receiveMaximum: 100,
      },
      decode,
      {
        async write(batch) {
          for (const { tUs } of batch.pings) stored.push(tUs)
          return { committed: batch.pings.length, duplicates: 0, deadLettered: new Map() }
        },
      },
      () => 0,
      { onBatch: () => undefined, onCommitted: () => undefined, onPingAge: () => undefined },
    )
    const adopt = async (mayEnd: boolean): ReturnType<typeof emptySession> =>
      emptySession(
        { ...options, topics: filters },
        pipeline,
        async () => mayEnd,
        new AbortController().signal,
      )
    // Its owner is back at the last moment: the session stays.
    expect(await adopt(false)).toMatchObject({ kind: 'kept', reason: 'its owner is back' })
    expect(new Set(stored).size).toBe(10)
    for (let index = 20; index < 30; index += 1)
      await publisher.publish('rtls/h1/gw-1/pings', message(index, 1))
    await waitFor(() => received === 20, { what: 'the living to be dealt everything' })
    expect(await adopt(true)).toEqual({ kind: 'emptied', messages: 0 })
    expect(stored).toHaveLength(10)
    // MQTT 3.1.1 could end it only by a second connection, which might hit a session that its owner has just made.
    expect((await connect('dead')).isPresent).toBe(protocolVersion === 4)
  })
})
