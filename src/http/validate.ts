/**
 * A request's parameters and body against a zod schema: what it gives, or a problem that names every field at fault.
 * What a field expects is the description of its schema, the same that the OpenAPI description shows.
 */
import type { z } from 'zod'
import { type FieldError, Problem, fieldProblem } from './problem.ts'

export type ObjectSchema = z.ZodObject<Record<string, z.ZodType>>

/** Why a name that the schema does not have is not there, where there is more to say than that. */
export type ExplainUnknown = (name: string) => string | undefined

export function validate<Schema extends ObjectSchema>(
  schema: Schema,
  value: unknown,
  place: 'body' | 'query' | 'path',
  explainUnknown: ExplainUnknown = () => undefined,
): z.output<Schema> {
  if (place === 'body' && (typeof value !== 'object' || value === null || Array.isArray(value)))
    throw new Problem('invalid-fields', `The body is ${kindOf(value)}; send one JSON object with its fields.`)
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const errors = new Map<string, FieldError>()
  for (const issue of parsed.error.issues)
    for (const error of explain(issue, schema, value, place, explainUnknown))
      if (!errors.has(error.field)) errors.set(error.field, error)
  throw fieldProblem(place === 'body' ? 'invalid-fields' : 'invalid-parameter', [...errors.values()])
}

function explain(
  issue: z.core.$ZodIssue,
  schema: ObjectSchema,
  value: unknown,
  place: FieldError['in'],
  explainUnknown: ExplainUnknown,
): FieldError[] {
  const [name, ...below] = issue.path.map(String)
  if (name === undefined)
    return (issue.code === 'unrecognized_keys' ? issue.keys : []).map((key) => ({
      field: key.slice(0, 100),
      in: place,
      detail:
        explainUnknown(key) ??
        `there is no such ${place === 'body' ? 'field' : 'parameter'}${nearest(key, schema)}`,
    }))
  const got = Object.hasOwn(value as object, name) ? (value as Record<string, unknown>)[name] : undefined
  const expected = expectedOf(schema.shape[name])
  const detail =
    got === undefined
      ? `is required: expected ${expected}`
      : Array.isArray(got) && place === 'query'
        ? 'is given more than once; give it once'
        : `expected ${expected}, got ${shortly(got)}`
  // A parameter is text: what of it is wrong the value shows.
  const inside = place === 'body' ? below.map((part) => `[${part}]`).join('') : ''
  return [{ field: `${name}${inside}`, in: place, detail }]
}

/** The description may sit on the schema or on what it wraps as optional, nullable or with a default. */
function expectedOf(schema: z.ZodType | undefined): string {
  for (let inner: unknown = schema; inner !== undefined;) {
    const { description, def } = inner as { description?: string; def?: { innerType?: unknown } }
    if (description !== undefined) return description
    inner = def?.innerType
  }
  return 'another value'
}

function nearest(key: string, schema: ObjectSchema): string {
  const names = Object.keys(schema.shape)
  const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/gu, '')
  const asked = plain(key)
  const near = names.filter((name) => {
    const known = plain(name)
    return (
      asked !== '' &&
      (known === asked || (asked.length > 3 && (known.includes(asked) || asked.includes(known))))
    )
  })
  if (near.length > 0) return `; did you mean ${near.slice(0, 3).join(' or ')}?`
  return names.length > 20 ? '' : names.length === 0 ? '; it takes none' : `; there are ${names.join(', ')}`
}

function shortly(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'missing'
  if (value === null) return 'null'
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`
}
