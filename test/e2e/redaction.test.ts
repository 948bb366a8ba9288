// No secret is ever printed: distinctive ones stand in every place that takes one, and everything that the program says on its way
// through success and each failure is searched for them.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openAuthority } from '../support/certificates.ts'
import { startCli } from '../support/child.ts'
import { openMosquitto } from '../support/mosquitto.ts'
import { message } from '../support/numbered.ts'
import { openPublisher } from '../support/publisher.ts'
import { openService } from '../support/service.ts'
import { useSuite } from '../support/suite.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

const { closers, database } = useSuite()
let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'rtls-redaction-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = (name: string, text: string): string => {
  const at = path.join(folder, name)
  writeFileSync(at, text)
  return at
}

/** Each holds characters that a URL escapes, where it may, so that both forms are looked for. */
const secrets = {
  mqttUrl: 'canary-mqtt-url/1',
  mqttPassword: 'canary-mqtt-password-2',
  databaseUrl: 'canary-database-url/3',
  databasePassword: 'canary"database\\password-4',
  writeToken: 'canary-write-token-5',
  token: 'canary-token-in-config-6',
  tokenFile: 'canary-token-in-file-7',
  wrongToken: 'canary-token-nobody-has-8',
  userFile: 'canary-user-password-9',
}

function expectNoSecret(text: string, key?: string): void {
  const forms = Object.values(secrets).flatMap((secret) => [
    secret,
    encodeURIComponent(secret),
    Buffer.from(secret).toString('base64').slice(0, -4),
    JSON.stringify(secret).slice(1, -1),
  ])
  for (const secret of [
    ...forms,
    ...(key ?? '').split('\n').filter((line) => line.length > 40 && !line.includes('---')),
  ])
    expect(text.includes(secret), `${secret} in:\n${text}`).toBe(false)
  expect(text).not.toMatch(/canary/u)
}

/** A URL with the secret as its password. */
const withSecret = (url: string, secret: string): string => {
  const parsed = new URL(url)
  parsed.username = 'postgres'
  parsed.password = encodeURIComponent(secret)
  return parsed.href
}

const configFile = (): string =>
  file(
    'rtls-ingest.yaml',
    `http:
  tokens:
    - { name: one, role: viewer, token: ${secrets.token} }
    - { name: two, role: admin, tokenFile: ${file('token', secrets.tokenFile)} }
`,
  )

it('by a service that works, is asked with a wrong token, loses its connections and is given a bad certificate', async () => {
  const authority = openAuthority()
  const server = authority.issue('server')
  const client = authority.issue('rtls-ingest')
  const key = readFileSync(client.keyFile, 'utf8')
  const broker = await openMosquitto({
    config: [
      `cafile ${authority.caFile}`,
      `certfile ${server.certFile}`,
      `keyfile ${server.keyFile}`,
      'require_certificate true',
    ],
  })
  closers.push(async () => broker.stop())
  const proxy = await openTcpProxy({ targetPort: Number(new URL(database.url).port) })
  closers.push(async () => proxy.close())
  const url = `mqtts://127.0.0.1:${broker.port}`
  const service = await openService({
    mqttUrl: withSecret(url, secrets.mqttUrl),
    databaseUrl: withSecret(proxy.urlFor(database.url), secrets.databaseUrl),
    mayReconnect: true,
    args: ['--config', configFile()],
    env: {
      LOG_LEVEL: 'trace',
      MQTT_CA_FILE: authority.caFile,
      MQTT_CERT_FILE: client.certFile,
      MQTT_KEY_FILE: client.keyFile,
      HTTP_WRITE_TOKEN_FILE: file('write-token', secrets.writeToken),
    },
  })
  closers.push(async () => void (await service.kill()))
  const publisher = await openPublisher(url, {
    ca: readFileSync(authority.caFile),
    cert: readFileSync(client.certFile),
    key,
  })
  closers.push(async () => publisher.close())
  await publisher.publish('rtls/h1/gw-1/pings', message(0, 10))
  await publisher.publish('rtls/h1/gw-1/pings', 'no ping at all')
  await service.atRest(11)
  const answers: string[] = []
  for (const token of [secrets.token, secrets.wrongToken, secrets.tokenFile])
    for (const at of ['/assets', '/nowhere', '/metrics', '/readyz', '/health/db', '/openapi.json']) {
      const answer = await fetch(`${service.http}${at}`, { headers: { authorization: `Bearer ${token}` } })
      answers.push(JSON.stringify([...answer.headers]), await answer.text())
    }
  expectNoSecret(answers.join('\n'), key)

  proxy.cut()
  await service.waitForLine(/an idle database connection broke|the connection to the database broke/u)
  await broker.restart()
  await service.waitForLine(/broker: .*trying again/u)
  await waitFor(async () => (await service.readyz()).status === 200, { what: 'readiness again' })
  writeFileSync(client.certFile, key)
  await service.waitForLine(/holds no certificate.*Nothing was changed/u)
  expect((await service.kill()).code).toBe(0)
  expectNoSecret(service.output(), key)
})

