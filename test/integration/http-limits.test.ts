// What the HTTP server does for whoever asks: headers that keep browsers from harm, bounds for those who ask too often, too slowly or
// too much. No database: it is about the way in.
import net from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HttpApi, openHttpApi, writeToken } from '../support/http-api.ts'
import { waitFor } from '../support/wait-for.ts'

/** What was answered to these bytes, when the server has ended the connection. */
async function raw(port: number, bytes: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1')
  let answer = ''
  let isOver = false
  socket.setEncoding('latin1')
  socket.on('data', (text: string) => {
    answer += text
  })
  socket.on('error', () => undefined)
  socket.on('close', () => {
    isOver = true
  })
  socket.write(bytes)
  await waitFor(() => isOver, { what: 'the server to end the connection' })
  return answer
}

describe('every answer', () => {
  let api: HttpApi
  beforeAll(async () => {
    api = await openHttpApi(undefined)
  })
  afterAll(async () => api.close())

  const expected = {
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'content-security-policy': expect.stringContaining("frame-ancestors 'none'") as string,
  }

  it.each([
    ['GET', '/'],
    ['GET', '/livez'],
    ['GET', '/readyz'],
    ['GET', '/metrics'],
    ['GET', '/openapi.json'],
    ['GET', '/assets'],
    ['GET', '/nowhere'],
    ['GET', '/page/nowhere.js'],
    ['GET', '/assets/%E0%A4%A'],
    ['DELETE', '/assets'],
    ['POST', '/assets'],
  ])('to %s %s says that nobody may frame, sniff or embed it', async (method, path) => {
    const answer = await fetch(`http://127.0.0.1:${api.port}${path}`, { method })
    expect(Object.fromEntries(answer.headers)).toMatchObject(expected)
    expect(answer.headers.get('cache-control')).toMatch(/^no-(?:store|cache)$/u)
    expect(answer.headers.has('server')).toBe(false)
  })

  it('does so also where no request came of it', async () => {
    for (const bytes of [
      'nonsense\r\n\r\n',
      `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
    ]) {
      const answer = (await raw(api.port, bytes)).toLowerCase()
      for (const header of [
        'x-content-type-options: nosniff',
        'x-frame-options: deny',
        'cache-control: no-store',
      ])
        expect(answer).toContain(header)
    }
  })

  it('comes in time or not at all: who dribbles, and who says nothing, is cut off', async () => {
    const [dribbled, silent] = await Promise.all([
      raw(api.port, 'GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: '),
      raw(api.port, ''),
    ])
    expect(dribbled).toContain('HTTP/1.1 408')
    expect(silent).not.toContain('200 OK')
  })
})

describe('who asks too often', () => {
  let api: HttpApi
  beforeAll(async () => {
    // One of them is the description, which the helper reads.
    api = await openHttpApi(undefined, { maxRequestsPerMinute: 4, readAccess: 'token' })
  })
  afterAll(async () => api.close())

  it('is told when to ask again; health, metrics and others with a token of their own are answered', async () => {
    const guess = async (n: number) => api.ask({ path: '/assets', token: `a-guessed-token-number-${n}` })
    // Guessing tokens counts for the address.
    const statuses: number[] = []
    for (let n = 0; n < 5; n += 1) statuses.push((await guess(n)).status)
    expect(statuses).toEqual([401, 401, 401, 429, 429])
    const refused = await guess(9)
    expect(refused.body).toMatchObject({ type: 'urn:rtls-ingest:problem:too-many-requests', status: 429 })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60)

    for (const path of ['/livez', '/readyz', '/metrics'])
      expect((await fetch(`http://127.0.0.1:${api.port}${path}`)).status).not.toBe(429)
    expect((await api.ask({ path: '/assets', token: writeToken })).status).not.toBe(429)
    for (let n = 0; n < 4; n += 1) await api.ask({ path: '/assets', token: writeToken })
    expect((await api.ask({ path: '/assets', token: writeToken })).status).toBe(429)
  })
})
