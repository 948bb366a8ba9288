// A database that can be killed: the embedded one in a process of its own, or, on a server that is not ours to kill,
// its connections to us, terminated from within.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import path from 'node:path'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import pg from 'pg'
import { openTestDatabase } from './database.ts'
import { prepareTemplate } from './embedded.ts'
import { atProcessEnd } from './process-end.ts'
import { listenOnLoopback } from './tcp-proxy.ts'
import { waitFor } from './wait-for.ts'

export interface KillableDatabase {
  readonly url: string
  /** kill -9, and start again on the same port with the same data; resolves when it answers. */
  killAndRestart: () => Promise<void>
  close: () => Promise<void>
}

const modulePath = path.resolve(import.meta.dirname, '../../dist/embedded/database.js')
const script = `
  const { openEmbeddedDatabase } = await import(process.argv[1])
  await openEmbeddedDatabase({ password: process.argv[5] ?? null, dataDir: process.argv[2], templateDir: process.argv[4], host: '127.0.0.1', port: Number(process.argv[3]), onCrash(error) { throw error } })
  process.stdout.write('open\\n')
`

export async function openKillableDatabase(): Promise<KillableDatabase> {
  return process.env['RTLS_TEST_DATABASE_URL'] === undefined || process.env['RTLS_TEST_DATABASE_URL'] === ''
    ? openProcess()
    : openServer()
}

/** The embedded one, whatever other tests use, asking for this password; each restart may change it. */
export async function openGuardedDatabase(password: string): Promise<{
  readonly url: string
  readonly restart: (password: string) => Promise<void>
  readonly close: () => Promise<void>
}> {
  const { url, killAndRestart, close } = await openProcess(password)
  return { url, restart: killAndRestart, close }
}

async function openProcess(
  password?: string,
): Promise<KillableDatabase & { killAndRestart: (password?: string) => Promise<void> }> {
  const templateDir = await prepareTemplate()
  const dataDir = mkdtempSync(path.join(tmpdir(), 'rtls-killable-'))
  const probe = net.createServer()
  const port = await listenOnLoopback(probe)
  await new Promise((resolve) => {
    probe.close(resolve)
  })
  let child: ChildProcess | undefined
  atProcessEnd(() => child?.kill('SIGKILL'))
  const start = async (password?: string): Promise<void> => {
    const started = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        script,
        modulePath,
        dataDir,
        String(port),
        templateDir,
        ...(password === undefined ? [] : [password]),
      ],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    child = started
    let output = ''
    started.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    await waitFor(() => output.includes('open'), { what: 'the database process' })
  }
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await start(password)
  const login = password === undefined ? 'postgres' : `postgres:${password}`
  return {
    url: `postgres://${login}@127.0.0.1:${port}/postgres`,
    killAndRestart: async (changed: string | undefined = password) => {
      await kill()
      await start(changed)
    },
    async close() {
      await kill()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

async function openServer(): Promise<KillableDatabase> {
  const database = await openTestDatabase()
  return {
    ...database,
    async killAndRestart() {
      const client = new pg.Client(database.url)
      await client.connect()
      try {
        await client.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
        )
      } finally {
        await client.end()
      }
    },
  }
}
