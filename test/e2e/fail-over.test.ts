// A PostgreSQL server as in production: a password that is changed, a standby that takes over, a crash and its recovery.
import { afterEach, expect, it } from 'vitest'
import { openTestBroker } from '../support/broker.ts'
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

it('a changed password, a fail-over and a crash of the server lose nothing and store nothing twice', async () => {
  const primary = await openPostgresServer()
  await queryOnce(primary.adminUrl, "CREATE ROLE rtls SUPERUSER LOGIN PASSWORD 'one'")
  const broker = await openTestBroker('mosquitto')
  closers.push(async () => broker.stop())
  const publisher = await openPublisher(broker.url)
  closers.push(async () => publisher.close())
  const { port } = primary
  const service = await openService({
    mqttUrl: broker.url,
    databaseUrl: `postgres://rtls:one@127.0.0.1:${port}/rtls`,
  })
  closers.push(async () => void (await service.kill('SIGKILL')))
  const publish = async (from: number): Promise<void> =>
    publisher.publish('rtls/h1/gw-1/pings', message(from, 10))
  const says = async (text: string): Promise<void> => {
    await waitFor(async () => (await service.readyz()).body.includes(text), { what: `${text} on /readyz` })
  }
  await publish(0)
  await service.atRest(10)

  await queryOnce(primary.adminUrl, "ALTER ROLE rtls PASSWORD 'two'")
  await queryOnce(
    primary.adminUrl,
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rtls'",
  )
  await publish(10)
  await says('the database refuses this user or password (28P01)')
  await queryOnce(primary.adminUrl, "ALTER ROLE rtls PASSWORD 'one'")
  expect(await service.atRest(20)).toMatchObject({ committed: 20, duplicates: 0 })

  const standby = await primary.openStandby()
  await waitFor(async () => (await storedIn(standby.adminUrl)).n === 20, { what: 'the standby to catch up' })
  // The address moves to the standby before it is promoted.
  standby.stop('fast')
  primary.stop('immediate')
  standby.start(port)
  await publish(20)
  await says('the database is read-only: a standby, or a fail-over under way (25006)')
  standby.promote()
  expect(await service.atRest(30)).toMatchObject({ committed: 30, duplicates: 0 })

  standby.stop('immediate')
  await publish(30)
  await says('"component":"writer"')
  standby.start()
  expect(await service.atRest(40)).toMatchObject({ committed: 40, duplicates: 0, deadLettered: 0 })
  expect(await storedIn(standby.adminUrl)).toEqual({ n: 40, different: 40 })
})

it('a DATABASE_URL of two servers follows the primary, and nothing is lost or stored twice', async () => {
  const primary = await openPostgresServer()
  await queryOnce(primary.adminUrl, "CREATE ROLE rtls SUPERUSER LOGIN PASSWORD 'one'")
  const broker = await openTestBroker('mosquitto')
  closers.push(async () => broker.stop())
  const publisher = await openPublisher(broker.url)
  closers.push(async () => publisher.close())
  // Before the service runs: what is not in the copy comes by replication.
  const standby = await primary.openStandby()
  const service = await openService({
    mqttUrl: broker.url,
    // The standby first: it answers, and is not the one.
    databaseUrl: `postgres://rtls:one@127.0.0.1:${standby.port},127.0.0.1:${primary.port}/rtls`,
  })
  closers.push(async () => void (await service.kill('SIGKILL')))
  const publish = async (from: number): Promise<void> =>
    publisher.publish('rtls/h1/gw-1/pings', message(from, 10))
  await publish(0)
  await service.atRest(10)
  await waitFor(async () => (await storedIn(standby.adminUrl)).n === 10, { what: 'the standby to catch up' })

  primary.stop('immediate')
  await publish(10)
  await waitFor(async () => (await service.readyz()).body.includes('"component":"writer"'), {
    what: 'the writer to say that it waits',
  })
  standby.promote()
  expect(await service.atRest(20)).toMatchObject({ committed: 20, duplicates: 0, deadLettered: 0 })
  expect(await storedIn(standby.adminUrl)).toEqual({ n: 20, different: 20 })
})
