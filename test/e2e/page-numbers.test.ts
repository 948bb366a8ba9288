// The page's views Numbers and Pipeline in a real browser, against the built service: the questions and their answers, a table as a
// file, and a dead letter that is markup: shown as text, and replayed with the operator's token.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { seedDatabase } from '../../src/seed/seed.ts'
import { type Tab, type TestBrowser, chromiumPath, noChromium, openBrowser } from '../support/browser.ts'
import { queryOnce } from '../support/query.ts'
import { settleRollups } from '../support/rollups.ts'
import { type Service, openService } from '../support/service.ts'
import { useSuite } from '../support/suite.ts'

const token = 'operator-token-of-the-tests'
const markup = '<img src=x onerror="document.title=\'run\'">'
const { database } = useSuite()
let service: Service
let browser: TestBrowser
let tab: Tab
let page: Page

const query = async (sql: string): Promise<Record<string, unknown>[]> => queryOnce(database.url, sql)

beforeAll(async () => {
  if (chromiumPath === undefined) return
  await seedDatabase(database.url, { facility: 'demo', tags: 12 })
  await query(`INSERT INTO location_history (t, received_at, facility_id, gateway_id, tag_id, room_id, floor, x, y, accuracy_m, fix, battery_pct)
    SELECT t, t + interval '1 second', 'demo', 'gw-1', w.tag_id, 'demo/PACU-1', 0, 10, 10, 0.5, 'position', 12
    FROM tag_assignments w JOIN assets a ON a.id = w.asset_id, generate_series(now() - interval '5 hours', now(), interval '1 minute') t
    WHERE a.asset_tag_number = 'DEMO-PUMP-0001'`)
  await query(
    `INSERT INTO par_levels (room_id, device_category, min_count) VALUES ('demo/PACU-1', 'THERAPEUTIC', 4)`,
  )
  // The second was bad for a version of the service that could not read it; this one can.
  await query(`INSERT INTO dead_letter (topic, payload, payload_bytes, reason, detail) VALUES
    ('rtls/demo/gw-1/pings', convert_to('${markup.replaceAll("'", "''")}', 'utf8'), ${markup.length}, 'not_json', 'Unexpected token ''<'''),
    ('rtls/demo/gw-1/pings', convert_to('{"tagId":"good now","x":1,"y":2}', 'utf8'), 32, 'invalid_ping', 'x: was expected otherwise')`)
  await settleRollups(query)
  service = await openService({
    databaseUrl: database.url,
    args: ['--no-simulate'],
    env: { HTTP_WRITE_TOKEN: token },
  })
  browser = await openBrowser()
})
afterAll(async () => {
  if (chromiumPath === undefined) return
  await browser.close()
  await service.kill()
})

beforeEach(({ skip }) => {
  skip(chromiumPath === undefined, noChromium)
})

const open = async (view: string, colorScheme: 'light' | 'dark' = 'light'): Promise<void> => {
  tab = await browser.open(`${service.http}/#/${view}`, { colorScheme })
  page = tab.page
}
const panel = (question: RegExp) => page.getByRole('region', { name: question })
/** A screen reader's view of the page: what is serious of it fails. */
const seriousProblems = async (): Promise<unknown[]> => {
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8'))
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> }
    }
    const { violations } = await axe.run()
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => [id, nodes.slice(0, 3).map(({ html }) => html.slice(0, 200))])
  })
}

