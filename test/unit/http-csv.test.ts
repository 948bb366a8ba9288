// Tables as CSV: what a reader of RFC 4180 gets back is what was said, and no cell is a formula; and how a route says that it has one.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { encodeCsv, preferredFormat } from '../../src/http/csv.ts'
import { describeApi } from '../../src/http/openapi.ts'
import { defineRoute } from '../../src/http/route.ts'

/** By the grammar of RFC 4180: fields of no quotes, or quoted with doubled ones. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]]
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/uy
  while (field.lastIndex < text.length) {
    const match = field.exec(text)
    if (match === null) throw new Error(`not RFC 4180: ${JSON.stringify(text)}`)
    rows.at(-1)?.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '')
    if (match[3] === '\r\n') rows.push([])
  }
  return rows.slice(0, -1)
}

describe('encodeCsv', () => {
  it('gives each row its cells, whatever stands in them, and no text that a spreadsheet runs', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc
        .tuple(fc.constantFrom('=', '+', '-', '@', '\t', '\r', '"', ',', '\n', '\r\n', "'"), fc.string())
        .map((parts) => parts.join('')),
    )
    const cell = fc.oneof(text, fc.integer(), fc.double({ noNaN: true }), fc.boolean(), fc.constant(null))
    const columns = ['a', 'b', 'c']
    const row = fc.record({ a: cell, b: cell, c: cell }, { requiredKeys: [] })
    fc.assert(
      fc.property(fc.array(row, { maxLength: 5 }), (rows) => {
        const [header, ...read] = parseCsv(encodeCsv(columns, rows))
        expect(header).toEqual(columns)
        expect(read.length).toBe(rows.length)
        for (const [at, cells] of read.entries())
          for (const [place, got] of cells.entries()) {
            const value = rows[at]?.[columns[place] as 'a' | 'b' | 'c'] ?? ''
            const said = String(value)
            const isFormula = typeof value === 'string' && /^[=+\-@\t\r]/u.test(value)
            expect(got).toBe(isFormula ? `'${said}` : said)
          }
      }),
    )
  })

  it('writes lists and objects as JSON', () => {
    expect(encodeCsv(['a'], [{ a: [1, '"'] }])).toBe('a\r\n"[1,""\\""""]"\r\n')
  })
})

describe('preferredFormat', () => {
  it.each([
    [undefined, 'json'],
    ['text/csv', 'csv'],
    ['TEXT/CSV; charset=utf-8', 'csv'],
    ['application/json, text/csv', 'json'],
    ['application/json;q=0.5, text/csv', 'csv'],
    ['text/csv;q=0.2, application/json;q=0.3', 'json'],
    ['text/html, */*;q=0.8', 'json'],
    ['text/csv;q=0', 'json'],
    ['text/csv;q=nonsense', 'json'],
    ['*/*', 'json'],
  ] as const)('%s → %s', (accept, format) => {
    expect(preferredFormat(accept === undefined ? {} : { accept })).toBe(format)
  })
})

describe('a route with a table', () => {
  const row = z.object({ name: z.string(), count: z.int() })
  const page = z.object({ items: z.array(row), nextCursor: z.string().nullable() })
  const route = defineRoute({
    method: 'GET',
    path: '/things',
    name: 'listThings',
    summary: 'Things',
    description: 'All of them.',
    role: 'viewer',
    takes: { query: z.strictObject({ cursor: z.string().optional() }) },
    table: { row, fileName: 'things' },
    answers: { 200: { description: 'Things.', schema: page } },
    problems: [],
    handle: async ({ query, format }) => ({
      status: 200,
      body: { items: [{ name: `${query.cursor}`, count: 1, hidden: format }], nextCursor: 'b&c' },
    }),
  })
  const ask = async (query: object, accept?: string) =>
    route.answer({
      path: {},
      query,
      body: undefined,
      headers: accept === undefined ? {} : { accept },
      caller: { name: 'x', role: 'viewer', user: null },
    })

  it('answers JSON, or CSV with the way to the next page, as it is asked', async () => {
    const json = await ask({ cursor: 'a' })
    expect(json.body).toMatchObject({ nextCursor: 'b&c' })
    const csv = await ask({ cursor: 'a', format: 'csv' })
    expect(csv.body).toBe('name,count\r\na,1\r\n')
    expect(csv.headers).toMatchObject({
      'content-type': expect.stringContaining('text/csv') as string,
      'content-disposition': 'attachment; filename="things.csv"',
      link: '<?cursor=b%26c&format=csv>; rel="next"',
      vary: 'accept',
    })
    expect((await ask({}, 'text/csv')).body).toContain('name,count')
    expect((await ask({ format: 'json' }, 'text/csv')).body).toMatchObject({ items: [{ hidden: 'json' }] })
    await expect(ask({ format: 'xml' })).rejects.toThrow(/json or csv/u)
  })

  it('is described with both', () => {
    const { paths } = describeApi([route], { version: '0', schemas: { Page: page } }) as {
      paths: Record<string, { get: { parameters: { name: string }[]; responses: Record<number, object> } }>
    }
    const get = paths['/things']?.get
    expect(get?.parameters.map(({ name }) => name)).toEqual(['cursor', 'format'])
    expect(get?.responses[200]).toMatchObject({
      content: { 'application/json': {}, 'text/csv': { schema: { type: 'string' } } },
    })
  })
})
