// The built service against a real broker and a real database, as child processes.
import type pg from 'pg'
import { beforeEach, describe, expect, it } from 'vitest'
import { migrate } from '../../src/db/migrate.ts'
import { openTestBroker } from '../support/broker.ts'
import { runCli } from '../support/child.ts'
import { type Publisher, openPublisher } from '../support/publisher.ts'
import { type Service, openService, startService } from '../support/service.ts'
import { useSuite } from '../support/suite.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'
import { queryOnce } from '../support/query.ts'

const { database, closers } = useSuite()
beforeEach(async () => {
  await query('TRUNCATE location_history, dead_letter')
})

const query = async <Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> =>
  queryOnce<Row>(database.url, sql)
const countOf = async (table: string): Promise<number> =>
  (await query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`))[0]?.n ?? -1

async function setUp(
  kind: 'aedes' | 'mosquitto' = 'mosquitto',
): Promise<{ mqttUrl: string; publisher: Publisher }> {
  const broker = await openTestBroker(kind)
  closers.push(async () => broker.stop())
  const publisher = await openPublisher(broker.url)
  closers.push(async () => publisher.close())
  return { mqttUrl: broker.url, publisher }
}

const ping = (seq: number, more: object = {}): object => ({
  tagId: `T${seq % 50}`,
  t: new Date(Date.UTC(2026, 10, 1) + seq).toISOString(),
  x: seq,
  y: 1,
  seq,
  ...more,
})
const message = (from: number, count: number): string =>
  JSON.stringify(Array.from({ length: count }, (_, index) => ping(from + index)))

async function publishAll(publisher: Publisher, count: number, from = 0): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async (_, index) =>
      publisher.publish('rtls/h1/gw-1/pings', message((from + index) * 10, 10)),
    ),
  )
}

describe('the service', () => {
  it('stores every good ping, dead-letters every bad one, counts both, and survives hostile input', async () => {
    const { mqttUrl, publisher } = await setUp()
    const service = await openService({ mqttUrl, databaseUrl: database.url })
    await publishAll(publisher, 30)
    const bad: [string, string | Buffer][] = [
      ['rtls/h1/gw-1/pings', ''],
      ['rtls/h1/gw-1/pings', '['.repeat(10_000_000)],
      ['rtls/h1/gw-1/pings', '['.repeat(100_000) + ']'.repeat(100_000)],
      ['rtls/h1/gw-1/pings', Buffer.from([0xff, 0xfe, 0x00])],
      ['rtls/h1/gw-1/pings', JSON.stringify(ping(1, { tagId: '' }))],
      ['rtls/h1/gw-1/pings', JSON.stringify(ping(1, { x: '12' }))],
      ['rtls/h1/gw-1/pings', '{"tagId":"T","x":NaN}'],
      ['rtls/h1/gw-1/pings', '{"tagId":"T","x":1e400}'],
      ['rtls/h1/gw-1/pings', '{"tagId":"T\\u0000"}'],
      ['rtls/h1/gw-1/pings', JSON.stringify(ping(1, { gatewayId: 'another' }))],
      [`rtls/h1/${'g'.repeat(60_000)}/pings`, JSON.stringify(ping(1))],
      ['rtls/h1//pings', JSON.stringify(ping(1))],
    ]
    for (const [topic, payload] of bad) await publisher.publish(topic, payload)
    await publisher.publish('rtls/h1/gw-1/pings', '{"tagId":"proto","__proto__":{"a":1},"tagId":"twice"}')
    await publisher.publish('rtls/h1/gw-1/pings', '[]')

    const account = await service.atRest(300 + bad.length + 1)
    expect(account).toMatchObject({
      received: 300 + bad.length + 1,
      committed: 301,
      duplicates: 0,
      deadLettered: bad.length,
    })
    expect(await countOf('location_history')).toBe(301)
    expect(await countOf('dead_letter')).toBe(bad.length)
    expect(
      await query(
        `SELECT payload_bytes, octet_length(payload) AS kept FROM dead_letter WHERE reason = 'too_large'`,
      ),
    ).toEqual([{ payload_bytes: 10_000_000, kept: 65_536 }])
    expect(await query(`SELECT props FROM location_history WHERE tag_id = 'twice'`)).toHaveLength(1)
    const metrics = await service.metrics()
    expect(metrics.get('rtls_messages_received_total')).toBe(30 + bad.length + 2)
    expect(metrics.get('rtls_unacked_messages')).toBe(0)
    expect(metrics.get('rtls_mqtt_connected')).toBe(1)
    expect(metrics.get('rtls_database_up')).toBe(1)
    expect((await service.readyz()).status).toBe(200)
    expect((await fetch(`${service.http}/livez`)).status).toBe(200)
    expect(await (await fetch(`${service.http}/health/db`)).json()).toMatchObject({ status: 'up' })
    expect((await service.kill()).code).toBe(0)
  })

  it('acknowledges nothing before it is committed: with the database away the broker keeps everything', async () => {
    const { mqttUrl, publisher } = await setUp()
    const proxy = await openTcpProxy({ targetPort: Number(new URL(database.url).port) })
    closers.push(async () => proxy.close())
    const service = await openService({ mqttUrl, databaseUrl: proxy.urlFor(database.url) })
    proxy.refuse()
    proxy.cut()
    await publishAll(publisher, 10)
    await waitFor(async () => (await service.metrics()).get('rtls_unacked_messages') === 10, {
      what: 'ten messages received',
    })
    // The first word may be that a connection broke.
    await waitFor(async () => (await service.readyz()).body.includes('cannot be reached'), {
      what: 'readiness to say what is away',
    })
    expect((await service.readyz()).status).toBe(503)
    expect((await service.metrics()).get('rtls_database_up')).toBe(0)
    await service.kill('SIGKILL')

    const again = await openService({ mqttUrl, databaseUrl: database.url })
    expect(await again.atRest(100)).toMatchObject({ committed: 100, duplicates: 0 })
    expect(await countOf('location_history')).toBe(100)
    await again.kill()
  })

  it('killed in the middle loses nothing that was sent and stores nothing twice', async () => {
    const { mqttUrl, publisher } = await setUp()
    const service = await openService({ mqttUrl, databaseUrl: database.url })
    const publishing = publishAll(publisher, 300)
    await waitFor(async () => (await countOf('location_history')) > 200, { what: 'some pings stored' })
    await service.kill('SIGKILL')
    await publishing
    const again = await openService({ mqttUrl, databaseUrl: database.url })
    await waitFor(async () => (await countOf('location_history')) === 3000, {
      what: 'all 3,000 pings',
    })
    await again.atRest(0)
    expect(
      await query('SELECT count(DISTINCT seq)::int AS n, count(*)::int AS total FROM location_history'),
    ).toEqual([{ n: 3000, total: 3000 }])
    await again.kill()
  })

  it('told to stop writes and acknowledges what it has, and says so with exit code 0', async () => {
    const { mqttUrl, publisher } = await setUp()
    const service = await openService({ mqttUrl, databaseUrl: database.url })
    const publishing = publishAll(publisher, 200)
    await waitFor(async () => ((await service.metrics()).get('rtls_pings_received_total') ?? 0) > 0, {
      what: 'pings arriving',
    })
    const { code } = await service.kill('SIGTERM')
    expect(code).toBe(0)
    await publishing
    const stopped = JSON.parse(service.stdout.find((line) => line.includes('"msg":"stopped"')) ?? '{}') as {
      received: number
      committed: number
    }
    expect(stopped.committed).toBe(stopped.received)
    expect(await countOf('location_history')).toBe(stopped.committed)
    // Everything it had was acknowledged: what comes next is only what it had not taken.
    const again = await openService({ mqttUrl, databaseUrl: database.url })
    expect(await again.atRest(2000 - stopped.committed)).toMatchObject({
      duplicates: 0,
      committed: 2000 - stopped.committed,
    })
    await again.kill()
  })

  it('comes up before broker and database and works when they come', async () => {
    const { mqttUrl, publisher } = await setUp()
    const toBroker = await openTcpProxy({ targetPort: Number(new URL(mqttUrl).port) })
    const toDatabase = await openTcpProxy({ targetPort: Number(new URL(database.url).port) })
    closers.push(
      async () => toBroker.close(),
      async () => toDatabase.close(),
    )
    toBroker.refuse()
    toDatabase.refuse()
    const started = startService({
      mayReconnect: true,
      mqttUrl: toBroker.urlFor(mqttUrl),
      databaseUrl: toDatabase.urlFor(database.url),
    })
    await started.cli.waitForLine(/the database cannot be reached; nothing is lost, trying again/u)
    await toDatabase.accept()
    await started.cli.waitForLine(/nothing listens at the address in MQTT_URL/u)
    await toBroker.accept()
    const service: Service = started.opened()
    await waitFor(async () => (await service.readyz()).status === 200, {
      what: 'readiness',
    })
    await publishAll(publisher, 1)
    expect(await service.atRest(10)).toMatchObject({ committed: 10 })
    await service.kill()
  })

  it('ends at once at the second signal', async () => {
    const { mqttUrl, publisher } = await setUp()
    const proxy = await openTcpProxy({ targetPort: Number(new URL(database.url).port) })
    closers.push(async () => proxy.close())
    const service = await openService({ mqttUrl, databaseUrl: proxy.urlFor(database.url) })
    proxy.freeze()
    await publishAll(publisher, 1)
    await waitFor(async () => (await service.metrics()).get('rtls_pings_in_flight') === 10, {
      what: 'a batch in flight',
    })
    const stopping = service.kill('SIGTERM')
    await service.waitForLine(/stopping: writing what is buffered/u)
    await service.kill('SIGTERM')
    expect((await stopping).code).toBe(1)
  })
})

describe('a database that cannot serve', () => {
  it('is named in one sentence when an applied migration was changed', async () => {
    await query(`UPDATE rtls_schema_migrations SET checksum = 'x' WHERE name = '0002_dead_letter.sql'`)
    try {
      const { stderr } = await runCli(['migrate'], { env: { DATABASE_URL: database.url }, expectCode: 1 })
      expect(stderr).toMatch(
        /^rtls-ingest: sql\/migrations\/0002_dead_letter\.sql was changed after it had been applied/u,
      )
    } finally {
      await query(`DELETE FROM rtls_schema_migrations WHERE name = '0002_dead_letter.sql'`)
      await query('DROP TABLE dead_letter')
      await migrate(database.url)
    }
  })
})
