import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const ROOT = path.resolve(import.meta.dirname, '../..')

// Stands for npm: notes what it was asked to do, "installs" by npm's own record and "builds" by copying.
const FAKE_NPM = `
import fs from 'node:fs'
fs.appendFileSync('npm.log', process.argv[2] + '\\n')
if (fs.existsSync('npm-fails')) { console.error('npm error E404'); process.exit(7) }
if (process.argv[2] === 'ci') {
  fs.rmSync('node_modules', { recursive: true, force: true })
  fs.mkdirSync('node_modules')
} else {
  fs.mkdirSync('dist', { recursive: true })
  for (const name of fs.readdirSync('src')) {
    for (const ext of ['.js', '.js.map']) fs.writeFileSync('dist/' + name.replace('.ts', ext), '')
  }
}
`

let root: string

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'rtls-setup-test-'))
  mkdirSync(path.join(root, 'scripts'))
  mkdirSync(path.join(root, 'src'))
  cpSync(path.join(ROOT, 'scripts/setup.mjs'), path.join(root, 'scripts/setup.mjs'))
  write('npm-cli.js', FAKE_NPM)
  write('package.json', '{"type":"module"}')
  write(
    'package-lock.json',
    JSON.stringify({ packages: { '': {}, a: { version: '1.0.0' }, b: { optional: true } } }),
  )
  write('tsconfig.json', '{}')
  write('src/cli.ts', 'export const a = 1')
})

afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

function write(name: string, text: string): void {
  writeFileSync(path.join(root, name), text)
}

async function runSetup(): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], npm_execpath: path.join(root, 'npm-cli.js') }
    const child = execFile(
      process.execPath,
      ['scripts/setup.mjs'],
      { cwd: root, env },
      (_error, stdout, stderr) => {
        resolve({ code: child.exitCode, output: stdout + stderr })
      },
    )
  })
}

/** What npm was asked to do since the last call. */
function npmCalls(): string[] {
  const log = path.join(root, 'npm.log')
  const calls = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []
  rmSync(log, { force: true })
  return calls
}

describe('the set-up of a clone', () => {
  it('installs and builds a fresh clone, and then finds nothing to do', async () => {
    expect(await runSetup()).toMatchObject({ code: 0 })
    expect(npmCalls()).toEqual(['ci', 'run'])
    expect(await runSetup()).toEqual({ code: 0, output: '' })
    expect(npmCalls()).toEqual([])
  })

  it('installs again when package-lock.json has changed, and builds with what it installed', async () => {
    await runSetup()
    npmCalls()
    write('package-lock.json', JSON.stringify({ packages: { '': {}, a: { version: '2.0.0' } } }))
    await runSetup()
    expect(npmCalls()).toEqual(['ci', 'run'])
  })

  it('takes packages that were installed by hand when they are the right ones', async () => {
    mkdirSync(path.join(root, 'node_modules'))
    write('node_modules/.package-lock.json', JSON.stringify({ packages: { a: { version: '1.0.0' } } }))
    await runSetup()
    expect(npmCalls()).toEqual(['run'])
  })

  it.each([
    ['another version', { a: { version: '2.0.0' } }],
    ['a package missing', {}],
    ['one too many', { a: { version: '1.0.0' }, c: { version: '1.0.0' } }],
  ])('installs over packages that were installed by hand with %s', async (_case, packages) => {
    mkdirSync(path.join(root, 'node_modules'))
    write('node_modules/.package-lock.json', JSON.stringify({ packages }))
    await runSetup()
    expect(npmCalls()).toEqual(['ci', 'run'])
  })

  it.each([
    ['a source has changed', () => write('src/cli.ts', 'export const a = 2')],
    ['a source is new', () => write('src/new.ts', '')],
    ['the compiler options have changed', () => write('tsconfig.json', '{ }')],
    ['a built file is gone', () => rmSync(path.join(root, 'dist/cli.js'))],
  ])('builds again when %s', async (_case, change) => {
    await runSetup()
    npmCalls()
    change()
    await runSetup()
    expect(npmCalls()).toEqual(['run'])
  })

  it('removes built files whose source is gone', async () => {
    write('src/old.ts', '')
    await runSetup()
    expect(existsSync(path.join(root, 'dist/old.js'))).toBe(true)
    rmSync(path.join(root, 'src/old.ts'))
    await runSetup()
    expect(
      ['old.js', 'old.js.map', 'cli.js'].map((name) => existsSync(path.join(root, 'dist', name))),
    ).toEqual([false, false, true])
  })

  it('shows the errors of npm, keeps its exit code, and tries again next time', async () => {
    write('npm-fails', '')
    const failed = await runSetup()
    expect(failed.code).toBe(7)
    expect(failed.output).toContain('npm error E404')
    expect(failed.output).toContain('Installing packages failed')
    rmSync(path.join(root, 'npm-fails'))
    expect(await runSetup()).toMatchObject({ code: 0 })
    expect(npmCalls()).toEqual(['ci', 'ci', 'run'])
  })

  it('does everything once when several run at the same time', async () => {
    const runs = await Promise.all([runSetup(), runSetup(), runSetup()])
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0])
    expect(npmCalls()).toEqual(['ci', 'run'])
  })
})
