/**
 * Stands between the socket and MQTT.js: takes the PUBLISH packets out of the stream, and puts PUBACKs into it when told to.
 * Everything else (CONNACK, SUBACK, PINGRESP, DISCONNECT, …) passes through, so that MQTT.js goes on doing the session.
 *
 * Guarantees: packets are handed over in the order of receipt; after `hold` none is, and nothing more is read from the first
 * one on (a connection can be made and kept alive until then, and the intake is bounded);
 * no PUBACK is sent except by `acknowledge`; PUBACKs of one turn leave in one write, never inside another packet.
 * Format: MQTT 5.0 §2.1, §3.3, §3.4 (OASIS); the same bytes in 3.1.1 but for the properties.
 */
import { Duplex } from 'node:stream'

export interface PublishPacket {
  readonly topic: string
  readonly payload: Buffer
  /** 0 for QoS 0. */
  readonly packetId: number
  readonly isRetained: boolean
}

export interface PublishTap {
  /** What MQTT.js takes for the connection. */
  readonly stream: Duplex
  acknowledge(packetId: number): void
  hold(): void
  resume(): void
}

const publishType = 3
const pubackHeader = 0x40
/** MQTT's lengths have at most four digits of seven bits. */
const maxLengthShift = 21
const shortestPacket = 2

class MalformedPacket extends Error {
  /** MQTT.js reports only errors that have one. */
  readonly code = 'MALFORMED_PUBLISH'
}

/** `isMqtt5` is asked at every packet: the version may change between connections, never within one. */
export function openPublishTap(
  inner: Duplex,
  isMqtt5: boolean,
  onPublish: (packet: PublishPacket) => void,
): PublishTap {
  let isHeld = false
  /** Bytes from the first PUBLISH on that came while held; the socket is paused as long as there are any. */
  let unread: Buffer[] = []
  /** The beginning of a packet whose end has not come: in pieces, so that a large one is put together once. */
  let pieces: Buffer[] = []
  let pieceBytes = 0
  let neededBytes = 0
  let ackIds: number[] = []
  /** We say goodbye: what still comes is not looked at, and comes again to the next connection. */
  let isOver = false

  const flushAcks = (): void => {
    if (ackIds.length === 0) return
    const bytes = Buffer.allocUnsafe(ackIds.length * 4)
    let at = 0
    for (const id of ackIds) {
      bytes[at] = pubackHeader
      bytes[at + 1] = 2
      bytes[at + 2] = id >> 8
      bytes[at + 3] = id & 0xff
      at += 4
    }
    ackIds = []
    if (!inner.destroyed && inner.writable) inner.write(bytes)
  }

  const stream = new Duplex({
    read() {
      // Control packets are pushed as they come; they are few.
    },
    // Answered at once: what MQTT.js writes is one packet at a time, and a PUBACK must not get into the middle of it.
    write(chunk: Buffer, _encoding, done) {
      flushAcks()
      inner.write(chunk)
      done()
    },
    writev(chunks, done) {
      flushAcks()
      inner.write(Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer)))
      done()
    },
    final(done) {
      flushAcks()
      isOver = true
      unread = []
      // Paused, it would never see the other side's end.
      inner.resume()
      inner.end(done)
    },
    destroy(error, done) {
      unread = []
      pieces = []
      inner.destroy()
      done(error)
    },
  })

  const take = (chunk: Buffer): void => {
    if (isOver) return
    let rest = chunk
    while (pieces.length > 0 && rest.length > 0) {
      const missing = neededBytes - pieceBytes
      const piece = rest.subarray(0, missing)
      pieces.push(piece)
      pieceBytes += piece.length
      rest = rest.subarray(missing)
      if (pieceBytes < neededBytes) return
      const joined = Buffer.concat(pieces)
      pieces = []
      parse(joined)
    }
    if (rest.length === 0) return
    if (unread.length > 0) unread.push(rest)
    else parse(rest)
  }

  const keep = (rest: Buffer, needed: number): void => {
    pieces = [rest]
    pieceBytes = rest.length
    neededBytes = needed
  }

  const parse = (bytes: Buffer): void => {
    let at = 0
    while (at < bytes.length && !stream.destroyed) {
      let length = 0
      let shift = 0
      let cursor = at + 1
      for (;;) {
        const digit = bytes[cursor]
        if (digit === undefined) return keep(bytes.subarray(at), Math.max(shortestPacket, cursor + 1 - at))
        cursor += 1
        length |= (digit & 0x7f) << shift
        if (digit < 0x80) break
        shift += 7
        if (shift > maxLengthShift) return refuse('its length has more than four digits')
      }
      const end = cursor + length
      if (end > bytes.length) return keep(bytes.subarray(at), end - at)
      const header = bytes[at] ?? 0
      if (header >> 4 !== publishType) stream.push(bytes.subarray(at, end))
      else if (isHeld) {
        unread.push(bytes.subarray(at))
        inner.pause()
        return
      } else readPublish(bytes, header, cursor, end)
      at = end
    }
  }

  const readPublish = (bytes: Buffer, header: number, start: number, end: number): void => {
    const qos = (header >> 1) & 3
    // We subscribe with QoS 1, which is the most a broker may then send.
    if (qos > 1) return refuse(`its QoS is ${qos}, and we subscribed with 1`)
    const topicEnd = start + 2 + ((bytes[start] ?? 0) << 8) + (bytes[start + 1] ?? 0)
    let at = topicEnd
    let packetId = 0
    if (qos === 1) {
      packetId = ((bytes[at] ?? 0) << 8) + (bytes[at + 1] ?? 0)
      at += 2
      if (packetId === 0) return refuse('it has QoS 1 and no packet identifier')
    }
    if (isMqtt5) {
      // Of the properties none concerns us; a topic alias would, and we have allowed none.
      let length = 0
      for (let shift = 0, digit = 0x80; digit >= 0x80 && shift <= maxLengthShift; shift += 7) {
        digit = bytes[at] ?? 0
        at += 1
        length |= (digit & 0x7f) << shift
      }
      at += length
    }
    if (at > end) return refuse('it ends before its payload begins')
    if (topicEnd === start + 2) return refuse('it has no topic, and we have allowed no topic alias')
    onPublish({
      topic: bytes.toString('utf8', start + 2, topicEnd),
      payload: bytes.subarray(at, end),
      packetId,
      isRetained: (header & 1) === 1,
    })
  }

  const refuse = (why: string): void => {
    stream.destroy(new MalformedPacket(`the broker sent a PUBLISH that is none: ${why}`))
  }

  inner.on('data', take)
  inner.on('end', () => stream.push(null))
  inner.on('error', (error) => stream.destroy(error))
  inner.on('close', () => stream.destroy())

  return {
    stream,
    acknowledge(packetId) {
      if (ackIds.length === 0) process.nextTick(flushAcks)
      ackIds.push(packetId)
    },
    hold() {
      isHeld = true
    },
    resume() {
      isHeld = false
      if (unread.length === 0) return
      const waiting = unread
      unread = []
      for (const chunk of waiting) take(chunk)
      if (unread.length === 0) inner.resume()
    },
  }
}
