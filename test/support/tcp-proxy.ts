// A TCP proxy that misbehaves on demand: it stands between the service and a broker or database and cuts, freezes,
// delays, throttles or refuses, at once or exactly when certain bytes pass.
//
// Bytes keep their order and none is lost or doubled, except by a cut. While frozen nothing passes: no bytes, no end of
// stream, no reset, as on a line that died in between. A chunk is shown to the hooks once, just before it would be sent on.
import net from 'node:net'
import { once } from 'node:events'

/** `cut` and `freeze` act on all connections and keep this chunk back: for good, or until the thaw. */
type Verdict = 'pass' | 'cut' | 'freeze'
type Hook = (chunk: Buffer) => Verdict

export interface TcpProxy {
  readonly host: string
  readonly port: number
  /** The URL of the proxy for the same target: scheme, credentials, path and query are those of `targetUrl`. */
  urlFor(targetUrl: string): string
  /** Open client connections. */
  connections(): number
  /** Connections accepted since the proxy was opened. */
  accepted(): number
  /** Resets every connection, on both sides. New ones are accepted. */
  cut(): void
  freeze(): void
  thaw(): void
  /** Stops listening: new connections are refused, open ones stay. */
  refuse(): void
  /** Listens again, on the same port. */
  accept(): Promise<void>
  /** Each chunk is sent on `delayMs` after it came, in each direction. */
  setDelayMs(delayMs: number): void
  /** Per connection and direction; 0 is unlimited. */
  throttle(bytesPerS: number): void
  /** Sees what clients send (to the target). Set and unset at any time. */
  onUpstream: Hook | undefined
  /** Sees what the target answers. */
  onDownstream: Hook | undefined
  close(): Promise<void>
}

interface Item {
  kind: 'chunk' | 'end' | 'reset'
  chunk: Buffer
  dueAt: number
  isInspected: boolean
}

interface Flow {
  from: net.Socket
  to: net.Socket
  hook: () => Hook | undefined
  queue: Item[]
  queuedBytes: number
  timer: NodeJS.Timeout | undefined
  isWaitingForDrain: boolean
  freeAt: number // when the throttle lets the next slice pass
}

interface Link {
  client: net.Socket
  flows: Flow[]
  destroy: () => void
}

const HOST = '127.0.0.1'
const MAX_QUEUED_BYTES = 1024 * 1024 // beyond it the sender feels the back-pressure, as it would on a real line
const SLICES_PER_S = 20

