/**
 * What the URL of a database says in libpq's words, so that psql and pg_dump understand the same URL: about TLS (sslmode,
 * sslrootcert, sslcert, sslkey) and about several servers (postgres://a:5432,b:5432/rtls?target_session_attrs=read-write). Stricter than libpq in one thing: whoever asks for TLS gets the server's certificate checked, and its
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
  /** Several servers, of which one is to be chosen at each connection; empty: the URL names one. */
  readonly candidates: readonly Server[]
  /** Of several: only one that can be written to. */
  readonly mustBeWritable: boolean
}

export interface Server {
  readonly host: string
  readonly port: number
}

const parameters = ['ssl', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey'] as const
const usualPort = 5432
/** libpq's other choices are for readers that want a standby, and nobody here does. */
const sessions: ReadonlySet<string | null> = new Set([null, 'any', 'read-write', 'primary'])

/**
 * A list of servers, postgres://user@a:5432,b:5432/rtls, in the other form that libpq has for it, which is a URL:
 * postgres://user@a:5432/rtls?host=a,b&port=5432,5432. Any other text as it came.
 */
export function asUrl(text: string): string {
  const match =
    /^(?<scheme>postgres(?:ql)?:\/\/)(?<user>[^/?#]*@)?(?<list>[^@/?#]*,[^@/?#]*)(?<rest>[/?#].*)?$/su.exec(
      text,
    )
  const { scheme = '', user = '', list = '', rest = '/' } = match?.groups ?? {}
  if (match === null) return text
  const servers = list
    .split(',')
    .map((server) => /^(?<host>\[[^\]]+\]|[^:[\]]+)(?::(?<port>\d+))?$/u.exec(server)?.groups)
  if (servers.includes(undefined)) return text
  const one = `${scheme}${user}${list.slice(0, list.indexOf(','))}${rest.startsWith('/') ? '' : '/'}${rest}`
  if (!URL.canParse(one)) return text
  const url = new URL(one)
  url.searchParams.set('host', servers.map((server) => server?.['host']?.replaceAll(/[[\]]/gu, '')).join(','))
  url.searchParams.set('port', servers.map((server) => server?.['port'] ?? usualPort).join(','))
  return url.href
}

/** What is wrong with how it names several servers. */
export function serversProblem(url: string): string | undefined {
  const { searchParams, hostname } = new URL(url)
  if (hostname.includes(',')) return 'several servers are written as postgres://user@a:5432,b:5432/rtls'
  const count = (name: string): number => (searchParams.get(name) ?? '').split(',').length
  if (count('port') > 1 && count('port') !== count('host')) return 'it names more ports than hosts, or fewer'
  if (!sessions.has(searchParams.get('target_session_attrs')))
    return 'target_session_attrs is read-write (the one server that takes writes; what it is without) or any'
  return undefined
}

export function readDatabaseUrl(url: string): DatabaseUrl {
  // A socket, or what pg takes and URL does not: nothing to read there.
  if (!URL.canParse(url))
    return { url, check: undefined, files: none, host: '', candidates: [], mustBeWritable: false }
  const parsed = new URL(url)
  const mustBeWritable = parsed.searchParams.get('target_session_attrs') !== 'any'
  const candidates = candidatesOf(parsed)
  const isListed = candidates.length > 0
  if (isListed) for (const name of ['host', 'port', 'target_session_attrs']) parsed.searchParams.delete(name)
  const values = parameters.map((name) => parsed.searchParams.get(name))
  const [ssl, mode, caFile = null, certFile = null, keyFile = null] = values
  const host = isListed
    ? candidates.map((server) => `${server.host}:${server.port}`).join(', ')
    : (parsed.searchParams.get('host') ?? parsed.hostname)
  const files = { caFile, certFile, keyFile }
  if (values.every((value) => value === null))
    return {
      url: isListed ? parsed.href : url,
      check: undefined,
      files,
      host,
      candidates,
      mustBeWritable,
    }
  for (const name of parameters) parsed.searchParams.delete(name)
  return {
    url: parsed.href,
    check: checkOf(ssl ?? null, mode ?? null),
    files,
    host,
    candidates,
    mustBeWritable,
  }
}

function candidatesOf({ searchParams }: URL): Server[] {
  const hosts = (searchParams.get('host') ?? '').split(',')
  if (hosts.length < 2) return []
  const ports = (searchParams.get('port') ?? '').split(',')
  return hosts.map((host, index) => ({ host, port: Number(ports[index] ?? ports[0]) || usualPort }))
}

const none: TlsFiles = { caFile: null, certFile: null, keyFile: null }

function checkOf(ssl: string | null, mode: string | null): TlsCheck | undefined {
  if (mode === 'disable' || (mode === null && (ssl === '0' || ssl === 'false'))) return undefined
  if (mode === 'no-verify' || ssl === 'no-verify') return 'none'
  return mode === 'verify-ca' ? 'ca' : 'full'
}
