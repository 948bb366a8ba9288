/**
 * What a value of the HTTP API can be: how it is written, how it is answered, and the words for what is expected.
 * The answer is wider than what may be written: old rows may hold what is refused today.
 */
import { z } from 'zod'
import { canonicalId } from '../ingest/ping.ts'

export interface Kind {
  readonly written: z.ZodType
  readonly answered: z.ZodType
  /** An instant is answered in UTC with milliseconds; anything else as JSON has it. */
  readonly isInstant?: true
  /** The value is the id of a row of this table. */
  readonly table?: ReferencedTable
}

export type ReferencedTable =
  | 'buildings'
  | 'departments'
  | 'facilities'
  | 'floors'
  | 'organizations'
  | 'rooms'
  | 'users'
  | 'vendors'

/** PostgreSQL keeps no NUL, and UTF-8 no half of a surrogate pair. */
const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed()

/** Text that can be stored. */
export const storable = (minLength: number, maxLength: number): z.ZodString =>
  z
    .string()
    .min(minLength)
    .max(maxLength)
    .refine(isStorable)
    .describe(`text of ${minLength} to ${maxLength} characters`)

export const text = (maxLength = 200): Kind => ({ written: storable(1, maxLength), answered: z.string() })
/** Long enough for a page; the whole body has its own limit. */
export const prose = text(10_000)
export const url: Kind = {
  written: storable(1, 2000)
    .refine((value) => /^https?:\/\//iu.test(value) && URL.canParse(value))
    .describe('a URL that begins with https:// or http://'),
  answered: z.string(),
}
export const pattern = (regex: RegExp, expected: string): Kind => ({
  written: z.string().regex(regex).describe(expected),
  answered: z.string(),
})
export const macAddress = pattern(
  /^(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/iu,
  'a MAC address such as 00:1a:2b:3c:4d:5e',
)
export const ipAddress: Kind = {
  written: z.union([z.ipv4(), z.ipv6()]).describe('an IPv4 or IPv6 address'),
  answered: z.string(),
}
/** Kept as pings have it. */
export const tagId: Kind = {
  written: storable(1, 128)
    .transform(canonicalId)
    .pipe(z.string().min(1))
    .describe('the id of a tag, such as AC:23:3F:A1:B2:C3'),
  answered: z.string(),
}

export const oneOf = (...choices: readonly string[]): Kind => {
  const schema = z.enum(choices).describe(`one of ${choices.join(', ')}`)
  return { written: schema, answered: schema }
}
/** One or more of them, as a parameter. */
export const choicesParameter = <const Choices extends readonly [string, ...string[]]>(choices: Choices) =>
  z
    .preprocess(
      (value) => (typeof value === 'string' ? value.split(',') : value),
      z.array(z.enum(choices)).min(1),
    )
    .describe(`one or more of ${choices.join(', ')}, separated by commas`)
    .optional()
export const yesNo: Kind = { written: z.boolean().describe('true or false'), answered: z.boolean() }

const number = (schema: z.ZodNumber, min: number, max: number, what: string): Kind => ({
  written: schema.min(min).max(max).describe(`${what} from ${min} to ${max}`),
  answered: z.number(),
})
export const whole = (min: number, max = 2_147_483_647): Kind => number(z.int(), min, max, 'a whole number')
export const real = (min: number, max: number): Kind => number(z.number(), min, max, 'a number')
/** numeric(…, 2): a third decimal would be rounded without a word. */
export const cents = (min: number, max: number, what = 'a number'): Kind => ({
  written: z
    .number()
    .min(min)
    .max(max)
    .refine((value) => Number(value.toFixed(2)) === value)
    .describe(`${what} from ${min} to ${max} with at most 2 decimals`),
  answered: z.number(),
})
export const money = cents(0, 999_999_999_999.99, 'an amount')

const isCalendarDay = (value: string): boolean => {
  const date = new Date(`${value}T00:00:00Z`)
  // JavaScript takes 30 February for 1 March. No device is from before, and no plan goes beyond; a year 0224 is a slip.
  return (
    !Number.isNaN(date.getTime()) &&
    date.toISOString().startsWith(value) &&
    value >= '1900-01-01' &&
    value < '2200-01-01'
  )
}
export const day: Kind = {
  written: z.iso.date().refine(isCalendarDay).describe('a date from 1900 to 2199, such as 2024-01-15'),
  answered: z.iso.date(),
}
export const instant: Kind = {
  written: z.iso
    .datetime({ offset: true })
    .refine((value) => isCalendarDay(value.slice(0, 10)))
    .describe('a time from 1900 to 2199 with its offset, such as 2024-01-15T08:30:00Z'),
  answered: z.iso.datetime(),
  isInstant: true,
}

export const reference = (table: ReferencedTable): Kind => ({
  written: storable(1, 200).describe(`the id of a row of ${table}`),
  answered: z.string(),
  table,
})
export const texts: Kind = {
  written: z.array(storable(1, 2000)).max(200).describe('a list of at most 200 texts'),
  answered: z.array(z.string()),
}
/** Not looked into, except for what jsonb cannot keep. */
export const keysAndValues: Kind = {
  written: z
    .record(z.string(), z.json())
    .refine((value) => isStorableJson(value))
    .describe('an object of any keys and values'),
  answered: z.unknown().describe('JSON, as it was written'),
}

/** Deeper than this is no settings of a person, and costs the parser of the database its stack. */
const maxDepth = 32

function isStorableJson(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return isStorable(value)
  if (typeof value !== 'object' || value === null) return true
  return (
    depth < maxDepth &&
    Object.entries(value).every(([key, item]) => isStorable(key) && isStorableJson(item, depth + 1))
  )
}
