/**
 * The part of the configuration that stands in files of its own: secrets, certificates and keys. Says what cannot be used, with the
 * key or variable that named the file; never what is in it.
 */
import { readFileSync } from 'node:fs'
import { type Config, secretEnvironment, secretToken } from './config-schema.ts'
import { readDatabaseUrl } from './db/database-url.ts'
import { percentDecoded } from './ops/percent.ts'
import { whyUnreadable } from './ops/files.ts'
import { type TlsFiles, readTlsFiles } from './ops/tls-files.ts'
import { UserError } from './ops/user-error.ts'

export type Environment = Readonly<Record<string, string | undefined>>

interface Variable {
  readonly value: string
  /** Its name, or that of the `_FILE` variable. */
  readonly source: string
}

/** A variable that is set but empty counts as not set: compose files and unit files pass empty ones. */
export function readVariable(
  name: string,
  environment: Environment,
  problems: string[],
): Variable | undefined {
  const textOf = (variable: string): string => environment[variable]?.trim() ?? ''
  const value = textOf(name)
  const source = `${name}_FILE`
  const file = secretEnvironment.includes(name) ? textOf(source) : ''
  if (file === '') return value === '' ? undefined : { value, source: name }
  if (value !== '') {
    problems.push(`${name} and ${source} are both set; set one`)
    return undefined
  }
  const secret = readSecret(file, source, problems)
  return secret === undefined ? undefined : { value: secret, source }
}

function readSecret(file: string, source: string, problems: string[]): string | undefined {
  try {
    const secret = readFileSync(file, 'utf8').trim()
    if (secret !== '') return secret
    problems.push(`${source}: ${file} is empty`)
  } catch (error) {
    problems.push(`${source}: ${file} ${whyUnreadable(error)}`)
  }
  return undefined
}

/** Of a user of the embedded broker. */
export const readPassword = (file: string, source: string, problems: string[]): string | null =>
  readSecret(file, source, problems) ?? null

export function readToken(file: string, source: string, problems: string[]): string | null {
  const parsed = secretToken.safeParse(readSecret(file, source, problems))
  const [issue] = parsed.error?.issues ?? []
  // A file that cannot be read is reported already.
  if (issue?.code === 'invalid_format') problems.push(`${source}: ${file}: ${issue.message}`)
  return parsed.data ?? null
}

/** All that can be said of certificates and keys without connecting. */
export function checkTls({ mqtt, database, http }: Config, problems: string[]): void {
  const check = (files: TlsFiles, section: string): void => {
    try {
      readTlsFiles(files, section)
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      problems.push(error.message)
    }
  }
  const isUsed = ({ caFile, certFile, keyFile }: TlsFiles): boolean =>
    caFile !== null || certFile !== null || keyFile !== null
  check(mqtt, 'mqtt')
  check(readDatabaseUrl(completeUrl(database) ?? '').files, 'database')
  check({ ...http, caFile: null }, 'http')
  if (isUsed(mqtt) && mqtt.url !== null && !/^(?:mqtts|wss|ssl):/iu.test(mqtt.url))
    problems.push(
      'mqtt.caFile, mqtt.certFile and mqtt.keyFile need a mqtt.url that begins with mqtts:// or wss://',
    )
  if (mqtt.url === null && mqtt.caFile !== null && mqtt.certFile === null)
    problems.push(
      'mqtt.caFile: the embedded broker needs mqtt.certFile and mqtt.keyFile too; for a broker of your own set mqtt.url (MQTT_URL)',
    )
  if (isUsed(database) && database.url === null)
    problems.push(
      'database.caFile, database.certFile and database.keyFile are for a database of your own: set database.url (DATABASE_URL)',
    )
  else if (isUsed(database) && database.url !== null) {
    const mode = new URL(database.url).searchParams.get('sslmode')
    if (mode === 'disable')
      problems.push(
        'database.caFile, database.certFile and database.keyFile do nothing with sslmode=disable in database.url: leave sslmode away, or say verify-full',
      )
  }
}

/** A password and certificates of their own go into the URL, so that one value says how to connect. */
export function completeUrl({ url, password, caFile, certFile, keyFile }: Config['database']): string | null {
  const files = [
    ['sslrootcert', caFile],
    ['sslcert', certFile],
    ['sslkey', keyFile],
  ] as const
  if (url === null || (password === null && files.every(([, file]) => file === null))) return url
  const parsed = new URL(url)
  if (password !== null) {
    // The URL of a socket (postgres:///rtls?host=/run/postgresql) has no place before the host.
    if (parsed.host === '') parsed.searchParams.set('password', password)
    else parsed.password = encodeURIComponent(password)
  }
  for (const [parameter, file] of files) if (file !== null) parsed.searchParams.set(parameter, file)
  if (files.some(([, file]) => file !== null) && !parsed.searchParams.has('sslmode'))
    parsed.searchParams.set('sslmode', 'verify-full')
  return parsed.href
}

/** The files whose change is to be noticed while the service runs. */
export function filesOf(
  { mqtt, database, http }: Pick<Config, 'mqtt' | 'database' | 'http'>,
  environment: Environment,
): string[] {
  const { files } = readDatabaseUrl(database.url ?? '')
  const named = [
    ...secretEnvironment.map((name) => environment[`${name}_FILE`]?.trim() ?? ''),
    ...[mqtt, http].flatMap(({ certFile, keyFile }) => [certFile, keyFile]),
    mqtt.caFile,
    files.caFile,
    files.certFile,
    files.keyFile,
    ...http.tokens.map(({ tokenFile }) => tokenFile),
    ...mqtt.users.map(({ passwordFile }) => passwordFile),
  ]
  return [...new Set(named.filter((file): file is string => file !== null && file !== ''))]
}

/** A shorter one would be found in every other word. */
const shortestSecret = 8

/** What must not be printed, in the forms in which it might be. */
export function secretsIn({ mqtt, database, http }: Config): string[] {
  const inUrls = [mqtt.url, database.url, http.databaseUrl].flatMap((url) => {
    if (url === null || !URL.canParse(url)) return []
    const { password, searchParams } = new URL(url)
    return [password, percentDecoded(password), searchParams.get('password') ?? '']
  })
  const all = [
    ...inUrls,
    mqtt.password,
    database.password,
    http.writeToken,
    ...http.tokens.map(({ token }) => token),
    ...mqtt.users.map(({ password }) => password),
  ]
  const long = all.filter((secret): secret is string => secret !== null && secret.length >= shortestSecret)
  return [...new Set(long)]
}
