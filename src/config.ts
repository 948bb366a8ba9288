/**
 * file < environment < flags → one frozen, validated Config. The only reader of process.env.
 * All problems are reported at once, each with the place it came from. Values of secrets never appear in a message.
 */
import { readFileSync } from 'node:fs'
import { YAMLParseError, parse as parseYaml } from 'yaml'
import type { z } from 'zod'
import {
  type Environment,
  checkTls,
  completeUrl,
  readPassword,
  readToken,
  readVariable,
} from './config-files.ts'
import {
  type Config,
  configSchema,
  environmentKeys,
  expectedAt,
  secretEnvironment,
  secretKeys,
} from './config-schema.ts'
import { checkUsers } from './config-users.ts'
import { readDatabaseUrl } from './db/database-url.ts'
import { whyUnreadable } from './ops/files.ts'
import { UserError, messageOf } from './ops/user-error.ts'

export interface ConfigSources {
  /** Path of a YAML file, or undefined for none. */
  readonly file?: string | undefined
  readonly environment: Environment
  /** Path of a key (`batch.maxRows`) → value, as text or as it is; null: not set. From the command line. */
  readonly flags?: Readonly<Record<string, unknown>>
}

type Tree = { [key: string]: unknown }
const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Says of every key that there is one, and of what kind it is. */
const defaults: Tree = configSchema.parse({})

/** Reads and validates; throws one UserError (exit code 2) that lists every problem. */
export function loadConfig(sources: ConfigSources): Config {
  const problems: string[] = []
  /** Path of a key → where its value came from, for messages. */
  const origin = new Map<string, string>()
  const tree = readFile(sources.file, problems)

  for (const [name, path] of Object.entries(environmentKeys)) {
    const found = readVariable(name, sources.environment, problems)
    if (found === undefined) continue
    setPath(tree, path, fromText(path, found.value))
    origin.set(path, found.source)
  }
  for (const [path, value] of Object.entries(sources.flags ?? {})) {
    if (value === undefined) continue
    if (!isKey(path)) {
      problems.push(`--set ${path}: there is no such key${keysNear(path)}`)
      continue
    }
    setPath(tree, path, typeof value === 'string' ? fromText(path, value) : value)
    origin.set(path, `--set ${path}`)
  }

  dropNulls(tree, defaults)
  const parsed = configSchema.safeParse(tree)
  if (!parsed.success)
    problems.push(
      ...parsed.error.issues.flatMap((issue) => describeIssue(issue, origin, sources.file ?? '', tree)),
    )
  for (const [at, entry] of (parsed.data?.http.tokens ?? []).entries())
    if (entry.tokenFile !== null)
      entry.token = readToken(entry.tokenFile, `${sources.file ?? ''}: http.tokens.${at}.tokenFile`, problems)
  for (const [at, user] of (parsed.data?.mqtt.users ?? []).entries())
    if (user.passwordFile !== null)
      user.password = readPassword(
        user.passwordFile,
        `${sources.file ?? ''}: mqtt.users.${at}.passwordFile`,
        problems,
      )
  if (parsed.success) {
    checkTls(parsed.data, problems)
    checkUsers(parsed.data.mqtt, parsed.data.formats, problems)
  }
  if (problems.length > 0 || !parsed.success)
    throw new UserError(
      `The configuration is not valid:\n${problems.map((line) => `  - ${line}`).join('\n')}`,
      2,
    )
  const config = parsed.data
  return deepFreeze({
    ...config,
    database: { ...config.database, url: completeUrl(config.database) },
  })
}

function readFile(file: string | undefined, problems: string[]): Tree {
  if (file === undefined) return {}
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    problems.push(`${file === '' ? '""' : file}: ${whyUnreadable(error)}`)
    return {}
  }
  try {
    // Warnings would go to stderr by themselves, with the line they are about.
    const value: unknown = parseYaml(text, { logLevel: 'error' })
    if (value === null || value === undefined) return {}
    if (isTree(value)) return value
    problems.push(`${file}: expected keys such as "mqtt:" at the top, got ${kindOf(value)}`)
  } catch (error) {
    problems.push(`${file}${explainYaml(error)}`)
  }
  return {}
}

/** Place and reason without the excerpt that the library adds: it may show a password. */
function explainYaml(error: unknown): string {
  const place = error instanceof YAMLParseError ? error.linePos?.[0] : undefined
  const at = place === undefined ? '' : `:${place.line}:${place.col}`
  const reason = messageOf(error)
  return `${at}: not valid YAML: ${reason.replace(/(?: at line \d|(?<! ): |(?<=escape sequence) ).*$/su, '')}`
}

