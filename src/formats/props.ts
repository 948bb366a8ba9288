/**
 * What a ping says beyond the columns: kept as JSON text, whatever it is, unless PostgreSQL could not hold it.
 */
import type { Refusal } from './format.ts'

/** Far more than any vendor nests, far less than what overflows PostgreSQL's JSON parser. */
const maxPropsDepth = 64

/** JSON text of everything that has no column of its own ('{}' when there is nothing), or why it cannot be kept. */
export function collectProps(
  value: object,
  knownKeys: ReadonlySet<string>,
  isMethodKnown: boolean,
  isTimeReplaced: boolean,
): string | Refusal {
  const ping = value as Readonly<Record<string, unknown>>
  // Without a prototype, so that a key named __proto__ is a key like any other.
  const props = Object.create(null) as Record<string, unknown>
  for (const [key, item] of Object.entries(ping)) if (!knownKeys.has(key)) props[key] = item
  for (const [key, item] of Object.entries(ping['props'] ?? {}) as [string, unknown][]) props[key] = item
  if (isTimeReplaced) props['originalT'] = ping['t']
  if (!isMethodKnown && typeof ping['method'] === 'string') props['method'] = ping['method']
  const problem = whyUnstorable(props, maxPropsDepth)
  return problem === undefined
    ? JSON.stringify(props)
    : { reason: 'invalid_ping', detail: `props: ${problem}` }
}

function whyUnstorable(value: unknown, levels: number): string | undefined {
  // 1e400 parses to Infinity, which JSON.stringify would silently turn into null.
  if (typeof value === 'number')
    return Number.isFinite(value) ? undefined : 'a number beyond the range of a double'
  if (typeof value !== 'object' || value === null) return undefined
  if (levels === 0) return `nested deeper than ${maxPropsDepth} levels`
  for (const item of Object.values(value)) {
    const problem = whyUnstorable(item, levels - 1)
    if (problem !== undefined) return problem
  }
  return undefined
}
