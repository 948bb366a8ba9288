// Pings get their room from the seeded hospital, and a wall that is moved is seen without a restart.
import { describe, expect, it } from 'vitest'
import { createHospital } from '../../src/simulate/hospital.ts'
import { openTestBroker } from '../support/broker.ts'
import { runCli } from '../support/child.ts'
import { openPublisher } from '../support/publisher.ts'
import { queryOnce } from '../support/query.ts'
import { openService } from '../support/service.ts'
import { useSuite } from '../support/suite.ts'
import { waitFor } from '../support/wait-for.ts'

const { database, closers } = useSuite()

interface Row {
  x: number
  y: number
  floor: number
  room_id: string | null
}

describe('the service', () => {
  it('stores each simulated ping with the room it is in, and follows a room that is drawn anew', async () => {
    await runCli(['seed'], { env: { DATABASE_URL: database.url } })
    const broker = await openTestBroker()
    closers.push(async () => broker.stop())
    const service = await openService({ mqttUrl: broker.url, databaseUrl: database.url })
    await runCli([
      'simulate',
      '--url',
      broker.url,
      '--count',
      '500',
      '--rate',
      '1000',
      '--bad',
      '0',
      '--duplicates',
      '0',
      '--late',
      '0',
    ])
    await service.atRest(500)
    const rows = await queryOnce<Row>(database.url, 'SELECT x, y, floor, room_id FROM location_history')
    const { floors } = createHospital({ facility: 'demo', gateways: 1, tags: 1 })
    expect(rows.length).toBeGreaterThan(400)
    for (const { x, y, floor, room_id: roomId } of rows) {
      const inside = floors[floor]?.rooms.find(
        (room) => x >= room.x0 && x < room.x1 && y >= room.y0 && y < room.y1,
      )
      expect(roomId).toBe(inside === undefined ? null : `demo/${inside.id}`)
    }

    // The first bay is where nothing was: beyond the building.
    await queryOnce(
      database.url,
      `UPDATE rooms SET geofence_polygon = '[[1000,0],[1010,0],[1010,10],[1000,10],[1000,0]]' WHERE id = 'demo/ED-BAY-1'`,
    )
    const gateway = await openPublisher(broker.url)
    closers.push(async () => gateway.close())
    await waitFor(
      async () => {
        await gateway.publish(
          'rtls/demo/gw-0-01/pings',
          JSON.stringify({ tagId: 'MOVED', t: Date.now(), x: 1005, y: 5, floor: 0 }),
        )
        const [found] = await queryOnce<{ n: number }>(
          database.url,
          `SELECT count(*)::int AS n FROM location_history WHERE tag_id = 'MOVED' AND room_id = 'demo/ED-BAY-1'`,
        )
        return (found?.n ?? 0) > 0
      },
      { what: 'a ping in the room that was moved', deadlineMs: 60_000 },
    )
    await service.kill()
  })
})
