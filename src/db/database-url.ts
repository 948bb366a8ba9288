/**
 * What the URL of a database says about TLS, in libpq's words (sslmode, sslrootcert, sslcert, sslkey), so that psql and pg_dump
 * understand the same URL. Stricter than libpq in one thing: whoever asks for TLS gets the server's certificate checked, and its
 * name, unless it says verify-ca (no name) or no-verify (nothing).
 */
import type { TlsFiles } from '../ops/tls-files.ts'

/** full: authority and name; ca: the authority only; none: encrypted, but to anybody. */
export type TlsCheck = 'full' | 'ca' | 'none'

export interface DatabaseUrl {
  /** Without what is said here: pg would read the files itself, and not say which one is wrong. */
  readonly url: string
  /** Undefined: no TLS. */
  readonly check: TlsCheck | undefined
  readonly files: TlsFiles
  /** For people. */
  readonly host: string
}

const parameters = ['ssl', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey'] as const

export function readDatabaseUrl(url: string): DatabaseUrl {
  // A socket, or what pg takes and URL does not: nothing to read there.
  if (!URL.canParse(url)) return { url, check: undefined, files: none, host: '' }
  const parsed = new URL(url)
  const values = parameters.map((name) => parsed.searchParams.get(name))
  const [ssl, mode, caFile = null, certFile = null, keyFile = null] = values
  const host = parsed.searchParams.get('host') ?? parsed.hostname
  const files = { caFile, certFile, keyFile }
  if (values.every((value) => value === null)) return { url, check: undefined, files, host }
  for (const name of parameters) parsed.searchParams.delete(name)
  return { url: parsed.href, check: checkOf(ssl ?? null, mode ?? null), files, host }
}

const none: TlsFiles = { caFile: null, certFile: null, keyFile: null }

function checkOf(ssl: string | null, mode: string | null): TlsCheck | undefined {
  if (mode === 'disable' || (mode === null && (ssl === '0' || ssl === 'false'))) return undefined
  if (mode === 'no-verify' || ssl === 'no-verify') return 'none'
  return mode === 'verify-ca' ? 'ca' : 'full'
}
