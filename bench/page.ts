/**
 * `npm run bench:page`: how many frames a second does the map draw with 5,000 assets that all move? In a headless Chromium without a
 * graphics card, on a stand-in for the API that locates each of them once a second. Prints what was measured; not a test.
 */
import { existsSync } from 'node:fs'
import os from 'node:os'
import { chromium } from 'playwright-core'
import { openPageApi } from './page-api.ts'
import { quantile } from './stats.ts'

const assets = Number(process.argv[2] ?? 5000)
const seconds = 10
const sizes: readonly (readonly [number, number])[] = [
  [1280, 800],
  [1920, 1080],
]
/** Runs in the page: milliseconds from frame to frame. */
const measureFrames = `new Promise((resolve) => {
  const gaps = []
  const began = performance.now()
  let last
  const onFrame = (now) => {
    if (last !== undefined) gaps.push(now - last)
    last = now
    if (now - began < ${seconds * 1000}) requestAnimationFrame(onFrame)
    else resolve(gaps)
  }
  requestAnimationFrame(onFrame)
})`
const executablePath = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (file) => file !== undefined && existsSync(file),
)
if (executablePath === undefined) throw new Error('no Chromium here; name one in CHROMIUM')

const api = await openPageApi(assets)
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
try {
  console.log(`${assets} assets, all moving; ${browser.version()}; load of the machine ${load()}`)
  for (const [width, height] of sizes) {
    const page = await browser.newPage({ viewport: { width, height } })
    await page.goto(api.url)
    await page.getByText('Live', { exact: false }).first().waitFor()
    await page.waitForTimeout(2000)
    const gaps = await page.evaluate<number[]>(measureFrames)
    const perSecond = 1000 / (gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length)
    const [p50, p99] = [quantile(gaps, 0.5), quantile(gaps, 0.99)].map((gap) => gap.toFixed(0))
    console.log(
      `${width} × ${height}: ${perSecond.toFixed(1)} frames/s, a frame p50 ${p50} ms, p99 ${p99} ms`,
    )
    await page.close()
  }
  console.log(`load of the machine afterwards ${load()}`)
} finally {
  await browser.close()
  await api.close()
}

function load(): string {
  return `${os.loadavg()[0]?.toFixed(1)} on ${os.cpus().length} cores`
}
