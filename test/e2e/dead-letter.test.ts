// `rtls-ingest dead-letter` as an operator uses it.
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../support/child.ts'
import { type TestDatabase, openMigratedDatabase } from '../support/database.ts'

let database: TestDatabase
let env: Record<string, string>

beforeAll(async () => {
  database = await openMigratedDatabase()
  env = { DATABASE_URL: database.url }
  const client = new pg.Client(database.url)
  await client.connect()
  await client.query(`INSERT INTO dead_letter (received_at, topic, payload, payload_bytes, reason, detail) VALUES
    ('2026-11-20T00:00:00Z', 'rtls/h1/gw-1/pings', convert_to('{"tagId":"good now"}', 'utf8'), 20, 'invalid_ping', E'x: \\x1b[31mred'),
    ('2026-11-21T00:00:00Z', 'rtls/h1/gw-2/pings', convert_to('{', 'utf8'), 1, 'not_json', 'unexpected end'),
    ('2026-11-22T00:00:00Z', 'rtls/h1/gw-2/pings', '\\xff00', 2, 'not_utf8', '')`)
  await client.end()
})
afterAll(async () => {
  await database.close()
})

const deadLetter = async (...args: string[]): Promise<string> =>
  (await runCli(['dead-letter', ...args], { env })).stdout
const refused = async (expectCode: number, ...args: string[]): Promise<string> =>
  (await runCli(['dead-letter', ...args], { env, expectCode })).stderr

describe('dead-letter', () => {
  it('list shows the newest first, with counts by reason, and no control characters', async () => {
    const text = await deadLetter('list')
    expect(
      text
        .split('\n')
        .filter((line) => /gw-\d/u.test(line))
        .map((line) => /gw-\d/u.exec(line)?.[0]),
    ).toEqual(['gw-2', 'gw-2', 'gw-1'])
    expect(text).toContain(String.raw`x: \x1b[31mred`)
    expect(text).toMatch(/ 1 {2}not_json/u)
    const lines = (await deadLetter('list', '--json', '--gateway', 'gw-2'))
      .split('\n')
      .map((line) => JSON.parse(line) as object)
    expect(lines).toMatchObject([
      { reason: 'not_utf8', payloadBase64: '/wA=' },
      { reason: 'not_json', payload: '{' },
    ])
  })

  it('show prints one whole, found by the beginning of its id', async () => {
    const [line = ''] = (await deadLetter('list', '--json', '--reason', 'not_utf8')).split('\n')
    const { id } = JSON.parse(line) as { id: string }
    expect(await deadLetter('show', id.slice(0, 12))).toContain('ff00')
    expect(await refused(1, 'show', 'ffffffff-none')).toContain(
      'No dead letter has an id that begins with "ffffffff-none".',
    )
  })

  it('replay stores what is good now, says what is still bad, and does nothing twice', async () => {
    expect(await deadLetter('replay')).toBe(
      '3 tried, 1 stored, 0 were stored already.\n       1  still not_json\n       1  still not_utf8',
    )
    expect(await deadLetter('replay')).toContain('2 tried, 0 stored')
    expect(await deadLetter('list', '--replayed')).toContain('(replayed)')
  })

  it('purge asks which, and for a yes', async () => {
    expect(await refused(2, 'purge')).toMatch(/^rtls-ingest: purge: say which ones/u)
    expect(await refused(2, 'purge', '--replayed')).toBe(
      'rtls-ingest: purge: 1 dead letters would be deleted for good; add --yes to do it.',
    )
    expect(await deadLetter('purge', '--replayed', '--yes')).toBe('1 deleted.')
    expect(await deadLetter('purge', '--all', '--yes', '--json')).toBe('{"deleted":2}')
    expect(await deadLetter('list')).toBe('No dead letters match.')
  })

  it('says in one line that the database cannot be reached', async () => {
    const { stderr } = await runCli(['dead-letter', 'list'], {
      env: { DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/x' },
      expectCode: 1,
    })
    expect(stderr).toBe(
      'rtls-ingest: postgres://u:***@127.0.0.1:1/x: the database cannot be reached: connect ECONNREFUSED 127.0.0.1:1',
    )
  })
})
