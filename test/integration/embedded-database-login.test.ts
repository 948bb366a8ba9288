// Who gets into the embedded database, and when.
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type EmbeddedDatabase, openEmbeddedDatabase } from '../../src/embedded/database.ts'
import { encodeQuery } from '../../src/embedded/wire.ts'
import { prepareTemplate } from '../support/embedded.ts'
import { encodeStartup, failure, openClient } from '../support/embedded-client.ts'
import { listenOnLoopback } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

const password = 'söme p@ss/word'
/** What came of each connection made while it was starting. */
const early: string[] = []
let dataDir: string
let database: EmbeddedDatabase

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'rtls-test-'))
  const templateDir = await prepareTemplate()
  const probe = net.createServer()
  const port = await listenOnLoopback(probe)
  await new Promise((resolve) => {
    probe.close(resolve)
  })
  const opening = openEmbeddedDatabase({
    dataDir: join(dataDir, 'db'),
    templateDir,
    host: '127.0.0.1',
    port,
    password,
    onCrash: (error) => {
      throw error
    },
  })
  const url = `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`
  await waitFor(async () => early.includes(await codeOf(new Client(url).connect(), early)), {
    what: 'the answer of a database that is starting, or open',
  })
  database = await opening
})
afterAll(async () => {
  await database.close()
  await rm(dataDir, { recursive: true, force: true })
})

async function codeOf(connecting: Promise<unknown>, into: string[]): Promise<string> {
  const code = await connecting.then(
    () => 'open',
    (error: { code?: string }) => String(error.code),
  )
  if (code !== 'ECONNREFUSED') into.push(code)
  return code
}

test('who comes before it is open is told that it is starting up, and may come again', async () => {
  expect(early).toEqual(['57P03'])
  expect((await (await openClient(database.url)).query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
})

test('a wrong password and none are refused, as by any server', async () => {
  const wrong = new URL(database.url)
  wrong.password = 'guess'
  expect(await failure(new Client(wrong.href).connect())).toMatchObject({
    code: '28P01',
    severity: 'FATAL',
    message: 'password authentication failed for user "postgres"',
  })
  wrong.password = ''
  await expect(new Client(wrong.href).connect()).rejects.toThrow(/password must be/u)
})

test('nothing is answered to a client that does not give the password first', async () => {
  for (const message of [encodeQuery('SELECT 1'), Buffer.from('p\0\0\0\x09nope\0', 'latin1')]) {
    const socket = net.connect(database.port, '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')))
    socket.write(encodeStartup())
    await waitFor(() => answer.includes('SCRAM-SHA-256'), { what: 'the request for a password' })
    socket.write(message)
    await waitFor(() => /C(?:08P01|28P01)/u.test(answer), { what: 'the refusal' })
    expect(answer).not.toContain('Z\0\0\0\x05')
    socket.destroy()
  }
})

test('psql logs in with it', async (context) => {
  const run = promisify(execFile)
  const found = await run('psql', ['--version']).then(
    () => true,
    () => false,
  )
  if (!found) context.skip('psql is not installed')
  const { stdout } = await run('psql', [database.url, '-Atc', 'SELECT 41 + 1'])
  expect(stdout.trim()).toBe('42')
})
