// What a newcomer sees over HTTP: started with nothing configured, the service knows assets by name and where they are.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { runCli } from '../support/child.ts'
import { openService } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'rtls-e2e-http-'))
const token = 'token-from-a-file-1234'
const tokenFile = path.join(folder, 'token')
writeFileSync(tokenFile, `${token}\n`)
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

interface Asset {
  readonly id: string
  readonly assetTagNumber: string
  readonly equipmentName: string
  readonly lastLocation: { readonly x: number; readonly secondsAgo: number } | null
}

it('assets by name, where one is, and a change by the token from a file that outlives a restart', async () => {
  const env = { DATA_DIR: path.join(folder, 'db'), HTTP_WRITE_TOKEN_FILE: tokenFile }
  const service = await openService({ env })
  const get = async <T>(at: string): Promise<T> => (await (await fetch(`${service.http}${at}`)).json()) as T

  const pumps = await waitFor(
    async () => {
      const { items } = await get<{ items: Asset[] }>('/assets?q=infusion+pump&limit=3')
      return items.length === 3 ? items : undefined
    },
    { what: 'the demo hospital', deadlineMs: 60_000 },
  )
  expect(pumps[0]?.equipmentName).toMatch(/^Infusion pump \d+$/u)
  const seen = await waitFor(
    async () => {
      const assets = await Promise.all(pumps.map(async ({ id }) => get<Asset>(`/assets/${id}`)))
      return assets.find(({ lastLocation }) => lastLocation !== null)
    },
    { what: 'a pump that was seen', deadlineMs: 60_000 },
  )
  expect(seen.lastLocation).toMatchObject({ x: expect.any(Number) as number })

  // While the hospital is being seeded the embedded database may answer late: 503 with Retry-After, and asked again.
  const changed = await waitFor(
    async () => {
      const answer = await fetch(`${service.http}/assets/${seen.id}`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json', 'if-match': '*', authorization: `Bearer ${token}` },
        body: JSON.stringify({ notes: 'kept' }),
      })
      return answer.status === 503 ? undefined : answer
    },
    { what: 'an answer to a change', deadlineMs: 60_000 },
  )
  expect(changed.status).toBe(200)
  expect((await service.kill()).code).toBe(0)
  expect(service.output()).not.toContain(token)

  const again = await openService({ env: { DATA_DIR: env.DATA_DIR }, args: ['--no-simulate'] })
  expect(await (await fetch(`${again.http}/assets/${seen.id}`)).json()).toMatchObject({ notes: 'kept' })
  const off = await fetch(`${again.http}/assets`, { method: 'POST' })
  expect([off.status, await off.text()]).toEqual([403, expect.stringContaining('Set HTTP_WRITE_TOKEN')])
  expect((await again.kill()).code).toBe(0)
})

it('opened to the network, assets need a token and health does not; check prints no token', async () => {
  const config = path.join(folder, 'open.yaml')
  writeFileSync(
    config,
    `http: { host: 0.0.0.0, tokens: [{ name: portal, role: viewer, tokenFile: ${tokenFile} }] }\n`,
  )
  const { stdout } = await runCli(['check', '--config', config], {
    env: { HTTP_WRITE_TOKEN: 'another-secret-token' },
  })
  expect(stdout).toContain('name: portal')
  expect(stdout).not.toMatch(/token-from-a-file|another-secret/u)

  const service = await openService({
    env: { DATA_DIR: path.join(folder, 'db') },
    args: ['--config', config, '--no-simulate'],
  })
  const port = new URL(service.http).port
  const status = async (at: string, headers: Record<string, string> = {}): Promise<number> =>
    (await fetch(`http://127.0.0.1:${port}${at}`, { headers })).status
  expect(await status('/assets')).toBe(401)
  expect(await status('/assets', { authorization: `Bearer ${token}` })).toBe(200)
  expect(await status('/readyz')).toBe(200)
  expect((await service.kill()).code).toBe(0)
})
