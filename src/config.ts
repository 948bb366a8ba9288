/**
 * file < environment < flags → one frozen, validated Config. The only reader of process.env.
 * All problems are reported at once, each with the place it came from. Values of secrets never appear in a message.
 */
import { readFileSync } from 'node:fs'
import { parse as parseYaml } from 'yaml'
import type { z } from 'zod'
import { type Config, configSchema, environmentKeys, secretEnvironment } from './config-schema.ts'
import { UserError } from './ops/user-error.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface ConfigSources {
  /** Path of a YAML file, or undefined for none. */
  readonly file?: string | undefined
  readonly environment: Environment
  /** Path of a key (`batch.maxRows`) → value; from the command line. */
  readonly flags?: Readonly<Record<string, unknown>>
}

type Tree = { [key: string]: unknown }
const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Reads and validates; throws one UserError (exit code 2) that lists every problem. */
export function loadConfig(sources: ConfigSources): Config {
  const problems: string[] = []
  /** Path of a key → where its value came from, for messages. */
  const origin = new Map<string, string>()
  const tree = readFile(sources.file, problems)

  for (const [name, path] of Object.entries(environmentKeys)) {
    const value = readVariable(name, sources.environment, problems)
    if (value === undefined) continue
    setPath(tree, path, fromText(path, value))
    origin.set(path, name)
  }
  for (const [path, value] of Object.entries(sources.flags ?? {})) {
    if (value === undefined) continue
    setPath(tree, path, value)
    origin.set(path, `--${path}`)
  }

  const parsed = configSchema.safeParse(tree)
  if (!parsed.success)
    problems.push(
      ...parsed.error.issues.flatMap((issue) =>
        describe(issue, origin, sources.file ?? 'configuration', tree),
      ),
    )
  if (problems.length > 0 || !parsed.success)
    throw new UserError(
      `The configuration is not valid:\n${problems.map((line) => `  - ${line}`).join('\n')}`,
      2,
    )
  const config = parsed.data
  return deepFreeze({
    ...config,
    mqtt: { ...config.mqtt },
    database: { ...config.database, url: withPassword(config.database.url, config.database.password) },
  })
}

function readFile(file: string | undefined, problems: string[]): Tree {
  if (file === undefined) return {}
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    problems.push(`${file}: cannot be read (${error instanceof Error ? error.message : String(error)})`)
    return {}
  }
  try {
    const value: unknown = parseYaml(text)
    if (value === null || value === undefined) return {}
    if (isTree(value)) return value
    problems.push(
      `${file}: expected keys such as "mqtt:" at the top, found ${Array.isArray(value) ? 'a list' : typeof value}`,
    )
  } catch (error) {
    problems.push(`${file}: not valid YAML (${error instanceof Error ? error.message : String(error)})`)
  }
  return {}
}

/** A variable that is set but empty counts as not set: compose files and unit files pass empty ones. */
function readVariable(name: string, environment: Environment, problems: string[]): string | undefined {
  const direct = environment[name]
  const fileName = `${name}_FILE`
  const file = secretEnvironment.includes(name) ? environment[fileName] : undefined
  if (file !== undefined && file !== '') {
    if (direct !== undefined && direct !== '') {
      problems.push(`${name} and ${fileName} are both set; set one`)
      return undefined
    }
    try {
      return readFileSync(file, 'utf8').trim()
    } catch (error) {
      problems.push(
        `${fileName}: ${file} cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : String(error)})`,
      )
      return undefined
    }
  }
  return direct === '' ? undefined : direct
}

/** Variables are text; where the schema wants a number or a boolean, text that is one becomes one. The rest is left for the schema to refuse. */
function fromText(path: string, text: string): unknown {
  const trimmed = text.trim()
  const isTextKey = /(url|username|password|clientId|shareGroup|host|dataDir|dir|level|mode)$/iu.test(path)
  if (isTextKey) return trimmed
  if (trimmed === 'true') return true
  if (trimmed === 'false') return false
  const number = Number(trimmed)
  return Number.isNaN(number) ? text : number
}

function setPath(tree: Tree, path: string, value: unknown): void {
  const keys = path.split('.')
  const last = keys.pop()
  if (last === undefined) return
  let node = tree
  for (const key of keys) {
    const next = node[key]
    // A file that has e.g. `mqtt: 5` is refused by the schema unless a variable replaces it here; replacing is what "over the file" means.
    if (isTree(next)) node = next
    else node = node[key] = {}
  }
  node[last] = value
}

function getPath(tree: Tree, path: readonly PropertyKey[]): unknown {
  let node: unknown = tree
  for (const key of path) node = isTree(node) ? node[String(key)] : undefined
  return node
}

function describe(
  issue: z.core.$ZodIssue,
  origin: ReadonlyMap<string, string>,
  file: string,
  tree: Tree,
): string[] {
  const path = issue.path.map(String).join('.')
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => `${file}: ${path === '' ? key : `${path}.${key}`}: there is no such key`)
  const where = origin.get(path)
  const value = getPath(tree, issue.path)
  const variable = Object.entries(environmentKeys).find(([, key]) => key === path)?.[0]
  const isSecret = variable !== undefined && secretEnvironment.includes(variable)
  const got = isSecret || value === undefined || isTree(value) ? '' : `, got ${JSON.stringify(value)}`
  const message = issue.message.replace(/^Invalid (?:input|option): /u, '')
  return [`${where === undefined ? `${file}: ${path}` : `${where} (${path})`}: ${message}${got}`]
}

/** A password of its own goes into the URL, so that one value says how to connect. */
function withPassword(url: string | null, password: string | null): string | null {
  if (url === null || password === null) return url
  const parsed = new URL(url)
  parsed.password = encodeURIComponent(password)
  return parsed.href
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const item of Object.values(value)) deepFreeze(item)
  return Object.freeze(value)
}

/** A URL for people and logs: without password and query. */
export function redactUrl(url: string): string {
  if (!URL.canParse(url)) return '(not a URL)'
  const parsed = new URL(url)
  if (parsed.password !== '') parsed.password = '***'
  parsed.search = ''
  return parsed.href
}
