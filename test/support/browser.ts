// A headless Chromium for tests of the page: the machine's own, driven by playwright-core. Everything a page complains about is
// kept, so that a test can say that it was silent.
import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, type Page, chromium } from 'playwright-core'

const places = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** CHROMIUM names one elsewhere. */
export const chromiumPath: string | undefined = [process.env['CHROMIUM'], ...places].find(
  (file) => file !== undefined && existsSync(file),
)

export const noChromium = 'no Chromium is installed (and CHROMIUM names none)'

export interface Tab {
  readonly page: Page
  /** Errors and warnings of the console (a breach of the security policy is one), uncaught errors, dialogs. Emptied by reading. */
  readonly complaints: () => string[]
}

export interface TestBrowser {
  open(url: string, options?: BrowserContextOptions): Promise<Tab>
  close(): Promise<void>
}

export async function openBrowser(): Promise<TestBrowser> {
  if (chromiumPath === undefined) throw new Error(noChromium)
  const browser: Browser = await chromium.launch({
    executablePath: chromiumPath,
    // Chromium's sandbox does not work as root, as which CI runs; the pages are our own.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
    timeout: 120_000,
  })
  return {
    async open(url, options = {}) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
      context.setDefaultTimeout(90_000)
      const page = await context.newPage()
      const heard: string[] = []
      page.on('console', (message) => {
        const text = message.text()
        // A database that is busy on a slow machine is the service's to say, and the page's to show.
        if (/^Failed to load resource: .*\b503\b/u.test(text)) return
        if (message.type() === 'error' || message.type() === 'warning')
          heard.push(`${text} ${message.location().url}`)
      })
      page.on('pageerror', (error) => heard.push(`uncaught: ${error.message}`))
      page.on('dialog', (dialog) => {
        heard.push(`a dialog: ${dialog.message()}`)
        dialog.dismiss().catch(() => undefined)
      })
      await page.goto(url)
      return { page, complaints: () => heard.splice(0) }
    },
    close: async () => browser.close(),
  }
}
