// The test reporter: one line per finished test file, Vitest's own account of every failure, the skipped tests with
// their reasons, and as the very last line of all output `N passed, N failed[, N skipped]`, for people and for CI.
//
// Nothing that went wrong is left out of the count: a file that could not be loaded, a hook that threw, an error nobody
// caught, a test that never ended are each a failure. A run that executed no test exits non-zero.
// The last line is written when the process exits, because Vitest itself prints after its reporters have ended.
import { writeSync } from 'node:fs'
import { DefaultReporter } from 'vitest/node'
import type { TestCase, TestModule, TestSpecification, Vitest } from 'vitest/node'

interface Counts {
  passed: number
  failed: number
  skipped: number
}

export class CountingReporter extends DefaultReporter {
  private areFilesExpected = false

  constructor() {
    super({ summary: false }) // a live summary on a terminal would move under the lines of this one
  }

  override onInit(vitest: Vitest): void {
    super.onInit(vitest)
    if (vitest.config.watch) return
    process.once('exit', () => {
      this.printLastLine()
    })
  }

  override onTestRunStart(specifications: readonly TestSpecification[]): void {
    super.onTestRunStart(specifications)
    this.areFilesExpected = specifications.length > 0
  }

  override onTestRunEnd(...args: Parameters<DefaultReporter['onTestRunEnd']>): void {
    const [modules, unhandledErrors] = args
    // The global set-up has thrown: Vitest prints that afterwards, and would say "No test files found" here.
    if (this.areFilesExpected && modules.length === 0 && unhandledErrors.length === 0) return
    for (const module of modules) {
      if (isUnfinished(module)) this.log(`✗ ${module.relativeModuleId}  did not end`)
    }
    super.onTestRunEnd(...args)
    this.printSkipped(modules)
  }

  protected override printTestModule(module: TestModule): void {
    if (isUnfinished(module)) return
    const counts = countModule(module)
    const parts = [
      counts.passed > 0 && `${counts.passed} passed`,
      counts.failed > 0 && `${counts.failed} failed`,
      counts.skipped > 0 && `${counts.skipped} skipped`,
    ].filter((part) => part !== false)
    const sign = counts.failed > 0 ? '✗' : '✓'
    const durationMs = Math.round(module.diagnostic().duration)
    this.log(`${sign} ${module.relativeModuleId}  ${parts.join(', ') || 'no tests'}  ${durationMs} ms`)
    for (const error of module.errors()) this.log(`    ✗ ${firstLine(error.message)}`)
    for (const test of module.children.allTests('failed')) {
      this.log(`    ✗ ${test.fullName}: ${firstLine(test.result().errors?.[0]?.message)}`)
    }
  }

  private printSkipped(modules: readonly TestModule[]): void {
    // Tests that a name filter (-t) left out are nobody's concern.
    const isFiltered = this.ctx.config.testNamePattern !== undefined
    const skipped = modules
      .flatMap((module) => [...module.children.allTests('skipped')])
      .filter((test) => !isFiltered || reasonOf(test) !== undefined)
    if (skipped.length === 0) return
    this.log('Skipped:')
    for (const test of skipped) {
      const reason = reasonOf(test) ?? 'no reason given'
      this.log(`  ${test.module.relativeModuleId} > ${test.fullName}: ${reason}`)
    }
    this.log()
  }

  private printLastLine(): void {
    const counts = { passed: 0, failed: 0, skipped: 0 }
    for (const module of this.ctx.state.getTestModules()) add(counts, countModule(module))
    counts.failed += this.ctx.state.getUnhandledErrors().length
    // What Vitest calls a failure is one here, also where no test is to blame (a global set-up that threw).
    const isFailed = (process.exitCode ?? 0) !== 0
    if (isFailed && this.areFilesExpected && counts.failed === 0) counts.failed = 1
    const isNothingTested = counts.passed + counts.failed === 0
    if (counts.failed > 0 || isNothingTested) process.exitCode ||= 1
    writeLine(formatCounts(counts))
  }
}

function countModule(module: TestModule): Counts {
  const counts = { passed: 0, failed: module.errors().length > 0 ? 1 : 0, skipped: 0 }
  for (const suite of module.children.allSuites()) {
    if (suite.errors().length > 0) counts.failed += 1
  }
  for (const test of module.children.allTests()) {
    const { state } = test.result()
    // Still pending when counted: its process died, or the run was broken off.
    if (state === 'pending') counts.failed += 1
    else counts[state] += 1
  }
  if (isUnfinished(module) && counts.failed === 0) counts.failed = 1
  return counts
}

function isUnfinished(module: TestModule): boolean {
  return module.state() === 'queued' || module.state() === 'pending'
}

function add(sum: Counts, more: Counts): void {
  sum.passed += more.passed
  sum.failed += more.failed
  sum.skipped += more.skipped
}

function formatCounts(counts: Counts): string {
  const line = `${counts.passed} passed, ${counts.failed} failed`
  return counts.skipped > 0 ? `${line}, ${counts.skipped} skipped` : line
}

function reasonOf(test: TestCase): string | undefined {
  const result = test.result()
  if (result.state === 'skipped' && result.note !== undefined) return result.note
  return test.options.mode === 'todo' ? 'to do' : undefined
}

function firstLine(text: string | undefined): string {
  return text?.split('\n', 1)[0] ?? 'unknown error'
}

// Synchronously and past process.stdout, whose writes to a full pipe would be lost at exit.
function writeLine(line: string): void {
  const bytes = Buffer.from(`${line}\n`)
  for (let written = 0; written < bytes.length;) {
    try {
      written += writeSync(1, bytes, written)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) return
    }
  }
}
