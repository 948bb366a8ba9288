// This version and the next one on one database: replicas replaced one by one under traffic, and what the older one does
// when the newer has been there.
import { readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { startCli } from '../support/child.ts'
import { openTestDatabase } from '../support/database.ts'
import { openMosquitto } from '../support/mosquitto.ts'
import { installNextVersion } from '../support/next-version.ts'
import { message, storedIn } from '../support/numbered.ts'
import { openPublisher } from '../support/publisher.ts'
import { queryOnce } from '../support/query.ts'
import { type Service, openService, startService } from '../support/service.ts'
import { useSuite } from '../support/suite.ts'
import { waitFor } from '../support/wait-for.ts'

const { database, closers } = useSuite()

const nextVersion = '99.1.0'
const additive = {
  'migrations/9001_next.sql': 'ALTER TABLE location_history ADD COLUMN next_reading smallint;\n',
  'repeatable/roles.sql': "\nCOMMENT ON VIEW location_receipts IS 'of the next version';\n",
}
const commentOfView = async (url: string): Promise<string | undefined> =>
  (await queryOnce<{ said: string }>(url, `SELECT obj_description('location_receipts'::regclass) AS said`))[0]
    ?.said

/** What it printed; it must have worked. */
async function runMigrate(url: string, root?: string, args: readonly string[] = []): Promise<string> {
  const cli = startCli(['migrate', ...args], {
    env: { DATABASE_URL: url },
    ...(root === undefined ? {} : { root }),
  })
  const { code } = await cli.exit
  if (code !== 0) throw new Error(`migrate failed:\n${cli.output()}`)
  return cli.output()
}

describe('a rolling upgrade', () => {
  it('of two replicas under traffic, migrated meanwhile, loses nothing and stores nothing twice; also with a step back', async () => {
    const broker = await openMosquitto({ config: ['max_queued_messages 0'] })
    closers.push(async () => broker.stop())
    const publisher = await openPublisher(broker.url)
    closers.push(async () => publisher.close())
    const replica = async (name: string, root?: string): Promise<Service> => {
      const service = await openService({
        mqttUrl: broker.url,
        databaseUrl: database.url,
        env: { MQTT_CLIENT_ID: name, MQTT_SHARE_GROUP: 'ingest' },
        mayReconnect: true,
        ...(root === undefined ? {} : { root }),
      })
      closers.push(async () => void (await service.kill('SIGKILL')))
      return service
    }
    const root = installNextVersion(nextVersion, additive)
    const one = await replica('replica-1')
    const two = await replica('replica-2')
    let published = 0
    const end = new AbortController()
    const traffic = (async () => {
      while (!end.signal.aborted) {
        for (let more = 0; more < 5; more += 1) {
          await publisher.publish('rtls/h1/gw-1/pings', message(published, 10))
          published += 10
        }
        await waitFor(async () => end.signal.aborted || (await storedIn(database.url)).n > published - 200, {
          what: 'the backlog to be short',
        })
      }
    })()
    // Reported where it is awaited; a test that fails before that has a reason of its own.
    traffic.catch(() => undefined)
    const moreIsStored = async (): Promise<void> => {
      const { n } = await storedIn(database.url)
      await waitFor(async () => (await storedIn(database.url)).n >= n + 50, { what: 'more to be stored' })
    }
    await moreIsStored()
    await runMigrate(database.url, root)
    await moreIsStored()
    // The older one starts again, as after a crash: it works with the newer schema, and leaves it alone.
    expect((await two.kill()).code).toBe(0)
    const twoAgain = await replica('replica-2')
    await moreIsStored()
    expect(await commentOfView(database.url)).toBe('of the next version')
    // One by one.
    expect((await one.kill()).code).toBe(0)
    const oneNext = await replica('replica-1', root)
    await moreIsStored()
    expect((await twoAgain.kill()).code).toBe(0)
    const twoNext = await replica('replica-2', root)
    await moreIsStored()
    // And back.
    expect((await oneNext.kill()).code).toBe(0)
    const oneBack = await replica('replica-1')
    await moreIsStored()

    end.abort()
    await traffic
    await waitFor(async () => (await storedIn(database.url)).n === published, { what: 'every ping' })
    expect(await storedIn(database.url)).toEqual({ n: published, different: published })
    for (const service of [oneBack, twoNext]) {
      const account = await service.atRest(0)
      expect(account.deadLettered).toBe(0)
      expect((await service.metrics()).get('rtls_mqtt_sessions_lost_total')).toBe(0)
    }
    expect(await runMigrate(database.url, undefined, ['--check'])).toContain(
      'has the schema of a newer version, which this one works with',
    )
  })

  it('is refused by the older version where the newer says so, in one sentence; one that runs loses nothing', async () => {
    await queryOnce(database.url, 'TRUNCATE location_history, ingest_replicas')
    const broker = await openMosquitto()
    closers.push(async () => broker.stop())
    const publisher = await openPublisher(broker.url)
    closers.push(async () => publisher.close())
    const settings = { mqttUrl: broker.url, databaseUrl: database.url, mayReconnect: true }
    const old = await openService(settings)
    await publisher.publish('rtls/h1/gw-1/pings', message(0, 10))
    await old.atRest(10)

    const root = installNextVersion(nextVersion, {
      'migrations/9002_breaks.sql':
        '-- incompatible-with-running: the signal strength is in a column of another name\n' +
        'ALTER TABLE location_history RENAME COLUMN rssi_dbm TO rssi;\n',
    })
    // The views of the next version are no matter here.
    for (const name of readdirSync(path.join(root, 'sql/repeatable')))
      rmSync(path.join(root, 'sql/repeatable', name))
    await runMigrate(database.url, root)
    await publisher.publish('rtls/h1/gw-1/pings', message(10, 10))
    await old.waitForLine(/the tables are not what this version expects/u)
    expect((await old.metrics()).get('rtls_unacked_messages')).toBe(1)
    await old.kill('SIGKILL')

    const { cli } = startService(settings)
    expect((await cli.exit).code).toBe(1)
    expect(cli.stderr.join('\n')).toMatch(
      /^rtls-ingest: This is rtls-ingest \S+, and the database was migrated by rtls-ingest 99\.1\.0 in a way .*: 9002_breaks\.sql \(the signal strength is in a column of another name\)\. .*Start rtls-ingest 99\.1\.0 or later/u,
    )

    // The backup, as it were.
    await queryOnce(
      database.url,
      `ALTER TABLE location_history RENAME COLUMN rssi TO rssi_dbm;
       DELETE FROM rtls_schema_migrations WHERE name = '9002_breaks.sql'`,
    )
    const again = await openService(settings)
    expect(await again.atRest(10)).toMatchObject({ committed: 10, deadLettered: 0 })
    expect(await storedIn(database.url)).toEqual({ n: 20, different: 20 })
  })
})

describe('a service that may not migrate', () => {
  it('waits for the schema, says so, and starts when another has made it', async () => {
    const empty = await openTestDatabase()
    closers.push(async () => empty.close())
    const waiting = startService({
      databaseUrl: empty.url,
      args: ['--no-simulate', '--set', 'database.migrate=false'],
    })
    await waiting.cli.waitForLine(/the schema is not there yet/u)
    await waiting.cli.waitForLine(
      /migrations are pending and database\.migrate is false\. Run: rtls-ingest migrate/u,
    )
    await runMigrate(empty.url)
    await waiting.cli.waitForLine(/"msg":"running"/u)
    const service = waiting.opened()
    expect(await waitFor(async () => (await service.readyz()).status === 200, { what: 'readiness' })).toBe(
      true,
    )
  })
})
