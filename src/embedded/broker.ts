/**
 * The broker that runs when MQTT_URL is not set: aedes, in this process, for trying, developing and testing.
 * Its sessions live in memory: they end with the process. Production brokers are Mosquitto, EMQX, HiveMQ, VerneMQ.
 */
import { type Server, type Socket, createServer } from 'node:net'
import { Aedes } from 'aedes'
import { explainListenError } from '../ops/user-error.ts'

export interface EmbeddedBroker {
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

/** Errors: UserError naming MQTT_PORT when the address cannot be had. */
export async function openEmbeddedBroker(options: { host: string; port: number }): Promise<EmbeddedBroker> {
  const broker = await Aedes.createBroker()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    broker.handle(socket)
  })
  try {
    await listen(server, options)
  } catch (error) {
    await new Promise<void>((resolve) => broker.close(resolve))
    throw explainListenError(error, 'The embedded MQTT broker', options.host, options.port, 'MQTT_PORT')
  }
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : options.port
  return {
    url: `mqtt://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    port,
    async close() {
      await new Promise<void>((resolve) => broker.close(resolve))
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
    },
  }
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
