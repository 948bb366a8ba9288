// What an operator and a gateway see while something is away: nothing lost, memory bounded, keep-alive going, a sentence.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type pg from 'pg'
import { beforeEach, describe, expect, it } from 'vitest'
import { openTestBroker } from '../support/broker.ts'
import { openGuardedDatabase } from '../support/database-process.ts'
import { type Publisher, openPublisher } from '../support/publisher.ts'
import { type Stored, message, storedIn } from '../support/numbered.ts'
import { type Service, openService } from '../support/service.ts'
import { useSuite } from '../support/suite.ts'
import { type TcpProxy, openTcpProxy } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'
import { queryOnce } from '../support/query.ts'

const { database, closers } = useSuite()
beforeEach(async () => {
  await query('TRUNCATE location_history, dead_letter')
})

const query = async <Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> =>
  queryOnce<Row>(database.url, sql)
const stored = async (): Promise<Stored> => storedIn(database.url)

interface Setting {
  readonly service: Service
  readonly publisher: Publisher
  readonly toDatabase: TcpProxy
  readonly mqttUrl: string
}

async function setUp(
  options: { kind?: 'aedes' | 'mosquitto'; args?: string[]; env?: Record<string, string> } = {},
): Promise<Setting> {
  const broker = await openTestBroker(options.kind ?? 'mosquitto')
  closers.push(async () => broker.stop())
  const publisher = await openPublisher(broker.url)
  closers.push(async () => publisher.close())
  const toDatabase = await openTcpProxy({ targetPort: Number(new URL(database.url).port) })
  closers.push(async () => toDatabase.close())
  const service = await openService({
    mqttUrl: broker.url,
    databaseUrl: toDatabase.urlFor(database.url),
    args: options.args ?? [],
    env: options.env ?? {},
  })
  closers.push(async () => void (await service.kill('SIGKILL')))
  return { service, publisher, toDatabase, mqttUrl: broker.url }
}

