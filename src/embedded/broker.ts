/**
 * The broker that runs when MQTT_URL is not set: aedes, in this process, for trying, developing and testing.
 * Its sessions live in memory: they end with the process. Production brokers are Mosquitto, EMQX, HiveMQ, VerneMQ.
 *
 * Who may do what is the guard's (broker-guard.ts). It does not listen beyond this machine without users.
 *
 * Two doors: the public one, for gateways, whose connections wait until `admit` (a message that comes before the ingester
 * has subscribed would be acknowledged and forgotten), and an inner one, for the ingester itself.
 */
import { type Server, type Socket, createServer } from 'node:net'
import tls from 'node:tls'
import { Aedes } from 'aedes'
import { isLoopback } from '../ops/loopback.ts'
import { type TlsFiles, readTlsFiles } from '../ops/tls-files.ts'
import { UserError, explainListenError } from '../ops/user-error.ts'
import {
  type BrokerUser,
  type GuardOptions,
  createBrokerGuard,
  ingesterName,
  simulationName,
} from './broker-guard.ts'
import { withPacketLimit } from './packet-limit.ts'

export interface BrokerOptions extends TlsFiles, GuardOptions {
  readonly host: string
  readonly port: number
  /** Empty: everybody, which only loopback may be. */
  readonly users: readonly BrokerUser[]
  readonly maxConnections: number
  readonly maxPacketBytes: number
}

export interface EmbeddedBroker {
  /** For gateways. */
  readonly url: string
  /** For the ingester: open from the start to the end. */
  readonly innerUrl: string
  /** For a simulation in this process: it may publish for all gateways, and waits for `admit`. */
  readonly simulationUrl: string
  /** Lets gateways in, those that wait and those to come. */
  admit(): void
  /** Sends gateways away: what they publish from now on is not acknowledged. */
  refuse(): Promise<void>
  /** Users and certificate as they are now. */
  renew(users: readonly BrokerUser[], files: TlsFiles): Promise<void>
  close(): Promise<void>
}

interface Door {
  readonly port: number
  readonly sockets: Set<Socket>
  readonly server: Server
}

/** A client that does not say who it is. */
const connectTimeoutMs = 10_000

/** Errors: UserError naming MQTT_PORT when the address cannot be had, or mqtt.users when it must not be. */
export async function openEmbeddedBroker(options: BrokerOptions): Promise<EmbeddedBroker> {
  if (options.users.length === 0 && !isLoopback(options.host))
    throw new UserError(
      `The embedded broker does not listen on ${options.host} without users: whoever reached it could publish for any gateway. Name them in mqtt.users, or leave MQTT_HOST at 127.0.0.1.`,
      2,
    )
  const guard = await createBrokerGuard(options.users, options)
  const broker = await Aedes.createBroker({ connectTimeout: connectTimeoutMs, ...guard.handlers })
  let isAdmitting = false
  const waiting = new Set<Socket>()

  const enter = (socket: Socket): void => {
    broker.handle(options.users.length === 0 ? socket : withPacketLimit(socket, options.maxPacketBytes))
  }
  const openDoor = async (
    server: Server,
    host: string,
    port: number,
    come: (socket: Socket) => void,
  ): Promise<Door> => {
    const sockets = new Set<Socket>()
    server.on(server instanceof tls.Server ? 'secureConnection' : 'connection', (socket: Socket) => {
      sockets.add(socket)
      socket.on('close', () => {
        sockets.delete(socket)
        waiting.delete(socket)
      })
      socket.on('error', () => socket.destroy())
      come(socket)
    })
    await listen(server, { host, port })
    const address = server.address()
    return { server, sockets, port: typeof address === 'object' && address !== null ? address.port : port }
  }

  let outer: Door
  try {
    outer = await openDoor(serverFor(options), options.host, options.port, (socket) => {
      if (isAdmitting) enter(socket)
      else waiting.add(socket)
    })
    outer.server.maxConnections = options.maxConnections
  } catch (error) {
    await new Promise<void>((resolve) => broker.close(resolve))
    throw explainListenError(error, 'The embedded MQTT broker', options.host, options.port, 'MQTT_PORT')
  }
  const inner = await openDoor(createServer(), '127.0.0.1', 0, (socket) => {
    guard.trust(socket)
    broker.handle(socket)
  })
  const innerUrlOf = (name: string): string => `mqtt://${name}:${guard.secret}@127.0.0.1:${inner.port}`

  return {
    url: `${options.certFile === null ? 'mqtt' : 'mqtts'}://${options.host.includes(':') ? `[${options.host}]` : options.host}:${outer.port}`,
    innerUrl: innerUrlOf(ingesterName),
    simulationUrl: innerUrlOf(simulationName),
    admit() {
      isAdmitting = true
      guard.admit()
      for (const socket of waiting) enter(socket)
      waiting.clear()
    },
    async renew(users, files) {
      await guard.setUsers(users)
      if (outer.server instanceof tls.Server) outer.server.setSecureContext(readTlsFiles(files, 'mqtt'))
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

/** With a certificate gateways come over TLS; with an authority each needs a certificate of it as well. */
function serverFor(files: TlsFiles): Server {
  if (files.certFile === null) return createServer()
  const isMutual = files.caFile !== null
  return tls.createServer({
    ...readTlsFiles(files, 'mqtt'),
    requestCert: isMutual,
    rejectUnauthorized: isMutual,
    handshakeTimeout: connectTimeoutMs,
  })
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
