// The embedded database as its clients see it: pg, pg-copy-streams and psql over a real socket.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import { createInterface } from 'node:readline'
import { Client, DatabaseError } from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { openEmbeddedDatabase } from '../../src/embedded/database.ts'
import { backendMessages, encodeMessage, encodeSync } from '../../src/embedded/wire.ts'
import { copyTemplate, openTestEmbedded } from '../support/embedded.ts'
import { waitFor } from '../support/wait-for.ts'

let database: Awaited<ReturnType<typeof openTestEmbedded>>

beforeAll(async () => {
  database = await openTestEmbedded()
  const client = new Client(database.url)
  await client.connect()
  await client.query(`CREATE TABLE pings (tag text, t timestamptz NOT NULL, x float8, UNIQUE (tag, t))`)
  await client.query(`SELECT create_hypertable('pings', 't')`)
  await client.end()
})
afterAll(async () => {
  await database.close()
})

async function openClient(url = database.url): Promise<Client> {
  const client = new Client(url)
  client.on('error', () => undefined) // tests that cut connections look at the query's own error
  await client.connect()
  onTestFinished(async () => {
    await client.end().catch(() => undefined)
  })
  return client
}

async function table(columns = 'a int PRIMARY KEY, b text'): Promise<string> {
  const name = `t${nextTable++}`
  const client = await openClient()
  await client.query(`CREATE TABLE ${name} (${columns})`)
  return name
}
let nextTable = 1

async function failure(work: Promise<unknown>): Promise<DatabaseError> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (outcome instanceof DatabaseError) return outcome
  throw new Error(`expected an error of the database, got ${String(outcome)}`)
}

async function count(name: string): Promise<number> {
  const client = await openClient()
  const { rows } = await client.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${name}`)
  return rows[0]?.n ?? -1
}

/** The socket below a client, for cutting it without a goodbye. */
function socketOf(client: Client): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream
}

test('it is TimescaleDB: hypertables, parameters and several results in one query work through pg', async () => {
  const client = await openClient()
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
  const client = await openClient()
  expect(await failure(client.query('SELECT nope'))).toMatchObject({ code: '42703', position: '8' })
  expect(await failure(client.query('SELECT 1 / $1::int', [0]))).toMatchObject({ code: '22012' })
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
})

test('a failed statement fails its transaction block until ROLLBACK', async () => {
  const client = await openClient()
  await client.query('BEGIN')
  await failure(client.query('SELECT 1 / 0'))
  expect(await failure(client.query('SELECT 1'))).toMatchObject({ code: '25P02' })
  await client.query('ROLLBACK')
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
})

test('a second client waits for the end of a transaction block and then sees what it wrote', async () => {
  const name = await table()
  const [one, two] = [await openClient(), await openClient()]
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
  const name = await table()
  const [one, two] = [await openClient(), await openClient()]
  await one.query('BEGIN')
  await one.query(`INSERT INTO ${name} VALUES (1)`)
  const reading = two.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${name}`)
  socketOf(one).resetAndDestroy()
  expect((await reading).rows[0]?.n).toBe(0)
})

test('two clients use the same name for different prepared statements', async () => {
  const [one, two] = [await openClient(), await openClient()]
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
  const [one, two] = [await openClient(`${database.url}?application_name=one`), await openClient()]
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
  const [one, two] = [await openClient(), await openClient()]
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
  const [one, two] = [await openClient(), await openClient()]
  await one.query('CREATE TEMP TABLE mine (a int)')
  await two.query('CREATE TEMP TABLE yours (a int)')
  await one.end()
  const { rows } = await two.query<{ relname: string }>(
    `SELECT relname FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r'`,
  )
  expect(rows).toEqual([{ relname: 'yours' }])
})

test('binary COPY takes 50,000 rows of a hypertable', async () => {
  const client = await openClient()
  const stream = client.query(copyFrom('COPY pings (tag, t, x) FROM STDIN (FORMAT binary)'))
  await pipeline(Readable.from(binaryPings(50_000)), stream)
  expect(stream.rowCount).toBe(50_000)
  expect(await count('pings')).toBe(50_000)
  const { rows } = await client.query(`SELECT x, t FROM pings WHERE tag = 'TAG0000007' ORDER BY t LIMIT 1`)
  expect(rows).toEqual([{ x: 7, t: new Date('2026-01-01T00:00:00.007Z') }])
})

test('COPY TO STDOUT gives the rows back through pg-copy-streams', async () => {
  const name = await table()
  const client = await openClient()
  await client.query(`INSERT INTO ${name} SELECT a, repeat('x', 100) FROM generate_series(1, 20000) a`)
  let size = 0
  for await (const chunk of client.query(copyTo(`COPY ${name} TO STDOUT`))) size += (chunk as Buffer).length
  expect(size).toBe(2_128_894)
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
})

