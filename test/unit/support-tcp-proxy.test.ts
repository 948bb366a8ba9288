import { once } from 'node:events'
import net from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { listenOnLoopback, openTcpProxy } from '../support/tcp-proxy.ts'
import type { TcpProxy } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

let target: net.Server // answers every chunk with the same bytes
let targetPort: number
let targetSockets: net.Socket[]
let targetReceived: Buffer
let proxy: TcpProxy
let clients: Client[]

beforeEach(async () => {
  targetSockets = []
  targetReceived = Buffer.alloc(0)
  clients = []
  target = net.createServer((socket) => {
    targetSockets.push(socket)
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      targetReceived = Buffer.concat([targetReceived, chunk])
      socket.write(chunk)
    })
  })
  targetPort = await listenOnLoopback(target)
  proxy = await openTcpProxy({ targetPort })
})

afterEach(async () => {
  for (const { socket } of clients) socket.destroy()
  await proxy.close()
  for (const socket of targetSockets) socket.destroy()
  target.close()
})

interface Client {
  socket: net.Socket
  received: () => string
  /** How the connection ended: 'end', an error code, or undefined while it is open. */
  ending: () => string | undefined
}

async function connect(): Promise<Client> {
  const socket = net.connect(proxy.port, proxy.host)
  let received = ''
  let ending: string | undefined
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text
  })
  socket.on('end', () => {
    ending ??= 'end'
  })
  socket.on('error', (error) => {
    ending ??= 'code' in error ? String(error.code) : error.message
  })
  const client = { socket, received: () => received, ending: () => ending }
  clients.push(client)
  await once(socket, 'connect')
  return client
}

async function echo(client: Client, text: string): Promise<void> {
  const before = client.received()
  client.socket.write(text)
  await waitFor(() => client.received() === before + text, { what: `the echo of ${text.length} bytes` })
}

async function expectReset(client: Client): Promise<void> {
  expect(await waitFor(client.ending, { what: 'the connection to end' })).toBe('ECONNRESET')
}

// Bytes that could pass would be there by now: the same bytes have gone round on another way in the meantime.
async function roundTripOutside(): Promise<void> {
  const socket = net.connect(targetPort, proxy.host)
  socket.write('x')
  await once(socket, 'data')
  socket.destroy()
}