describe('the database', () => {
  it('frozen, without a word, is noticed, and what was in flight is stored once when it thaws', async () => {
    const { service, publisher, toDatabase } = await setUp({
      args: ['--set', 'database.statementTimeoutMs=1000'],
    })
    await publisher.publish('rtls/h1/gw-1/pings', message(0, 10))
    await service.atRest(10)
    toDatabase.freeze()
    await publisher.publish('rtls/h1/gw-1/pings', message(10, 10))
    await waitFor(
      async () =>
        (await service.readyz()).body.includes('does not answer') ||
        (await service.readyz()).body.includes('connection'),
      {
        what: 'readiness to say that the database does not answer',
      },
    )
    expect((await service.metrics()).get('rtls_unacked_messages')).toBe(1)
    expect((await service.metrics()).get('rtls_mqtt_connected')).toBe(1)
    toDatabase.thaw()
    expect(await service.atRest(20)).toMatchObject({ received: 20, committed: 20 })
    expect(await stored()).toEqual({ n: 20, different: 20 })
  })

  it('frozen for good does not keep the service from stopping', async () => {
    const { service, publisher, toDatabase } = await setUp({ args: ['--set', 'shutdown.deadlineMs=1000'] })
    await publisher.publish('rtls/h1/gw-1/pings', message(0, 10))
    await service.atRest(10)
    toDatabase.freeze()
    await publisher.publish('rtls/h1/gw-1/pings', message(10, 10))
    await waitFor(async () => (await service.metrics()).get('rtls_pings_in_flight') === 10, {
      what: 'a batch in flight',
    })
    expect((await service.kill('SIGTERM')).code).toBe(1)
    expect(service.output()).toMatch(
      /10 pings not written within 1000 ms\. They were not acknowledged: the broker still has them/u,
    )
  })

  it('cut off during COMMIT, after it committed, has every ping once, counted as committed', async () => {
    const { service, publisher, toDatabase } = await setUp()
    let cuts = 0
    // The answer to a COPY outside a transaction: it is committed, and we never learn.
    toDatabase.onDownstream = (chunk) => {
      if (cuts > 0 || !chunk.includes('COPY 10\0')) return 'pass'
      cuts += 1
      return 'cut'
    }
    await publisher.publish('rtls/h1/gw-1/pings', message(0, 10))
    expect(await service.atRest(10)).toMatchObject({ received: 10, committed: 10, duplicates: 0 })
    expect(cuts).toBe(1)
    expect(await stored()).toEqual({ n: 10, different: 10 })
  })

  it('cut off during COPY gets the batch again', async () => {
    const { service, publisher, toDatabase } = await setUp()
    let cuts = 0
    toDatabase.onUpstream = (chunk) => {
      if (cuts > 0 || !chunk.includes('PGCOPY')) return 'pass'
      cuts += 1
      return 'cut'
    }
    await publisher.publish('rtls/h1/gw-1/pings', message(0, 10))
    expect(await service.atRest(10)).toMatchObject({ committed: 10, duplicates: 0 })
    expect(cuts).toBe(1)
  })

  it(
    'away while a million pings are offered costs no more memory than the bound',
    { timeout: 600_000 },
    async () => {
      // aedes sends without a window: only our own bound stops it.
      const { service, publisher, toDatabase } = await setUp({
        kind: 'aedes',
        args: ['--set', 'limits.maxBufferedPings=20000', '--set', 'mqtt.keepaliveS=5'],
      })
      toDatabase.refuse()
      toDatabase.cut()
      const count = 1000
      for (let index = 0; index < count; index += 1)
        await publisher.publish('rtls/h1/gw-1/pings', message(index * 1000, 1000))
      await waitFor(async () => (await service.metrics()).get('rtls_intake_held') === 1, {
        what: 'the intake held',
      })
      const metrics = await service.metrics()
      expect(
        (metrics.get('rtls_pings_buffered') ?? 0) + (metrics.get('rtls_pings_in_flight') ?? 0),
      ).toBeLessThanOrEqual(21_000)
      expect(metrics.get('process_resident_memory_bytes')).toBeLessThan(400_000_000)
      expect(metrics.get('rtls_mqtt_connected')).toBe(1)
      await toDatabase.accept()
      expect(await service.atRest(count * 1000, 400_000)).toMatchObject({
        committed: count * 1000,
        duplicates: 0,
      })
      expect(await stored()).toEqual({ n: count * 1000, different: count * 1000 })
    },
  )

  it('full is a sentence and a wait, not a loss', async () => {
    await query(`CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`)
    await query(
      'CREATE TRIGGER disk_full BEFORE INSERT ON location_history FOR EACH ROW EXECUTE FUNCTION disk_full()',
    )
    let isDropped = false
    const drop = async (): Promise<void> => {
      if (!isDropped) await query('DROP FUNCTION disk_full() CASCADE')
      isDropped = true
    }
    closers.push(drop)
    const { service, publisher } = await setUp()
    await publisher.publish('rtls/h1/gw-1/pings', message(0, 10))
    await waitFor(
      async () => (await service.readyz()).body.includes('the disk of the database is full (53100)'),
      { what: 'the reason on /readyz' },
    )
    await drop()
    expect(await service.atRest(10)).toMatchObject({ committed: 10, deadLettered: 0 })
  })

  it('without its table keeps everything and asks for an operator', async () => {
    const { service, publisher } = await setUp()
    await query('ALTER TABLE location_history RENAME TO dropped_by_accident')
    await publisher.publish('rtls/h1/gw-1/pings', message(0, 10))
    await waitFor(async () => (await service.readyz()).body.includes('(42P01)'), {
      what: 'the reason on /readyz',
    })
    // The log line is on its way through a pipe when readiness has already been told.
    await service.waitForLine(
      /"level":50.*the tables are not what this version expects; run: rtls-ingest migrate; nothing is lost, trying again/u,
    )
    await query('ALTER TABLE dropped_by_accident RENAME TO location_history')
    expect(await service.atRest(10)).toMatchObject({ committed: 10 })
  })
})

