// What the last seconds were like: rates between readings a second apart, lags of a window, and no more of them than are asked for.
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createAccount } from '../../src/ingest/account.ts'
import type { PipelineReading } from '../../src/ingest/reading.ts'
import { openRecent } from '../../src/ops/recent.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const account = createAccount()
const reading: PipelineReading = {
  counts: account,
  buffered: 0,
  unacked: 0,
  windowed: 0,
  isHeld: false,
  window: 0,
  waitingSinceMs: undefined,
}

it('gives rates of whole seconds and the lags of as many', () => {
  const recent = openRecent(() => reading)
  expect(recent.rates(10)).toMatchObject({ windowS: 0, committedPerS: 0 })
  for (let second = 1; second <= 5; second += 1) {
    account.received += 20
    account.committed += 10 * second
    recent.observeLag(second)
    vi.advanceTimersByTime(1000)
  }
  recent.observeLag(99)
  expect(recent.rates(1)).toMatchObject({ windowS: 1, receivedPerS: 20, committedPerS: 50 })
  expect(recent.rates(10)).toMatchObject({ windowS: 5, committedPerS: 30 })
  expect(recent.lags(2)).toEqual([4, 5])
  expect(recent.history().map(({ committedPerS }) => committedPerS)).toEqual([10, 20, 30, 40, 50])
  recent.close()
  vi.advanceTimersByTime(5000)
  expect(recent.history()).toHaveLength(5)
})

it('forgets what is older than two minutes, and lags after ten seconds', () => {
  const recent = openRecent(() => reading)
  recent.observeLag(1)
  vi.advanceTimersByTime(1000)
  expect(recent.lags(10)).toEqual([1])
  vi.advanceTimersByTime(10_000)
  expect(recent.lags(10)).toEqual([])
  vi.advanceTimersByTime(200_000)
  expect(recent.history()).toHaveLength(120)
  recent.close()
})
