// The service between a broker and a database that both want certificates of it: they are replaced while it runs, and no ping is lost
// or stored twice. And what each command says when a certificate is wrong.
import { X509Certificate } from 'node:crypto'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TLSSocket } from 'node:tls'
import { beforeAll, expect, it } from 'vitest'
import { type Authority, type Issued, openAuthority, replace } from '../support/certificates.ts'
import { runCli } from '../support/child.ts'
import { openMosquitto } from '../support/mosquitto.ts'
import { message, storedIn } from '../support/numbered.ts'
import { openPublisher } from '../support/publisher.ts'
import { openService, startService } from '../support/service.ts'
import { useSuite } from '../support/suite.ts'
import { openTlsProxy } from '../support/tls-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

const { closers, database } = useSuite()
let authority: Authority
let server: Issued
beforeAll(() => {
  authority = openAuthority()
  server = authority.issue('server')
})

interface Secured {
  readonly env: Record<string, string>
  readonly mqttUrl: string
  readonly client: Issued
  readonly proxy: Awaited<ReturnType<typeof openTlsProxy>>
}

/** A broker and a way to the database that take only who has a certificate; and what the service is told of them. */
async function openSecured(): Promise<Secured> {
  const broker = await openMosquitto({
    config: [
      `cafile ${authority.caFile}`,
      `certfile ${server.certFile}`,
      `keyfile ${server.keyFile}`,
      'require_certificate true',
    ],
  })
  closers.push(async () => broker.stop())
  const proxy = await openTlsProxy(Number(new URL(database.url).port), server, authority.caFile)
  closers.push(async () => proxy.close())
  const client = authority.issue('rtls-ingest')
  const mqttUrl = `mqtts://127.0.0.1:${broker.port}`
  const files = { CA_FILE: authority.caFile, CERT_FILE: client.certFile, KEY_FILE: client.keyFile }
  return {
    client,
    proxy,
    mqttUrl,
    env: {
      MQTT_URL: mqttUrl,
      DATABASE_URL: proxy.urlFor(database.url),
      HTTP_PORT: '0',
      ...Object.fromEntries(
        Object.entries(files).flatMap(([name, file]) => [
          [`MQTT_${name}`, file],
          [`DATABASE_${name}`, file],
        ]),
      ),
    },
  }
}

const serialOf = ({ certFile }: Issued): string => new X509Certificate(readFileSync(certFile)).serialNumber

it('certificates are replaced while it runs: the next connections have the new ones, and no ping is lost or stored twice', async () => {
  const { env, client, proxy, mqttUrl } = await openSecured()
  const service = await openService({ env })
  closers.push(async () => void (await service.kill()))
  const gateway = authority.issue('gateway')
  const publisher = await openPublisher(mqttUrl, {
    ca: readFileSync(authority.caFile),
    cert: readFileSync(gateway.certFile),
    key: readFileSync(gateway.keyFile),
  })
  closers.push(async () => publisher.close())
  let sent = 0
  const publish = async (): Promise<void> => {
    const from = sent
    sent += 10
    await publisher.publish('rtls/h1/gw-1/pings', message(from, 10))
  }
  const publishUntil = async (line: RegExp): Promise<void> => {
    const state = { isThere: false }
    const wait = async (): Promise<void> => {
      await service.waitForLine(line)
      state.isThere = true
    }
    const waiting = wait()
    while (!state.isThere) await Promise.race([Promise.all([publish(), publish()]), waiting])
    await waiting
  }
  await publish()

  // The certificate alone does not fit the key: the pair in use stays in use.
  const renewed = authority.issue('rtls-ingest')
  copyFileSync(renewed.certFile, client.certFile)
  await publishUntil(/does not belong to the certificate in .*Nothing was changed/u)
  expect((await service.readyz()).status).toBe(200)
  replace(client, renewed)
  await publishUntil(/read the configuration again/u)
  await waitFor(() => proxy.clients.includes(serialOf(renewed)), {
    what: 'a connection with the new certificate',
  })
  await publishUntil(/connecting anew/u)

  const before = proxy.clients.length
  process.kill(service.pid ?? 0, 'SIGHUP')
  await waitFor(
    async () => {
      await publish()
      return proxy.clients.length > before
    },
    { what: 'connections made anew after SIGHUP' },
  )
  await publish()
  await waitFor(async () => (await storedIn(database.url)).different === sent, {
    what: `${sent} pings stored`,
  })
  // What was not acknowledged over the old connection came again, and was known.
  expect(await service.atRest(sent)).toMatchObject({ committed: sent, deadLettered: 0 })
  expect(await storedIn(database.url)).toEqual({ n: sent, different: sent })
})