test('a COPY that fails names its line, changes nothing, and leaves the connection usable', async () => {
  const name = await table()
  const client = await openClient()
  const copy = async (lines: string) => {
    await pipeline(Readable.from([Buffer.from(lines)]), client.query(copyFrom(`COPY ${name} FROM STDIN`)))
  }
  const error = await failure(copy('1\tx\n2\ty\nthree\tz\n'))
  expect(error).toMatchObject({ code: '22P02', where: `COPY ${name}, line 3, column a: "three"` })
  expect(await count(name)).toBe(0)
  await copy('1\tx\n')
  expect(await failure(copy('2\tx\n1\ty\n'))).toMatchObject({ code: '23505', where: `COPY ${name}, line 2` })
  expect(await count(name)).toBe(1)
})

test('a COPY that fails in a transaction block fails the block', async () => {
  const name = await table()
  const client = await openClient()
  await client.query('BEGIN')
  await client.query(`INSERT INTO ${name} VALUES (1)`)
  const stream = client.query(copyFrom(`COPY ${name} FROM STDIN`))
  expect(await failure(pipeline(Readable.from([Buffer.from('x\ty\n')]), stream))).toMatchObject({
    code: '22P02',
  })
  expect(await failure(client.query('SELECT 1'))).toMatchObject({ code: '25P02' })
  await client.query('ROLLBACK')
  expect(await count(name)).toBe(0)
})

test('a COPY into a table that does not exist is refused before any data is sent', async () => {
  const client = await openClient()
  for (const begin of ['SELECT 1', 'BEGIN']) {
    await client.query(begin)
    const stream = client.query(copyFrom('COPY nowhere FROM STDIN'))
    const [error] = (await once(stream, 'error')) as [DatabaseError]
    expect(error).toMatchObject({ code: '42P01' })
  }
  expect(await failure(client.query('SELECT 1'))).toMatchObject({ code: '25P02' })
})

test('a COPY called off by the client changes nothing and fails its transaction block', async () => {
  const name = await table()
  const client = await openClient()
  await client.query('BEGIN')
  const stream = client.query(copyFrom(`COPY ${name} FROM STDIN`))
  stream.write('1\tx\n')
  const failed = once(stream, 'error')
  stream.destroy(new Error('changed my mind'))
  await failed
  expect(await failure(client.query('SELECT 1'))).toMatchObject({ code: '25P02' })
  await client.query('ROLLBACK')
  expect(await count(name)).toBe(0)
})

test('a client that vanishes in the middle of a COPY has written nothing and blocks nobody', async () => {
  const name = await table()
  const client = await openClient()
  await client.query('BEGIN')
  const stream = client.query(copyFrom(`COPY ${name} FROM STDIN`))
  stream.on('error', () => undefined)
  await new Promise((resolve) => {
    stream.write('1\tx\n'.repeat(100_000), resolve)
  })
  socketOf(client).resetAndDestroy()
  expect(await count(name)).toBe(0)
})

test('COPY in other forms than one simple query is refused and the connection stays usable', async () => {
  const name = await table()
  const client = await openClient()
  expect(await failure(client.query(`SELECT 1; COPY ${name} FROM STDIN`))).toMatchObject({ code: '0A000' })
  expect(await failure(client.query({ name: 'c', text: `COPY ${name} FROM STDIN` }))).toMatchObject({
    code: '0A000',
  })
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
})

test('garbage closes the connection that sent it and no other', async () => {
  const client = await openClient()
  const startup = Buffer.from('\0\0\0\x17\0\x03\0\0user\0postgres\0\0', 'latin1')
  startup.writeUInt32BE(startup.length, 0)
  for (const garbage of [
    Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
    Buffer.from([0, 0, 0, 8, 0, 9, 0, 0]),
    Buffer.concat([startup, Buffer.from('z\0\0\0\x04')]),
    Buffer.concat([startup, Buffer.from('Q\xff\xff\xff\xff', 'latin1')]),
    Buffer.concat([startup, Buffer.from('Q\0\0\0\x08abcd', 'latin1')]),
    Buffer.concat([startup, Buffer.from('B\0\0\0\x08\0\0\0\x01S\0\0\0\x04', 'latin1')]),
    Buffer.concat([startup, Buffer.from('P\0\0\0\x05xS\0\0\0\x04', 'latin1')]),
  ]) {
    const socket = connect(database.port, '127.0.0.1')
    const answer: Buffer[] = []
    socket.on('data', (chunk: Buffer) => answer.push(chunk))
    socket.write(garbage)
    const hasError = () => /SERROR|SFATAL/.test(Buffer.concat(answer).toString('latin1'))
    await waitFor(hasError, { what: 'an error message' })
    socket.destroy()
  }
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
})

