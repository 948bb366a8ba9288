// The embedded database as its clients see it: queries, transactions, and what sessions do not see of each other.
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { encodeMessage, encodeSync } from '../../src/embedded/wire.ts'
import { openTestEmbedded } from '../support/embedded.ts'
import { createTable, cut, failure, openClient, openRaw } from '../support/embedded-client.ts'
import { waitFor } from '../support/wait-for.ts'

let database: Awaited<ReturnType<typeof openTestEmbedded>>
beforeAll(async () => {
  database = await openTestEmbedded()
})
afterAll(async () => {
  await database.close()
})

test('it is TimescaleDB: hypertables, parameters and several results in one query work through pg', async () => {
  const client = await openClient(database.url)
  const { rows } = await client.query<{ version: string }>(
    `SELECT current_database() AS name, $1::int + 1 AS sum, $2::text[] AS list,
      (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS version`,
    [41, ['a', "b'c"]],
  )
  expect(rows).toMatchObject([{ name: 'postgres', sum: 42, list: ['a', "b'c"] }])
  expect(rows[0]?.version).toMatch(/^2\.23/)
  const results = (await client.query('SELECT 1 AS a; SELECT 2 AS b')) as unknown as { rows: unknown[] }[]
  expect(results.map((result) => result.rows)).toEqual([[{ a: 1 }], [{ b: 2 }]])
})

test('an error has its SQLSTATE, names its place, and leaves the connection usable', async () => {
  const client = await openClient(database.url)
  expect(await failure(client.query('SELECT nope'))).toMatchObject({ code: '42703', position: '8' })
  expect(await failure(client.query('SELECT 1 / $1::int', [0]))).toMatchObject({ code: '22012' })
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
})

test('a failed statement fails its transaction block until ROLLBACK', async () => {
  const client = await openClient(database.url)
  await client.query('BEGIN')
  await failure(client.query('SELECT 1 / 0'))
  expect(await failure(client.query('SELECT 1'))).toMatchObject({ code: '25P02' })
  await client.query('ROLLBACK')
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
})

test('a second client waits for the end of a transaction block and then sees what it wrote', async () => {
  const name = await createTable(database.url)
  const [one, two] = [await openClient(database.url), await openClient(database.url)]
  await one.query('BEGIN')
  await one.query(`INSERT INTO ${name} VALUES (1)`)
  const order: string[] = []
  const reading = two.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${name}`).then((result) => {
    order.push('read')
    return result.rows[0]?.n
  })
  for (let a = 2; a <= 20; a++) await one.query(`INSERT INTO ${name} VALUES ($1)`, [a])
  order.push('commit')
  await one.query('COMMIT')
  expect(await reading).toBe(20)
  expect(order).toEqual(['commit', 'read'])
})

test('what a client had open is rolled back when it vanishes, and the next client is served', async () => {
  const name = await createTable(database.url)
  const [one, two] = [await openClient(database.url), await openClient(database.url)]
  await one.query('BEGIN')
  await one.query(`INSERT INTO ${name} VALUES (1)`)
  const reading = two.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${name}`)
  cut(one)
  expect((await reading).rows[0]?.n).toBe(0)
})

test('two clients use the same name for different prepared statements', async () => {
  const [one, two] = [await openClient(database.url), await openClient(database.url)]
  for (let round = 0; round < 3; round++) {
    expect((await one.query({ name: 'q', text: 'SELECT $1::int AS a', values: [round] })).rows).toEqual([
      { a: round },
    ])
    expect((await two.query({ name: 'q', text: `SELECT 'two' AS b` })).rows).toEqual([{ b: 'two' }])
  }
  await two.query('DISCARD ALL')
  expect((await one.query({ name: 'q', text: 'SELECT $1::int AS a', values: [9] })).rows).toEqual([{ a: 9 }])
})

