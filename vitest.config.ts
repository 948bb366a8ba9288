// How the tests run: three folders (unit, integration, e2e), at most two files at a time, each in its own process.
// `npm test` runs all; `npx vitest run test/unit` or a file name runs some.
import { defineConfig } from 'vitest/config'
import { CountingReporter } from './test/support/reporter.ts'

export default defineConfig({
  test: {
    include: ['test/{unit,integration,e2e}/**/*.test.ts'],
    globalSetup: ['./test/support/setup.ts'],
    setupFiles: ['./test/support/seed.ts'],
    reporters: [new CountingReporter()],
    // A process each: the embedded database is WebAssembly with a heap of its own, and a crash must not take the others along.
    pool: 'forks',
    maxWorkers: 2, // real brokers and databases run beside them; CI has two cores
    testTimeout: 240_000, // longer than what waits in a test, so that a failure says what was awaited
    hookTimeout: 240_000, // opening an embedded database under load
    teardownTimeout: 30_000,
    silent: 'passed-only',
    passWithNoTests: false,
  },
})
