/**
 * Ends an MQTT connection whose client announces a larger packet than it may send, before any of that packet is kept: aedes
 * collects a packet until it is whole, whatever its size. Looks at the fixed headers only; passes on what it reads, untouched.
 */
import { Duplex, Transform } from 'node:stream'

/** As the connection that aedes gets in place of `socket`. */
export function withPacketLimit(socket: Duplex, maxBytes: number): Duplex {
  const check = createPacketCheck(maxBytes)
  const incoming = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (check(chunk)) done(null, chunk)
      else done(new Error(`a packet of more than ${maxBytes} bytes`))
    },
  })
  incoming.on('error', () => socket.destroy())
  socket.on('error', () => incoming.destroy())
  socket.on('close', () => incoming.destroy())
  return Duplex.from({ readable: socket.pipe(incoming), writable: socket })
}

/** False: this chunk begins a packet that is too large, or is no MQTT. */
export function createPacketCheck(maxBytes: number): (chunk: Buffer) => boolean {
  /** Of the packet under way. */
  let left = 0
  /** Of its length, as far as it has come: 7 bits a byte, at most 4 bytes (MQTT 2.1.4). */
  let length = 0
  let lengthBytes = -1
  return (chunk) => {
    let at = 0
    while (at < chunk.length) {
      if (left > 0) {
        const taken = Math.min(left, chunk.length - at)
        left -= taken
        at += taken
      } else if (lengthBytes === -1) {
        // Type and flags.
        lengthBytes = 0
        length = 0
        at += 1
      } else {
        const byte = chunk[at] ?? 0
        at += 1
        length += (byte & 0x7f) * 128 ** lengthBytes
        lengthBytes += 1
        if (byte >= 0x80) {
          if (lengthBytes === 4) return false
          continue
        }
        if (length > maxBytes) return false
        left = length
        lengthBytes = -1
      }
    }
    return true
  }
}