it('doctor, check, migrate and simulate connect with certificates, and say which one is wrong', async () => {
  const { env, client } = await openSecured()
  const wrong = openAuthority('Another authority').caFile

  await runCli(['migrate'], { env })
  const simulated = await runCli(['simulate', '--count', '20', '--rate', '0', '--json'], { env })
  expect(JSON.parse(simulated.stdout)).toMatchObject({ unacked: 0 })
  const checked = await runCli(['check'], { env })
  expect(checked.stdout).toContain(`${client.certFile} expires on `)
  expect(checked.stdout).toContain('# valid.')
  const seen = await runCli(['doctor'], { env })
  expect(seen.stdout).toMatch(/ok +certificates .*is valid until/u)
  expect(seen.stdout).toMatch(/ok +connection +connected to mqtts:/u)

  const distrusting = { ...env, MQTT_CA_FILE: wrong, DATABASE_CA_FILE: wrong }
  const { stdout } = await runCli(['doctor'], { env: distrusting, expectCode: 1 })
  expect(stdout).toContain(
    `the certificate of the broker 127.0.0.1 is not signed by the authority in ${wrong}`,
  )
  expect(stdout).toContain(
    `the certificate of the database 127.0.0.1 is not signed by the authority in ${wrong}`,
  )
  const { stderr } = await runCli(['migrate'], { env: distrusting, expectCode: 1 })
  expect(stderr).toContain(`is not signed by the authority in ${wrong} (database.caFile)`)
  expect(stderr).not.toContain('    at ')

  const swapped = { ...env, MQTT_KEY_FILE: server.keyFile }
  for (const command of ['check', 'run', 'doctor', 'migrate']) {
    const refused = await runCli([command], { env: swapped, expectCode: 2 })
    expect(refused.stderr).toContain(
      `mqtt.keyFile: the key in ${server.keyFile} does not belong to the certificate in ${client.certFile}`,
    )
  }
})

it('tokens and the certificate of the HTTP server are replaced while it runs', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'rtls-http-tls-'))
  closers.push(() => rmSync(folder, { recursive: true, force: true }))
  const tokenFile = path.join(folder, 'portal')
  writeFileSync(tokenFile, 'the-first-token-of-the-portal')
  const own = authority.issue('rtls-ingest')
  const started = startService({
    databaseUrl: database.url,
    env: { HTTP_CERT_FILE: own.certFile, HTTP_KEY_FILE: own.keyFile },
    args: [
      '--set',
      `http.tokens={"name":"portal","role":"viewer","tokenFile":"${tokenFile}"}`,
      '--set',
      'http.readAccess=token',
      '--set',
      'simulate.enabled=off',
    ],
  })
  closers.push(async () => void (await started.cli.kill()))
  await started.cli.waitForLine(/"msg":"running"/u)
  const service = started.opened()
  const ask = async (token: string): Promise<{ status: number; serial: string }> =>
    new Promise((resolve, reject) => {
      const request = https.get(
        `${service.http}/assets`,
        { ca: readFileSync(authority.caFile), headers: { authorization: `Bearer ${token}` }, agent: false },
        (response) => {
          const { serialNumber } = (response.socket as TLSSocket).getPeerCertificate()
          response.resume()
          response.on('end', () => resolve({ status: response.statusCode ?? 0, serial: serialNumber }))
        },
      )
      request.on('error', reject)
    })
  expect(await ask('the-first-token-of-the-portal')).toEqual({ status: 200, serial: serialOf(own) })

  const renewed = authority.issue('rtls-ingest')
  replace(own, renewed)
  writeFileSync(tokenFile, 'the-second-token-of-the-portal')
  await waitFor(async () => (await ask('the-first-token-of-the-portal')).status === 401, {
    what: 'the old token to be refused',
  })
  await waitFor(async () => (await ask('the-second-token-of-the-portal')).serial === serialOf(renewed), {
    what: 'the new certificate',
  })
  expect((await ask('the-second-token-of-the-portal')).status).toBe(200)
})
