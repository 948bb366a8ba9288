// A DATABASE_URL of several servers: one that is gone, one that takes connections and says nothing, and the one that works.
import net from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { DatabaseClient } from '../../src/db/client.ts'
import { asUrl } from '../../src/db/database-url.ts'
import { createPool } from '../../src/db/pool.ts'
import { freePort } from '../support/free-port.ts'
import { useSuite } from '../support/suite.ts'
import { listenOnLoopback } from '../support/tcp-proxy.ts'

const { database } = useSuite()
const silent = net.createServer(() => undefined)
let others: string
beforeAll(async () => {
  others = `127.0.0.1:${await freePort()},127.0.0.1:${await listenOnLoopback(silent)}`
})
afterAll(() => {
  silent.close()
})

const among = (servers: string): string => {
  const { host } = new URL(database.url)
  return asUrl(database.url.replace(host, servers.replace('HERE', host)))
}

it('the connection goes to the one that works, wherever it stands in the list', async () => {
  for (const servers of [`${others},HERE`, `HERE,${others}`]) {
    const client = new DatabaseClient({ connectionString: among(servers), connectionTimeoutMillis: 20_000 })
    await client.connect()
    expect((await client.query<{ one: number }>('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await client.end()
  }
})

it('a pool finds it too', async () => {
  const options = {
    url: among(`${others},HERE`),
    max: 2,
    connectTimeoutMs: 20_000,
    statementTimeoutMs: 20_000,
  }
  const pool = createPool(options, () => undefined)
  const { rows } = await pool.use(async (client) => client.query<{ one: number }>('SELECT 1 AS one'))
  expect(rows).toEqual([{ one: 1 }])
  await pool.close()
})

it('where none works, each says why', async () => {
  const client = new DatabaseClient({ connectionString: among(others), connectionTimeoutMillis: 500 })
  await expect(client.connect()).rejects.toThrow(
    /^none of 127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+ can be used: connect ECONNREFUSED .*; /u,
  )
})
