import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { judge, rules } from '../../src/db/failure.ts'

const failure = (code: string, more: object = {}): Error =>
  Object.assign(new Error(`failed with ${code}`), { code }, more)

describe('an error of the database', () => {
  it.each([
    ['08006', 'retry'],
    ['53100', 'retry'],
    ['53300', 'retry'],
    ['57P01', 'retry'],
    ['57P03', 'retry'],
    ['57014', 'retry'],
    ['40001', 'retry'],
    ['40P01', 'retry'],
    ['55P03', 'retry'],
    ['25006', 'retry'],
    ['ECONNREFUSED', 'retry'],
    ['ECONNRESET', 'retry'],
    ['EPIPE', 'retry'],
    ['ENOENT', 'retry'],
    ['EMFILE', 'retry'],
    ['CERT_HAS_EXPIRED', 'fatal'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'fatal'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'fatal'],
    ['23505', 'duplicate'],
    ['22003', 'poison'],
    ['22P02', 'poison'],
    ['23514', 'poison'],
    ['23502', 'poison'],
    ['28P01', 'fatal'],
    ['3D000', 'fatal'],
    ['42P01', 'fatal'],
    ['42501', 'fatal'],
  ])('%s means %s', (code, verdict) => {
    expect(judge(failure(code), 'before-commit')).toMatchObject({ verdict, code, isUnknown: false })
  })

  it('that broke the connection during COMMIT leaves the outcome open; any other does not', () => {
    expect(judge(failure('ECONNRESET'), 'commit').verdict).toBe('ambiguous')
    expect(judge(new Error('Connection terminated unexpectedly'), 'commit').verdict).toBe('ambiguous')
    expect(judge(failure('57P01'), 'commit').verdict).toBe('ambiguous')
    expect(judge(failure('23514'), 'commit').verdict).toBe('poison')
    expect(judge(failure('40001'), 'commit').verdict).toBe('retry')
    expect(judge(failure('53100'), 'commit').verdict).toBe('retry')
  })

  it('tells a statement timeout from a COPY we aborted ourselves, though both are 57014', () => {
    const aborted = Object.assign(new Error('COPY from stdin failed: aborted'), { code: '57014' })
    const timedOut = Object.assign(new Error('canceling statement due to statement timeout'), {
      code: '57014',
    })
    expect(judge(aborted, 'before-commit').because).toBe('we aborted our own COPY')
    expect(judge(timedOut, 'before-commit').because).toMatch(/ran into its timeout/u)
  })

  it('names the row of the COPY when PostgreSQL does', () => {
    expect(
      judge(failure('22003', { where: 'COPY location_history, line 17, column x' }), 'before-commit').line,
    ).toBe(17)
    expect(judge(failure('22003'), 'before-commit').line).toBeUndefined()
  })

  it("can be a row's fault only when the server said it", () => {
    expect(judge(failure('22003'), 'before-commit').isFromServer).toBe(true)
    expect(judge(failure('99999'), 'before-commit').isFromServer).toBe(true)
    for (const code of ['EPIPE', 'ECONNRESET', 'ENOENT', 'CERT_HAS_EXPIRED'])
      expect(judge(failure(code), 'before-commit').isFromServer).toBe(false)
    expect(judge(new Error('something new'), 'commit').isFromServer).toBe(false)
    expect(judge(new Error('The server does not support SSL connections'), 'before-commit')).toMatchObject({
      verdict: 'fatal',
      isFromServer: false,
    })
  })

  it('that nobody foresaw is retried and marked', () => {
    expect(judge(failure('99999'), 'before-commit')).toMatchObject({ verdict: 'retry', isUnknown: true })
    expect(judge('a string', 'commit')).toMatchObject({
      verdict: 'ambiguous',
      isUnknown: true,
      message: 'a string',
    })
  })

  it('always gets a verdict with a reason', () => {
    const anything = fc.oneof(
      fc.anything(),
      fc.string().map((text) => failure(text)),
      fc.stringMatching(/^[0-9A-Z]{5}$/u).map((code) => failure(code)),
    )
    fc.assert(
      fc.property(anything, fc.constantFrom('before-commit' as const, 'commit' as const), (error, phase) => {
        const { verdict, because } = judge(error, phase)
        expect(['retry', 'duplicate', 'poison', 'fatal', 'ambiguous']).toContain(verdict)
        expect(because).not.toBe('')
      }),
    )
  })
})

describe('the table of rules', () => {
  it('has no rule that an earlier one hides', () => {
    for (const [index, rule] of rules.entries())
      expect(
        rules
          .slice(0, index)
          .filter((earlier) => earlier.text === undefined && rule.code.startsWith(earlier.code)),
      ).toEqual([])
  })
})
