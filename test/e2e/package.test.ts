// What `npm pack` makes, installed in an empty folder as a newcomer would: with the packages it declares, and no others.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { type Cli, startCli } from '../support/child.ts'

const root = path.resolve(import.meta.dirname, '../..')
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  version: string
  dependencies: Record<string, string>
}

let folder = ''
let files: string[] = []
beforeAll(() => {
  if (!inject('isDistCurrent')) throw new Error('dist/ could not be built; see the compiler errors above')
  folder = mkdtempSync(path.join(tmpdir(), 'rtls-package-'))
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
  const printed = execFileSync('npm', args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [packed] = JSON.parse(printed) as { filename: string; files: { path: string }[] }[]
  files = packed?.files.map((file) => file.path) ?? []
  const modules = path.join(folder, 'node_modules')
  mkdirSync(path.join(modules, 'rtls-ingest'), { recursive: true })
  execFileSync('tar', ['-xzf', path.join(folder, packed?.filename ?? ''), '--strip-components=1'], {
    cwd: path.join(modules, 'rtls-ingest'),
  })
  for (const name of Object.keys(manifest.dependencies)) {
    mkdirSync(path.dirname(path.join(modules, name)), { recursive: true })
    symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name))
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const run = async (...args: string[]): Promise<Cli> => {
  const cli = startCli(args, {
    root: path.join(folder, 'node_modules/rtls-ingest'),
    cwd: folder,
    env: { MQTT_URL: 'mqtt://broker.example', DATABASE_URL: 'postgres://rtls@db.example/rtls' },
  })
  if ((await cli.exit).code !== 0) throw new Error(cli.output())
  return cli
}

describe('the package', () => {
  it('holds the program, its SQL, its examples and its documentation, and nothing else', () => {
    const allowed =
      /^(?:package\.json|README\.md|(?:CHANGELOG|SECURITY)\.md|LICENSE|dist\/[\w/-]+\.js|dist\/page\/[\w./-]+|sql\/(?:migrations|repeatable|queries|upgrade)\/[\w-]+\.sql|config\/.+|docs\/.+\.md)$/u
    expect(files.filter((file) => !allowed.test(file))).toEqual([])
    for (const needed of [
      'dist/cli.js',
      'dist/embedded/database-worker.js',
      'config/rtls-ingest.example.yaml',
    ])
      expect(files).toContain(needed)
  })

  it('holds every page that its README links to', () => {
    const readme = readFileSync(path.join(root, 'README.md'), 'utf8')
    const linked = Array.from(readme.matchAll(/\]\((?!https?:)([^)#]+)/gu), ([, link = '']) => link)
    expect(linked.length).toBeGreaterThan(5)
    expect(
      linked.filter((link) => !files.includes(link) && !files.some((file) => file.startsWith(`${link}/`))),
    ).toEqual([])
  })

  it('runs: help, version, check of its own example, formats', async () => {
    expect((await run('--help')).output()).toContain('Usage: rtls-ingest')
    expect((await run('--version')).output()).toBe(manifest.version)
    const example = path.join('node_modules/rtls-ingest/config/rtls-ingest.example.yaml')
    const checked = (await run('check', '--config', example)).output()
    expect(checked).toContain('# valid. Broker: yours; database: yours; ')
    expect(checked).not.toMatch(/ 0 migrations/u)
    expect((await run('formats')).output()).toContain('native')
  })
})
