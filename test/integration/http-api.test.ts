// The HTTP API as a whole: its description is valid and true, its fields are the table's, errors are problem documents whatever is
// sent, and a database that is away is a 503 and not a wait.
import http from 'node:http'
import { once } from 'node:events'
import { Validator } from '@seriousme/openapi-schema-validator'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { assetFields } from '../../src/http/asset-fields.ts'
import { seedDatabase } from '../../src/seed/seed.ts'
import { type HttpApi, openHttpApi, writeToken } from '../support/http-api.ts'
import { queryOnce } from '../support/query.ts'
import { useSuite } from '../support/suite.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

const { database, closers } = useSuite()
let api: HttpApi
beforeAll(async () => {
  await seedDatabase(database.url, { facility: 'demo', tags: 3 })
  api = await openHttpApi(database.url, { maxBodyBytes: 20_000 })
})
afterAll(async () => {
  await api.close()
})

const path = '/assets/asset-demo-bme-2024-001'

describe('the description', () => {
  it('is valid OpenAPI 3.1 and names the routes', async () => {
    const { valid, errors } = await new Validator().validate(structuredClone(api.description) as never)
    expect(errors).toBeUndefined()
    expect(valid).toBe(true)
    expect(
      Object.entries(api.description.paths).flatMap(([at, operations]) =>
        Object.keys(operations).map((method) => `${method} ${at}`),
      ),
    ).toEqual([
      'get /assets',
      'post /assets',
      'get /assets/{id}',
      'patch /assets/{id}',
      'get /facilities',
      'get /plan',
      'get /locations',
      'get /locations/stream',
      'get /find',
      'get /nearest',
      'get /assets/{id}/location',
      'get /assets/{id}/trail',
      'get /assets/{id}/visits',
      'get /reports/occupancy',
      'get /reports/dwell',
      'get /reports/heat-map',
      'get /reports/coverage',
      'get /reports/restricted',
      'get /reports/utilisation',
      'get /reports/right-size',
      'get /reports/missing',
      'get /reports/par-levels',
      'get /reports/batteries',
      'get /reports/maintenance',
      'get /reports/gateways',
      'get /pipeline',
      'get /dead-letters',
      'get /dead-letters/{id}',
      'post /dead-letters/{id}/replay',
    ])
  })

  it('says of a field what it expects', () => {
    const { properties } = api.description.components.schemas['NewAsset'] as {
      properties: Record<string, object>
    }
    expect(properties['usefulLifeYears']).toMatchObject({ type: 'integer', minimum: 1, maximum: 100 })
    expect(properties['deviceCategory']).toMatchObject({
      enum: expect.arrayContaining(['IMAGING']) as string[],
    })
  })
})

describe('the fields', () => {
  interface Column {
    name: string
    isNullable: boolean
    hasDefault: boolean
    labels: string[] | null
    table: string | null
  }
  let columns: Column[]
  beforeAll(async () => {
    columns = await queryOnce<Column & Record<string, unknown>>(
      database.url,
      `SELECT a.attname AS name, NOT a.attnotnull AS "isNullable", a.atthasdef AS "hasDefault",
         (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = a.atttypid) AS labels,
         (SELECT c.confrelid::regclass::text FROM pg_constraint c
          WHERE c.conrelid = a.attrelid AND c.contype = 'f' AND c.conkey = ARRAY[a.attnum]) AS table
       FROM pg_attribute a WHERE a.attrelid = 'assets'::regclass AND a.attnum > 0 AND NOT a.attisdropped`,
    )
  })

  it('are the columns of the table, one to one', () => {
    expect(assetFields.map(({ column }) => column).toSorted()).toEqual(
      columns.map(({ name }) => name).toSorted(),
    )
    expect(new Set(assetFields.map(({ name }) => name)).size).toBe(columns.length)
    expect(assetFields.find(({ column }) => column === 'asset_tag_number')?.name).toBe('assetTagNumber')
    expect(assetFields.find(({ column }) => column === 'fda_510k_number')?.name).toBe('fda510kNumber')
  })

  it('are required, cleared, chosen from and referred to as the table has it', () => {
    const known = new Map(columns.map((column) => [column.name, column]))
    const wrong = assetFields.filter(({ column, use, isNullable, kind }) => {
      const real = known.get(column)
      const labels = kind.written instanceof z.ZodEnum ? kind.written.options : null
      const isSet = use === 'required' || use === 'defaulted' || use === 'optional'
      return (
        real?.isNullable !== isNullable ||
        (isSet && real.hasDefault !== (use === 'defaulted')) ||
        JSON.stringify(labels) !== JSON.stringify(real.labels) ||
        (kind.table ?? null) !== real.table
      )
    })
    expect(wrong.map(({ name }) => name)).toEqual([])
  })
})

