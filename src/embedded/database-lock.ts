/**
 * At most one process has a data directory open. The lock is a listening socket under a name made from the directory's identity
 * (device and inode, so every path to it is the same), held by the operating system and released by it when the process dies,
 * however it dies: nothing is left to judge stale, and a reused pid cannot be mistaken for the owner.
 * Linux: an abstract socket. Windows: a named pipe. Elsewhere: a socket file in the temporary directory, removed when nobody answers.
 * Not covered: containers with separate network namespaces that share a volume.
 */

import { createHash } from 'node:crypto'
import { access, constants, mkdir, stat, unlink } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError, messageOf } from '../ops/user-error.ts'

export interface DatabaseLock {
  release(): Promise<void>
}

/** A healthy owner answers at once; a suspended one still owns. */
const ANSWER_TIMEOUT_MS = 1000

/** Creates `dataDir` if absent and takes it. Throws UserError when another process has it. */
export async function lockDataDir(dataDir: string): Promise<DatabaseLock> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    await access(dataDir, constants.W_OK)
  } catch (error) {
    const reason = messageOf(error)
    throw new UserError(
      `The data directory ${dataDir} cannot be used: ${reason}. Set DATA_DIR to one that can be written.`,
      1,
      { cause: error },
    )
  }
  const { dev, ino } = await stat(dataDir)
  const name = `rtls-ingest-${createHash('sha256').update(`${dev}:${ino}`).digest('hex').slice(0, 32)}`
  const path = socketPath(name)
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.end(String(process.pid))
  })
  server.unref()
  for (;;) {
    if (await listens(server, path)) return { release: async () => close(server) }
    const owner = await askOwner(path)
    if (owner !== undefined)
      throw new UserError(
        `The data directory ${dataDir} is in use by another rtls-ingest${owner === '' ? '' : ` (process ${owner})`}: stop it or set DATA_DIR to another directory.`,
      )
    if (!IS_SELF_RELEASING) await unlink(path).catch(() => undefined)
  }
}

const IS_SELF_RELEASING = process.platform === 'linux' || process.platform === 'win32'

function socketPath(name: string): string {
  if (process.platform === 'linux') return `\0${name}`
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`
  return join(tmpdir(), `${name}.sock`)
}

async function listens(server: Server, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false)
      else reject(error)
    }
    server.once('error', onError)
    server.listen(path, () => {
      server.off('error', onError)
      resolve(true)
    })
  })
}

/** The owner's pid, '' when it does not say, or undefined when nobody owns the name (any more). */
async function askOwner(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect(path)
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => {
      socket.destroy()
      resolve('')
    })
    socket.on('data', (chunk) => {
      answer += chunk.toString()
    })
    socket.on('end', () => {
      resolve(answer)
    })
    socket.on('error', () => {
      resolve(undefined)
    })
  })
}

async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve()
    })
  })
}
