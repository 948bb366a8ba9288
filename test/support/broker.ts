// A broker for a test: aedes in this process (quick, MQTT 3.1.1), or Mosquitto (MQTT 5, as in production).
import net from 'node:net'
import { once } from 'node:events'
import { Aedes } from 'aedes'
import { inject } from 'vitest'
import { findMosquitto, openMosquitto } from './mosquitto.ts'
import { listenOnLoopback } from './tcp-proxy.ts'

export interface TestBroker {
  readonly url: string
  readonly port: number
  stop(): Promise<void>
}

/**
 * Opens an empty broker on a free port; it must be stopped. Where Mosquitto is neither installed nor there as a container
 * (RTLS_TEST_CONTAINERS=1) the running test is skipped. The container is shared by all tests: use topics of your own.
 */
export async function openTestBroker(kind: 'aedes' | 'mosquitto' = 'aedes'): Promise<TestBroker> {
  if (kind === 'aedes') return openAedes()
  const containerUrl = inject('containerBrokerUrl')
  if (findMosquitto() !== undefined || containerUrl === undefined) return openMosquitto()
  return { url: containerUrl, port: Number(new URL(containerUrl).port), stop: async () => {} }
}

async function openAedes(): Promise<TestBroker> {
  const broker = await Aedes.createBroker()
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    broker.handle(socket)
  })
  const port = await listenOnLoopback(server)
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    stop: async () => {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      await new Promise<void>((resolve) => {
        broker.close(resolve)
      })
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