test('messages cut at any byte are put together again', async () => {
  const socket = connect(database.port, '127.0.0.1')
  socket.setNoDelay(true)
  let answer = ''
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')))
  const body = Buffer.from('\0\x03\0\0user\0postgres\0\0', 'latin1')
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length + 4)
  const query = Buffer.from(`SELECT 'cut' || 'up'\0`)
  const head = Buffer.from('Q\0\0\0\0')
  head.writeUInt32BE(query.length + 4, 1)
  for (const byte of Buffer.concat([length, body, head, query]))
    await new Promise((resolve) => socket.write(Buffer.from([byte]), resolve))
  expect(await waitFor(() => answer.includes('cutup'), { what: 'the answer' })).toBe(true)
  socket.destroy()
})

test('NOTIFY reaches the clients that listen', async () => {
  const [one, two] = [await openClient(), await openClient()]
  const heard: (string | undefined)[] = []
  one.on('notification', (message) => heard.push(message.payload))
  await one.query('LISTEN news')
  await two.query(`NOTIFY news, 'hello'`)
  await waitFor(() => heard.length > 0, { what: 'the notification' })
  expect(heard).toEqual(['hello'])
})

test('two hundred clients that connect at once are all served', async () => {
  const clients = await Promise.all(Array.from({ length: 200 }, async () => openClient()))
  const answers = await Promise.all(
    clients.map(async (client, n) => client.query('SELECT $1::int AS n', [n])),
  )
  expect(answers.map(({ rows }) => (rows[0] as { n: number }).n)).toEqual(clients.map((_, n) => n))
})

test('a busy port is said in one sentence that names the port and the variable', async () => {
  const dataDir = await copyTemplate()
  onTestFinished(async () => {
    await rm(dataDir, { recursive: true, force: true })
  })
  const opening = openEmbeddedDatabase({
    dataDir,
    host: '127.0.0.1',
    port: database.port,
    onCrash: () => undefined,
  })
  await expect(opening).rejects.toThrow(
    `The embedded database cannot listen on 127.0.0.1:${database.port}: the port is in use. Stop the other program or set DATABASE_PORT to a free port.`,
  )
})

test("an unnamed statement is its client's from one exchange to the next, whatever others do in between", async () => {
  const raw = await openRaw()
  raw.send(parse('', `SELECT 'mine'`), encodeMessage('D', Buffer.from('S\0')), encodeSync())
  expect(await raw.answer()).toBe('1tTZ')
  const other = await openClient()
  await other.query('SELECT $1::int AS a', [1])
  raw.send(bind(''), execute(0), encodeSync())
  expect(await raw.answer()).toBe('2DCZ')
})

