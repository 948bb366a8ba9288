// MQTT over secure WebSockets in front of a broker that speaks plain MQTT, as a reverse proxy does it.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import https from 'node:https'
import net from 'node:net'
import { WebSocketServer, createWebSocketStream } from 'ws'
import type { Issued } from './certificates.ts'
import { listenOnLoopback } from './tcp-proxy.ts'

/** Lets in clients with a certificate of the authority in `caFile`. */
export async function openWebSocketBridge(
  targetPort: number,
  { certFile, keyFile }: Issued,
  caFile: string,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = https.createServer({
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    ca: readFileSync(caFile),
    requestCert: true,
    rejectUnauthorized: true,
  })
  const sockets = new WebSocketServer({ server, handleProtocols: () => 'mqtt' })
  sockets.on('connection', (socket) => {
    const stream = createWebSocketStream(socket)
    const target = net.connect(targetPort, '127.0.0.1')
    for (const end of [stream, target]) end.on('error', () => undefined)
    stream.once('close', () => target.destroy())
    target.once('close', () => stream.destroy())
    stream.pipe(target).pipe(stream)
  })
  const port = await listenOnLoopback(server)
  return {
    port,
    async close() {
      for (const socket of sockets.clients) socket.terminate()
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
