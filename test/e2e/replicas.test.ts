// Several processes on one shared subscription of a real Mosquitto.
import { describe, expect, it } from 'vitest'
import { openMosquitto } from '../support/mosquitto.ts'
import { type Stored, message, storedIn } from '../support/numbered.ts'
import { openPublisher } from '../support/publisher.ts'
import { type Service, openService } from '../support/service.ts'
import { useSuite } from '../support/suite.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

const { database, closers } = useSuite()
const stored = async (): Promise<Stored> => storedIn(database.url)

describe('replicas on one shared subscription', () => {
  it('store each message once between them, and a killed one finds its share when it is back', async () => {
    const broker = await openMosquitto({ config: ['max_queued_messages 0'] })
    closers.push(async () => broker.stop())
    const publisher = await openPublisher(broker.url)
    closers.push(async () => publisher.close())
    const toDatabase = await openTcpProxy({ targetPort: Number(new URL(database.url).port) })
    closers.push(async () => toDatabase.close())
    const replica = async (name: string, databaseUrl: string): Promise<Service> => {
      const service = await openService({
        mqttUrl: broker.url,
        databaseUrl,
        env: { MQTT_CLIENT_ID: name, MQTT_SHARE_GROUP: 'ingest' },
      })
      closers.push(async () => void (await service.kill('SIGKILL')))
      return service
    }
    const one = await replica('replica-1', toDatabase.urlFor(database.url))
    const two = await replica('replica-2', database.url)
    const publish = async (from: number, to: number): Promise<void> => {
      await Promise.all(
        Array.from({ length: to - from }, async (_, index) =>
          publisher.publish('rtls/h1/gw-1/pings', message((from + index) * 10, 10)),
        ),
      )
    }
    await publish(0, 100)
    await waitFor(async () => (await stored()).n === 1000, { what: 'a thousand pings' })
    const [first, second] = [await one.metrics(), await two.metrics()]
    expect(
      (first.get('rtls_pings_committed_total') ?? 0) + (second.get('rtls_pings_committed_total') ?? 0),
    ).toBe(1000)
    expect(first.get('rtls_pings_committed_total')).toBeGreaterThan(0)
    expect(second.get('rtls_pings_committed_total')).toBeGreaterThan(0)

    // One of them cannot write any more: what it has received waits, unacknowledged, until it is killed.
    toDatabase.freeze()
    await publish(100, 140)
    await waitFor(async () => ((await one.metrics()).get('rtls_unacked_messages') ?? 0) > 0, {
      what: 'unacknowledged messages',
    })
    await one.kill('SIGKILL')
    // The other one goes on with everything new, and Mosquitto 2.0 keeps the share of the dead one for its return.
    await publish(140, 200)
    toDatabase.thaw()
    const back = await replica('replica-1', database.url)
    await waitFor(async () => (await stored()).n === 2000, {
      what: 'what the killed replica had not acknowledged',
      deadlineMs: 30_000,
    })
    await back.atRest(0)
    expect(await stored()).toEqual({ n: 2000, different: 2000 })
  })
})
