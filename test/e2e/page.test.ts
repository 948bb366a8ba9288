// The live page as people use it: a real browser on the running service with the simulated hospital. Searching by keyboard, following,
// looking back, losing the service and getting it back; names that want to be markup; what axe finds; a console that stays silent.
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { openHttpApi, writeToken } from '../support/http-api.ts'
import { type TestBrowser, chromiumPath, noChromium, openBrowser } from '../support/browser.ts'
import { type Service, openService } from '../support/service.ts'
import { type TcpProxy, openTcpProxy } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'rtls-e2e-page-'))
const token = 'write-token-of-the-page-test'
let service: Service
let proxy: TcpProxy
let browser: TestBrowser
let url: string

beforeAll(async () => {
  if (chromiumPath === undefined) return
  service = await openService({
    env: { DATA_DIR: path.join(folder, 'db'), HTTP_WRITE_TOKEN: token },
    // Few tags on a slow machine: the page is what is tested.
    args: ['--set', 'simulate.tags=40', '--set', 'simulate.rate=20'],
  })
  proxy = await openTcpProxy({ targetPort: Number(new URL(service.http).port) })
  url = proxy.urlFor(service.http).replace(/\/$/u, '')
  browser = await openBrowser()
  await waitFor(async () => (await locations()).some(({ x }) => x !== null), {
    what: 'the demo hospital to be located',
    deadlineMs: 120_000,
  })
})
beforeEach(({ skip }) => {
  skip(chromiumPath === undefined, noChromium)
})
afterAll(async () => {
  if (chromiumPath === undefined) return
  await browser.close()
  await proxy.close()
  await service.kill()
  rmSync(folder, { recursive: true, force: true })
})

interface Located {
  readonly assetId: string
  readonly name: string
  readonly floor: number | null
  readonly x: number | null
}

async function locations(): Promise<readonly Located[]> {
  const response = await fetch(`${service.http}/locations?limit=200`)
  return ((await response.json()) as { items: Located[] }).items
}

/** By the API itself: the names of the rooms in the trail of an asset, and what is said where there is none. */
async function roomsOfTrail(assetId: string): Promise<readonly string[]> {
  const get = async <T>(at: string): Promise<readonly T[]> => {
    const body = (await (await fetch(`${service.http}${at}`)).json()) as { items?: T[]; rooms?: T[] }
    return body.items ?? body.rooms ?? []
  }
  const points = await get<{ roomId: string | null; floor: number }>(`/assets/${assetId}/trail`)
  const floors = [...new Set(points.map(({ floor }) => floor))]
  const rooms = await Promise.all(
    floors.map(async (floor) => get<{ id: string; name: string }>(`/plan?floor=${floor}`)),
  )
  const names = new Map(rooms.flat().map(({ id, name }) => [id, name]))
  return points.map(({ roomId }) => names.get(roomId ?? '') ?? 'between rooms')
}

const find = (page: Page): ReturnType<Page['getByRole']> =>
  page.getByRole('combobox', { name: 'Find an asset' })
const live = async (page: Page): Promise<void> => page.getByText(/^Live/u).first().waitFor()

it('finds a pump by keyboard alone, answers in words, follows it and shows where it was', async () => {
  const { page, complaints } = await browser.open(url)
  await live(page)
  await page.keyboard.press('/')
  await page.keyboard.type('infusion pump')
  const answer = page.locator('[aria-live=polite]').filter({ hasText: /^Infusion pump \d+/u })
  await answer.waitFor()
  expect(await answer.innerText()).toMatch(/seen .* ago/u)
  await page.getByRole('option').first().waitFor()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')

  const card = page.getByRole('article', { name: 'The chosen asset' })
  await card.getByText(/^Seen .* ago\. /u).waitFor()
  expect(await page.evaluate<string>('document.activeElement.textContent')).toMatch(/^Infusion pump \d+/u)
  expect(page.url()).toMatch(/asset=asset-demo/u)

  const follow = card.getByRole('button', { name: 'Follow' })
  await follow.press('Enter')
  expect(await follow.getAttribute('aria-pressed')).toBe('true')
  await card.getByRole('button', { name: 'Where was it?' }).press('Enter')
  const slider = card.getByRole('slider')
  const now = await slider.getAttribute('aria-valuetext')
  await slider.press('PageDown')
  expect(await slider.getAttribute('aria-valuetext')).not.toBe(now)
  const [, room] = /^\w{3} \d+ \w{3}, \d\d:\d\d: (.+), floor \d, /u.exec(now ?? '') ?? []
  expect(await roomsOfTrail(new URLSearchParams(page.url().split('?')[1]).get('asset') ?? '')).toContain(room)
  expect(complaints()).toEqual([])
})

