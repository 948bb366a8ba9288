// For what must be told its port before it starts. Another process may take it between the look and the start.
import net from 'node:net'
import { listenOnLoopback } from './tcp-proxy.ts'

export async function freePort(): Promise<number> {
  const server = net.createServer()
  const port = await listenOnLoopback(server)
  await new Promise((resolve) => {
    server.close(resolve)
  })
  return port
}