it('by any command, whether it works or fails', async () => {
  const dead = { MQTT_URL: withSecret('mqtt://127.0.0.1:9', secrets.mqttUrl), HTTP_PORT: '0' }
  const deadDatabase = withSecret('postgres://127.0.0.1:9/rtls', secrets.databaseUrl)
  const both = { ...dead, DATABASE_URL: deadDatabase }
  const inFiles = {
    ...dead,
    MQTT_PASSWORD: secrets.mqttPassword,
    DATABASE_URL: 'postgres://rtls@127.0.0.1:9/rtls',
    DATABASE_PASSWORD_FILE: file('database-password', secrets.databasePassword),
  }
  const users = file(
    'users.yaml',
    `mqtt: { users: [{ name: gw-1, facility: h1, passwordFile: ${file('user', secrets.userFile)} }] }\n`,
  )
  const wrong = file('wrong.yaml', `http: { tokens: [{ name: one, role: king, token: ${secrets.token} }] }\n`)
  const runs: [string[], Record<string, string>, number][] = [
    [['check', '--config', configFile()], inFiles, 0],
    [['check', '--config', users], {}, 0],
    [['check', '--config', wrong], both, 2],
    [['check'], { MQTT_URL: `mqtt//u:${secrets.mqttUrl}@b` }, 2],
    [['doctor', '--json', '--timeout', '5', '--config', configFile()], both, 1],
    [['doctor', '--timeout', '5'], inFiles, 1],
    [['migrate'], both, 1],
    [['migrate'], inFiles, 1],
    [['dead-letter', 'list'], both, 1],
    [['upgrade', 'plan'], both, 1],
    [['seed'], inFiles, 1],
    [['simulate', '--duration', '1', '--url', dead.MQTT_URL, '--password', secrets.mqttPassword], {}, 0],
    [['run', '--set', `http.tokens=${secrets.token}`], both, 2],
  ]
  // Two at a time: each is a process of its own.
  const queue = [...runs]
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [args, env, code] = next
      const cli = startCli(args, { env: { LOG_LEVEL: 'trace', ...env } })
      const ended = await cli.exit
      expectNoSecret(cli.output())
      expect([args[0], ended.code, cli.output()]).toEqual([args[0], code, expect.any(String)])
    }
  }
  await Promise.all([work(), work()])
})

it('by a service that reaches neither broker nor database', async () => {
  const cli = startCli(['run'], {
    env: {
      LOG_LEVEL: 'trace',
      HTTP_PORT: '0',
      ACK_MODE: 'spool',
      SPOOL_DIR: path.join(folder, 'spool'),
      MQTT_URL: withSecret('mqtt://127.0.0.1:9', secrets.mqttUrl),
      DATABASE_URL: 'postgres://rtls@127.0.0.1:9/rtls',
      DATABASE_PASSWORD: secrets.databasePassword,
    },
  })
  await cli.waitForLine(/broker: .*nothing listens/u)
  await cli.waitForLine(/database: .*trying again/u)
  await cli.kill()
  expectNoSecret(cli.output())
})
