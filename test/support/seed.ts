// What the randomised tests draw from: the same numbers for the same commit, so that a verdict is about the change.
// RTLS_TEST_SEED=random explores, RTLS_TEST_SEED=<number> repeats; each failure prints the seed it was found with.
import fc from 'fast-check'

const asked = process.env['RTLS_TEST_SEED'] ?? '20261122'

export const testSeed = asked === 'random' ? Date.now() % 1_000_000 : Number(asked)
if (!Number.isSafeInteger(testSeed))
  throw new Error(`RTLS_TEST_SEED is "${asked}": a whole number or "random"`)

fc.configureGlobal({ seed: testSeed })
