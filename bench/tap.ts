/**
 * A TCP relay between broker and service that notes when each PUBLISH passes on its way in and when its PUBACK comes back:
 * the time from delivery to the promise kept, measured from outside. The bytes are passed on as they are.
 * For steady, light traffic: at full load it would take a processor's share of its own.
 */
import { once } from 'node:events'
import { type AddressInfo, type Socket, connect, createServer } from 'node:net'

export interface Tap {
  readonly url: string
  /** Milliseconds from PUBLISH to PUBACK of the packets acknowledged since the last call. */
  take(): number[]
  close(): Promise<void>
}

export async function openTap(brokerPort: number): Promise<Tap> {
  let samples: number[] = []
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (service) => {
    const broker = connect({ port: brokerPort, host: '127.0.0.1', noDelay: true })
    const since = new Map<number, number>()
    const fromBroker = createPacketReader((type, packetId) => {
      if (type === publishType) since.set(packetId, performance.now())
    })
    const fromService = createPacketReader((type, packetId) => {
      const startedMs = type === pubackType ? since.get(packetId) : undefined
      if (startedMs === undefined) return
      since.delete(packetId)
      samples.push(performance.now() - startedMs)
    })
    broker.on('data', fromBroker)
    service.on('data', fromService)
    broker.pipe(service).pipe(broker)
    for (const [socket, other] of [
      [service, broker],
      [broker, service],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
    take() {
      const taken = samples
      samples = []
      return taken
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

const publishType = 3
const pubackType = 4

/** Calls back for every PUBLISH (QoS 1) and PUBACK of a stream, however it is cut into chunks. */
function createPacketReader(onPacket: (type: number, packetId: number) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (let size = sizeOfFirst(rest); size !== undefined && size.total <= rest.length;) {
      const type = (rest[0] ?? 0) >> 4
      const at = size.header
      if (type === publishType) onPacket(type, rest.readUInt16BE(at + 2 + rest.readUInt16BE(at)))
      else if (type === pubackType) onPacket(type, rest.readUInt16BE(at))
      rest = rest.subarray(size.total)
      size = sizeOfFirst(rest)
    }
  }
}

/** Fixed header and whole length of the first packet; undefined when not even its length is there yet. */
function sizeOfFirst(bytes: Buffer): { header: number; total: number } | undefined {
  let length = 0
  for (let at = 1; at < 5; at += 1) {
    const byte = bytes[at]
    if (byte === undefined) return undefined
    length += (byte & 127) * 128 ** (at - 1)
    if (byte < 128) return { header: at + 1, total: at + 1 + length }
  }
  throw new RangeError('not MQTT')
}
