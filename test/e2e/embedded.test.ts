// What a newcomer gets: `rtls-ingest run` with nothing configured.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import mqtt from 'mqtt'
import type pg from 'pg'
import { afterAll, describe, expect, it } from 'vitest'
import { runCli, startCli } from '../support/child.ts'
import { queryOnce } from '../support/query.ts'
import { type Service, openService, startService } from '../support/service.ts'
import { listenOnLoopback } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

const dataDir = mkdtempSync(path.join(tmpdir(), 'rtls-e2e-'))
const env = { DATA_DIR: path.join(dataDir, 'db') }

afterAll(() => {
  rmSync(dataDir, { recursive: true, force: true })
})

const databasePort = (service: Service): number => {
  const running = service.stdout.find((line) => line.includes('"msg":"running"')) ?? '{}'
  return Number(/port=(\d+)/u.exec(running)?.[1])
}

const query = async <Row extends pg.QueryResultRow>(service: Service, sql: string): Promise<Row[]> =>
  queryOnce<Row>(`postgres://postgres@127.0.0.1:${databasePort(service)}/postgres`, sql)

describe('with nothing configured', () => {
  it('a simulated hospital is stored, and killed and started again every committed ping is there', async () => {
    const service = await openService({ env })
    await service.atRest(50)
    const before = await query<{ n: number }>(service, 'SELECT count(*)::int AS n FROM location_history')
    expect(before[0]?.n).toBeGreaterThan(40)
    // The database knows the simulated hospital: what the tags are worn by has a name and a room.
    await service.waitForLine(/"assets":301,.*"msg":"demo hospital seeded"/u)
    const seen = await query<{ n: number }>(
      service,
      'SELECT count(*)::int AS n FROM active_assets_with_location WHERE room_name IS NOT NULL',
    )
    expect(seen[0]?.n).toBeGreaterThan(20)
    await service.kill('SIGKILL')

    const again = await openService({ env, args: ['--no-simulate'] })
    const after = await query<{ n: number }>(again, 'SELECT count(*)::int AS n FROM location_history')
    expect(after[0]?.n).toBeGreaterThanOrEqual(before[0]?.n ?? Infinity)
    expect((await again.kill()).code).toBe(0)
  })

  it('psql can look at the tables, count, and copy into them', async (context) => {
    const psql = promisify(execFile)
    if (
      !(await psql('psql', ['--version']).then(
        () => true,
        () => false,
      ))
    )
      context.skip('psql is not installed')
    const service = await openService({ env, args: ['--no-simulate'] })
    const connection = `host=127.0.0.1 port=${databasePort(service)} user=postgres dbname=postgres`
    const run = async (command: string): Promise<string> =>
      (await psql('psql', [connection, '-v', 'ON_ERROR_STOP=1', '-Atc', command])).stdout
    expect(await run(String.raw`\d location_history`)).toContain('tag_id|text')
    const before = Number(await run('SELECT count(*) FROM location_history'))
    const copied = psql('psql', [
      connection,
      '-v',
      'ON_ERROR_STOP=1',
      '-c',
      String.raw`\copy location_history (t, facility_id, gateway_id, tag_id) from stdin csv`,
    ])
    copied.child.stdin?.end('2026-11-01T00:00:00Z,h1,g1,by-hand-1\n2026-11-01T00:00:00Z,h1,g1,by-hand-2\n')
    expect((await copied).stdout).toContain('COPY 2')
    expect(Number(await run('SELECT count(*) FROM location_history'))).toBe(before + 2)
    await service.kill()
  })

  // On a starved machine the first refresh of a new database takes minutes.
  it('the jobs that no server runs here are run: the rollup is refreshed', { timeout: 400_000 }, async () => {
    const service = await openService({ env })
    await waitFor(
      async () =>
        ((await service.metrics()).get(
          'rtls_job_last_success_seconds{job="policy_refresh_continuous_aggregate:location_1m"}',
        ) ?? 0) > 0,
      { what: 'a refresh of location_1m', deadlineMs: 300_000 },
    )
    expect(
      (await service.metrics()).get(
        'rtls_job_failures_total{job="policy_refresh_continuous_aggregate:location_1m"}',
      ),
    ).toBe(0)
    await service.kill()
  })
})

