/**
 * Tables as CSV (RFC 4180) for spreadsheets and scripts: header row, CRLF, UTF-8, empty cells for null.
 * Guarantees: a cell of text that a spreadsheet would run as a formula is shown as text. Which columns there are the schema of a row says.
 */
import type { IncomingHttpHeaders } from 'node:http'

export const csvType = 'text/csv; charset=utf-8; header=present'

export type Format = 'json' | 'csv'

/** The column names → rows with the same names; what a row does not have is an empty cell. */
export function encodeCsv(columns: readonly string[], rows: readonly object[]): string {
  const lines = [columns.map(cellOf), ...rows.map((row) => columns.map((name) => cellOf(valueIn(row, name))))]
  return lines.map((cells) => `${cells.join(',')}\r\n`).join('')
}

const valueIn = (row: object, name: string): unknown => (row as Readonly<Record<string, unknown>>)[name]

function cellOf(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (value instanceof Date) return value.toISOString()
  return quote(typeof value === 'string' ? defuse(value) : JSON.stringify(value))
}

/** What begins like a formula Excel and its likes run; with an apostrophe before it they show it. */
const defuse = (text: string): string => (/^[=+\-@\t\r]/u.test(text) ? `'${text}` : text)

const quote = (text: string): string => (/[",\r\n]/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

/** What the Accept header would rather have; JSON when it does not say. RFC 9110: the quality counts, then the order. */
export function preferredFormat({ accept = '' }: Pick<IncomingHttpHeaders, 'accept'>): Format {
  let best: { readonly format: Format; readonly quality: number } = { format: 'json', quality: 0 }
  for (const part of accept.split(',')) {
    const [type = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase())
    const format = formats.get(type)
    const q = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2)
    const quality = q === undefined ? 1 : Number(q)
    if (format !== undefined && quality > best.quality) best = { format, quality }
  }
  return best.format
}

const formats: ReadonlyMap<string, Format> = new Map([
  ['text/csv', 'csv'],
  ['application/json', 'json'],
  ['*/*', 'json'],
  ['application/*', 'json'],
])
