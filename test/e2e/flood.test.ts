// One tag that floods does not starve the others, nor fill the memory: pings are taken in the order in which they came, and beyond the
// bound of the memory none is taken at all. What it sends is stored and counted like any other's, once.
import { expect, it } from 'vitest'
import { openTestBroker } from '../support/broker.ts'
import { openPublisher } from '../support/publisher.ts'
import { queryOnce } from '../support/query.ts'
import { openService } from '../support/service.ts'
import { useSuite } from '../support/suite.ts'
import { waitFor } from '../support/wait-for.ts'

const { closers, database } = useSuite()
const startMs = Date.now() - 3_600_000
const floodPings = 20_000
const messagePings = 500
const maxBufferedPings = 2000

it('a tag at ten thousand pings a second starves no other tag, and no memory', async () => {
  const broker = await openTestBroker('mosquitto')
  closers.push(async () => broker.stop())
  const service = await openService({
    mqttUrl: broker.url,
    databaseUrl: database.url,
    args: ['--set', `limits.maxBufferedPings=${maxBufferedPings}`, '--set', 'batch.maxRows=500'],
  })
  closers.push(async () => void (await service.kill()))
  const flooding = await openPublisher(broker.url)
  const honest = await openPublisher(broker.url)
  closers.push(async () => {
    await flooding.close()
    await honest.close()
  })

  const state = { sent: 0, isHonestStored: false }
  const floodOnce = async (): Promise<void> => {
    const from = state.sent
    state.sent += messagePings
    await flooding.publish(
      'rtls/h1/gw-1/pings',
      JSON.stringify(
        Array.from({ length: messagePings }, (_, index) => ({
          tagId: 'FLOOD',
          t: startMs + from + index,
          x: 1,
          y: 2,
        })),
      ),
    )
  }
  // It ends only when the others were heard: each has its acknowledgement, which comes after the commit.
  const flood = Array.from({ length: 10 }, async () => {
    while (state.sent < floodPings || !state.isHonestStored) await floodOnce()
  })
  const honestTags = 50
  const others = async (): Promise<void> => {
    await waitFor(() => state.sent >= floodPings / 2, { what: 'the flood to be under way' })
    for (let n = 0; n < honestTags; n += 1)
      await honest.publish(
        'rtls/h1/gw-2/pings',
        JSON.stringify({ tagId: `HONEST-${n}`, t: startMs + n, x: 1, y: 2 }),
      )
    state.isHonestStored = true
  }
  let most = 0
  const look = async (): Promise<number> => {
    const metrics = await service.metrics()
    most = Math.max(most, metrics.get('rtls_pings_buffered') ?? 0)
    return metrics.get('rtls_pings_committed_total') ?? 0
  }
  await Promise.all([...flood, others()])
  const all = state.sent + honestTags
  await waitFor(async () => (await look()) >= all, { what: 'all pings committed' })
  expect(await service.atRest(all)).toMatchObject({ committed: all, deadLettered: 0 })
  // The message that went beyond the bound was taken whole.
  expect(most).toBeLessThanOrEqual(maxBufferedPings + messagePings)
  const [row] = await queryOnce<{ tags: number }>(
    database.url,
    `SELECT count(DISTINCT tag_id)::integer AS tags FROM location_history`,
  )
  expect(row?.tags).toBe(honestTags + 1)
})
