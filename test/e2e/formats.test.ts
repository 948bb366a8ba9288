// Vendors' formats the whole way: the built CLI, a real broker, a real database.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { formats } from '../../src/formats/registry.ts'
import { openTestBroker } from '../support/broker.ts'
import { runCli } from '../support/child.ts'
import { openPublisher } from '../support/publisher.ts'
import { queryOnce } from '../support/query.ts'
import { openService } from '../support/service.ts'
import { useSuite } from '../support/suite.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

const { database, closers } = useSuite()
let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'rtls-formats-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  await queryOnce(database.url, 'TRUNCATE location_history, dead_letter')
})

const write = (name: string, content: string): string => {
  const file = path.join(folder, name)
  writeFileSync(file, content)
  return file
}

const mappings = [
  { topic: 'rtls/{facility}/{gateway}/pings', format: 'native' },
  { topic: 'tags', format: 'pozyx', facility: 'h1', gateway: 'pozyx-hub', transform: { offsetX: 100 } },
  { topic: '/gw/{gateway}/status', format: 'minew', facility: 'h1', gateways: ['gw-a', 'gw-b'] },
]
const rooms = [{ gateway: 'gw-a', room: 'ED-BAY-3', floor: 0 }]
const configured = (windowS: number): string[] => [
  '--set',
  `formats=${JSON.stringify(mappings)}`,
  '--set',
  `presence.gateways=${JSON.stringify(rooms)}`,
  '--set',
  `presence.windowS=${windowS}`,
]

const sighting = (mac: string, rssi: number, timestamp: string): object => ({
  type: 'S1',
  mac,
  rssi,
  timestamp,
})

describe('a site of several vendors', () => {
  it('stores what they say, where they say it, replayed from a recording', async () => {
    const broker = await openTestBroker('mosquitto')
    closers.push(async () => broker.stop())
    const service = await openService({ mqttUrl: broker.url, databaseUrl: database.url, args: configured(1) })
    const at = '2026-11-22T06:00:00Z'
    const recording = [
      { topic: 'tags', at, payload: formats.pozyx.example.payload },
      { topic: 'rtls/h2/gw-7/pings', at, payload: { tagId: 'N1', x: 1, y: 2 } },
      {
        topic: '/gw/gw-a/status',
        at,
        payload: [{ type: 'Gateway', mac: 'gw-a' }, sighting('T1', -60, at), sighting('T2', -80, at)],
      },
      {
        topic: '/gw/gw-b/status',
        at,
        payload: [sighting('T1', -70, at), sighting('T2', -60, at), { mac: '' }],
      },
      { topic: '/gw/stranger/status', at, payload: [sighting('T1', -10, at)] },
    ]
    const file = write('recording.ndjson', recording.map((line) => JSON.stringify(line)).join('\n'))
    const { stdout } = await runCli(['replay', file, '--url', broker.url, '--speed', 'max', '--json'])
    expect(JSON.parse(stdout)).toMatchObject({ sent: 5, acked: 5, refused: 0 })

    // Two pings, two presences, two bad ones.
    expect(await service.atRest(6)).toMatchObject({ received: 6, committed: 4, deadLettered: 2 })
    const rows = await queryOnce(
      database.url,
      'SELECT tag_id, facility_id, gateway_id, room_id, fix, x, rssi_dbm FROM location_history ORDER BY tag_id',
    )
    expect(rows).toEqual([
      {
        tag_id: '26419',
        facility_id: 'h1',
        gateway_id: 'pozyx-hub',
        room_id: null,
        fix: 'position',
        x: 101.995,
        rssi_dbm: -77,
      },
      { tag_id: 'N1', facility_id: 'h2', gateway_id: 'gw-7', room_id: null, fix: null, x: 1, rssi_dbm: null },
      {
        tag_id: 'T1',
        facility_id: 'h1',
        gateway_id: 'gw-a',
        room_id: 'ED-BAY-3',
        fix: 'presence',
        x: null,
        rssi_dbm: -60,
      },
      {
        tag_id: 'T2',
        facility_id: 'h1',
        gateway_id: 'gw-b',
        room_id: null,
        fix: 'presence',
        x: null,
        rssi_dbm: -60,
      },
    ])
    expect(await queryOnce(database.url, 'SELECT reason FROM dead_letter ORDER BY reason')).toEqual([
      { reason: 'invalid_ping' },
      { reason: 'unknown_gateway' },
    ])
    const metrics = await service.metrics()
    expect(metrics.get('rtls_sightings_received_total')).toBe(4)
    expect(metrics.get('rtls_sightings_merged_total')).toBe(4)
    expect((await service.kill()).code).toBe(0)
  })

  it('stores a trace, every row once, also when it is replayed again', async () => {
    const broker = await openTestBroker()
    closers.push(async () => broker.stop())
    const service = await openService({ mqttUrl: broker.url, databaseUrl: database.url })
    const rows = Array.from(
      { length: 300 },
      (_, index) =>
        `0x6733;${1000 + index};946;0;2019-05-16 10:24:${String(Math.floor(index / 10) % 60).padStart(2, '0')}.${index % 10}00`,
    )
    const file = write(
      'trace.csv',
      ['id;x;y;z;time', ...rows, '0x6733;broken;1;2;2019-05-16 10:30:00'].join('\n'),
    )
    const args = ['replay', file, '--unit', 'mm', '--speed', 'max', '--url', broker.url]
    for (const duplicates of [0, 300]) {
      const { stderr, stdout } = await runCli(args, { expectCode: 1 })
      expect(stderr).toContain(`${file}:302: x: "broken" is not a number`)
      expect(stdout).toMatch(/^300 messages sent, all acknowledged, 1 rows refused/u)
      expect(await service.atRest(300 + duplicates)).toMatchObject({ committed: 300, duplicates })
    }
    expect(
      await queryOnce(
        database.url,
        'SELECT count(*)::int AS n, min(x) AS least, max(x) AS most FROM location_history',
      ),
    ).toEqual([{ n: 300, least: 1, most: 1.299 }])
    await service.kill()
  })
})