/** Opens a proxy on a free loopback port. It must be closed. */
export async function openTcpProxy(target: { targetPort: number; targetHost?: string }): Promise<TcpProxy> {
  const { targetPort, targetHost = HOST } = target
  const links = new Set<Link>()
  const line = { isFrozen: false, delayMs: 0, bytesPerS: 0 }
  let accepted = 0

  // Half-open allowed: an end of stream is an item like any other and must not overtake the bytes before it.
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    accepted += 1
    const upstream = new net.Socket({ allowHalfOpen: true })
    upstream.setNoDelay(true)
    const link: Link = {
      client,
      flows: [
        createFlow(client, upstream, () => proxy.onUpstream),
        createFlow(upstream, client, () => proxy.onDownstream),
      ],
      destroy: () => {
        links.delete(link)
        for (const flow of link.flows) clearTimeout(flow.timer)
        for (const socket of [client, upstream]) resetOrDestroy(socket)
      },
    }
    links.add(link)
    for (const flow of link.flows) listenTo(flow, link)
    upstream.connect(targetPort, targetHost)
  })

  function listenTo(flow: Flow, link: Link): void {
    const enqueue = (kind: Item['kind'], chunk = Buffer.alloc(0)): void => {
      flow.queue.push({ kind, chunk, dueAt: performance.now() + line.delayMs, isInspected: false })
      flow.queuedBytes += chunk.length
      if (flow.queuedBytes > MAX_QUEUED_BYTES) flow.from.pause()
      advance(flow, link)
    }
    flow.from.on('data', (chunk) => {
      enqueue('chunk', chunk)
    })
    flow.from.on('end', () => {
      enqueue('end')
    })
    flow.from.on('error', () => {
      enqueue('reset')
    })
    flow.from.on('close', () => {
      if (link.flows.every(({ from }) => from.destroyed)) link.destroy()
    })
    flow.to.on('drain', () => {
      flow.isWaitingForDrain = false
      advance(flow, link)
    })
  }

  // Sends on what may be sent now. Called whenever something changed: bytes, time, the thaw, room in the socket.
  function advance(flow: Flow, link: Link): void {
    while (links.has(link) && !line.isFrozen && !flow.isWaitingForDrain) {
      const item = flow.queue[0]
      if (item === undefined) break
      const waitMs = Math.max(item.dueAt, line.bytesPerS > 0 ? flow.freeAt : 0) - performance.now()
      if (waitMs > 0) {
        clearTimeout(flow.timer)
        flow.timer = setTimeout(advance, Math.ceil(waitMs), flow, link)
        break
      }
      if (item.kind === 'chunk') sendChunk(flow, item)
      else if (item.kind === 'end') endStream(flow)
      else link.destroy()
    }
    if (flow.queuedBytes <= MAX_QUEUED_BYTES) flow.from.resume()
  }

  function sendChunk(flow: Flow, item: Item): void {
    const verdict = item.isInspected ? 'pass' : (flow.hook()?.(item.chunk) ?? 'pass')
    item.isInspected = true
    if (verdict === 'cut') {
      proxy.cut()
      return
    }
    if (verdict === 'freeze') {
      proxy.freeze()
      return
    }
    const sliceBytes = line.bytesPerS > 0 ? Math.ceil(line.bytesPerS / SLICES_PER_S) : item.chunk.length
    const slice = item.chunk.subarray(0, sliceBytes)
    item.chunk = item.chunk.subarray(sliceBytes)
    flow.queuedBytes -= slice.length
    if (item.chunk.length === 0) flow.queue.shift()
    if (line.bytesPerS > 0) flow.freeAt = performance.now() + (slice.length / line.bytesPerS) * 1000
    if (!flow.to.destroyed) flow.isWaitingForDrain = !flow.to.write(slice)
  }

  const proxy: TcpProxy = {
    host: HOST,
    port: 0,
    urlFor: (targetUrl) => {
      const url = new URL(targetUrl)
      url.hostname = HOST
      url.port = String(proxy.port)
      return url.href
    },
    connections: () => links.size,
    accepted: () => accepted,
    cut: () => {
      for (const link of links) link.destroy()
    },
    freeze: () => {
      line.isFrozen = true
    },
    thaw: () => {
      line.isFrozen = false
      for (const link of links) for (const flow of link.flows) advance(flow, link)
    },
    refuse: () => {
      server.close()
    },
    accept: async () => {
      if (!server.listening) await listenOnLoopback(server, proxy.port)
    },
    setDelayMs: (ms) => {
      line.delayMs = ms
    },
    throttle: (limit) => {
      line.bytesPerS = limit
    },
    onUpstream: undefined,
    onDownstream: undefined,
    close: async () => {
      proxy.cut()
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      await closed
    },
  }
  const port = await listenOnLoopback(server)
  return Object.assign(proxy, { port })
}

function createFlow(from: net.Socket, to: net.Socket, hook: Flow['hook']): Flow {
  return {
    from,
    to,
    hook,
    queue: [],
    queuedBytes: 0,
    timer: undefined,
    isWaitingForDrain: false,
    freeAt: 0,
  }
}

function endStream(flow: Flow): void {
  flow.queue.shift()
  if (!flow.to.destroyed) flow.to.end()
}

function resetOrDestroy(socket: net.Socket): void {
  if (socket.destroyed) return
  if (socket.connecting) socket.destroy()
  else socket.resetAndDestroy()
}

/** Listens on 127.0.0.1, on a free port unless one is given, and returns the port. */
export async function listenOnLoopback(server: net.Server, port = 0): Promise<number> {
  server.listen(port, HOST)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A TCP server has a port')
  return address.port
}
