/**
 * Child processes and temporary folders. Guarantees: all of them end with the bench, however it ends short of SIGKILL;
 * a child that ends before it is asked to fails whatever waits for it, with what it printed.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Child {
  readonly pid: number
  output(): string
  /** Throws when it has ended. */
  assertRunning(): void
  /** The first line printed, past or to come, for which `find` gives something. */
  waitFor(find: (line: string) => string | undefined, what: string): Promise<string>
  /** Sends a message and resolves with the answer (see `answer`). One question at a time. */
  ask(message: unknown): Promise<unknown>
  /** SIGTERM, then SIGKILL for one that does not listen. */
  stop(): Promise<void>
}

const startDeadlineMs = 60_000
const stopDeadlineMs = 20_000
/** Enough to see why a child failed. */
const maxOutput = 20_000
/** Settings of the bench's own shell must not reach the programs under measurement. */
const inherited = ['PATH', 'HOME', 'TMPDIR', 'TZ', 'LANG', 'LD_LIBRARY_PATH']

const running = new Set<ChildProcess>()
const folders = new Set<string>()

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

export function makeTempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rtls-bench-'))
  folders.add(folder)
  return folder
}

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** Any program. */
export function startProgram(file: string, args: readonly string[], options: ProgramOptions = {}): Child {
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...environment(), ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  return watch(child, `${file} ${args.join(' ')}`)
}

/** A TypeScript file of this folder that calls `answer`; Buffers may be sent. */
export function startHelper(name: string): Child {
  const child = fork(join(import.meta.dirname, name), [], {
    execArgv: ['--import', 'tsx'],
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: environment(),
  })
  return watch(child, name)
}

/** In a helper: answers every message with what `handle` gives, or with its error. Ends with the parent. */
export function answer(handle: (message: unknown) => Promise<unknown>): void {
  process.on('disconnect', () => process.exit(0))
  process.on('message', (message) => {
    handle(message).then(
      (value) => process.send?.({ value }),
      (error: unknown) => process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
    )
  })
}

function environment(): Record<string, string> {
  return Object.fromEntries(
    inherited.flatMap((name) => {
      const value = process.env[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

function watch(child: ChildProcess, name: string): Child {
  running.add(child)
  let output = ''
  let isStopping = false
  const listeners = new Set<() => void>()
  const collect = (text: string): void => {
    output = (output + text).slice(-maxOutput)
    for (const listener of listeners) listener()
  }
  child.stdout?.setEncoding('utf8').on('data', collect)
  child.stderr?.setEncoding('utf8').on('data', collect)

  const failed = (what: string): Error => new Error(`${name}: ${what}\n${output}`)
  const ended = new Promise<never>((_, reject) => {
    child.once('error', (error) => {
      running.delete(child)
      reject(failed(error.message))
    })
    child.once('close', (code, signal) => {
      running.delete(child)
      if (!isStopping) reject(failed(`ended with ${signal ?? `code ${code}`}`))
    })
  })
  ended.catch(() => undefined)

  return {
    pid: child.pid ?? 0,
    output: () => output,
    assertRunning() {
      if (hasEnded(child)) throw failed('has ended')
    },
    async waitFor(find, what) {
      let timer: NodeJS.Timeout | undefined
      let look = (): void => undefined
      const found = new Promise<string>((resolve, reject) => {
        look = () => {
          const value = output
            .split('\n')
            .map((line) => find(line))
            .find((value) => value !== undefined)
          if (value !== undefined) resolve(value)
        }
        listeners.add(look)
        look()
        timer = setTimeout(() => reject(failed(`no ${what} within ${startDeadlineMs} ms`)), startDeadlineMs)
      })
      try {
        return await Promise.race([found, ended])
      } finally {
        clearTimeout(timer)
        listeners.delete(look)
      }
    },
    async ask(message) {
      const reply = once(child, 'message') as Promise<[{ value?: unknown; error?: string }]>
      child.send(message as object)
      const [{ value, error }] = await Promise.race([reply, ended])
      if (error !== undefined) throw failed(error)
      return value
    },
    async stop() {
      isStopping = true
      if (hasEnded(child)) return
      const closed = once(child, 'close')
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), stopDeadlineMs)
      await closed
      clearTimeout(timer)
    },
  }
}

const hasEnded = (child: ChildProcess): boolean =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null