it('answers what is nearest, from the chosen room', async () => {
  const { page, complaints } = await browser.open(`${url}/#/?floor=2&room=demo%2FICU-1`)
  await page.getByRole('heading', { name: 'ICU 1' }).waitFor()
  await find(page).fill('nearest free infusion pump')
  await page.getByRole('option').first().waitFor()
  expect(await page.locator('.answer').innerText()).toMatch(/nearest free infusion pump/iu)
  expect(complaints()).toEqual([])
})

it('shows a name that wants to be markup as the text it is', async () => {
  const name = '<img src=x onerror=alert(1)>"\'&<script>alert(2)</script>'
  const asset = (await locations()).find(({ x }) => x !== null)
  const changed = await fetch(`${service.http}/assets/${asset?.assetId}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json', 'if-match': '*', authorization: `Bearer ${token}` },
    body: JSON.stringify({ equipmentName: name }),
  })
  expect(changed.status).toBe(200)

  const { page, complaints } = await browser.open(`${url}/#/?asset=${asset?.assetId}&floor=${asset?.floor}`)
  await page.getByRole('heading', { name }).waitFor()
  await find(page).fill('<img src=x')
  await page.getByRole('option', { name }).waitFor()
  await page.getByRole('button', { name: 'List' }).click()
  await page.getByRole('button', { name, exact: true }).waitFor()
  expect(await page.locator('img, #page script').count()).toBe(0)
  expect(complaints()).toEqual([])
})

it('asks for a token where the API wants one, and says in words what still is wrong', async () => {
  const api = await openHttpApi(undefined, { readAccess: 'token' })
  try {
    const { page } = await browser.open(`http://127.0.0.1:${api.port}`)
    const dialog = page.getByRole('dialog', { name: 'A token, please' })
    await dialog.getByLabel('Token').fill(writeToken)
    await dialog.getByRole('button', { name: 'Use it' }).click()
    await dialog.waitFor({ state: 'hidden' })
    await page.getByRole('alert').getByText('The database cannot answer now').waitFor()
    expect(await page.evaluate<string>(`sessionStorage.getItem('rtls-token')`)).toBe(writeToken)
  } finally {
    await api.close()
  }
})

it('says that the service is away, keeps what it showed, and goes on when it is back', async () => {
  const { page } = await browser.open(`${url}/#/?list=1`)
  await live(page)
  const rows = page.locator('.floor-list tbody tr')
  await rows.first().waitFor()
  proxy.refuse()
  proxy.cut()
  await page.getByText(/What you see is from \d\d:\d\d:\d\d/u).waitFor()
  expect(await rows.count()).toBeGreaterThan(0)
  await proxy.accept()
  await live(page)
})

it('has nothing serious for axe to find, in both colours', async () => {
  const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
  const asset = (await locations()).find(({ x }) => x !== null)
  const views = [
    `asset=${asset?.assetId}&floor=${asset?.floor}&trail=1`,
    'list=1',
    'floor=2&room=demo%2FICU-1',
  ]
  for (const colorScheme of ['light', 'dark'] as const) {
    const { page, complaints } = await browser.open(url, { colorScheme, reducedMotion: 'reduce' })
    await live(page)
    // By the debugger, to which the page's security policy does not apply.
    await page.evaluate(axe)
    for (const view of views) {
      await page.evaluate<unknown>(`location.hash = '#/?${view}'`)
      await page.locator('.card h2, .floor-list tbody tr').first().waitFor()
      const { violations } = await page.evaluate<AxeResults>('axe.run()')
      const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
      expect(
        serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`),
        `${colorScheme} ${view}`,
      ).toEqual([])
    }
    expect(complaints()).toEqual([])
  }
})
