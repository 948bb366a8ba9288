// Dead letters over HTTP: listed, shown and replayed by operators, through the same decode and writer as pings from the broker.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type HttpApi, type Reply, openHttpApi } from '../support/http-api.ts'
import { type Ingest, batchOf, decode, openIngest } from '../support/ingest.ts'

const [viewer, operator, admin] = ['viewer-of-the-tests', 'operator-of-the-tests', 'admin-of-the-tests']
let ingest: Ingest
let api: HttpApi
beforeAll(async () => {
  ingest = await openIngest()
  api = await openHttpApi(
    ingest.url,
    {
      tokens: [
        { name: 'wall', role: 'viewer', token: viewer, user: null },
        { name: 'desk', role: 'operator', token: operator, user: null },
        { name: 'chief', role: 'admin', token: admin, user: null },
      ],
    },
    { replay: () => ({ decode, writer: ingest.writer }) },
  )
})
afterAll(async () => {
  await api.close()
  await ingest.close()
})

const markup = '<img src=x onerror="document.title=1">'
beforeEach(async () => {
  await ingest.query('TRUNCATE location_history, dead_letter, person_tags')
  for (const payload of [[{ tagId: 'T', x: 'twelve' }], markup, Buffer.from([0xff, 0x00, 0x41])])
    await ingest.writer.write(batchOf(payload), { lane: 'hot' }, new AbortController().signal)
})

type Row = Readonly<Record<string, unknown>>
const ask = async (path: string, token: string | null = operator, method = 'GET'): Promise<Reply> =>
  api.ask({ path, token, method })
const list = async (query = '', token = operator): Promise<Row[]> =>
  (await ask(`/dead-letters${query}`, token)).body['items'] as Row[]
const idOf = async (reason: string): Promise<string> => String((await list(`?reason=${reason}`))[0]?.['id'])
/** As an operator mends a payload, or as a new version of the service reads what an old one could not. */
const mend = async (): Promise<unknown> =>
  ingest.query(`UPDATE dead_letter SET payload = convert_to('{"tagId":"T","x":12}', 'utf8'), payload_bytes = 20
    WHERE reason = 'invalid_ping'`)

describe('the list', () => {
  it('is the newest first, with how many there are for which reason, and no payload', async () => {
    const { body } = await ask('/dead-letters')
    expect(body['reasons']).toEqual([
      { reason: 'invalid_ping', count: 1 },
      { reason: 'not_json', count: 1 },
      { reason: 'not_utf8', count: 1 },
    ])
    const items = body['items'] as Row[]
    expect(items).toHaveLength(3)
    expect(items.map((row) => row['receivedAt'])).toEqual(
      items.map((row) => row['receivedAt']).toSorted((a, b) => (String(a) < String(b) ? 1 : -1)),
    )
    for (const row of items) expect(row).not.toHaveProperty('payload')
  })

  it('narrows by reason, topic, time and whether they were replayed', async () => {
    expect(await list('?reason=not_json')).toMatchObject([{ reason: 'not_json', element: null }])
    expect(await list('?topic=rtls/%2B/gw-1/pings')).toHaveLength(3)
    expect(await list('?topic=rtls/none/%23')).toEqual([])
    expect(await list('?replayed=true')).toEqual([])
    expect(await list('?replayed=false')).toHaveLength(3)
    expect(await list('?until=2020-01-01T00:00:00Z')).toEqual([])
  })

  it('goes on page by page, each once', async () => {
    const seen: unknown[] = []
    let cursor = ''
    for (let page = 0; page < 3; page += 1) {
      const { body } = await ask(`/dead-letters?limit=1${cursor}`)
      seen.push(...(body['items'] as Row[]).map((row) => row['id']))
      cursor = `&cursor=${String(body['nextCursor'])}`
      expect(body['nextCursor'] === null).toBe(page === 2)
      expect(body['reasons'] === null).toBe(page > 0)
    }
    expect(seen).toEqual((await list()).map((row) => row['id']))
  })

  it('is a table too', async () => {
    const { headers, text } = await ask('/dead-letters?format=csv')
    expect(headers.get('content-type')).toContain('text/csv')
    expect(text.split('\r\n')[0]).toMatch(/^id,receivedAt,topic,reason,detail/u)
  })
})

