// The embedded database as a process among others: its port, its directory, its death, and clients that speak nonsense.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { openEmbeddedDatabase, type EmbeddedDatabase } from '../../src/embedded/database.ts'
import { encodeQuery } from '../../src/embedded/wire.ts'
import { openTestEmbedded, prepareTemplate } from '../support/embedded.ts'
import { encodeStartup, failure, openClient } from '../support/embedded-client.ts'
import { waitFor } from '../support/wait-for.ts'

let database: Awaited<ReturnType<typeof openTestEmbedded>>
beforeAll(async () => {
  database = await openTestEmbedded()
})
afterAll(async () => {
  await database.close()
})

test('garbage closes the connection that sent it and no other', async () => {
  const client = await openClient(database.url)
  const startup = encodeStartup()
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
  for (const byte of Buffer.concat([encodeStartup(), encodeQuery(`SELECT 'cut' || 'up'`)]))
    await new Promise((resolve) => socket.write(Buffer.from([byte]), resolve))
  expect(await waitFor(() => answer.includes('cutup'), { what: 'the answer' })).toBe(true)
  socket.destroy()
})

test('two hundred clients that connect at once are all served', async () => {
  const clients = await Promise.all(Array.from({ length: 200 }, async () => openClient(database.url)))
  const answers = await Promise.all(
    clients.map(async (client, n) => client.query('SELECT $1::int AS n', [n])),
  )
  expect(answers.map(({ rows }) => (rows[0] as { n: number }).n)).toEqual(clients.map((_, n) => n))
})

test('a busy port is said in one sentence that names the port and the variable', async () => {
  const dataDir = await makeDataDir()
  const opening = open(dataDir, database.port)
  await expect(opening).rejects.toThrow(
    `The embedded database cannot listen on 127.0.0.1:${database.port}: the port is in use. Stop the other program or set DATABASE_PORT to a free port.`,
  )
})

test('a query that crashes the backend costs its connection, and the database is open again with its data', async () => {
  const own = await openTestEmbedded()
  onTestFinished(async () => own.close())
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
  const three = await waitFor(async () => openClient(own.url), { what: 'the database to be open again' })
  expect((await three.query('SELECT a FROM kept')).rows).toEqual([{ a: 1 }])
})

test('a data directory that another process has open is refused in one sentence, and is free again when it is killed', async () => {
  const dataDir = await makeDataDir()
  const child = await openInChild(dataDir)
  const opening = open(dataDir, 0)
  await expect(opening).rejects.toThrow(
    `The data directory ${dataDir} is in use by another rtls-ingest (process ${child.process.pid}): stop it or set DATA_DIR to another directory.`,
  )
  child.process.kill('SIGKILL')
  await once(child.process, 'exit')
  const mine = await open(dataDir, 0)
  await mine.close()
})

test('a directory whose making was interrupted is made anew', async () => {
  const dataDir = await makeDataDir()
  await mkdir(join(dataDir, 'postgres.new'))
  await writeFile(join(dataDir, 'postgres.new', 'base'), 'half a directory')
  const own = await open(dataDir, 0)
  const client = await openClient(own.url)
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  await client.end()
  await own.close()
})

test('a directory of another PostgreSQL is refused with both versions', async () => {
  const dataDir = await makeDataDir()
  await mkdir(join(dataDir, 'postgres'))
  await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '18\n')
  await expect(open(dataDir, 0)).rejects.toThrow('it was made by PostgreSQL 18 and this is 17')
})

test('what was committed is there after kill -9', async () => {
  const dataDir = await makeDataDir()
  const child = await openInChild(dataDir)
  const client = await openClient(child.url)
  await client.query('CREATE TABLE kept (a int)')
  await client.query('BEGIN')
  await client.query('INSERT INTO kept SELECT generate_series(1, 1000)')
  await client.query('COMMIT')
  child.process.kill('SIGKILL')
  await once(child.process, 'exit')
  const database = await open(dataDir, 0)
  const again = await openClient(database.url)
  expect((await again.query('SELECT count(*)::int AS n FROM kept')).rows).toEqual([{ n: 1000 }])
  await again.end()
  await database.close()
})

test('closing ends the connections with the reason and the directory opens again', async () => {
  const own = await openTestEmbedded()
  const client = await openClient(own.url)
  const ended = once(client, 'error')
  await own.close()
  expect(await ended).toMatchObject([{ code: '57P01' }])
})

/** An empty directory, removed when the test has finished. */
async function makeDataDir(): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'rtls-test-'))
  onTestFinished(async () => {
    await rm(dataDir, { recursive: true, force: true })
  })
  return dataDir
}

async function open(dataDir: string, port: number): Promise<EmbeddedDatabase> {
  const templateDir = await prepareTemplate()
  return openEmbeddedDatabase({ dataDir, templateDir, host: '127.0.0.1', port, onCrash: () => undefined })
}

/** A program of its own that opens the directory and prints the URL. */
async function openInChild(dataDir: string): Promise<{ process: ChildProcess; url: string }> {
  const module = new URL('../../dist/embedded/database.js', import.meta.url).href
  const code = `import { openEmbeddedDatabase } from ${JSON.stringify(module)}
    const { url } = await openEmbeddedDatabase({ dataDir: process.argv[1], templateDir: process.argv[2], host: '127.0.0.1', port: 0, onCrash: (error) => { throw error } })
    console.log(url)`
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', code, dataDir, await prepareTemplate()],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), once(child, 'exit')])) as [
    string,
  ]
  expect(line).toMatch(/^postgres:/)
  return { process: child, url: line }
}
