import { describe, expect, it } from 'vitest'
import { waitFor } from '../support/wait-for.ts'

describe('waitFor', () => {
  it('resolves to the first truthy value', async () => {
    let calls = 0
    const value = await waitFor(() => (++calls === 3 ? { calls } : undefined), { what: 'the third call' })
    expect(value).toEqual({ calls: 3 })
  })

  it('takes a condition that throws as not fulfilled yet', async () => {
    let calls = 0
    const condition = async (): Promise<number> => {
      calls += 1
      if (calls < 3) throw new Error('not yet')
      return calls
    }
    expect(await waitFor(condition, { what: 'the third call' })).toBe(3)
  })

  it('names what was awaited and the last value at the deadline', async () => {
    const waiting = waitFor(() => 0, { what: 'rows to appear', deadlineMs: 30 })
    await expect(waiting).rejects.toThrow('Waited 30 ms for rows to appear; last value 0')
  })

  it('names the last error at the deadline and keeps it as the cause', async () => {
    const refused = new Error('connection refused')
    const condition = async (): Promise<boolean> => Promise.reject(refused)
    const waiting = waitFor(condition, { what: 'the broker', deadlineMs: 30 })
    await expect(waiting).rejects.toThrow('for the broker; threw Error: connection refused')
    await expect(waiting).rejects.toHaveProperty('cause', refused)
  })

  it('ends at the deadline also when the condition never answers', async () => {
    const waiting = waitFor(async () => new Promise(() => {}), { what: 'an answer', deadlineMs: 30 })
    await expect(waiting).rejects.toThrow('for an answer; nothing yet')
  })
})
