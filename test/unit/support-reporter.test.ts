import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = path.resolve(import.meta.dirname, '../..')

const PASSES = `it('holds', () => {})`
const FAILS = `it('breaks', () => { expect(1).toBe(2) })`
const SKIPS = `it('needs a thing', (ctx) => { ctx.skip('the thing is not installed') })`

interface Run {
  code: number
  output: string
  lastLine: string | undefined
}

/** Runs Vitest with the reporter, as `npm test` does, on the given test files and set-up. */
async function runVitest(files: Record<string, string>, setUp?: string, args: string[] = []): Promise<Run> {
  const temporary = mkdtempSync(path.join(tmpdir(), 'rtls-reporter-'))
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(temporary, 'node_modules'))
  const reporter = JSON.stringify(path.join(ROOT, 'test/support/reporter.ts'))
  const globalSetup = setUp === undefined ? '[]' : `['setup.mjs']`
  if (setUp !== undefined) writeFileSync(path.join(temporary, 'setup.mjs'), setUp)
  writeFileSync(
    path.join(temporary, 'vitest.config.mjs'),
    `import { CountingReporter } from ${reporter}
     export default { test: { reporters: [new CountingReporter()], globalSetup: ${globalSetup}, pool: 'forks', teardownTimeout: 1000 } }`,
  )
  for (const [name, text] of Object.entries(files)) {
    const imports = `import { afterAll, beforeAll, describe, expect, it } from 'vitest'\n`
    writeFileSync(path.join(temporary, name), imports + text)
  }
  const vitest = path.join(ROOT, 'node_modules/vitest/vitest.mjs')
  return new Promise((resolve) => {
    const { PATH, HOME } = process.env // none of the VITEST variables of the run that this test is part of
    const options = { cwd: temporary, env: { PATH, HOME, NO_COLOR: '1' } }
    const child = execFile(process.execPath, [vitest, 'run', ...args], options, () => {})
    let output = ''
    const collect = (text: unknown): void => {
      output += String(text)
    }
    child.stdout?.on('data', collect)
    child.stderr?.on('data', collect)
    child.once('close', (code) => {
      rmSync(temporary, { recursive: true, force: true })
      resolve({ code: code ?? -1, output, lastLine: output.split('\n').at(-2) })
    })
  })
}

describe.concurrent('the test reporter', () => {
  it('ends with the count of passed tests, and one line per file before it', async () => {
    const run = await runVitest({ 'a.test.ts': PASSES, 'b.test.ts': `${PASSES}; it('holds too', () => {})` })
    expect(run).toMatchObject({ code: 0, lastLine: '3 passed, 0 failed' })
    expect(run.output).toMatch(/^✓ a\.test\.ts {2}1 passed {2}\d+ ms$/m)
    expect(run.output).toMatch(/^✓ b\.test\.ts {2}2 passed {2}\d+ ms$/m)
  })

  it('counts a failed test, shows the assertion in full and exits non-zero', async () => {
    const run = await runVitest({ 'a.test.ts': `${PASSES}; ${FAILS}` })
    expect(run).toMatchObject({ code: 1, lastLine: '1 passed, 1 failed' })
    expect(run.output).toMatch(/^✗ a\.test\.ts {2}1 passed, 1 failed {2}\d+ ms$/m)
    expect(run.output).toContain('AssertionError: expected 1 to be 2')
    expect(run.output).toMatch(/a\.test\.ts:2:\d+/) // the place in the file, with the code around it
  })

  it('lists skipped tests with their reasons', async () => {
    const run = await runVitest({
      'a.test.ts': `${PASSES}; ${SKIPS}; it.skip('is off', () => {}); it.todo('comes later')`,
    })
    expect(run).toMatchObject({ code: 0, lastLine: '1 passed, 0 failed, 3 skipped' })
    expect(run.output).toContain('a.test.ts > needs a thing: the thing is not installed\n')
    expect(run.output).toContain('a.test.ts > is off: no reason given\n')
    expect(run.output).toContain('a.test.ts > comes later: to do\n')
  })

  it('counts a file that cannot be loaded as failed', async () => {
    const run = await runVitest({
      'a.test.ts': PASSES,
      'b.test.ts': `${FAILS}; throw new Error('cannot be loaded')`,
      'c.test.ts': FAILS,
    })
    expect(run).toMatchObject({ code: 1, lastLine: '1 passed, 2 failed' })
    expect(run.output).toContain('Error: cannot be loaded')
  })

  it('counts a hook that throws as failed', async () => {
    const hook = `describe('group', () => { afterAll(() => { throw new Error('cannot clean up') }); ${PASSES}; ${FAILS} })`
    const run = await runVitest({ 'a.test.ts': hook })
    expect(run).toMatchObject({ code: 1, lastLine: '1 passed, 2 failed' })
  })

  it('counts an error that nobody caught as failed', async () => {
    const stray = `it('holds', async () => { void Promise.reject(new Error('stray')); await new Promise(setImmediate) })`
    const run = await runVitest({ 'a.test.ts': `${stray}; ${FAILS}` })
    expect(run).toMatchObject({ code: 1, lastLine: '1 passed, 2 failed' })
    expect(run.output).toContain('Error: stray')
  })

  it('counts a test whose process died, and those behind it, as failed', async () => {
    const dies = `it('dies', async () => { process.kill(process.pid, 'SIGKILL'); await new Promise(() => {}) })`
    const run = await runVitest({ 'a.test.ts': `${dies}; ${PASSES}` })
    expect(run).toMatchObject({ code: 1, lastLine: '0 passed, 3 failed' }) // the third is the process itself
    expect(run.output).toContain('✗ a.test.ts  did not end')
  })

  it('counts a global set-up that throws as failed', async () => {
    const setUp = `export function setup() { throw new Error('no database') }`
    const run = await runVitest({ 'a.test.ts': PASSES }, setUp)
    expect(run).toMatchObject({ code: 1, lastLine: '0 passed, 1 failed' })
    expect(run.output).toContain('Error: no database')
    expect(run.output).not.toContain('No test files found')
  })

  it('fails a run without test files', async () => {
    expect(await runVitest({})).toMatchObject({ code: 1, lastLine: '0 passed, 0 failed' })
  })

  it('fails a run that skipped every test', async () => {
    const run = await runVitest({ 'a.test.ts': SKIPS })
    expect(run).toMatchObject({ code: 1, lastLine: '0 passed, 0 failed, 1 skipped' })
  })

  it('has the last word also where the teardown complains or something lingers', async () => {
    const complains = `export function teardown() { throw new Error('cannot tear down') }`
    expect(await runVitest({ 'a.test.ts': PASSES }, complains)).toMatchObject({
      lastLine: '1 passed, 0 failed',
    })
    const lingers = `export function setup() { setInterval(() => {}, 1000) }`
    const run = await runVitest({ 'a.test.ts': PASSES }, lingers)
    expect(run.output).toContain('close timed out')
    expect(run.lastLine).toBe('1 passed, 0 failed')
  })

  it('does not list what a name filter left out', async () => {
    const run = await runVitest({ 'a.test.ts': `${PASSES}; ${SKIPS}` }, undefined, ['-t', 'holds'])
    expect(run.lastLine).toBe('1 passed, 0 failed, 1 skipped')
    expect(run.output).not.toContain('Skipped:')
  })
})
