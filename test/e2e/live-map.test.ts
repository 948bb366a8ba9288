// A live map of the running service: a ping that a gateway publishes moves an asset on it, a late one does not, and it lives on after
// a restart of the service.
import { expect, it } from 'vitest'
import { openTestBroker } from '../support/broker.ts'
import { type LiveMap, openLiveMap } from '../support/event-stream.ts'
import { openPublisher } from '../support/publisher.ts'
import { type Service, openService } from '../support/service.ts'
import { useSuite } from '../support/suite.ts'
import { storeAssets, storeHospitals, storePings } from '../support/two-hospitals.ts'
import { waitFor } from '../support/wait-for.ts'

const { database, closers } = useSuite()

it('shows a ping that was published, keeps its place when a late one comes, ends with the service and goes on with the next', async () => {
  await storeHospitals(database.url)
  await storeAssets(database.url, [
    { id: 'IP-001', tag: 'AC233FA1B2C3' },
    { id: 'IP-002', tag: 'T2' },
  ])
  await storePings(database.url, [{ tag: 'AC233FA1B2C3', agoS: 3600, floor: 0, room: 'hall', x: 30, y: 10 }])
  const broker = await openTestBroker()
  closers.push(async () => broker.stop())
  const gateway = await openPublisher(broker.url)
  closers.push(async () => gateway.close())
  const publish = async (tagId: string, t: number, x: number): Promise<void> =>
    gateway.publish('rtls/h1/gw-1/pings', JSON.stringify({ tagId, t, x, y: 2, floor: 0, accuracyM: 0.3 }))
  const start = async (): Promise<Service> => openService({ mqttUrl: broker.url, databaseUrl: database.url })
  const watch = async ({ http }: Service): Promise<LiveMap> => {
    const map = await openLiveMap(`${http}/locations/stream?facility=h1&floor=0`)
    closers.push(() => map.close())
    await waitFor(() => map.snapshots === 1, { what: 'a snapshot' })
    return map
  }

  const service = await start()
  const map = await watch(service)
  expect([...map.shown.values()]).toMatchObject([{ assetId: 'IP-001', roomName: 'Hall', x: 30 }])
  expect((await service.metrics()).get('rtls_live_maps')).toBe(1)

  const now = Date.now()
  await publish('AC:23:3F:A1:B2:C3', now, 1)
  await waitFor(() => map.shown.get('IP-001')?.['x'] === 1, { what: 'the asset in the bay' })
  expect(map.shown.get('IP-001')).toMatchObject({
    roomName: 'ED Bay 3',
    tagId: 'AC233FA1B2C3',
    accuracyM: 0.3,
  })

  // Late by a minute; the other one shows that it has been through.
  await publish('AC:23:3F:A1:B2:C3', now - 60_000, 20)
  await publish('T2', now, 3)
  await waitFor(() => map.shown.has('IP-002'), { what: 'the other asset' })
  expect(map.shown.get('IP-001')).toMatchObject({ x: 1, seenAt: new Date(now).toISOString() })

  expect((await service.kill()).code).toBe(0)
  await waitFor(() => map.isEnded, { what: 'the end of the stream' })

  const again = await start()
  const next = await watch(again)
  expect(next.shown.get('IP-001')).toMatchObject({ x: 1, roomName: 'ED Bay 3' })
  await publish('T2', now + 1000, 5)
  await waitFor(() => next.shown.get('IP-002')?.['x'] === 5, { what: 'the other asset, moved' })
  expect((await again.kill()).code).toBe(0)
})