/** Variables and flags are text; what the key wants is read from its default. Text that is none of that is left for the schema to refuse. */
function fromText(path: string, text: string): unknown {
  const byDefault = getPath(defaults, path.split('.'))
  if (typeof byDefault === 'number') {
    const number = Number(text)
    return text.trim() === '' || Number.isNaN(number) ? text : number
  }
  if (typeof byDefault === 'boolean') return text === 'true' ? true : text === 'false' ? false : text
  if (!Array.isArray(byDefault)) return text
  try {
    const list: unknown = JSON.parse(text)
    if (Array.isArray(list)) return list
    if (isTree(list)) return [list]
  } catch {
    // A list of one needs no brackets.
  }
  return [text]
}

function setPath(tree: Tree, path: string, value: unknown): void {
  const keys = path.split('.')
  const last = keys.pop() ?? ''
  let node = tree
  for (const key of keys) {
    const next = (node[key] ??= {})
    // A file that has e.g. `mqtt: 5` stays as it is, for the schema to refuse.
    if (!isTree(next)) return
    node = next
  }
  node[last] = value
}

function getPath(tree: Tree, path: readonly PropertyKey[]): unknown {
  let node: unknown = tree
  for (const key of path)
    node =
      (isTree(node) || Array.isArray(node)) && Object.hasOwn(node, key)
        ? (node as Tree)[String(key)]
        : undefined
  return node
}

/** `null` means "not set" for every key and section, so that a key without a value, or a section whose keys are commented out, is no error. */
function dropNulls(tree: Tree, known: Tree): void {
  for (const [key, value] of Object.entries(tree)) {
    const below = known[key]
    if (value === null && Object.hasOwn(known, key)) delete tree[key]
    else if (isTree(value) && isTree(below)) dropNulls(value, below)
  }
}

/** A key that holds a value, not a section. */
const isKey = (path: string): boolean => {
  const value = getPath(defaults, path.split('.'))
  return value !== undefined && !isTree(value)
}

/** The keys there are beside (or below) one that is not. */
function keysNear(path: string): string {
  const [section = ''] = path.split('.')
  const value = getPath(defaults, [section])
  // Of a list its items have the keys.
  const node: unknown = Array.isArray(value) ? value[0] : value
  return isTree(node)
    ? `; ${section} has ${Object.keys(node).join(', ')}`
    : `; there are ${Object.keys(defaults).join(', ')}`
}

function describeIssue(
  issue: z.core.$ZodIssue,
  origin: ReadonlyMap<string, string>,
  file: string,
  tree: Tree,
): string[] {
  const path = issue.path.map(String).join('.')
  if (issue.code === 'unrecognized_keys')
    return issue.keys
      .map((key) => (path === '' ? key : `${path}.${key}`))
      .map((key) => `${file}: ${key}: there is no such key${keysNear(key)}`)
  // Inside a list the key is that of the list.
  const key = issue.path.map((_, at) => issue.path.slice(0, at + 1).join('.')).find(isKey) ?? path
  const source = origin.get(key)
  const where =
    source === undefined ? `${file}: ${path}` : source.startsWith('--') ? source : `${source} (${path})`
  const value = getPath(tree, issue.path)
  const expected = expectedAt(issue.path)
  const sentence =
    issue.code === 'custom' || issue.code === 'invalid_format' ? issue.message : `expected ${expected}`
  const hint = typeof value === 'number' && expected.startsWith('text') ? ' (put it in quotes)' : ''
  return [`${where}: ${sentence}, ${describeValue(key, value)}${hint}`]
}

/** Never the value of a secret, nor what stands in the place of a section: somebody may have put a URL there. */
function describeValue(key: string, value: unknown): string {
  const isSecret = secretKeys.includes(key) || secretEnvironment.some((name) => environmentKeys[name] === key)
  if (isSecret && typeof value === 'string') return 'got something else (not shown: it may hold a secret)'
  if (value === undefined) return 'got nothing'
  if (isSecret || !isKey(key) || typeof value === 'object') return `got ${kindOf(value)}`
  return `got ${JSON.stringify(value).slice(0, 100)}`
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (isTree(value)) return 'keys and values'
  return typeof value === 'string' ? 'text' : value === null ? 'null' : `a ${typeof value}`
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const item of Object.values(value)) deepFreeze(item)
  return Object.freeze(value)
}

/** A URL for people and logs: without password and query, but with all servers that it names. */
export function redactUrl(url: string): string {
  if (!URL.canParse(url)) return '(not a URL)'
  const parsed = new URL(url)
  const { candidates } = readDatabaseUrl(url)
  const servers = candidates.map(({ host, port }) => `${host}:${port}`).join(',')
  if (parsed.password !== '') parsed.password = '***'
  parsed.search = ''
  const place = parsed.username === '' ? '//' : '@'
  return candidates.length === 0
    ? parsed.href
    : parsed.href.replace(`${place}${parsed.host}`, `${place}${servers}`)
}
