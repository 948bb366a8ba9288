// Who is taken for dead, by whom, and who is not.
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createPool } from '../../src/db/pool.ts'
import { type ReplicaTable, createReplicaTable } from '../../src/db/replica-table.ts'
import { type Replicas, openReplicas } from '../../src/ingest/replicas.ts'
import { type Ingest, openIngest } from '../support/ingest.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

let ingest: Ingest
beforeAll(async () => {
  ingest = await openIngest()
})
afterAll(async () => {
  await ingest.close()
})
beforeEach(async () => {
  await ingest.query('TRUNCATE ingest_replicas')
})

const filters = ['$share/g/rtls/+/+/pings']
const table = (clientId: string, more: object = {}, pool = ingest.pool): ReplicaTable =>
  createReplicaTable(pool, {
    broker: 'broker:1883',
    clientId,
    shareGroup: 'g',
    filters,
    overdueAfterS: 60,
    ...more,
  })
const silence = async (clientId: string, seconds: number): Promise<void> => {
  await ingest.query(
    'UPDATE ingest_replicas SET renewed_at = now() - make_interval(secs => $2) WHERE client_id = $1',
    [clientId, seconds],
  )
}

describe('an overdue replica', () => {
  it('is claimed by one of the others, once', async () => {
    const [a, b, c] = [table('a'), table('b'), table('c')]
    for (const each of [a, b, c]) await each.renew()
    expect(await b.claim()).toBeUndefined()
    await silence('a', 61)
    const claims = await Promise.all([b.claim(), c.claim()])
    expect(claims.filter((claim) => claim !== undefined)).toEqual([
      { clientId: 'a', filters, silentS: expect.closeTo(61, -1) as number },
    ])
  })

  it('is not claimed by itself, by another group, at another broker, or by one that subscribes to less', async () => {
    await table('a').renew()
    await silence('a', 1000)
    expect(await table('a').claim()).toBeUndefined()
    expect(await table('b', { shareGroup: 'other' }).claim()).toBeUndefined()
    expect(await table('b', { broker: 'other:1883' }).claim()).toBeUndefined()
    expect(await table('b', { filters: ['$share/g/rtls/h1/+/pings'] }).claim()).toBeUndefined()
    expect(await table('b', { filters: [...filters, '$share/g/more/#'] }).claim()).toBeDefined()
  })

  it('is claimed again when its adopter falls silent too', async () => {
    await table('a').renew()
    await silence('a', 1000)
    expect(await table('b').claim()).toBeDefined()
    expect(await table('c').claim()).toBeUndefined()
    await ingest.query("UPDATE ingest_replicas SET adopted_at = now() - interval '61 s'")
    expect(await table('c').claim()).toBeDefined()
    expect(await table('b').renewClaim('a')).toBe(false)
    expect(await table('c').renewClaim('a')).toBe(true)
  })

  it('that comes back has its session to itself: its adopter may not end it', async () => {
    const [a, b] = [table('a'), table('b')]
    await a.renew()
    await silence('a', 61)
    expect(await b.claim()).toBeDefined()
    expect(await a.renew()).toBe(0)
    expect(await b.renewClaim('a')).toBe(false)
    expect(await b.end('a')).toBe(false)
  })

  it('whose session was ended is not claimed again, and learns of it when it is back', async () => {
    const [a, b] = [table('a'), table('b')]
    await a.renew()
    await silence('a', 61)
    await b.claim()
    expect(await b.end('a')).toBe(true)
    expect(await b.claim()).toBeUndefined()
    expect(await a.renew()).toBe(1)
    await silence('a', 61)
    expect(await b.claim()).toBeDefined()
  })

  it('that took its session back is left alone for twice as long, each time', async () => {
    const [a, b] = [table('a'), table('b')]
    await a.renew()
    await silence('a', 61)
    for (const longer of [120, 240, 480]) {
      expect(await b.claim()).toBeDefined()
      await b.release('a', 'resisted')
      await silence('a', longer - 5)
      expect(await b.claim()).toBeUndefined()
      await silence('a', longer + 5)
    }
    await a.renew()
    await silence('a', 61)
    expect(await b.claim()).toBeDefined()
  })

  it('is claimed by the next at once when its adopter stops', async () => {
    await table('a').renew()
    await silence('a', 61)
    await table('b').claim()
    await table('b').release('a', 'stopping')
    expect(await table('c').claim()).toBeDefined()
  })
})

describe('replicas that were all cut off from the database', () => {
  const closers: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close()
  })

  it('do not take each other for dead when it is back; one that stays away is', async () => {
    const proxy = await openTcpProxy({ targetPort: Number(new URL(ingest.url).port) })
    closers.push(async () => proxy.close())
    const pool = createPool(
      { url: proxy.urlFor(ingest.url), max: 4, connectTimeoutMs: 5000, statementTimeoutMs: 60_000 },
      () => undefined,
    )
    closers.push(async () => pool.close())
    const termS = 3
    const taken: string[] = []
    const problems: unknown[] = []
    const open = (clientId: string): Replicas => {
      const replicas = openReplicas(
        table(clientId, { overdueAfterS: termS }, pool),
        termS,
        () => true,
        async (claim, mayEnd) => {
          taken.push(claim.clientId)
          await mayEnd()
          return { kind: 'emptied', messages: 0 }
        },
        {
          onOverdue: () => undefined,
          onAdopted: () => undefined,
          onSessionEnded: () => undefined,
          onSessionLost: () => undefined,
          onProblem: (problem) => problems.push(problem),
        },
      )
      closers.push(async () => replicas.close())
      return replicas
    }
    // Never heard of again: the proof that somebody looks.
    await table('dead', { overdueAfterS: 3 * termS }).renew()
    const names = ['a', 'b']
    for (const name of names) await open(name).registered
    proxy.refuse()
    proxy.cut()
    await waitFor(() => problems.filter((problem) => problem !== undefined).length >= 2, {
      what: 'both to notice',
    })
    // Real time on purpose: longer than the term, so that both are overdue when the database is back.
    await wait(termS * 1000)
    await proxy.accept()
    await waitFor(() => taken.length > 0, { what: 'somebody to be taken for dead' })
    expect(taken).toEqual(['dead'])
  })
})