describe('whatever is sent', () => {
  const post = { method: 'POST', path: '/assets' }
  it.each([
    [{ path: '/nothing' }, 404],
    [{ path: '/assets/' }, 400],
    [{ path: '/assets/a/b' }, 404],
    [{ method: 'DELETE', path }, 405],
    [{ method: 'PUT', path: '/assets', body: 'x' }, 405],
    [{ method: 'POST', path: '/metrics', body: {} }, 405],
    [{ ...post, body: '{not json' }, 400],
    [{ ...post, body: '' }, 400],
    [{ ...post, body: '{"__proto__": {"x": 1}}' }, 400],
    [{ ...post, body: 'null' }, 422],
    [{ ...post, body: '[{}]' }, 422],
    [{ ...post, body: { notes: 'x'.repeat(20_000) } }, 413],
    [{ ...post, body: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 415],
    [{ ...post, body: '{}', headers: { 'content-type': 'text/plain' } }, 415],
    [{ path: '/assets/%ff' }, 400],
    [{ path: '/assets/%00' }, 400],
    [{ path: `/assets/${'x'.repeat(300)}` }, 400],
    [{ path: `/assets/${'x'.repeat(3000)}` }, 414],
    [{ path: '/assets?__proto__=1&constructor=2' }, 400],
    [{ path: `${path}?fields=all` }, 400],
  ])('%j is answered with a problem %i', async (request, status) => {
    const reply = await api.ask(request)
    expect(reply.status).toBe(status)
    expect(reply.body).toMatchObject({ status, detail: expect.stringMatching(/^.{15,}/u) as string })
    expect(reply.headers.get('allow') ?? '').toMatch(status === 405 ? /GET/u : /^$/u)
  })

  it('headers beyond measure, and what is no HTTP, get a problem too', async () => {
    const request = http.get({ port: api.port, path, headers: { 'x-long': 'x'.repeat(20_000) } })
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    expect([response.statusCode, response.headers['content-type']]).toEqual([431, 'application/problem+json'])
    response.resume()
  })

  it('no query makes a 5xx', async () => {
    const names = ['q', 'status', 'facility', 'room', 'tag', 'sort', 'limit', 'cursor', 'assetTagNumber', 'x']
    const value = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.constantFrom(
        "'; DROP TABLE assets; --",
        '%',
        '\\',
        '"',
        '-"a',
        'or',
        '1e9',
        '-1',
        'ACTIVE',
        'equipmentName',
        '\0',
      ),
    )
    const cursor = fc
      .array(fc.string({ maxLength: 12 }), { maxLength: 4 })
      .map((parts) => Buffer.from(JSON.stringify(parts)).toString('base64url'))
    const pair = fc.tuple(fc.constantFrom(...names), fc.oneof({ weight: 4, arbitrary: value }, cursor))
    await fc.assert(
      fc.asyncProperty(fc.array(pair, { minLength: 1, maxLength: 4 }), async (pairs) => {
        const query = pairs
          .map(([name, text]) => `${name}=${encodeURIComponent(text.toWellFormed())}`)
          .join('&')
        expect([200, 400]).toContain((await api.ask(`/assets?${query}`)).status)
      }),
      { numRuns: 60 },
    )
  })

  it('a cursor with another place in it is a 400 when no value of the order can be that', async () => {
    for (const sort of ['purchaseDate', 'criticalityLevel', '-purchaseCost', 'updatedAt']) {
      const first = await api.ask(`/assets?limit=1&sort=${sort}`)
      const [fingerprint] = JSON.parse(
        Buffer.from(String(first.body['nextCursor']), 'base64url').toString(),
      ) as string[]
      const forged = Buffer.from(JSON.stringify([fingerprint, "'1", 'id'])).toString('base64url')
      expect((await api.ask(`/assets?limit=1&sort=${sort}&cursor=${forged}`)).status).toBe(400)
    }
  })

  it('no body makes a 5xx, and what is stored is what was sent', async () => {
    const values = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.double(),
      fc.constantFrom<unknown>(
        '9999-12-31',
        '0001-01-01',
        '2024-02-29',
        '2024-01-01T00:00:00+23:59',
        1e300,
        -0,
        0.005,
        2 ** 31,
        '::ffff:1.2.3.4',
        'ABC',
        true,
        {},
        [],
        ['a'],
        'NaN',
      ),
    )
    const fields = assetFields.map(({ name }) => name)
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.constantFrom(...fields, 'x'), values, { minKeys: 1, maxKeys: 3 }),
        async (body) => {
          const reply = await api.ask({ method: 'PATCH', path, body, headers: { 'if-match': '*' } })
          expect([200, 409, 422]).toContain(reply.status)
          if (reply.status !== 200) return
          // Lists, objects and text may be stored in another form; these not.
          const plain = Object.entries(JSON.parse(JSON.stringify(body)) as Record<string, unknown>).filter(
            ([, value]) => typeof value === 'number' || typeof value === 'boolean' || value === null,
          )
          const stored = plain.map(([name]) => [name, reply.body[name]])
          if (JSON.stringify(stored) !== JSON.stringify(plain))
            throw new Error(`stored: ${JSON.stringify(stored)}`)
        },
      ),
      { numRuns: 120 },
    )
  })
})

