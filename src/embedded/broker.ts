/**
 * The broker that runs when MQTT_URL is not set: aedes, in this process, for trying, developing and testing.
 * Its sessions live in memory: they end with the process. Production brokers are Mosquitto, EMQX, HiveMQ, VerneMQ.
 *
 * Two doors: the public one, for gateways, whose connections wait until `admit` (a message that comes before the ingester
 * has subscribed would be acknowledged and forgotten), and an inner one, for the ingester itself.
 */
import { type Server, type Socket, createServer } from 'node:net'
import { Aedes } from 'aedes'
import { explainListenError } from '../ops/user-error.ts'

export interface EmbeddedBroker {
  /** For gateways. */
  readonly url: string
  /** For the ingester: open from the start to the end. */
  readonly innerUrl: string
  /** Lets gateways in, those that wait and those to come. */
  admit(): void
  /** Sends gateways away: what they publish from now on is not acknowledged. */
  refuse(): Promise<void>
  close(): Promise<void>
}

interface Door {
  readonly port: number
  readonly sockets: Set<Socket>
  readonly server: Server
}

/** Errors: UserError naming MQTT_PORT when the address cannot be had. */
export async function openEmbeddedBroker(options: { host: string; port: number }): Promise<EmbeddedBroker> {
  const broker = await Aedes.createBroker()
  let isAdmitting = false
  const waiting = new Set<Socket>()

  const openDoor = async (host: string, port: number, enter: (socket: Socket) => void): Promise<Door> => {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on('close', () => {
        sockets.delete(socket)
        waiting.delete(socket)
      })
      socket.on('error', () => socket.destroy())
      enter(socket)
    })
    await listen(server, { host, port })
    const address = server.address()
    return { server, sockets, port: typeof address === 'object' && address !== null ? address.port : port }
  }

  let outer: Door
  try {
    outer = await openDoor(options.host, options.port, (socket) => {
      if (isAdmitting) broker.handle(socket)
      else waiting.add(socket)
    })
  } catch (error) {
    await new Promise<void>((resolve) => broker.close(resolve))
    throw explainListenError(error, 'The embedded MQTT broker', options.host, options.port, 'MQTT_PORT')
  }
  const inner = await openDoor('127.0.0.1', 0, (socket) => broker.handle(socket))

  return {
    url: `mqtt://${options.host.includes(':') ? `[${options.host}]` : options.host}:${outer.port}`,
    innerUrl: `mqtt://127.0.0.1:${inner.port}`,
    admit() {
      isAdmitting = true
      for (const socket of waiting) broker.handle(socket)
      waiting.clear()
    },
    async refuse() {
      await shut(outer)
    },
    async close() {
      await new Promise<void>((resolve) => broker.close(resolve))
      await shut(outer)
      await shut(inner)
    },
  }
}

async function shut({ server, sockets }: Door): Promise<void> {
  for (const socket of sockets) socket.destroy()
  if (!server.listening) return
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
}

async function listen(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