describe('a port that is in use', () => {
  it.each(['HTTP_PORT', 'MQTT_PORT', 'DATABASE_PORT'])(
    'is one sentence that names %s, and exit code 1',
    async (variable) => {
      const server = net.createServer()
      const port = await listenOnLoopback(server)
      try {
        const { stderr } = await runCli(['run'], {
          env: { HTTP_PORT: '0', MQTT_PORT: '0', DATABASE_PORT: '0', ...env, [variable]: String(port) },
          expectCode: 1,
        })
        expect(stderr).toMatch(
          new RegExp(
            `^rtls-ingest: .* cannot listen on 127.0.0.1:${port}: the port is in use\\. .*set ${variable} to a free port\\.$`,
            'u',
          ),
        )
      } finally {
        server.close()
      }
    },
  )
})

describe('simulate and run', () => {
  it('agree on every number: what one published the other stored', async () => {
    const service = await openService({
      env: { ...env, DATA_DIR: path.join(dataDir, 'agree') },
      args: ['--no-simulate'],
    })
    const running = service.stdout.find((line) => line.includes('"msg":"running"')) ?? '{}'
    const url = /mqtt:\/\/127\.0\.0\.1:\d+/u.exec(running)?.[0] ?? ''
    const simulation = startCli([
      'simulate',
      '--url',
      url,
      '--rate',
      '0',
      '--count',
      '3000',
      '--seed',
      '7',
      '--bad',
      '0.05',
      '--duplicates',
      '0.1',
      '--late',
      '0.1',
      '--json',
    ])
    expect((await simulation.exit).code).toBe(0)
    const report = JSON.parse(simulation.stdout.join('')) as {
      pings: number
      unique: number
      duplicates: number
      bad: number
    }
    const account = await service.atRest(report.pings)
    expect(account).toMatchObject({
      received: 3000,
      committed: report.unique,
      duplicates: report.duplicates,
      deadLettered: report.bad,
    })
    expect(await query(service, 'SELECT count(*)::int AS n FROM location_history')).toEqual([
      { n: report.unique },
    ])
    await service.kill()
  })

  it('agree too when gateways come before the ingester has subscribed, and when it stops: what was acknowledged is stored', async () => {
    const probe = net.createServer()
    const port = await listenOnLoopback(probe)
    await new Promise((resolve) => {
      probe.close(resolve)
    })
    const early = { ...env, DATA_DIR: path.join(dataDir, 'early'), MQTT_PORT: String(port) }
    const started = startService({ env: early, args: ['--no-simulate'] })
    const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 50 })
    client.on('error', () => undefined)
    let acknowledged = 0
    const publish = (seq: number): void => {
      client.publish(
        'rtls/h1/gw-1/pings',
        JSON.stringify({ tagId: 'early', t: Date.now() - 3_600_000 + seq, seq }),
        { qos: 1 },
        (error) => {
          if (!error) acknowledged += 1
        },
      )
    }
    for (let seq = 0; seq < 500; seq += 1) publish(seq)
    await started.cli.waitForLine(/"msg":"running"/u)
    await waitFor(() => acknowledged === 500, { what: 'the acknowledgement of what came first' })
    for (let seq = 500; seq < 3000; seq += 1) publish(seq)
    await waitFor(() => acknowledged > 600, { what: 'some more acknowledgements' })
    expect((await started.cli.kill('SIGTERM')).code).toBe(0)
    client.end(true)
    const again = await openService({ env: early, args: ['--no-simulate'] })
    const stored = await query<{ n: number }>(
      again,
      `SELECT count(*)::int AS n FROM location_history WHERE seq IS NOT NULL`,
    )
    expect(acknowledged).toBeGreaterThanOrEqual(500)
    expect(stored[0]?.n).toBeGreaterThanOrEqual(acknowledged)
    await again.kill()
  })
})
