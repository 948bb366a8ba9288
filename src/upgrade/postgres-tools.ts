/**
 * pg_dump and pg_restore of the PostgreSQL client on this machine: found, of the right version, run without a password on the
 * command line. Every way in which they can be missing or wrong is one sentence.
 */
import { spawn } from 'node:child_process'
import path from 'node:path'
import { UserError } from '../ops/user-error.ts'

export interface PostgresTools {
  readonly dump: string
  readonly restore: string
  readonly version: string
}

/** `serverNumber` as server_version_num. `binDir`: where the two programs are, if not on PATH. Errors: UserError. */
export async function findPostgresTools(serverNumber: number, binDir?: string): Promise<PostgresTools> {
  const dump = binDir === undefined ? 'pg_dump' : path.join(binDir, 'pg_dump')
  const restore = binDir === undefined ? 'pg_restore' : path.join(binDir, 'pg_restore')
  const server = Math.floor(serverNumber / 10_000)
  const version = await versionOf(dump, server, binDir)
  await versionOf(restore, server, binDir)
  const major = Number.parseInt(version, 10)
  if (major < server)
    throw new UserError(
      `${dump} is of PostgreSQL ${version}, the server of ${server}: an older pg_dump cannot read it. ` +
        `Install the client of PostgreSQL ${server} (Debian, with the PGDG repository: apt install postgresql-client-${server}) ` +
        `and name its directory, such as --pg-bin /usr/lib/postgresql/${server}/bin.`,
    )
  return { dump, restore, version }
}

async function versionOf(program: string, server: number, binDir: string | undefined): Promise<string> {
  try {
    const { stdout } = await run(program, ['--version'], {})
    return /\d+(?:\.\d+)*/u.exec(stdout)?.[0] ?? '0'
  } catch (error) {
    if (!isMissing(error)) throw error
    throw new UserError(
      `${path.basename(program)} was not found ${binDir === undefined ? 'on PATH' : `in ${binDir}`}. ` +
        `Install the PostgreSQL client (Debian: apt install postgresql-client; version ${server} or later), ` +
        `or name the directory of its programs with --pg-bin; or make a backup of your own and say --i-have-a-backup.`,
      1,
      { cause: error },
    )
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EACCES')

/** What libpq needs to connect as we do: the URL without its password, which anybody on the machine could read in the process list. */
export function connectionFor(url: string): {
  readonly dbname: string
  readonly env: Record<string, string>
} {
  const parsed = new URL(url)
  const password =
    parsed.password === '' ? parsed.searchParams.get('password') : decodeURIComponent(parsed.password)
  parsed.password = ''
  parsed.searchParams.delete('password')
  return { dbname: parsed.href, env: password === null ? {} : { PGPASSWORD: password } }
}

/** Runs to the end. Errors: UserError with what the program said, when it ends with another code than 0. */
export async function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ readonly stdout: string }> {
  return new Promise((resolve, reject) => {
    // Settings, not secrets of ours: libpq reads its own variables, such as PGSSLROOTCERT, from the environment.
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = `${stderr}${chunk.toString()}`.slice(-4000)
    })
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0) resolve({ stdout })
      else
        reject(
          new UserError(
            `${path.basename(program)} failed (${signal ?? `exit code ${code}`}): ${stderr.trim().replaceAll('\n', ' ')}`,
          ),
        )
    })
  })
}
