// A PostgreSQL server that takes connections over TLS only, and the service's user only with a certificate: as in production.
import { afterEach, expect, it } from 'vitest'
import { openTestBroker } from '../support/broker.ts'
import { openAuthority, replace } from '../support/certificates.ts'
import { runCli } from '../support/child.ts'
import { message, storedIn } from '../support/numbered.ts'
import { openPostgresServer } from '../support/postgres-server.ts'
import { openPublisher } from '../support/publisher.ts'
import { queryOnce } from '../support/query.ts'
import { openService } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

it('a server that wants certificates gets the service’s, also a new one while it runs, and says what is wrong with another', async () => {
  const authority = openAuthority()
  const own = authority.issue('server')
  const server = await openPostgresServer({ ...own, caFile: authority.caFile })
  await queryOnce(server.adminUrl, 'CREATE ROLE rtls SUPERUSER LOGIN')
  // The server takes the user from the certificate's name.
  const client = authority.issue('rtls')
  const env = {
    DATABASE_URL: `postgres://rtls@127.0.0.1:${server.port}/rtls`,
    DATABASE_CA_FILE: authority.caFile,
    DATABASE_CERT_FILE: client.certFile,
    DATABASE_KEY_FILE: client.keyFile,
  }
  const broker = await openTestBroker('mosquitto')
  closers.push(async () => broker.stop())
  const service = await openService({ mqttUrl: broker.url, env })
  closers.push(async () => void (await service.kill('SIGKILL')))
  const publisher = await openPublisher(broker.url)
  closers.push(async () => publisher.close())
  await publisher.publish('rtls/h1/gw-1/pings', message(0, 10))
  await service.atRest(10)

  const serials = async (): Promise<string[]> =>
    (
      await queryOnce<{ serial: string }>(
        server.adminUrl,
        "SELECT DISTINCT client_serial::text AS serial FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'rtls' AND ssl",
      )
    ).map(({ serial }) => serial)
  const [before = ''] = await serials()
  expect(before).not.toBe('')
  replace(client, authority.issue('rtls'))
  await waitFor(async () => (await serials()).every((serial) => serial !== before), {
    what: 'all connections to be made anew with the new certificate',
  })
  await publisher.publish('rtls/h1/gw-1/pings', message(10, 10))
  expect(await service.atRest(20)).toMatchObject({ committed: 20, duplicates: 0 })
  expect(await storedIn(server.adminUrl)).toEqual({ n: 20, different: 20 })

  const stranger = openAuthority('Another authority').issue('rtls')
  const cases: [Record<string, string>, string][] = [
    [{ DATABASE_CERT_FILE: stranger.certFile, DATABASE_KEY_FILE: stranger.keyFile }, 'certificate'],
    [{ DATABASE_CERT_FILE: '', DATABASE_KEY_FILE: '' }, 'certificate'],
    [{ DATABASE_CA_FILE: openAuthority('A third').caFile }, 'is not signed by the authority in'],
  ]
  for (const [wrong, said] of cases) {
    const { stderr } = await runCli(['migrate'], { env: { ...env, ...wrong }, expectCode: 1 })
    expect(stderr).toContain(said)
    expect(stderr).not.toContain('    at ')
  }
})
