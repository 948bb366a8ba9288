// TLS in front of the embedded database, which speaks none: answers PostgreSQL's SSLRequest, and may ask for a certificate, as a
// server with "hostssl … cert" does. What passes is not touched.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import tls from 'node:tls'
import type { Issued } from './certificates.ts'
import { listenOnLoopback } from './tcp-proxy.ts'

export interface TlsProxy {
  readonly port: number
  /** The URL of the proxy for the same target, with parameters such as sslmode. */
  urlFor(targetUrl: string, parameters?: Readonly<Record<string, string>>): string
  /** Serial numbers of the clients' certificates, one for each connection that came through. */
  readonly clients: readonly string[]
  close(): Promise<void>
}

const sslRequestCode = 80_877_103

/** `caFile`: whose clients are let in; without it everybody is. */
export async function openTlsProxy(
  targetPort: number,
  { certFile, keyFile }: Issued,
  caFile?: string,
): Promise<TlsProxy> {
  const sockets = new Set<net.Socket>()
  const clients: string[] = []
  const keep = (socket: net.Socket): void => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => sockets.delete(socket))
  }
  const secured = tls.createServer(
    {
      cert: readFileSync(certFile),
      key: readFileSync(keyFile),
      ...(caFile === undefined
        ? {}
        : { ca: readFileSync(caFile), requestCert: true, rejectUnauthorized: true }),
    },
    (socket) => {
      keep(socket)
      clients.push(caFile === undefined ? '' : socket.getPeerCertificate().serialNumber)
      const target = net.connect(targetPort, '127.0.0.1')
      keep(target)
      socket.once('close', () => target.destroy())
      target.once('close', () => socket.destroy())
      socket.pipe(target).pipe(socket)
    },
  )
  const server = net.createServer((socket) => {
    keep(socket)
    socket.once('data', (request) => {
      if (request.length !== 8 || request.readUInt32BE(4) !== sslRequestCode) {
        socket.destroy()
        return
      }
      socket.write('S')
      secured.emit('connection', socket)
    })
  })
  const port = await listenOnLoopback(server)
  return {
    port,
    clients,
    urlFor(targetUrl, parameters = {}) {
      const url = new URL(targetUrl)
      url.host = `127.0.0.1:${port}`
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
      return url.href
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
