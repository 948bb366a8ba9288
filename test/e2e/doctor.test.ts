// `rtls-ingest doctor` as an operator runs it, beside real brokers, databases and a running service.
import { createServer } from 'node:net'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import mqtt from 'mqtt'
import { describe, expect, it } from 'vitest'
import { runCli } from '../support/child.ts'
import { openGuardedDatabase } from '../support/database-process.ts'
import { findMosquitto, openMosquitto } from '../support/mosquitto.ts'
import { openPublisher } from '../support/publisher.ts'
import { queryOnce } from '../support/query.ts'
import { openService } from '../support/service.ts'
import { useSuite } from '../support/suite.ts'
import { listenOnLoopback, openTcpProxy } from '../support/tcp-proxy.ts'
import { openTestBroker } from '../support/broker.ts'

const { database, closers } = useSuite()

interface Report {
  status: string
  counts: Record<'ok' | 'warn' | 'fail' | 'skip', number>
  findings: { group: string; check: string; status: string; says: string; remedy?: string }[]
}

async function examine(env: Record<string, string>, expectCode: 0 | 1, args: string[] = []): Promise<Report> {
  // Long, because a slow machine is not a frozen peer.
  const { stdout } = await runCli(['doctor', '--json', '--timeout', '90', ...args], {
    env: { HTTP_PORT: '0', ...env },
    expectCode,
  })
  const report = JSON.parse(stdout) as Report
  for (const { status, remedy, says } of report.findings)
    expect([says, remedy !== undefined]).toEqual([says, status === 'warn' || status === 'fail'])
  return report
}

/** What was said in a group of a check. */
const found = (report: Report, group: string, check: string): string[] =>
  report.findings
    .filter((finding) => finding.group === group && finding.check === check)
    .map(({ status, says }) => `${status}: ${says}`)

/** Takes connections and says nothing. */
async function openSilence(): Promise<number> {
  const server = createServer()
  const port = await listenOnLoopback(server)
  closers.push(() => {
    server.close()
  })
  return port
}

