/**
 * A stand-in for the read API that shows the page as many assets as one likes, all of them on the move, each located once a second:
 * for measuring the page alone. The page it serves is the built one, by the service's own code.
 */
import Fastify from 'fastify'
import { addPage } from '../src/http/page.ts'
import { type Hospital, createHospital } from '../src/simulate/hospital.ts'
import { createRandom } from '../src/simulate/random.ts'

export interface PageApi {
  readonly url: string
  close(): Promise<void>
}

interface Mover {
  readonly assetId: string
  readonly name: string
  x: number
  y: number
  heading: number
}

const facility = 'bench'

/** All assets are on the ground floor. */
export async function openPageApi(assets: number, port = 0): Promise<PageApi> {
  const hospital = createHospital({ facility, gateways: 1, tags: assets })
  const floor = hospital.floors[0]
  if (floor === undefined) throw new Error('a hospital without a floor')
  const bounds = { minX: 0, minY: 0, maxX: floor.widthM, maxY: floor.depthM }
  const random = createRandom(1)
  const movers: Mover[] = hospital.tags.map(({ id, assetName }) => ({
    assetId: id,
    name: assetName,
    x: random.next() * floor.widthM,
    y: random.next() * floor.depthM,
    heading: random.next() * 7,
  }))
  const roomOf = ({ x, y }: Mover): (typeof floor.rooms)[number] | undefined =>
    floor.rooms.find((room) => x >= room.x0 && x < room.x1 && y >= room.y0 && y < room.y1)
  const locate = (mover: Mover): object => {
    const { assetId, name, x, y } = mover
    const roomId = roomOf(mover)?.id ?? null
    const kind = name.length % 9
    return {
      assetId,
      name,
      x,
      y,
      assetTag: `BENCH-${assetId.slice(-5)}`,
      tagId: assetId,
      facility,
      floor: 0,
      category: 'DIAGNOSTIC',
      subcategory: null,
      status: kind === 3 ? 'IN_MAINTENANCE' : 'IN_SERVICE',
      isFree: kind === 0 || kind === 5,
      roomId,
      roomName: roomId,
      accuracyM: 0.4,
      confidence: 1,
      seenAt: new Date().toISOString(),
      ageS: 0,
      isMoving: true,
      batteryPct: 80,
      isRestricted: false,
    }
  }
  const step = (mover: Mover): void => {
    mover.heading += random.next() - 0.5
    const [x, y] = [mover.x + Math.cos(mover.heading) * 1.2, mover.y + Math.sin(mover.heading) * 1.2]
    if (x < 0.3 || y < 0.3 || x > bounds.maxX - 0.3 || y > bounds.maxY - 0.3) mover.heading += Math.PI
    else [mover.x, mover.y] = [x, y]
  }

  const app = Fastify({ forceCloseConnections: true })
  addPage(app)
  app.get('/facilities', () => facilities(hospital, bounds))
  app.get('/plan', () => ({ facility, floor: 0, bounds, rooms: floor.rooms.map(planRoom) }))
  app.get('/locations/stream', (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream' })
    const send = (event: string, body: object): void => {
      reply.raw.write(
        `event: ${event}\ndata: ${JSON.stringify({ ...body, at: new Date().toISOString() })}\n\n`,
      )
    }
    send('snapshot', { items: movers.map(locate) })
    const timer = setInterval(() => {
      for (const mover of movers) step(mover)
      send('update', { items: movers.map(locate), gone: [] })
    }, 1000)
    reply.raw.on('close', () => clearInterval(timer))
  })
  return { url: await app.listen({ host: '127.0.0.1', port }), close: async () => app.close() }
}

function planRoom({ id, kind, polygon }: Hospital['floors'][number]['rooms'][number]): object {
  return { id, name: id, type: kind, departmentName: null, isRestricted: false, polygon }
}

function facilities(hospital: Hospital, bounds: object): object {
  const [ground] = hospital.floors
  const floors = [{ floor: 0, name: ground?.name, buildingName: 'Main', rooms: ground?.rooms.length, bounds }]
  return {
    items: [{ facility, name: hospital.name, organizationId: 'bench', timezone: 'UTC', floors }],
  }
}