describe('one of them', () => {
  it('has its payload as JSON text, which no browser takes for a page', async () => {
    const { headers, body } = await ask(`/dead-letters/${await idOf('not_json')}`)
    expect(body).toMatchObject({ payload: markup, payloadBase64: null, isCut: false })
    expect(headers.get('content-type')).toContain('application/json')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })

  it('that is no text comes as base64', async () => {
    const { body } = await ask(`/dead-letters/${await idOf('not_utf8')}`)
    expect(body).toMatchObject({ payload: null, payloadBase64: '/wBB' })
  })

  it('that names a tag which a person wears keeps it from all but admins', async () => {
    await ingest.query(
      `UPDATE dead_letter SET payload = convert_to('{"tagId":"AC:23:3F:A1:B2:C3"}', 'utf8') WHERE reason = 'invalid_ping'`,
    )
    await ingest.query(`INSERT INTO person_tags (tag_id) VALUES (canonical_tag_id('AC:23:3F:A1:B2:C3'))`)
    const id = await idOf('invalid_ping')
    for (const path of [`/dead-letters/${id}`, '/dead-letters?reason=invalid_ping']) {
      const { text } = await ask(path)
      expect(text).toMatch(/"isWithheld":true/u)
      expect(text).toMatch(/"detail":null/u)
      expect(text).not.toMatch(/ac.?23.?3f/iu)
    }
    expect((await ask(`/dead-letters/${id}`, admin)).text).toContain('AC:23:3F')
  })
})

describe('a replay', () => {
  const replay = async (id: string, token: string | null = operator): Promise<Reply> =>
    ask(`/dead-letters/${id}/replay`, token, 'POST')

  it('stores what is good by now, once', async () => {
    const id = await idOf('invalid_ping')
    expect((await replay(id)).body).toEqual({
      outcome: 'still bad',
      answer: expect.stringContaining('still bad') as string,
      stored: 0,
      duplicates: 0,
      stillBad: [{ reason: 'invalid_ping', count: 1 }],
    })
    await mend()
    expect((await replay(id)).body).toMatchObject({ outcome: 'stored', stored: 1, stillBad: [] })
    expect((await replay(id)).body).toMatchObject({ outcome: 'replayed before', stored: 0 })
    expect(await ingest.query('SELECT tag_id, x FROM location_history')).toEqual([{ tag_id: 'T', x: 12 }])
    expect((await ask(`/dead-letters/${id}`)).body['replayedAt']).not.toBeNull()
    expect(await list('?replayed=false')).toHaveLength(2)
  })

  it('says when it is starting, and when there is none', async () => {
    expect((await replay('11111111-1111-4111-8111-111111111111')).status).toBe(404)
    const starting = await openHttpApi(ingest.url)
    try {
      const path = `/dead-letters/${await idOf('not_json')}/replay`
      expect(await starting.ask({ path, method: 'POST' })).toMatchObject({
        status: 503,
        body: { detail: expect.stringContaining('starting') as string },
      })
    } finally {
      await starting.close()
    }
  })
})

describe('who may', () => {
  it.each(['/dead-letters', '/dead-letters/11111111-1111-4111-8111-111111111111'])(
    '%s: nobody without a token, no viewer',
    async (path) => {
      expect((await ask(path, null)).status).toBe(401)
      expect((await ask(path, viewer)).status).toBe(403)
    },
  )
  it('replay: nobody without a token, no viewer, and nothing is stored then', async () => {
    await mend()
    const path = `/dead-letters/${await idOf('invalid_ping')}/replay`
    expect((await ask(path, null, 'POST')).status).toBe(401)
    expect((await ask(path, viewer, 'POST')).status).toBe(403)
    expect(await ingest.query('SELECT * FROM location_history')).toEqual([])
  })
})

describe('what is refused', () => {
  it.each([
    ['/dead-letters?limit=1000', 400],
    ['/dead-letters?cursor=x', 400],
    ['/dead-letters?replayed=maybe', 400],
    ['/dead-letters?since=yesterday', 400],
    ['/dead-letters/not-a-uuid', 400],
    ['/dead-letters/11111111-1111-4111-8111-111111111111', 404],
  ])('%s', async (path, status) => {
    expect((await ask(path)).status).toBe(status)
  })
})

describe('/pipeline', () => {
  it('answers whoever may read, also without a database', async () => {
    const alone = await openHttpApi(undefined)
    try {
      expect(await alone.ask('/pipeline')).toMatchObject({ status: 200, body: { state: 'ready', lag: null } })
    } finally {
      await alone.close()
    }
  })
})
