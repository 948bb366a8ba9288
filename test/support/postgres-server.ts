// A PostgreSQL server of our own, with TimescaleDB, passwords (SCRAM) and standbys, where one is installed: the folder of its
// programs is RTLS_TEST_POSTGRES_BIN, or Debian's. PostgreSQL does not run as root: then it runs as the user postgres.
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { TestRunner, onTestFinished } from 'vitest'
import type { Issued } from './certificates.ts'
import { atProcessEnd } from './process-end.ts'
import { queryOnce } from './query.ts'
import { freePort } from './free-port.ts'

export interface PostgresServer {
  readonly port: number
  /** Of the superuser, who needs no password; everybody else does. */
  readonly adminUrl: string
  /** On this port, or where it was. */
  start(port?: number): void
  /** immediate: as in a power cut. */
  stop(how: 'fast' | 'immediate'): void
  promote(): void
  /** A copy that follows this one, started. */
  openStandby(): Promise<PostgresServer>
}

const hba = `local all all trust
local replication all trust
host all postgres 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
`

/** Users other than the superuser must come over TLS, with a certificate that names them. */
const hbaOfCertificates = `local all all trust
local replication all trust
host all postgres 127.0.0.1/32 trust
hostssl all all 127.0.0.1/32 cert
`

/** The server's certificate, and whose certificates it takes. */
export interface ServerTls extends Issued {
  readonly caFile: string
}

/**
 * Opens a server with an empty database `rtls` that has the extension; it is removed with its standby when the test has finished.
 * Where none is installed the running test is skipped.
 */
export async function openPostgresServer(tls?: ServerTls): Promise<PostgresServer> {
  const bin = findServer()
  if (bin === undefined) return skipTest('no PostgreSQL server with TimescaleDB is installed')
  const run = runner(bin)
  if (run === undefined) return skipTest('PostgreSQL does not run as root, and there is no user postgres')
  const folder = mkdtempSync(path.join(tmpdir(), 'rtls-postgres-'))
  chmodSync(folder, 0o777)
  const dataDir = path.join(folder, 'primary')
  run('initdb', '-D', dataDir, '-U', 'postgres', '-A', 'trust', '--no-sync')
  appendFileSync(
    path.join(dataDir, 'postgresql.conf'),
    `listen_addresses = '127.0.0.1'
unix_socket_directories = '${folder}'
shared_preload_libraries = 'timescaledb'
timescaledb.telemetry_level = off
password_encryption = 'scram-sha-256'
shared_buffers = 32MB
`,
  )
  writeFileSync(path.join(dataDir, 'pg_hba.conf'), tls === undefined ? hba : hbaOfCertificates)
  if (tls !== undefined) turnOnTls(dataDir, tls)
  const server = serverIn(dataDir, run, await freePort())
  const remove = (): void => {
    for (const each of ['primary', 'standby'])
      try {
        run('pg_ctl', '-D', path.join(folder, each), '-m', 'immediate', 'stop')
      } catch {
        // It was never started, or has ended.
      }
    rmSync(folder, { recursive: true, force: true })
  }
  const takeBack = atProcessEnd(remove)
  onTestFinished(() => {
    takeBack()
    remove()
  })
  server.start()
  await queryOnce(server.adminUrl.replace(/rtls$/u, 'postgres'), 'CREATE DATABASE rtls')
  await queryOnce(server.adminUrl, 'CREATE EXTENSION timescaledb')
  return server
}

/** The server reads its key only when it owns it and nobody else may. */
function turnOnTls(dataDir: string, tls: ServerTls): void {
  const { uid, gid } = statSync(dataDir)
  const files = { ssl_cert_file: tls.certFile, ssl_key_file: tls.keyFile, ssl_ca_file: tls.caFile }
  const lines = Object.entries(files).map(([setting, file]) => {
    const copy = path.join(dataDir, `${setting}.pem`)
    copyFileSync(file, copy)
    chmodSync(copy, 0o600)
    chownSync(copy, uid, gid)
    return `${setting} = '${copy}'`
  })
  appendFileSync(path.join(dataDir, 'postgresql.conf'), `${['ssl = on', ...lines].join('\n')}\n`)
}

type Run = (program: string, ...args: string[]) => void

function serverIn(dataDir: string, run: Run, firstPort: number): PostgresServer {
  let port = firstPort
  const ctl = (...args: string[]): void => run('pg_ctl', '-D', dataDir, '-w', '-t', '60', ...args)
  const stop = (how: 'fast' | 'immediate'): void => {
    if (existsSync(path.join(dataDir, 'postmaster.pid'))) ctl('-m', how, 'stop')
  }
  return {
    get port() {
      return port
    },
    get adminUrl() {
      return `postgres://postgres@127.0.0.1:${port}/rtls`
    },
    start(at = port) {
      port = at
      ctl('-o', `-p ${port}`, '-l', `${dataDir}.log`, 'start')
    },
    stop,
    promote: () => ctl('promote'),
    async openStandby() {
      const copy = path.join(path.dirname(dataDir), 'standby')
      // Without `fast` it waits for the next checkpoint, which may be minutes.
      run(
        'pg_basebackup',
        '-c',
        'fast',
        '-D',
        copy,
        '-R',
        '-h',
        path.dirname(dataDir),
        '-p',
        String(port),
        '-U',
        'postgres',
      )
      const standby = serverIn(copy, run, await freePort())
      standby.start()
      return standby
    },
  }
}

function findServer(): string | undefined {
  const debian = '/usr/lib/postgresql'
  const folders = [
    process.env['RTLS_TEST_POSTGRES_BIN'] ?? '',
    ...(existsSync(debian) ? readdirSync(debian).map((version) => path.join(debian, version, 'bin')) : []),
  ]
  return folders.find((folder) => {
    const config = path.join(folder, 'pg_config')
    if (folder === '' || !existsSync(path.join(folder, 'initdb')) || !existsSync(config)) return false
    const shared = execFileSync(config, ['--sharedir'], { encoding: 'utf8' }).trim()
    return existsSync(path.join(shared, 'extension', 'timescaledb.control'))
  })
}

function runner(bin: string): Run | undefined {
  // Its server inherits what it gets, and would keep a pipe open.
  const options = { cwd: '/', stdio: 'ignore' } as const
  if (process.getuid?.() !== 0)
    return (program, ...args) => void execFileSync(path.join(bin, program), args, options)
  try {
    execFileSync('id', ['postgres'], options)
  } catch {
    return undefined
  }
  return (program, ...args) =>
    void execFileSync('runuser', ['-u', 'postgres', '--', path.join(bin, program), ...args], options)
}

function skipTest(reason: string): never {
  const test = TestRunner.getCurrentTest()
  if (test === undefined) throw new Error(reason)
  return test.context.skip(reason)
}