test('what one client sets, another does not see, and what it resets are the defaults', async () => {
  const [one, two] = [
    await openClient(`${database.url}?application_name=one`),
    await openClient(database.url),
  ]
  await one.query(`SET TimeZone = 'Europe/Berlin'`)
  await one.query(`SELECT set_config('work_mem', '8MB', false)`)
  const settings = `SELECT current_setting('TimeZone') AS zone, current_setting('work_mem') AS memory,
    current_setting('application_name') AS name, current_setting('enable_seqscan') AS scans`
  expect((await two.query(settings)).rows).toEqual([{ zone: 'UTC', memory: '4MB', name: '', scans: 'on' }])
  expect((await one.query(settings)).rows).toEqual([
    { zone: 'Europe/Berlin', memory: '8MB', name: 'one', scans: 'on' },
  ])
  await one.query('RESET ALL')
  expect((await one.query(settings)).rows).toMatchObject([{ zone: 'UTC', memory: '4MB', scans: 'on' }])
})

test('a role set by one client is not the role of another', async () => {
  const [one, two] = [await openClient(database.url), await openClient(database.url)]
  await one.query('CREATE ROLE reader NOLOGIN')
  onTestFinished(async () => {
    await two.query('DROP ROLE reader')
  })
  await one.query('SET ROLE reader')
  expect((await two.query('SELECT current_user AS name')).rows).toEqual([{ name: 'postgres' }])
  expect((await one.query('SELECT current_user AS name')).rows).toEqual([{ name: 'reader' }])
  await one.end()
})

test('temporary tables are dropped when their client leaves and those of others are not', async () => {
  const [one, two] = [await openClient(database.url), await openClient(database.url)]
  await one.query('CREATE TEMP TABLE mine (a int)')
  await two.query('CREATE TEMP TABLE yours (a int)')
  await one.end()
  const { rows } = await two.query<{ relname: string }>(
    `SELECT relname FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r'`,
  )
  expect(rows).toEqual([{ relname: 'yours' }])
})

test('NOTIFY reaches the clients that listen', async () => {
  const [one, two] = [await openClient(database.url), await openClient(database.url)]
  const heard: (string | undefined)[] = []
  one.on('notification', (message) => heard.push(message.payload))
  await one.query('LISTEN news')
  await two.query(`NOTIFY news, 'hello'`)
  await waitFor(() => heard.length > 0, { what: 'the notification' })
  expect(heard).toEqual(['hello'])
})

test("an unnamed statement is its client's from one exchange to the next, whatever others do in between", async () => {
  const raw = await openRaw(database.port)
  raw.send(parse('', `SELECT 'mine'`), encodeMessage('D', Buffer.from('S\0')), encodeSync())
  expect(await raw.answer()).toBe('1tTZ')
  const other = await openClient(database.url)
  await other.query('SELECT $1::int AS a', [1])
  raw.send(bind(''), execute(0), encodeSync())
  expect(await raw.answer()).toBe('2DCZ')
})

test('a portal read in pieces keeps the backend until Sync', async () => {
  const other = await openClient(database.url)
  const raw = await openRaw(database.port)
  const flush = encodeMessage('H', Buffer.alloc(0))
  raw.send(parse('', 'SELECT generate_series(1, 5)'), bind(''), execute(2), flush)
  expect(await raw.answer('s')).toBe('12DDs')
  let isServed = false
  const serving = other.query('SELECT 1').then(() => (isServed = true))
  raw.send(execute(2), flush)
  expect(await raw.answer('s')).toBe('DDs')
  expect(isServed).toBe(false)
  raw.send(execute(2), encodeSync())
  expect(await raw.answer()).toBe('DCZ')
  expect(await serving).toBe(true)
})

const parse = (name: string, sql: string) => encodeMessage('P', Buffer.from(`${name}\0${sql}\0\0\0`))
const bind = (name: string) => encodeMessage('B', Buffer.from(`\0${name}\0\0\0\0\0\0\0`))
function execute(rows: number): Buffer {
  const body = Buffer.alloc(5)
  body.writeUInt32BE(rows, 1)
  return encodeMessage('E', body)
}
