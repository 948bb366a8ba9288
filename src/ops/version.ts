/** The version of this rtls-ingest, from its package.json: in src/ as well as in dist/. */
import { readFileSync } from 'node:fs'

export const { version } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { readonly version: string }