describe.each(['commit', 'spool'])('sightings with ACK_MODE=%s', (mode) => {
  it('killed in the middle of their windows lead to the presences they would have led to, once each', async () => {
    const broker = await openTestBroker('mosquitto')
    closers.push(async () => broker.stop())
    const publisher = await openPublisher(broker.url)
    closers.push(async () => publisher.close())
    const startMs = Date.now() - 600_000
    /** Of ten windows, a message from each of two gateways; gw-a hears ten tags most strongly. */
    const publish = async (): Promise<void> => {
      for (let window = 0; window < 10; window += 1)
        for (const [gateway, rssi] of [
          ['gw-a', -60],
          ['gw-b', -75],
        ] as const) {
          const timestamp = new Date(Math.ceil(startMs / 5000) * 5000 + window * 5000 + 1000).toISOString()
          const heard = Array.from({ length: 10 }, (_, tag) => sighting(`T${tag}`, rssi, timestamp))
          await publisher.publish(`/gw/${gateway}/status`, JSON.stringify(heard))
        }
    }
    const options = {
      mqttUrl: broker.url,
      databaseUrl: database.url,
      // Long enough that the kill comes before the windows are due.
      args: configured(5),
      env: { ACK_MODE: mode, SPOOL_DIR: path.join(folder, `spool-${mode}`) },
    }
    // More than the messages: nothing is cut short because the broker waits.
    const first = await openService({
      ...options,
      args: [...options.args, '--set', 'mqtt.receiveMaximum=100'],
    })
    await publish()
    await waitFor(async () => ((await first.metrics()).get('rtls_sightings_received_total') ?? 0) >= 190, {
      what: 'the sightings in their windows',
    })
    await first.kill('SIGKILL')

    const again = await openService(options)
    await waitFor(async () => (await again.metrics()).get('rtls_unacked_messages') === 0, {
      what: 'everything acknowledged',
      deadlineMs: 30_000,
    })
    await again.atRest(0)
    const presences = async (): Promise<object[]> =>
      queryOnce(
        database.url,
        'SELECT gateway_id, room_id, count(*)::int AS n, count(DISTINCT (tag_id, t))::int AS different FROM location_history GROUP BY 1, 2',
      )
    const expected = [{ gateway_id: 'gw-a', room_id: 'ED-BAY-3', n: 100, different: 100 }]
    await waitFor(async () => JSON.stringify(await presences()) === JSON.stringify(expected), {
      what: 'a presence for each tag and window',
    }).catch(() => undefined)
    expect(await presences()).toEqual(expected)
    // Told to stop, it does not wait for windows.
    await publish()
    const stopped = await again.kill('SIGTERM')
    expect(stopped.code).toBe(0)
    expect(await presences()).toEqual(expected)
  })
})

describe('presences', () => {
  it('are spooled while the database is away, acknowledged, and stored by the process after a kill', async () => {
    const broker = await openTestBroker('mosquitto')
    closers.push(async () => broker.stop())
    const publisher = await openPublisher(broker.url)
    closers.push(async () => publisher.close())
    const proxy = await openTcpProxy({ targetPort: Number(new URL(database.url).port) })
    closers.push(async () => proxy.close())
    const options = {
      mqttUrl: broker.url,
      args: [...configured(0.2), '--set', 'spool.afterMs=200'],
      env: { ACK_MODE: 'spool', SPOOL_DIR: path.join(folder, 'spool-away') },
    }
    const service = await openService({ ...options, databaseUrl: proxy.urlFor(database.url) })
    proxy.refuse()
    proxy.cut()
    const timestamp = new Date(Date.now() - 60_000).toISOString()
    const heard = [sighting('T1', -60, timestamp), sighting('T2', -60, timestamp), { mac: '' }]
    await publisher.publish('/gw/gw-a/status', JSON.stringify(heard))
    await waitFor(async () => (await service.metrics()).get('rtls_pings_spooled') === 3, {
      what: 'two presences and a bad ping in the spool',
    })
    await waitFor(async () => (await service.metrics()).get('rtls_unacked_messages') === 0, {
      what: 'the acknowledgement',
    })
    await service.kill('SIGKILL')
    const again = await openService({ ...options, databaseUrl: database.url })
    expect(await again.atRest(3)).toMatchObject({ received: 3, committed: 2, deadLettered: 1 })
    expect(
      await queryOnce(database.url, 'SELECT tag_id, room_id, fix FROM location_history ORDER BY 1'),
    ).toEqual([
      { tag_id: 'T1', room_id: 'ED-BAY-3', fix: 'presence' },
      { tag_id: 'T2', room_id: 'ED-BAY-3', fix: 'presence' },
    ])
    await again.kill()
  })
})
