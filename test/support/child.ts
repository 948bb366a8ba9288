// The built program as a child process, as an operator runs it: `node dist/cli.js …` with an environment of its own.
//
// A child started in a test is killed when that test has finished; one started in beforeAll when the caller kills it,
// and at the latest when the test file's process ends. Every failure says what the child printed.
import { spawn } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { inject, onTestFinished, TestRunner } from 'vitest'
import { atProcessEnd } from './process-end.ts'
import { waitFor } from './wait-for.ts'

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface Cli {
  readonly pid: number | undefined
  readonly stdout: readonly string[]
  readonly stderr: readonly string[]
  /** Settles when the process has ended and all its output has been read. */
  readonly exit: Promise<Exit>
  /** Everything printed so far, both streams in the order of arrival. */
  output(): string
  /** The first line, past or to come, on either stream, that matches. Rejects when the process ends without it. */
  waitForLine(pattern: RegExp, options?: { deadlineMs?: number }): Promise<RegExpExecArray>
  /** Sends the signal (SIGTERM) and waits for the end. */
  kill(signal?: NodeJS.Signals): Promise<Exit>
}

export interface CliOptions {
  /** The only settings it sees: RTLS and MQTT variables of the developer's shell do not reach it. */
  env?: Record<string, string | undefined>
  cwd?: string
  /** Where the program is installed, if it is not the one of this repository. */
  root?: string
  /** Written to its standard input, which is then closed. */
  stdin?: string
}

const ROOT = path.resolve(import.meta.dirname, '../..')
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'TZ', 'LANG']

/** Starts the built CLI. */
export function startCli(args: readonly string[], options: CliOptions = {}): Cli {
  if (!inject('isDistCurrent')) throw new Error('dist/ could not be built; see the compiler errors above')
  const inherited = Object.fromEntries(INHERITED.map((name) => [name, process.env[name]]))
  const child = spawn(process.execPath, [path.join(options.root ?? ROOT, 'dist', 'cli.js'), ...args], {
    cwd: options.cwd ?? ROOT,
    env: { ...inherited, ...options.env },
    stdio: 'pipe',
  })
  child.stdin.on('error', () => {}) // it may end without reading; its exit code tells
  child.stdin.end(options.stdin ?? '')

  const stdout: string[] = []
  const stderr: string[] = []
  const lines: string[] = []
  const collect = (stream: NodeJS.ReadableStream, into: string[]): void => {
    createInterface({ input: stream }).on('line', (line) => {
      into.push(line)
      lines.push(line)
    })
  }
  collect(child.stdout, stdout)
  collect(child.stderr, stderr)

  let exited: Exit | undefined
  const exit = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      exited = { code, signal }
      resolve(exited)
    })
  })
  exit.catch(() => {}) // whoever awaits it hears of it; nobody may

  const killNow = (): void => {
    child.kill('SIGKILL')
  }
  const takeBack = atProcessEnd(killNow)
  exit.finally(takeBack).catch(() => {})
  if (TestRunner.getCurrentTest() !== undefined) {
    onTestFinished(async () => {
      killNow()
      await exit
    })
  }

  const output = (): string => lines.join('\n')
  const describeState = (): string =>
    exited === undefined ? 'still running' : `ended with ${exited.signal ?? `code ${exited.code}`}`
  const report = (what: string): string =>
    `${what}\n$ rtls-ingest ${args.join(' ')}   (${describeState()})\n${output() || '(no output)'}`

  return {
    pid: child.pid,
    stdout,
    stderr,
    exit,
    output,
    waitForLine: async (pattern, { deadlineMs } = {}) => {
      const what = `a line that matches ${pattern}`
      let searched = 0
      const findMatch = (): RegExpExecArray | undefined => {
        for (; searched < lines.length; searched += 1) {
          const match = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')).exec(
            lines[searched] ?? '',
          )
          if (match !== null) return match
        }
        return undefined
      }
      const found = await waitFor(() => findMatch() ?? exited, {
        what,
        ...(deadlineMs === undefined ? {} : { deadlineMs }),
      }).catch((error: unknown) => {
        throw new Error(report(`Waited in vain for ${what}`), { cause: error })
      })
      if (!('code' in found)) return found
      const match = findMatch()
      if (match === undefined) throw new Error(report(`The process ended without ${what}`))
      return match
    },
    kill: async (signal = 'SIGTERM') => {
      if (exited === undefined) child.kill(signal)
      return exit
    },
  }
}

/** Runs the built CLI to its end; fails, with its output, where it ends with another code than the expected one. */
export async function runCli(
  args: readonly string[],
  options: CliOptions & { expectCode?: number } = {},
): Promise<{ stdout: string; stderr: string }> {
  const cli = startCli(args, options)
  const { code, signal } = await cli.exit
  const expected = options.expectCode ?? 0
  if (code !== expected) {
    throw new Error(
      `rtls-ingest ${args.join(' ')} ended with ${signal ?? `code ${code}`}, not ${expected}:\n${cli.output()}`,
    )
  }
  return { stdout: cli.stdout.join('\n'), stderr: cli.stderr.join('\n') }
}