describe('the database is away', () => {
  it('503 with Retry-After: while starting, refused, silent; and answers again when it is back', async () => {
    const proxy = await openTcpProxy({
      targetPort: Number(new URL(database.url).port),
      targetHost: new URL(database.url).hostname,
    })
    const starting = await openHttpApi(undefined)
    const behind = await openHttpApi(proxy.urlFor(database.url), { queryTimeoutMs: 1500 })
    closers.push(
      async () => proxy.close(),
      async () => behind.close(),
      async () => starting.close(),
    )
    const outcome = async (of: HttpApi): Promise<string> => {
      const { status, headers, body } = await of.ask({ path: '/assets?limit=1', token: writeToken })
      return status === 503 ? `503 ${headers.get('retry-after')} ${String(body['detail'])}` : String(status)
    }
    const again = '. Try again in 5 seconds.'
    expect(await outcome(starting)).toBe(`503 5 No answer from the database: the service is starting${again}`)
    await waitFor(async () => (await outcome(behind)) === '200', { what: 'an answer' })

    proxy.refuse()
    proxy.cut()
    await waitFor(async () => /cannot be reached/u.test(await outcome(behind)), { what: 'the reason' })
    await proxy.accept()
    await waitFor(async () => (await outcome(behind)) === '200', { what: 'an answer after the outage' })

    proxy.freeze()
    expect(await outcome(behind)).toMatch(/^503 5 .*did not answer in time/u)
    proxy.cut()
    proxy.thaw()
    await waitFor(async () => (await outcome(behind)) === '200', { what: 'an answer after the silence' })
  })
})
