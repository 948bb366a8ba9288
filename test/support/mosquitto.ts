// A real Mosquitto as a child process, on a free loopback port with a folder of its own, that can be stopped, killed and
// started again with its persistent sessions. It is killed and its folder removed when the test file's process ends.
//
// A killed Mosquitto keeps what it last wrote to disk: pass `autosave_interval 1` with `autosave_on_changes true` where
// a test kills it and expects sessions to survive.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { TestRunner } from 'vitest'
import { atProcessEnd } from './process-end.ts'
import { freePort } from './free-port.ts'
import { waitFor } from './wait-for.ts'

export interface Mosquitto {
  readonly port: number
  readonly url: string
  /** What it logged since it was opened. */
  log(): string
  /** SIGTERM: it writes its sessions to disk and ends. */
  stop(): Promise<void>
  /** SIGKILL: it ends as in a power cut. */
  kill(): Promise<void>
  /** Starts it again, with the same port and sessions; one that still runs is stopped first. */
  restart(): Promise<void>
}

export interface MosquittoOptions {
  port?: number
  /** Kept by the caller; without it a temporary folder is used. */
  persistenceDir?: string
  /** More lines of mosquitto.conf. */
  config?: string[]
}

const START_DEADLINE_MS = 60_000
const STOP_DEADLINE_MS = 10_000
const TRIES = 5

/** The path of the Mosquitto binary, or undefined where none is installed. */
export function findMosquitto(): string | undefined {
  // Debian installs it in /usr/sbin, which is not on every user's PATH.
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map((folder) => path.join(folder, 'mosquitto')).find((file) => existsSync(file))
}

/** Opens a Mosquitto that accepts connections. Where none is installed the running test is skipped with that reason. */
export async function openMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  const binary = findMosquitto() ?? skipTest('Mosquitto is not installed')
  const folder = mkdtempSync(path.join(tmpdir(), 'rtls-mosquitto-'))
  let port = 0
  let child: ChildProcess | undefined
  let output = ''

  atProcessEnd(() => {
    child?.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })

  async function start(): Promise<void> {
    const loggedBefore = output.length
    const configFile = path.join(folder, 'mosquitto.conf')
    writeFileSync(configFile, formatConfig(port, options.persistenceDir ?? folder, options.config ?? []))
    const started = spawn(binary, ['-c', configFile], { stdio: ['ignore', 'pipe', 'pipe'] })
    child = started
    for (const stream of [started.stdout, started.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    const hasEnded = (): boolean => started.exitCode !== null || started.signalCode !== null
    // Its own word first: on a port that somebody else has just taken, a connection would prove nothing.
    const isRunning = async (): Promise<boolean> =>
      / running$/m.test(output.slice(loggedBefore)) && (await canConnect(port))
    await waitFor(async () => hasEnded() || isRunning(), {
      what: `Mosquitto to accept connections on port ${port}`,
      deadlineMs: START_DEADLINE_MS,
    }).catch((error: unknown) => {
      throw new Error(`Mosquitto did not start:\n${output}`, { cause: error })
    })
    if (hasEnded()) throw new Error(`Mosquitto ended at once (code ${started.exitCode}):\n${output}`)
  }

  async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const ending = child
    child = undefined
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return
    const exited = once(ending, 'exit')
    ending.kill(signal)
    const force = setTimeout(() => ending.kill('SIGKILL'), STOP_DEADLINE_MS)
    await exited
    clearTimeout(force)
  }

  // A free port may be taken by another process between the look and the start.
  for (let attempt = 1; child === undefined; attempt += 1) {
    port = options.port ?? (await freePort())
    try {
      await start()
    } catch (error) {
      await end('SIGKILL')
      if (attempt === TRIES || !output.includes('Address already in use')) throw error
    }
  }

  return {
    port,
    url: `mqtt://127.0.0.1:${port}`,
    log: () => output,
    stop: async () => end('SIGTERM'),
    kill: async () => end('SIGKILL'),
    restart: async () => {
      await end('SIGTERM')
      await start()
    },
  }
}

/** Skips the running test with the reason; in a hook that belongs to no test (beforeAll) it throws. */
function skipTest(reason: string): never {
  const test = TestRunner.getCurrentTest()
  if (test === undefined) throw new Error(reason)
  return test.context.skip(reason)
}

function formatConfig(port: number, persistenceDir: string, more: string[]): string {
  return [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'persistence true',
    `persistence_location ${persistenceDir}/`,
    'log_dest stderr', // its stdout is buffered in a pipe
    // As root it would change to the user mosquitto, who may not write to our folder.
    ...(process.getuid?.() === 0 ? ['user root'] : []),
    ...more,
    '',
  ].join('\n')
}

async function canConnect(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