test('a portal read in pieces keeps the backend until Sync', async () => {
  const other = await openClient()
  const raw = await openRaw()
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

test('a query that crashes the backend costs its connection, and the database is open again with its data', async () => {
  const own = await openTestEmbedded()
  onTestFinished(own.close)
  const [one, two] = [await openClient(own.url), await openClient(own.url)]
  await one.query('CREATE TABLE kept (a int); INSERT INTO kept VALUES (1)')
  await two.query('BEGIN')
  await two.query('INSERT INTO kept VALUES (2)')
  // Deeper than the stack of WebAssembly; a real server says 54001 or answers.
  const crash = await failure(two.query(`SELECT 1${'+1'.repeat(20_000)}`))
  expect(crash).toMatchObject({ code: 'XX000', severity: 'FATAL' })
  expect(await failure(one.query('SELECT 1')).catch(() => ({ code: '57P02' }))).toMatchObject({
    code: '57P02',
  })
  const three = await openClient(own.url)
  expect((await three.query('SELECT a FROM kept')).rows).toEqual([{ a: 1 }])
})

test('a data directory that another process has open is refused in one sentence, and is free again when it is killed', async () => {
  const dataDir = await copyTemplate()
  const child = await openInChild(dataDir)
  const opening = openEmbeddedDatabase({ dataDir, host: '127.0.0.1', port: 0, onCrash: () => undefined })
  await expect(opening).rejects.toThrow(
    `The data directory ${dataDir} is in use by another rtls-ingest (process ${child.process.pid}): stop it or set DATA_DIR to another directory.`,
  )
  child.process.kill('SIGKILL')
  await once(child.process, 'exit')
  const mine = await openEmbeddedDatabase({ dataDir, host: '127.0.0.1', port: 0, onCrash: () => undefined })
  await mine.close()
  await rm(dataDir, { recursive: true })
})

test('what was committed is there after kill -9', async () => {
  const dataDir = await copyTemplate()
  const child = await openInChild(dataDir)
  const client = await openClient(child.url)
  await client.query('CREATE TABLE kept (a int)')
  await client.query('BEGIN')
  await client.query('INSERT INTO kept SELECT generate_series(1, 1000)')
  await client.query('COMMIT')
  child.process.kill('SIGKILL')
  await once(child.process, 'exit')
  const database = await openEmbeddedDatabase({
    dataDir,
    host: '127.0.0.1',
    port: 0,
    onCrash: () => undefined,
  })
  const again = await openClient(database.url)
  expect((await again.query('SELECT count(*)::int AS n FROM kept')).rows).toEqual([{ n: 1000 }])
  await again.end()
  await database.close()
  await rm(dataDir, { recursive: true })
})

test('closing ends the connections with the reason and the directory opens again', async () => {
  const own = await openTestEmbedded()
  const client = await openClient(own.url)
  const ended = once(client, 'error')
  await own.close()
  expect(await ended).toMatchObject([{ code: '57P01' }])
})

const psqlMissing = spawnSync('psql', ['--version']).error === undefined ? false : 'psql is not installed'

test('psql describes tables and copies in and out', async (context) => {
  context.skip(psqlMissing !== false, String(psqlMissing))
  const name = await table()
  const child = spawn('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', database.url], { stdio: 'pipe' })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stdin.end(`\\d ${name}
\\copy ${name} from stdin
1\tone
2\ttwo
\\.
\\copy ${name} to stdout with (format csv)
\\copy ${name} from stdin
3\tthree
three\tx
\\.
`)
  await once(child, 'close')
  expect(output).toContain(`"${name}_pkey" PRIMARY KEY, btree (a)`)
  expect(output).toContain('1,one\n2,two\n')
  expect(output).toContain(`COPY ${name}, line 2, column a: "three"`)
  expect(child.exitCode).toBe(3) // ON_ERROR_STOP
  expect(await count(name)).toBe(2)
})

/** A program of its own that opens the directory and prints the URL. */
async function openInChild(dataDir: string): Promise<{ process: ChildProcess; url: string }> {
  const module = new URL('../../dist/embedded/database.js', import.meta.url).href
  const code = `import { openEmbeddedDatabase } from ${JSON.stringify(module)}
    const { url } = await openEmbeddedDatabase({ dataDir: process.argv[1], host: '127.0.0.1', port: 0, onCrash: (error) => { throw error } })
    console.log(url)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  return { process: child, url: line }
}

/** A connection spoken to in messages; answers are given as the string of their types. */
async function openRaw(): Promise<{
  send(...messages: Buffer[]): void
  answer(until?: string): Promise<string>
}> {
  const socket = connect(database.port, '127.0.0.1')
  onTestFinished(() => {
    socket.destroy()
  })
  let bytes = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
  })
  async function answer(until = 'Z'): Promise<string> {
    const types = () => Array.from(backendMessages(bytes), ({ type }) => type).join('')
    await waitFor(() => types().endsWith(until), { what: `an answer that ends with ${until}` })
    const seen = types()
    bytes = Buffer.alloc(0)
    return seen
  }
  const startup = Buffer.from('\0\0\0\0\0\x03\0\0user\0postgres\0\0', 'latin1')
  startup.writeUInt32BE(startup.length)
  socket.write(startup)
  await answer()
  return { answer, send: (...messages) => socket.write(Buffer.concat(messages)) }
}

const parse = (name: string, sql: string) => encodeMessage('P', Buffer.from(`${name}\0${sql}\0\0\0`))
const bind = (name: string) => encodeMessage('B', Buffer.from(`\0${name}\0\0\0\0\0\0\0`))
function execute(rows: number): Buffer {
  const body = Buffer.alloc(5)
  body.writeUInt32BE(rows, 1)
  return encodeMessage('E', body)
}

/** COPY's binary format: tag text, t timestamptz, x float8; one millisecond and one tag after the other. */
function* binaryPings(rows: number): Generator<Buffer> {
  yield Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
  const start = BigInt(Date.parse('2026-01-01T00:00:00Z') - Date.parse('2000-01-01T00:00:00Z')) * 1000n
  for (let n = 0; n < rows; n++) {
    const row = Buffer.alloc(40)
    row.writeUInt16BE(3, 0)
    row.writeUInt32BE(10, 2)
    row.write(`TAG${String(n % 3500).padStart(7, '0')}`, 6, 'latin1')
    row.writeUInt32BE(8, 16)
    row.writeBigInt64BE(start + BigInt(n) * 1000n, 20)
    row.writeUInt32BE(8, 28)
    row.writeDoubleBE(n, 32)
    yield row
  }
  yield Buffer.from([0xff, 0xff])
}
