/**
 * MQTT topic filters with named levels: `rtls/{facility}/{gateway}/pings` subscribes to `rtls/+/+/pings` and says what the
 * two levels are. Pure.
 */
import { maxIdLength } from './ping.ts'

const levelNames = ['facility', 'gateway', 'tag'] as const
type LevelName = (typeof levelNames)[number]

export type NamedLevels = { readonly [Name in LevelName]?: string }

const nameOf = (level: string): LevelName | undefined => levelNames.find((name) => level === `{${name}}`)

/** As the broker wants it. */
export const filterOf = (pattern: string): string =>
  pattern
    .split('/')
    .map((level) => (nameOf(level) === undefined ? level : '+'))
    .join('/')

export const hasLevel = (pattern: string, name: LevelName): boolean =>
  pattern.split('/').includes(`{${name}}`)

/** What is wrong with it as a filter, or undefined. */
export function patternProblem(pattern: string): string | undefined {
  const levels = pattern.split('/')
  if (pattern === '') return 'is empty'
  if (pattern.startsWith('$')) return 'begins with "$", which belongs to the broker'
  if (Buffer.byteLength(pattern) > 65_535) return 'is longer than 65,535 bytes'
  const twice = levelNames.find((name) => levels.filter((level) => nameOf(level) === name).length > 1)
  if (twice !== undefined) return `names {${twice}} twice`
  for (const [at, level] of levels.entries()) {
    if (nameOf(level) !== undefined || level === '+') continue
    if (level === '#') {
      if (at !== levels.length - 1) return 'has "#" before the last level'
    } else if (/[+#]/u.test(level)) return `has a wildcard inside the level "${level}"`
    else if (/[{}]/u.test(level))
      return `has the level "${level}"; levels that can be named are {facility}, {gateway} and {tag}`
  }
  return undefined
}

/** The named levels of a topic that matches, or undefined when it does not. */
export function matchTopic(pattern: readonly string[], topic: readonly string[]): NamedLevels | undefined {
  const named: { [Name in LevelName]?: string } = {}
  for (const [at, level] of pattern.entries()) {
    // `a/#` matches `a` itself too (MQTT 4.7.1.2).
    if (level === '#') return named
    const found = topic[at]
    if (found === undefined) return undefined
    const name = nameOf(level)
    if (name !== undefined) named[name] = found
    else if (level !== '+' && level !== found) return undefined
  }
  return topic.length === pattern.length || (pattern.length === topic.length + 1 && pattern.at(-1) === '#')
    ? named
    : undefined
}

/** Some topic matches both: the broker would deliver its messages twice, and nobody could say which format they are in. */
export function doOverlap(one: string, other: string): boolean {
  const a = filterOf(one).split('/')
  const b = filterOf(other).split('/')
  for (let at = 0; ; at += 1) {
    const [x, y] = [a[at], b[at]]
    if (x === '#' || y === '#') return true
    if (x === undefined || y === undefined) {
      // A trailing `/#` also matches the level above it.
      return x === y
    }
    if (x !== y && x !== '+' && y !== '+') return false
  }
}

/** Why a level cannot be an id, or undefined. Not trimmed: to the broker's access rules ' gw-1' is another gateway than 'gw-1'. */
export function idProblem(id: string): string | undefined {
  if (id === '' || id.trim() !== id) return 'is empty, or begins or ends with a space'
  if (id.length > maxIdLength) return `is longer than ${maxIdLength} characters`
  return id.includes('\0') || !id.isWellFormed() ? 'holds NUL or half of a surrogate pair' : undefined
}
