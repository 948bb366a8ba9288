// COPY in and out of the embedded database, by pg-copy-streams and psql.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { DatabaseError } from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestEmbedded } from '../support/embedded.ts'
import { countRows, createTable, cut, failure, openClient } from '../support/embedded-client.ts'

let database: Awaited<ReturnType<typeof openTestEmbedded>>
beforeAll(async () => {
  database = await openTestEmbedded()
})
afterAll(async () => {
  await database.close()
})

test('binary COPY takes 50,000 rows of a hypertable', async () => {
  const client = await openClient(database.url)
  await client.query('CREATE TABLE pings (tag text, t timestamptz NOT NULL, x float8, UNIQUE (tag, t))')
  await client.query(`SELECT create_hypertable('pings', 't')`)
  const stream = client.query(copyFrom('COPY pings (tag, t, x) FROM STDIN (FORMAT binary)'))
  await pipeline(Readable.from(binaryPings(50_000)), stream)
  expect(stream.rowCount).toBe(50_000)
  expect(await countRows(database.url, 'pings')).toBe(50_000)
  const { rows } = await client.query(`SELECT x, t FROM pings WHERE tag = 'TAG0000007' ORDER BY t LIMIT 1`)
  expect(rows).toEqual([{ x: 7, t: new Date('2026-01-01T00:00:00.007Z') }])
})

test('COPY TO STDOUT gives the rows back through pg-copy-streams', async () => {
  const name = await createTable(database.url)
  const client = await openClient(database.url)
  await client.query(`INSERT INTO ${name} SELECT a, repeat('x', 100) FROM generate_series(1, 20000) a`)
  let size = 0
  for await (const chunk of client.query(copyTo(`COPY ${name} TO STDOUT`))) size += (chunk as Buffer).length
  expect(size).toBe(2_128_894)
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
})

test('a COPY that fails names its line, changes nothing, and leaves the connection usable', async () => {
  const name = await createTable(database.url)
  const client = await openClient(database.url)
  const copy = async (lines: string) => {
    await pipeline(Readable.from([Buffer.from(lines)]), client.query(copyFrom(`COPY ${name} FROM STDIN`)))
  }
  const error = await failure(copy('1\tx\n2\ty\nthree\tz\n'))
  expect(error).toMatchObject({ code: '22P02', where: `COPY ${name}, line 3, column a: "three"` })
  expect(await countRows(database.url, name)).toBe(0)
  await copy('1\tx\n')
  expect(await failure(copy('2\tx\n1\ty\n'))).toMatchObject({ code: '23505', where: `COPY ${name}, line 2` })
  expect(await countRows(database.url, name)).toBe(1)
})

test('a COPY that fails in a transaction block fails the block', async () => {
  const name = await createTable(database.url)
  const client = await openClient(database.url)
  await client.query('BEGIN')
  await client.query(`INSERT INTO ${name} VALUES (1)`)
  const stream = client.query(copyFrom(`COPY ${name} FROM STDIN`))
  expect(await failure(pipeline(Readable.from([Buffer.from('x\ty\n')]), stream))).toMatchObject({
    code: '22P02',
  })
  expect(await failure(client.query('SELECT 1'))).toMatchObject({ code: '25P02' })
  await client.query('ROLLBACK')
  expect(await countRows(database.url, name)).toBe(0)
})

test('a COPY into a table that does not exist is refused before any data is sent', async () => {
  const client = await openClient(database.url)
  for (const begin of ['SELECT 1', 'BEGIN']) {
    await client.query(begin)
    const stream = client.query(copyFrom('COPY nowhere FROM STDIN'))
    const [error] = (await once(stream, 'error')) as [DatabaseError]
    expect(error).toMatchObject({ code: '42P01' })
  }
  expect(await failure(client.query('SELECT 1'))).toMatchObject({ code: '25P02' })
})

test('a COPY called off by the client changes nothing and fails its transaction block', async () => {
  const name = await createTable(database.url)
  const client = await openClient(database.url)
  await client.query('BEGIN')
  const stream = client.query(copyFrom(`COPY ${name} FROM STDIN`))
  stream.write('1\tx\n')
  const failed = once(stream, 'error')
  stream.destroy(new Error('changed my mind'))
  await failed
  expect(await failure(client.query('SELECT 1'))).toMatchObject({ code: '25P02' })
  await client.query('ROLLBACK')
  expect(await countRows(database.url, name)).toBe(0)
})

test('a client that vanishes in the middle of a COPY has written nothing and blocks nobody', async () => {
  const name = await createTable(database.url)
  const client = await openClient(database.url)
  await client.query('BEGIN')
  const stream = client.query(copyFrom(`COPY ${name} FROM STDIN`))
  stream.on('error', () => undefined)
  await new Promise((resolve) => {
    stream.write('1\tx\n'.repeat(100_000), resolve)
  })
  cut(client)
  expect(await countRows(database.url, name)).toBe(0)
})

test('COPY in other forms than one simple query is refused and the connection stays usable', async () => {
  const name = await createTable(database.url)
  const client = await openClient(database.url)
  expect(await failure(client.query(`SELECT 1; COPY ${name} FROM STDIN`))).toMatchObject({ code: '0A000' })
  expect(await failure(client.query({ name: 'c', text: `COPY ${name} FROM STDIN` }))).toMatchObject({
    code: '0A000',
  })
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
})

const psqlMissing = spawnSync('psql', ['--version']).error === undefined ? false : 'psql is not installed'

test('psql describes tables and copies in and out', async (context) => {
  context.skip(psqlMissing !== false, String(psqlMissing))
  const name = await createTable(database.url)
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
  expect(await countRows(database.url, name)).toBe(2)
})

/** COPY's binary format: tag text, t timestamptz, x float8; one millisecond and one tag after the other, a thousand rows a chunk. */
function* binaryPings(rows: number): Generator<Buffer> {
  yield Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
  const start = BigInt(Date.parse('2026-01-01T00:00:00Z') - Date.parse('2000-01-01T00:00:00Z')) * 1000n
  for (let from = 0; from < rows; from += 1000) {
    const chunk = Buffer.alloc(40 * Math.min(1000, rows - from))
    for (let offset = 0; offset < chunk.length; offset += 40) {
      const n = from + offset / 40
      chunk.writeUInt16BE(3, offset)
      chunk.writeUInt32BE(10, offset + 2)
      chunk.write(`TAG${String(n % 3500).padStart(7, '0')}`, offset + 6, 'latin1')
      chunk.writeUInt32BE(8, offset + 16)
      chunk.writeBigInt64BE(start + BigInt(n) * 1000n, offset + 20)
      chunk.writeUInt32BE(8, offset + 28)
      chunk.writeDoubleBE(n, offset + 32)
    }
    yield chunk
  }
  yield Buffer.from([0xff, 0xff])
}