describe('the TCP proxy', () => {
  it('passes bytes both ways, unchanged and in order', async () => {
    const client = await connect()
    const text = Array.from({ length: 300_000 }, (_, i) => String(i % 10)).join('')
    await echo(client, text)
    expect(targetReceived.toString()).toBe(text)
    expect([proxy.connections(), proxy.accepted()]).toEqual([1, 1])
  })

  it('passes the end of a stream after the bytes before it, and forgets the connection', async () => {
    const client = await connect()
    client.socket.end('last words')
    expect(await waitFor(client.ending, { what: 'the end' })).toBe('end')
    expect(client.received()).toBe('last words')
    await waitFor(() => proxy.connections() === 0, { what: 'the proxy to forget the connection' })
  })

  it('passes a reset on to the other side', async () => {
    const client = await connect()
    await echo(client, 'hello')
    targetSockets[0]?.resetAndDestroy()
    await expectReset(client)
  })

  it('resets the client when the target does not listen', async () => {
    target.close()
    await expectReset(await connect())
  })

  it('cuts all connections on both sides and accepts new ones', async () => {
    const [one, two] = [await connect(), await connect()]
    await echo(one, 'a')
    await echo(two, 'b')
    proxy.cut()
    await expectReset(one)
    await expectReset(two)
    await waitFor(() => targetSockets.every((socket) => socket.destroyed), { what: 'the target to notice' })
    expect(proxy.connections()).toBe(0)
    await echo(await connect(), 'c')
  })

  it('lets nothing pass while frozen, and everything after the thaw', async () => {
    const client = await connect()
    await echo(client, 'before ')
    proxy.freeze()
    client.socket.write('during')
    const late = await connect()
    late.socket.end('late')
    await roundTripOutside()
    expect([client.received(), late.received()]).toEqual(['before ', ''])
    expect([client.ending(), late.ending()]).toEqual([undefined, undefined])
    proxy.thaw()
    await waitFor(() => client.received() === 'before during', { what: 'the frozen bytes' })
    await waitFor(() => late.received() === 'late' && late.ending() === 'end', { what: 'the late client' })
  })

  it('holds the end of a connection back while frozen', async () => {
    const client = await connect()
    await echo(client, 'hello')
    proxy.freeze()
    targetSockets[0]?.end()
    await roundTripOutside()
    expect(client.ending()).toBeUndefined()
    proxy.thaw()
    expect(await waitFor(client.ending, { what: 'the end' })).toBe('end')
  })

  it('refuses new connections, keeps open ones, and accepts again on the same port', async () => {
    const client = await connect()
    await echo(client, 'a')
    const { port } = proxy
    proxy.refuse()
    await expect(connect()).rejects.toThrow('ECONNREFUSED')
    await echo(client, 'b')
    await proxy.accept()
    expect(proxy.port).toBe(port)
    await echo(await connect(), 'c')
  })

  it('cuts exactly when certain bytes come, and keeps these back', async () => {
    const client = await connect()
    proxy.onUpstream = (chunk) => (chunk.includes('COMMIT') ? 'cut' : 'pass')
    await echo(client, 'BEGIN')
    client.socket.write('COMMIT')
    await expectReset(client)
    expect(targetReceived.toString()).toBe('BEGIN')
  })

  it('cuts when the answer comes, so that the target has done it and the client cannot know', async () => {
    const client = await connect()
    proxy.onDownstream = (chunk) => (chunk.includes('COMMIT') ? 'cut' : 'pass')
    client.socket.write('COMMIT')
    await expectReset(client)
    expect(targetReceived.toString()).toBe('COMMIT')
    expect(client.received()).toBe('')
  })

  it('freezes when certain bytes come; they pass once at the thaw', async () => {
    const client = await connect()
    let seen = 0
    proxy.onUpstream = () => (++seen === 2 ? 'freeze' : 'pass')
    await echo(client, 'one ')
    client.socket.write('two')
    await waitFor(() => seen === 2, { what: 'the second chunk' })
    await roundTripOutside()
    expect(client.received()).toBe('one ')
    proxy.thaw()
    await waitFor(() => client.received() === 'one two', { what: 'the frozen bytes' })
    expect(seen).toBe(2)
  })

  it('delays every chunk in each direction', async () => {
    const client = await connect()
    proxy.setDelayMs(40)
    const startedAt = performance.now()
    await echo(client, 'slow')
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(79) // there and back; timers may be 1 ms early
  })

  it('throttles to the given rate', async () => {
    const client = await connect()
    proxy.throttle(100_000)
    const startedAt = performance.now()
    await echo(client, 'x'.repeat(30_000))
    // 30,000 bytes take 0.3 s, less the first slice (5,000 bytes), which passes at once
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(245)
  })

  it('lets the sender feel the back-pressure of a receiver that does not read', async () => {
    const client = await connect()
    await echo(client, 'a')
    targetSockets[0]?.removeAllListeners('data').pause()
    const sentBytes = 64 * 1024 * 1024 // more than all socket buffers on the way can hold
    client.socket.write(Buffer.alloc(sentBytes))
    for (let i = 0; i < 50; i += 1) await roundTripOutside()
    expect(client.socket.writableLength).toBe(sentBytes)
  })

  it('gives the URL of a target by way of itself', () => {
    const url = proxy.urlFor('postgres://me:secret@db.example:5432/rtls?sslmode=disable')
    expect(url).toBe(`postgres://me:secret@127.0.0.1:${proxy.port}/rtls?sslmode=disable`)
  })

  it('closes while frozen and with connections open', async () => {
    const client = await connect()
    await echo(client, 'a')
    proxy.freeze()
    await proxy.close()
    await expectReset(client)
    await expect(connect()).rejects.toThrow('ECONNREFUSED')
  })
})