describe('the password of the database', () => {
  it('changed while the service runs keeps everything, and asks for an operator', async () => {
    const guarded = await openGuardedDatabase('before')
    closers.push(guarded.close)
    const broker = await openTestBroker('mosquitto')
    closers.push(async () => broker.stop())
    const publisher = await openPublisher(broker.url)
    closers.push(async () => publisher.close())
    const service = await openService({ mqttUrl: broker.url, databaseUrl: guarded.url })
    closers.push(async () => void (await service.kill('SIGKILL')))
    await publisher.publish('rtls/h1/gw-1/pings', message(0, 10))
    await service.atRest(10)
    await guarded.restart('after')
    await publisher.publish('rtls/h1/gw-1/pings', message(10, 10))
    await waitFor(
      async () =>
        (await service.readyz()).body.includes('the database refuses this user or password (28P01)'),
      { what: 'the reason on /readyz' },
    )
    await service.waitForLine(
      /"level":50.*"msg":"writer: the database refuses this user or password; nothing is lost, trying again"/u,
    )
    expect((await service.metrics()).get('rtls_unacked_messages')).toBe(1)
    await guarded.restart('before')
    expect(await service.atRest(20)).toMatchObject({ committed: 20, duplicates: 0, deadLettered: 0 })
    expect(await storedIn(guarded.url)).toEqual({ n: 20, different: 20 })
  })
})

describe('with ACK_MODE=spool', () => {
  it('gateways are acknowledged while the database is away, and all is drained when it is back, while new pings come', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'rtls-spool-e2e-'))
    closers.push(() => rmSync(dir, { recursive: true, force: true }))
    const { service, publisher, toDatabase, mqttUrl } = await setUp({
      env: { ACK_MODE: 'spool', SPOOL_DIR: dir },
      args: ['--set', 'spool.afterMs=200'],
    })
    toDatabase.refuse()
    toDatabase.cut()
    for (let index = 0; index < 50; index += 1)
      await publisher.publish('rtls/h1/gw-1/pings', message(index * 10, 10))
    await waitFor(
      async () => {
        const metrics = await service.metrics()
        return metrics.get('rtls_pings_spooled') === 500 && metrics.get('rtls_unacked_messages') === 0
      },
      { what: 'all pings spooled and acknowledged' },
    )
    expect((await service.metrics()).get('rtls_spool_bytes')).toBeGreaterThan(1000)
    // Killed now, everything is on disk and with no one else.
    await service.kill('SIGKILL')
    await toDatabase.accept()
    toDatabase.refuse()
    const again = await openServiceOn(toDatabase, dir)
    await toDatabase.accept()
    await publisher.publish('rtls/h1/gw-1/pings', message(500, 10))
    expect(await again.atRest(510)).toMatchObject({ received: 510, committed: 510, duplicates: 0 })
    expect(await stored()).toEqual({ n: 510, different: 510 })
    await waitFor(async () => (await again.metrics()).get('rtls_spool_bytes') === 0, {
      what: 'an empty spool',
    })

    async function openServiceOn(proxy: TcpProxy, spoolDir: string): Promise<Service> {
      const { startService } = await import('../support/service.ts')
      const started = startService({
        mqttUrl,
        databaseUrl: proxy.urlFor(database.url),
        env: { ACK_MODE: 'spool', SPOOL_DIR: spoolDir },
        args: ['--set', 'spool.afterMs=200'],
      })
      // Runs before the database answers: with a spool there is somewhere to put what comes.
      await started.cli.waitForLine(/"msg":"running"/u)
      closers.push(async () => void (await started.cli.kill('SIGKILL')))
      return started.opened()
    }
  })
})
