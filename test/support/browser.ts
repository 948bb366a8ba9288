// Headless Chromium for tests of the page: the one that is installed, by playwright-core. CHROMIUM names another.
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

export type { Browser } from 'playwright-core'

const places = [
  process.env['CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/google-chrome',
  '/usr/bin/chromium-browser',
]

/** Errors: Error that says what to install. It must be closed. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = places.find((place) => place !== undefined && existsSync(place))
  if (executablePath === undefined)
    throw new Error('tests of the page need Chromium: install it, or name it in CHROMIUM')
  // Tests run as root in containers, where there is no sandbox.
  return chromium.launch({ executablePath, args: ['--no-sandbox'] })
}
