// The pieces of docker-compose.yml that can be tried without Docker: Mosquitto with our configuration, promtool on
// that of Prometheus, and the health check of the service. Where a program is not installed its test says so.
import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { type IClientOptions, connect, connectAsync } from 'mqtt'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { configSchema } from '../../src/config-schema.ts'
import { openMosquitto } from '../support/mosquitto.ts'
import { listenOnLoopback } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

const root = path.resolve(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')

describe('config/mosquitto/mosquitto.conf', () => {
  const settings = read('config/mosquitto/mosquitto.conf')
    .split('\n')
    .filter((line) => /^[a-z]/u.test(line))
  // Where it listens and writes, and to whom it talks, is the test's own.
  const own = /^(?:listener|allow_anonymous|persistence|persistence_location|log_dest) /u

  it('lets the broker send as many messages as the service offers to take', () => {
    expect(settings).toContain(`max_inflight_messages ${configSchema.parse({}).mqtt.receiveMaximum}`)
  })

  it('saves the sessions in the volume that is mounted', () => {
    const compose = parse(read('docker-compose.yml'), { merge: true }) as {
      services: { mosquitto: { volumes: string[] } }
    }
    expect(settings).toContain('persistence true')
    const location = settings.find((line) => line.startsWith('persistence_location '))?.split(' ')[1]
    expect(compose.services.mosquitto.volumes).toContain(`mosquitto-data:${location?.replace(/\/$/u, '')}`)
  })

  it('is taken by Mosquitto, which keeps more than a thousand messages and sends more than 20 before the first ack', async () => {
    const broker = await openMosquitto({ config: settings.filter((line) => !own.test(line)) })
    const messages = 1500
    const session: IClientOptions = {
      protocolVersion: 5,
      clientId: 'compose-test',
      clean: false,
      properties: { sessionExpiryInterval: 60, receiveMaximum: 8192 },
    }
    const subscriber = await connectAsync(broker.url, session)
    await subscriber.subscribeAsync('rtls/#', { qos: 1 })
    await subscriber.endAsync()

    const publisher = await connectAsync(broker.url)
    await Promise.all(
      Array.from({ length: messages }, async () =>
        publisher.publishAsync('rtls/a/b/pings', Buffer.alloc(200), { qos: 1 }),
      ),
    )
    await publisher.endAsync()

    let received = 0
    const returned = connect(broker.url, session)
    returned.handleMessage = (_packet, done) => {
      received += 1
      done(new Error('never acknowledged')) // see ingest/source.ts: this is how MQTT.js is kept from acknowledging
    }
    try {
      await waitFor(() => received >= messages, { what: 'all messages, none of them acknowledged' })
    } finally {
      await returned.endAsync(true)
    }
    expect(received).toBe(messages)
    await broker.stop()
  })
})

describe('config/prometheus/prometheus.yml', () => {
  it('is taken by promtool', ({ skip }) => {
    skip(!isInstalled('promtool'), 'promtool is not installed')
    const output = execFileSync('promtool', [
      'check',
      'config',
      path.join(root, 'config/prometheus/prometheus.yml'),
    ])
    expect(output.toString()).toContain('SUCCESS')
  })
})

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

describe('the health check of the service', () => {
  it('is green when it is ready, red when it is not, and red when it is not there', async () => {
    let status = 200
    const server = http.createServer((request, response) => {
      response.writeHead(request.url === '/readyz' ? status : 404).end('{}')
    })
    const port = await listenOnLoopback(server)
    expect(await checkHealth(port)).toBe(0)
    status = 503
    expect(await checkHealth(port)).toBe(1)
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
    expect(await checkHealth(port)).toBe(1)
  })
})

async function checkHealth(port: number): Promise<number | null> {
  const compose = parse(read('docker-compose.yml'), { merge: true }) as {
    services: { 'rtls-ingest': { healthcheck: { test: string[] } } }
  }
  const [, , ...args] = compose.services['rtls-ingest'].healthcheck.test
  const child = execFile(
    process.execPath,
    args.map((arg) => arg.replace(':3001/', `:${port}/`)),
  )
  await once(child, 'exit')
  return child.exitCode
}