describe('Numbers', () => {
  it('answers its questions for the hospital, by room and hour', async () => {
    await open('numbers')
    const field = panel(/How full were the rooms/u)
    await field.getByRole('rowheader', { name: 'PACU 1' }).waitFor()
    const levels = panel(/too few or too many/u)
    expect(await levels.getByRole('row', { name: /PACU 1/u }).innerText()).toMatch(/too few/u)
    expect(
      await panel(/Which batteries are low/u)
        .getByRole('row', { name: /DEMO-PUMP-0001/u })
        .innerText(),
    ).toMatch(/12 %/u)
    expect(
      await panel(/How long does equipment stay/u)
        .getByRole('row', { name: /PACU 1/u })
        .innerText(),
    ).toMatch(/\b1\b/u)
    await panel(/silent for longer/u)
      .getByText('never heard')
      .first()
      .waitFor()
    for (const question of [
      /What is used, and what idles/u,
      /would be enough/u,
      /recalled, due or overdue/u,
      /restricted room/u,
    ])
      await panel(question).waitFor()
  })

  it('a choice is kept in the address, and a table is saved as CSV', async () => {
    await open('numbers')
    const field = panel(/How full were the rooms/u)
    await field.getByRole('rowheader', { name: 'PACU 1' }).getByRole('button').click()
    await field.getByRole('heading', { name: 'PACU 1' }).waitFor()
    expect(new URL(page.url()).hash).toContain('room=demo%2FPACU-1')
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      panel(/Which batteries are low/u)
        .getByRole('button', { name: 'Download CSV' })
        .click(),
    ])
    expect(download.suggestedFilename()).toBe('batteries.csv')
    const text = readFileSync(await download.path(), 'utf8')
    expect(text).toMatch(/^assetId,assetTag,name,tagId,batteryPct/u)
    expect(text).toContain('DEMO-PUMP-0001')
  })

  it.each(['light', 'dark'] as const)('can be read by everybody, in %s colours', async (colorScheme) => {
    await open('numbers', colorScheme)
    await panel(/Which batteries are low/u)
      .getByRole('row', { name: /DEMO-PUMP-0001/u })
      .waitFor()
    expect(await seriousProblems()).toEqual([])
    expect(tab.complaints()).toEqual([])
  })
})

describe('Pipeline', () => {
  it('says whether what is sent is stored, and how gateways and jobs are', async () => {
    await open('pipeline')
    await page.getByText('Yes. Nothing is being sent at the moment.').waitFor()
    await panel(/Which gateways are silent/u)
      .getByRole('row', { name: /gw-1/u })
      .waitFor()
    await panel(/Does the database keep up/u)
      .getByRole('row', { name: /Compress/u })
      .first()
      .waitFor()
    await panel(/How many pings come/u)
      .locator('canvas')
      .waitFor()
    expect(await seriousProblems()).toEqual([])
    expect(tab.complaints()).toEqual([])
  })

  it('shows a payload that is markup as text, and replays with the token of an operator', async () => {
    await open('pipeline')
    const letters = panel(/What could not be stored/u)
    await letters.getByRole('button', { name: /Show them/u }).click()
    await page.getByRole('dialog').getByLabel('Token').fill(token)
    await page.getByRole('dialog').getByRole('button', { name: 'Use it' }).click()

    await letters.getByRole('button', { name: /Unexpected token '<'/u }).click()
    const payload = letters.getByRole('region', { name: 'Payload' })
    expect(await payload.innerText()).toBe(markup)
    expect(await payload.locator('*').count()).toBe(0)
    await letters.getByRole('button', { name: 'Replay it' }).click()
    await letters.getByText('It is still bad').waitFor()
    expect(await page.title()).toMatch(/^Pipeline/u)
    // Chromium itself tells of the 401 that asked for the token.
    expect(tab.complaints().filter((line) => !line.includes('401'))).toEqual([])

    await letters.getByRole('button', { name: /was expected otherwise/u }).click()
    await letters.getByRole('region', { name: 'Payload' }).getByText('good now').waitFor()
    await letters.getByRole('button', { name: 'Replay it' }).click()
    await letters.getByText('It is stored now.').waitFor()
    expect(
      await query(
        `SELECT count(*)::integer AS n FROM location_history WHERE tag_id = canonical_tag_id('good now')`,
      ),
    ).toEqual([{ n: 1 }])
    await letters.getByRole('button', { name: 'Take it off the list' }).click()
    await letters.getByRole('button', { name: /was expected otherwise/u }).waitFor({ state: 'detached' })
  })
})
