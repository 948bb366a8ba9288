// Several processes on one shared subscription of a real Mosquitto, which deals messages into the sessions of the dead as well.
import { beforeEach, describe, expect, it } from 'vitest'
import { openMosquitto } from '../support/mosquitto.ts'
import { type Stored, message, storedIn } from '../support/numbered.ts'
import { openPublisher } from '../support/publisher.ts'
import { queryOnce } from '../support/query.ts'
import { type Service, openService } from '../support/service.ts'
import { useSuite } from '../support/suite.ts'
import { type TcpProxy, openTcpProxy } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

const { database, closers } = useSuite()
beforeEach(async () => {
  await queryOnce(database.url, 'TRUNCATE location_history, dead_letter, ingest_replicas')
})
const stored = async (): Promise<Stored> => storedIn(database.url)

interface Setting {
  readonly toDatabase: TcpProxy
  /** Ten pings a message, numbered from ten times `from`; resolves when the broker has acknowledged all. */
  readonly publish: (from: number, to: number) => Promise<void>
  readonly replica: (name: string, databaseUrl: string) => Promise<Service>
}

/** Seconds of silence after which a replica is taken for dead. */
const term = 5

async function setUp(): Promise<Setting> {
  const broker = await openMosquitto({ config: ['max_queued_messages 0'] })
  closers.push(async () => broker.stop())
  const publisher = await openPublisher(broker.url)
  closers.push(async () => publisher.close())
  const toDatabase = await openTcpProxy({ targetPort: Number(new URL(database.url).port) })
  closers.push(async () => toDatabase.close())
  return {
    toDatabase,
    async publish(from, to) {
      await Promise.all(
        Array.from({ length: to - from }, async (_, index) =>
          publisher.publish('rtls/h1/gw-1/pings', message((from + index) * 10, 10)),
        ),
      )
    },
    async replica(name, databaseUrl) {
      const service = await openService({
        mayReconnect: true,
        mqttUrl: broker.url,
        databaseUrl,
        env: { MQTT_CLIENT_ID: name, MQTT_SHARE_GROUP: 'ingest' },
        args: ['--set', `mqtt.adoptAfterS=${term}`],
      })
      closers.push(async () => void (await service.kill('SIGKILL')))
      return service
    },
  }
}

const metricOf = async (service: Service, name: string): Promise<number> =>
  (await service.metrics()).get(name) ?? 0

describe('replicas on one shared subscription', () => {
  it('store each message once between them, and what a killed one had not acknowledged is stored by the others', async () => {
    const { publish, replica, toDatabase } = await setUp()
    const one = await replica('replica-1', toDatabase.urlFor(database.url))
    const others = [await replica('replica-2', database.url), await replica('replica-3', database.url)]
    await publish(0, 100)
    await waitFor(async () => (await stored()).n === 1000, { what: 'a thousand pings' })
    const shares = await Promise.all(
      [one, ...others].map(async (service) => metricOf(service, 'rtls_pings_committed_total')),
    )
    expect(shares.reduce((sum, share) => sum + share, 0)).toBe(1000)
    expect(Math.min(...shares)).toBeGreaterThan(0)

    // One of them cannot write any more: what it has received waits, unacknowledged, until it is killed for good.
    toDatabase.freeze()
    await publish(100, 140)
    await waitFor(async () => (await metricOf(one, 'rtls_unacked_messages')) > 0, {
      what: 'unacknowledged messages',
    })
    await one.kill('SIGKILL')
    toDatabase.cut()
    toDatabase.thaw()
    // Mosquitto goes on dealing a third of the news into the session of the dead.
    await publish(140, 200)
    await waitFor(async () => (await stored()).n === 2000, {
      what: 'everything, with nobody back',
    })
    await waitFor(
      async () =>
        (await metricOf(others[0] ?? one, 'rtls_mqtt_sessions_adopted_total')) +
          (await metricOf(others[1] ?? one, 'rtls_mqtt_sessions_adopted_total')) ===
        1,
      { what: 'one of the living to end the session' },
    )
    // Nothing more is dealt to the dead.
    await publish(200, 260)
    await waitFor(async () => (await stored()).n === 2600, { what: 'what came after' })
    const accounts = await Promise.all(others.map(async (service) => service.atRest(0)))
    expect(accounts.reduce((sum, { committed }) => sum + committed, 0)).toBe(2600 - (shares[0] ?? 0))

    // Back, it takes its share again, and misses nothing.
    const back = await replica('replica-1', database.url)
    await publish(260, 320)
    await waitFor(async () => (await stored()).n === 3200, { what: 'what came after its return' })
    expect(await metricOf(back, 'rtls_pings_committed_total')).toBeGreaterThan(0)
    expect(await metricOf(back, 'rtls_mqtt_sessions_lost_total')).toBe(0)
    expect(await stored()).toEqual({ n: 3200, different: 3200 })
  })

  it('one that is only cut off from the database keeps its session, and works on when it is back', async () => {
    const { publish, replica, toDatabase } = await setUp()
    const one = await replica('replica-1', toDatabase.urlFor(database.url))
    const two = await replica('replica-2', database.url)
    await publish(0, 20)
    await waitFor(async () => (await stored()).n === 200, { what: 'two hundred pings' })
    toDatabase.freeze()
    await publish(20, 60)
    // What it had received is stored by the other; it takes its session back at once (or, on a very slow machine, too late).
    await two.waitForLine(/"replica":"replica-1".*taking over what the broker keeps/u)
    await two.waitForLine(
      /"replica":"replica-1".*(?:left the replica's session to itself|ended its session)/u,
      {
        deadlineMs: 40_000,
      },
    )
    await publish(60, 100)
    toDatabase.cut()
    toDatabase.thaw()
    await waitFor(async () => (await stored()).n === 1000, { what: 'every ping' })
    await waitFor(async () => (await one.readyz()).status === 200, { what: 'readiness' })
    const before = await metricOf(one, 'rtls_pings_committed_total')
    await publish(100, 160)
    await waitFor(async () => (await stored()).n === 1600, { what: 'the last pings' })
    await one.atRest(0)
    await two.atRest(0)
    expect(await metricOf(one, 'rtls_pings_committed_total')).toBeGreaterThan(before)
    expect(await metricOf(one, 'rtls_mqtt_sessions_lost_total')).toBe(0)
    expect(await stored()).toEqual({ n: 1600, different: 1600 })
  })

  it('one that was suspended finds its session ended, and knows that nothing was lost', async () => {
    const { publish, replica } = await setUp()
    const one = await replica('replica-1', database.url)
    const two = await replica('replica-2', database.url)
    process.kill(one.pid ?? 0, 'SIGSTOP')
    await publish(0, 60)
    await two.waitForLine(/stored the dead replica's messages and ended its session/u)
    await waitFor(async () => (await stored()).n === 600, { what: 'the share of both' })
    process.kill(one.pid ?? 0, 'SIGCONT')
    await one.waitForLine(/another replica had taken us for dead/u)
    await waitFor(async () => (await one.readyz()).status === 200, { what: 'readiness' })
    const before = await metricOf(one, 'rtls_pings_received_total')
    await publish(60, 120)
    await waitFor(async () => (await stored()).n === 1200, { what: 'the rest' })
    await one.atRest(0)
    expect(await metricOf(one, 'rtls_pings_received_total')).toBeGreaterThan(before)
    expect(await metricOf(one, 'rtls_mqtt_sessions_lost_total')).toBe(0)
    expect(await stored()).toEqual({ n: 1200, different: 1200 })
  })
})