describe('doctor', () => {
  it('beside a running service finds nothing wrong, leaves its session alone, and sees every ping accounted for', async () => {
    const broker = await openTestBroker('mosquitto')
    closers.push(async () => broker.stop())
    const service = await openService({ mqttUrl: broker.url, databaseUrl: database.url })
    const publisher = await openPublisher(broker.url)
    closers.push(async () => publisher.close())
    await publisher.publish('rtls/h1/gw-1/pings', JSON.stringify([{ tagId: 'T1', x: 1, y: 1 }, { x: 1 }]))
    await service.atRest(2)

    const port = new URL(service.http).port
    const env = { MQTT_URL: broker.url, DATABASE_URL: database.url, HTTP_PORT: port }
    const report = await examine(env, 0)
    expect(report.counts.fail).toBe(0)
    expect(found(report, 'running service', 'conservation')).toEqual([
      'ok: every ping is accounted for: 2 received = 1 committed + 0 duplicate + 1 dead-lettered + 0 buffered + 0 in flight + 0 spooled',
    ])
    expect(found(report, 'running service', 'readiness')).toEqual(['ok: ready'])
    expect(found(report, 'broker', 'subscription')[0]).toBe('ok: may read rtls/+/+/pings, QoS 1 granted')
    expect(found(report, 'broker', 'session')[0]).toMatch(/^ok: a session outlives/u)
    expect(found(report, 'broker', 'write access')[0]).toMatch(/^warn: this user may publish/u)
    expect(found(report, 'database', 'policies')[0]).toMatch(/^ok: \d+ policies/u)
    expect(found(report, 'database', 'dead letters')[0]).toMatch(/^warn: .*1 invalid_ping/u)

    // Neither a reconnection nor a message that means something: atRest looks for the first.
    await publisher.publish('rtls/h1/gw-1/pings', JSON.stringify({ tagId: 'T2', x: 1, y: 1 }))
    expect(await service.atRest(3)).toMatchObject({ received: 3, committed: 2 })

    const { stdout } = await runCli(['doctor'], { env })
    expect(stdout).toMatch(/^ {2}ok {4}conservation +every ping is accounted for/mu)
    expect(stdout).toMatch(/\n\d+ ok, \d+ to look at, 0 FAILED, \d+ not looked at$/u)
  })

  it('tells what a user may read and write at the broker, without a message that anybody gets', async ({
    skip,
  }) => {
    skip(findMosquitto() === undefined, 'Mosquitto is not installed')
    const folder = mkdtempSync(path.join(tmpdir(), 'rtls-doctor-'))
    closers.push(() => rmSync(folder, { recursive: true, force: true }))
    const acl = path.join(folder, 'acl')
    writeFileSync(acl, 'user reader\ntopic read rtls/+/+/pings\n\nuser writer\ntopic readwrite rtls/#\n')
    const broker = await openMosquitto({ config: [`acl_file ${acl}`] })
    closers.push(async () => broker.stop())
    const url = (user: string): string => broker.url.replace('//', `//${user}@`)
    const heard: string[] = []
    const spy = await mqtt.connectAsync(url('writer'))
    closers.push(async () => spy.endAsync(true))
    spy.on('message', (topic) => heard.push(topic))
    await spy.subscribeAsync('#', { qos: 2 })

    const [reader, writer] = await Promise.all([
      examine({ MQTT_URL: url('reader') }, 0),
      examine({ MQTT_URL: url('writer') }, 0),
    ])
    expect(found(reader, 'broker', 'write access')[0]).toMatch(/^ok: this user may not publish/u)
    expect(found(writer, 'broker', 'write access')[0]).toMatch(/^warn: this user may publish/u)

    // A round trip behind everything the three visits may have caused.
    await spy.publishAsync('rtls/last/gw/pings', 'x', { qos: 1 })
    await spy.unsubscribeAsync('#')
    expect(heard).toEqual(['rtls/last/gw/pings'])
  })

  it('names what drifted from sql/ in the database, and what stands still', async () => {
    await queryOnce(
      database.url,
      `SELECT alter_job(job_id, config => config || '{"drop_after": "7 days"}') FROM timescaledb_information.jobs
       WHERE proc_name = 'policy_retention' AND hypertable_name = 'location_history';
       SELECT remove_continuous_aggregate_policy('location_1m');
       SELECT set_chunk_time_interval('location_history', INTERVAL '7 days');
       DELETE FROM rtls_schema_migrations WHERE name = 'policies.sql'`,
    )
    const report = await examine({ DATABASE_URL: database.url }, 1)
    expect(found(report, 'database', 'policies')).toEqual([
      expect.stringMatching(/^fail: the refresh policy of location_1m is missing/u),
      expect.stringMatching(
        /^warn: retention of location_history: drop_after is 7 days, sql\/ says 2 years/u,
      ),
    ])
    expect(found(report, 'database', 'hypertables')).toEqual([
      'warn: location_history: chunks of 7 days, sql/ says 1 day',
    ])
    expect(found(report, 'database', 'migrations')).toEqual(['warn: 1 pending: policies.sql'])
  })

  it('says which rights a user lacks, and looks at what it may', async ({ skip }) => {
    const [server] = await queryOnce<{ isEmbedded: boolean }>(
      database.url,
      `SELECT version() ~ 'emcc' AS "isEmbedded"`,
    )
    skip(server?.isEmbedded === true, 'everybody is a superuser of the embedded database')
    const user = `doctor_test_${process.pid}`
    await queryOnce(
      database.url,
      `CREATE ROLE ${user} LOGIN; ALTER ROLE ${user} SET synchronous_commit = off`,
    )
    closers.push(async () => {
      await queryOnce(database.url, `DROP ROLE ${user}`)
    })
    const url = new URL(database.url)
    url.username = user
    const report = await examine({ DATABASE_URL: url.href }, 1)
    expect(found(report, 'database', 'rights')[0]).toMatch(/^fail: .* lacks INSERT on location_history/u)
    expect(found(report, 'database', 'durability')[0]).toMatch(/^fail: synchronous_commit is off/u)
    expect(found(report, 'database', 'dead letters')[0]).toMatch(/^skip: not looked at: permission denied/u)
  })

  it('is red, and ends, where nobody listens, somebody is silent, a line is dead or a password is wrong', async () => {
    const silent = await openSilence()
    const guarded = await openGuardedDatabase('right')
    closers.push(guarded.close)
    const proxy = await openTcpProxy({ targetPort: Number(new URL(database.url).port) })
    closers.push(async () => proxy.close())
    // Dies in the middle: behind the login.
    proxy.onUpstream = (chunk) => (chunk.includes('clock_timestamp') ? 'freeze' : 'pass')
    const short = ['--timeout', '3', '--set', 'database.connectTimeoutMs=3000']

    const [refused, mute, wrong, frozen] = await Promise.all([
      examine({ MQTT_URL: 'mqtt://127.0.0.1:1', DATABASE_URL: 'postgres://x@127.0.0.1:1/x' }, 1),
      examine(
        {
          MQTT_URL: `mqtt://127.0.0.1:${silent}`,
          DATABASE_URL: `postgres://x@127.0.0.1:${silent}/x`,
          HTTP_PORT: String(silent),
        },
        1,
        short,
      ),
      examine({ DATABASE_URL: guarded.url.replace('right', 'wrong') }, 1),
      examine({ DATABASE_URL: proxy.urlFor(database.url) }, 1, ['--timeout', '20']),
    ])
    expect(found(refused, 'broker', 'connection')).toEqual([
      'fail: nothing listens at the address in MQTT_URL',
    ])
    expect(found(refused, 'database', 'connection')[0]).toMatch(/^fail: .*cannot be reached/u)
    expect(found(mute, 'broker', 'connection')).toEqual(['fail: no answer within 3 s'])
    expect(found(mute, 'database', 'connection')[0]).toMatch(/^fail: .*(?:does not answer|no answer)/u)
    expect(found(mute, 'running service', 'metrics')[0]).toMatch(/^fail: .*not answered/u)
    expect(found(wrong, 'database', 'connection')[0]).toMatch(/^fail: .*refuses this user or password/u)
    expect(JSON.stringify(wrong)).not.toContain('wrong')
    expect(found(frozen, 'database', 'connection')).toEqual(['fail: no answer within 20 s'])
  })

  it('without a service looks at its ports, and leaves embedded parts alone', async () => {
    const taken = await openSilence()
    const env = { HTTP_PORT: '0', MQTT_PORT: String(taken), DATABASE_PORT: '0' }
    const report = await examine(env, 1)
    expect(found(report, 'running service', 'ports')).toEqual([
      expect.stringMatching(new RegExp(`^fail: 127.0.0.1:${taken}, wanted for the embedded broker`, 'u')),
    ])
    expect(found(report, 'database', 'connection')[0]).toMatch(/^skip: .*start it/u)
  })

  it('measures the spool, and says when its folder cannot be used', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'rtls-doctor-'))
    closers.push(() => rmSync(folder, { recursive: true, force: true }))
    const env = { ACK_MODE: 'spool', MQTT_PORT: '0', DATABASE_PORT: '0' }
    const good = await examine({ ...env, SPOOL_DIR: path.join(folder, 'spool') }, 0)
    expect(found(good, 'spool', 'folder')[0]).toMatch(/can be written; a 4 kiB fsync takes [\d.]+ ms/u)
    expect(found(good, 'spool', 'room')).toHaveLength(1)
    writeFileSync(path.join(folder, 'file'), '')
    const bad = await examine({ ...env, SPOOL_DIR: path.join(folder, 'file') }, 1)
    expect(found(bad, 'spool', 'folder')).toEqual([expect.stringMatching(/^fail: .*is not a folder/u)])
  })

  it('refuses a bad configuration with exit code 2', async () => {
    const { stderr } = await runCli(['doctor'], { env: { HTTP_PORT: 'x' }, expectCode: 2 })
    expect(stderr).toContain('HTTP_PORT')
  })
})
