/**
 * Child process that publishes prepared packets, as fast as the broker acknowledges (QoS 1) or reads (QoS 0), or at a steady pace.
 * Writes whole runs of packets at once and counts acknowledgements by bytes, so that it costs next to nothing.
 */
import { once } from 'node:events'
import { type Socket, connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { answer } from './children.ts'
import { ackBytes, disconnectPacket, encodeConnect, pingPacket } from './mqtt-wire.ts'
import type { LinkPackets } from './traffic.ts'

export type PublisherQuestion =
  | { kind: 'load'; name: string; links: readonly LinkPackets[]; linkOf: Uint8Array; qos: 0 | 1 }
  | { kind: 'publish'; name: string; port: number; messages: number; perSecond: number | undefined }

export interface Published {
  /** Milliseconds since 1970: just before the first packet was written, and when the broker had acknowledged the last. */
  readonly firstMs: number
  readonly lastAckMs: number
  readonly cpuSeconds: number
}

/** Messages of one connection the broker has not acknowledged; MQTT allows 65,535. */
const maxUnackedMessages = 1000
const tickMs = 1

interface Link {
  readonly socket: Socket
  readonly packets: LinkPackets
  /** Packets that may go out: all of this run's, or those that are due. */
  released: number
  /** Infinity where nothing is acknowledged. */
  readonly maxUnacked: number
  sent: number
  acked: number
}

const loaded = new Map<string, PublisherQuestion & { kind: 'load' }>()

answer(async (message) => {
  const question = message as PublisherQuestion
  if (question.kind === 'publish') return publish(question)
  loaded.set(question.name, question)
  return undefined
})

async function publish(order: PublisherQuestion & { kind: 'publish' }): Promise<Published> {
  const traffic = loaded.get(order.name)
  if (traffic === undefined) throw new Error(`nothing loaded as ${order.name}`)
  const links = await Promise.all(
    traffic.links.map(async (packets) => openLink(order.port, packets, traffic.qos)),
  )
  const linkOf = (index: number): Link => {
    const link = links[traffic.linkOf[index] ?? 0]
    if (link === undefined) throw new RangeError('no such connection')
    return link
  }

  const cpuBefore = process.cpuUsage()
  let acked = 0
  let finish: (nowMs: number) => void = () => undefined
  const isDone = new Promise<number>((resolve) => {
    finish = resolve
  })
  for (const link of links) {
    let bytes = 0
    link.socket.on('data', (data) => {
      if (traffic.qos === 0) {
        // The answer to the ping that follows the last packet: the broker has read them all.
        if (links.every(({ socket }) => socket.bytesRead > ackBytes)) finish(Date.now())
        return
      }
      bytes += data.length
      acked += Math.floor(bytes / ackBytes) - link.acked
      link.acked = Math.floor(bytes / ackBytes)
      send(link)
      if (acked === order.messages) finish(Date.now())
    })
  }
  const firstMs = Date.now()
  if (order.perSecond === undefined) {
    for (let index = 0; index < order.messages; index += 1) linkOf(index).released += 1
    for (const link of links) send(link)
  } else await pace(order.messages, order.perSecond, linkOf)
  if (traffic.qos === 0) for (const { socket } of links) socket.write(pingPacket)
  const lastAckMs = await isDone

  const { user, system } = process.cpuUsage(cpuBefore)
  for (const link of links) link.socket.end(disconnectPacket)
  return { firstMs, lastAckMs, cpuSeconds: (user + system) / 1e6 }
}

async function openLink(port: number, packets: LinkPackets, qos: 0 | 1): Promise<Link> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  socket.write(encodeConnect(`bench-${process.pid}-${Math.random().toString(36).slice(2)}`))
  const [connack] = (await once(socket, 'data')) as [Buffer]
  if (connack.length !== ackBytes || connack[3] !== 0) throw new Error('the broker refuses the publisher')
  // Unhandled it ends the process, and the bench with it: a run with a lost connection is void.
  const maxUnacked = qos === 0 ? Infinity : maxUnackedMessages
  return { socket, packets, released: 0, sent: 0, acked: 0, maxUnacked }
}

function send(link: Link): void {
  const until = Math.min(link.released, link.acked + link.maxUnacked)
  if (until <= link.sent) return
  const { bytes, ends } = link.packets
  link.socket.write(bytes.subarray(ends[link.sent - 1] ?? 0, ends[until - 1]))
  link.sent = until
}

/** By the clock: what a late timer missed is sent at once. */
async function pace(messages: number, perSecond: number, linkOf: (index: number) => Link): Promise<void> {
  const startedMs = performance.now()
  for (let index = 0; index < messages;) {
    const due = Math.min(messages, Math.floor(((performance.now() - startedMs) * perSecond) / 1000) + 1)
    for (; index < due; index += 1) {
      const link = linkOf(index)
      link.released += 1
      send(link)
    }
    await wait(tickMs)
  }
}
