// A real Prometheus scrapes the service, evaluates our rules and answers our dashboard. Skipped where it is not installed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, it } from 'vitest'
import { openTestBroker } from '../support/broker.ts'
import { atProcessEnd } from '../support/process-end.ts'
import { isInstalled, promtool } from '../support/promtool.ts'
import { openPublisher } from '../support/publisher.ts'
import { queryOnce } from '../support/query.ts'
import { openService } from '../support/service.ts'
import { useSuite } from '../support/suite.ts'
import { listenOnLoopback } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

const { database, closers } = useSuite()
const root = path.resolve(import.meta.dirname, '../..')

async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listenOnLoopback(server)
  server.close()
  await once(server, 'close')
  return port
}

interface Prometheus {
  /** The values of an instant query. Throws with Prometheus' words. */
  query(expr: string): Promise<{ metric: Record<string, string>; value: number }[]>
  rules(): Promise<{ name: string; health: string; lastError?: string; evaluationTime: number }[]>
}

/** Scrapes and evaluates every second, and does not wait minutes before an alert fires. */
async function openPrometheus(target: string): Promise<Prometheus> {
  const folder = mkdtempSync(path.join(tmpdir(), 'rtls-prometheus-'))
  const rules = readFileSync(path.join(root, 'config/prometheus/alerts.yml'), 'utf8')
  const config = readFileSync(path.join(root, 'config/prometheus/prometheus.yml'), 'utf8')
  writeFileSync(path.join(folder, 'alerts.yml'), rules.replaceAll(/for: \d+m/gu, 'for: 1s'))
  writeFileSync(
    path.join(folder, 'prometheus.yml'),
    config.replaceAll('15s', '1s').replace('rtls-ingest:3001', target),
  )
  const address = `127.0.0.1:${await freePort()}`
  const child = spawn(
    'prometheus',
    [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=${address}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  atProcessEnd(() => child.kill('SIGKILL'))
  closers.push(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    }
    rmSync(folder, { recursive: true, force: true })
  })
  const ask = async <T>(question: string): Promise<T> => {
    const response = await fetch(`http://${address}/api/v1/${question}`)
    const body = (await response.json()) as { status: string; error?: string; data: T }
    if (body.status !== 'success') throw new Error(`${question}: ${body.error}`)
    return body.data
  }
  await waitFor(async () => (await fetch(`http://${address}/-/ready`)).ok || child.exitCode !== null, {
    what: 'Prometheus',
  })
  if (child.exitCode !== null) throw new Error(`Prometheus ended: ${output}`)
  return {
    async query(expr) {
      const { result } = await ask<{ result: { metric: Record<string, string>; value: [number, string] }[] }>(
        `query?query=${encodeURIComponent(expr)}`,
      )
      return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
    },
    async rules() {
      const { groups } = await ask<{
        groups: { rules: { name: string; health: string; lastError?: string; evaluationTime: number }[] }[]
      }>('rules')
      return groups.flatMap((group) => group.rules)
    },
  }
}

it('promtool and Prometheus take what the service says; alerts fire and clear; the dashboard has its numbers', async ({
  skip,
}) => {
  skip(!isInstalled('prometheus'), 'Prometheus is not installed')
  const broker = await openTestBroker()
  closers.push(async () => broker.stop())
  const env = { HTTP_PORT: String(await freePort()) }
  const options = { mqttUrl: broker.url, databaseUrl: database.url, env }
  const service = await openService(options)
  const publisher = await openPublisher(broker.url)
  closers.push(async () => publisher.close())
  await publisher.publish(
    'rtls/h1/gw-1/pings',
    JSON.stringify([{ tagId: 'T1', t: Date.now() - 600_000, x: 1, y: 1 }, { tagId: 'T2' }, { x: 1 }]),
  )
  await service.atRest(3)
  // Nobody runs the jobs of this database: of what they do, the rollup is done by hand.
  await queryOnce(
    database.url,
    `CALL refresh_continuous_aggregate('location_1m', now() - INTERVAL '1 hour', now() - INTERVAL '5 minutes')`,
  )
  await waitFor(async () => (await service.metrics()).has('rtls_chunks{state="uncompressed"}'), {
    what: 'the first look at the database',
  })
  const scrape = await fetch(`${service.http}/metrics`)
  expect(promtool(['check', 'metrics'], await scrape.text())).toBe('')

  const prometheus = await openPrometheus(new URL(service.http).host)
  const valueOf = async (expr: string): Promise<number | undefined> =>
    (await prometheus.query(expr))[0]?.value
  await waitFor(async () => (await valueOf('rtls_pings_received_total')) === 3, { what: 'a scrape' })
  expect(await valueOf('sum(rtls_pings_dead_lettered_total)')).toBe(1)
  expect(await valueOf('rtls_database_up')).toBe(1)

  const evaluated = await waitFor(
    async () => {
      const rules = await prometheus.rules()
      return rules.every(({ health }) => health !== 'unknown') && rules
    },
    { what: 'every rule to be evaluated' },
  )
  expect(evaluated.filter(({ health }) => health !== 'ok')).toEqual([])

  const dashboard = JSON.parse(
    readFileSync(path.join(root, 'config/grafana/dashboards/rtls-ingest.json'), 'utf8'),
  ) as { panels: { title: string; targets?: { expr: string }[] }[] }
  const queries = dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      title,
      expr: expr.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m'),
    })),
  )
  // A rate has a value from the second scrape on, a quantile when something was observed in between.
  const empty = await Promise.all(
    queries
      .filter(({ expr }) => !/histogram_quantile|rtls_job_last_success_seconds/u.test(expr))
      .map(async ({ title, expr }) =>
        waitFor(async () => (await prometheus.query(expr)).length > 0, { what: `${title}: ${expr}` }).then(
          () => undefined,
          (error: Error) => error.message,
        ),
      ),
  )
  expect(empty.filter((message) => message !== undefined)).toEqual([])

  const isFiring = async (alert: string, labels = ''): Promise<boolean> =>
    (await prometheus.query(`ALERTS{alertname="${alert}",alertstate="firing"${labels}}`)).length > 0
  expect(await isFiring('RtlsDown')).toBe(false)
  await service.kill()
  await waitFor(async () => isFiring('RtlsDown'), { what: 'RtlsDown to fire' })
  await openService(options)
  await waitFor(async () => !(await isFiring('RtlsDown')), { what: 'RtlsDown to clear' })
  await broker.stop()
  // Of its own component: a restarted service is not ready for other reasons first.
  await waitFor(async () => isFiring('RtlsNotReady', ',component="broker",severity="page"'), {
    what: 'RtlsNotReady to fire for the broker',
  })
})
