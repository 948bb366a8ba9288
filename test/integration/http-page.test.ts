// How the service serves the page: to everybody, complete, compressed, kept for ever where its name says what is in it, under a
// policy that lets nothing foreign in; and small.
import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type HttpApi, openHttpApi } from '../support/http-api.ts'

const built = path.resolve(import.meta.dirname, '../../dist/page')
let api: HttpApi
let base: string
beforeAll(async () => {
  // The service is still starting, and nobody may read without a token.
  api = await openHttpApi(undefined, { readAccess: 'token' })
  base = `http://127.0.0.1:${api.port}`
})
afterAll(async () => {
  await api.close()
})

/** As it is sent: fetch would unpack it. */
const raw = async (at: string, encoding: string): Promise<Response> =>
  fetch(`${base}${at}`, { headers: { 'accept-encoding': encoding } })

it('gives the page to everybody, never stale, and lets it load nothing from elsewhere', async () => {
  const response = await fetch(`${base}/`)
  expect(response.status).toBe(200)
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-cache',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  })
  const policy = response.headers.get('content-security-policy') ?? ''
  expect(policy).toContain("default-src 'none'")
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy).toContain("require-trusted-types-for 'script'")
  expect(policy).not.toContain('unsafe')
  const html = await response.text()
  expect(html).not.toMatch(/\bstyle=|<style|<script>|https?:\/\/(?!www\.w3\.org)/u)
})

it('gives its parts compressed as the browser likes, to keep for ever', async () => {
  const html = await (await fetch(`${base}/`)).text()
  const parts = [...html.matchAll(/(?:src|href)="(\/page\/[^"]+)"/gu)].map(([, part = '']) => part)
  expect(parts).toHaveLength(3)
  for (const part of parts) {
    const [plain, brotli, gzip] = await Promise.all(
      ['identity', 'br', 'gzip'].map(async (encoding) => raw(part, encoding)),
    )
    expect(
      [plain, brotli, gzip].map((response) => response?.headers.get('content-encoding') ?? null),
    ).toEqual([null, 'br', 'gzip'])
    expect(plain?.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    const text = await plain?.text()
    expect(await brotli?.text()).toBe(text)
    expect(await gzip?.text()).toBe(text)
  }
  expect((await fetch(`${base}/page/../server.js`)).status).toBe(404)
  expect((await fetch(`${base}/page/index.html`)).status).toBe(404)
  expect((await fetch(`${base}/`, { method: 'POST' })).status).toBe(405)
})

it('keeps the data behind the token', async () => {
  expect((await fetch(`${base}/facilities`)).status).toBe(401)
})

it('weighs less than 300 kB compressed, all views together', () => {
  const files = readdirSync(built)
  const bytes = files
    .filter((name) => name.endsWith('.br') || name === 'index.html')
    .reduce((sum, name) => sum + readFileSync(path.join(built, name)).length, 0)
  expect(bytes).toBeLessThan(300_000)
  for (const name of files.filter((file) => file.endsWith('.br')))
    expect(brotliDecompressSync(readFileSync(path.join(built, name)))).toEqual(
      readFileSync(path.join(built, name.slice(0, -3))),
    )
})
