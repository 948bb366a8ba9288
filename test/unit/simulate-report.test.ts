import { describe, expect, it } from 'vitest'
import { UserError } from '../../src/ops/user-error.ts'
import { formatReport } from '../../src/simulate/report.ts'
import { simulateDefaults, type SimulateOptions } from '../../src/simulate/options.ts'
import { openSimulation } from '../../src/simulate/simulate.ts'

describe('the report of a simulation', () => {
  it('is a line a number, aligned', () => {
    const report = {
      seed: 1,
      messages: 1_234,
      pings: 12_345_678,
      unique: 12_000_000,
      duplicates: 300_000,
      bad: 45_678,
      late: 0,
      acked: 1_230,
      unacked: 4,
      seconds: 10,
      digest: '00ffee001122',
    }
    expect(formatReport(report).split('\n')).toEqual([
      'messages           1,234  123 /s',
      'acked              1,230  4 missing',
      'pings         12,345,678  1,234,568 /s',
      'unique        12,000,000  97.20 %',
      'duplicates       300,000  2.43 %',
      'bad               45,678  0.37 %',
      'late                   0  0.00 %, among the unique',
      'seconds             10.0',
      'seed                   1',
      'digest      00ffee001122',
    ])
  })
})

describe('a simulation that cannot be', () => {
  const refused: readonly [string, Partial<SimulateOptions>, string][] = [
    ['no URL', { url: 'localhost' }, 'URL'],
    ['a URL of something else', { url: 'http://localhost' }, 'URL'],
    ['no tag', { tags: 0, rate: 0 }, 'tags must'],
    ['half a gateway', { gateways: 1.5 }, 'gateways'],
    ['a negative rate', { rate: -1 }, 'rate'],
    ['a share beyond 1', { badShare: 1.1 }, 'badShare'],
    ['shares beyond 1 together', { badShare: 0.5, lateShare: 0.6 }, 'shares'],
    ['more pings than its tags have milliseconds for', { rate: 10_000, tags: 10 }, '20 tags'],
    ['a facility that is two topic levels', { facility: 'a/b' }, 'facility'],
    ['a start that is no time', { start: new Date('soon') }, 'start'],
    ['an endless one, prepared', { isPrepared: true }, 'prepared'],
  ]
  it.each(refused)('is refused with a sentence: %s', (_, options, word) => {
    const open = (): unknown =>
      openSimulation({ ...simulateDefaults, url: 'mqtt://127.0.0.1:1', ...options }, () => undefined)
    expect(open).toThrow(UserError)
    expect(open).toThrow(word)
  })
})
