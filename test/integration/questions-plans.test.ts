// How the questions are answered: from the chunks of their span alone, by the key, compressed or not. Plans, not times.
import { beforeAll, describe, expect, it } from 'vitest'
import { useBiotrakr } from '../support/biotrakr.ts'
import { settleRollups } from '../support/rollups.ts'

const { query, asset } = useBiotrakr()
const days = 20
const dayMs = 86_400_000

beforeAll(async () => {
  await asset({ id: 'a' })
  await query(`INSERT INTO tag_assignments (tag_id, asset_id, valid_from) VALUES ('T5', 'a', '-infinity')`)
  // Twenty days, two of them with so many tags that reading them all would cost; all but the last week in compressed chunks.
  await query(
    `INSERT INTO location_history (t, facility_id, gateway_id, tag_id, room_id, floor, x, y)
     SELECT date_trunc('day', now(), 'UTC') - d * interval '1 day' + i * interval '30 minutes', 'h1', 'g', 'T' || n, 'r' || n % 3, 0, n, i
     FROM generate_series(1, ${days}) d, generate_series(0, 47) i, generate_series(1, CASE WHEN d IN (3, 15) THEN 300 ELSE 8 END) n`,
  )
  await settleRollups(query)
  await query(
    `SELECT compress_chunk(c) FROM show_chunks('location_history', older_than => interval '7 days') c`,
  )
  await query('ANALYZE location_history')
})

interface Node {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly Schema?: string
  readonly 'Index Name'?: string
  readonly 'Actual Loops': number
  readonly 'Actual Rows': number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly Node[]
}

/** Every scan of a chunk that was really run, after a query whose body is seen: a function that is folded into it, or a view. */
async function scansOf(sql: string): Promise<Node[]> {
  const [row] = await query<{ 'QUERY PLAN': [{ Plan: Node }] }>(
    `EXPLAIN (ANALYZE, VERBOSE, FORMAT json, COSTS off, TIMING off, SUMMARY off) ${sql}`,
  )
  const scans: Node[] = []
  const walk = (node: Node): void => {
    const isChunk = /^(?:_hyper_|compress_hyper_)/u.test(node['Relation Name'] ?? '')
    if (isChunk && node['Actual Loops'] > 0) scans.push(node)
    for (const part of node.Plans ?? []) walk(part)
  }
  if (row !== undefined) walk(row['QUERY PLAN'][0].Plan)
  return scans
}

const relationsOf = (scans: readonly Node[]): Set<string | undefined> =>
  new Set(scans.map((scan) => scan['Relation Name']))
const byIndex = (scan: Node): boolean =>
  /Index|ColumnarScan|DecompressChunk|Custom Scan|Bitmap/u.test(scan['Node Type'])

describe('a question about one asset and one day', () => {
  it.each([
    ['rtls.asset_history', `SELECT * FROM rtls.asset_history WHERE asset_id = 'a' AND t >= $1 AND t < $2`],
    ['asset_visits', `SELECT * FROM asset_visits('a', $1, $2)`],
    ['asset_distance', `SELECT * FROM asset_distance('a', $1, $2)`],
  ])('reads of %s one chunk of twenty, by the key', async (_, sql) => {
    for (const ago of [3, 15]) {
      const from = Math.floor(Date.now() / dayMs - ago) * dayMs
      const span = (text: string): string =>
        text
          .replaceAll('$1', `'${new Date(from).toISOString()}'`)
          .replaceAll('$2', `'${new Date(from + dayMs).toISOString()}'`)
      const scans = await scansOf(span(sql))
      const tables = [...relationsOf(scans)].filter((name) => !(name ?? '').startsWith('compress_'))
      expect(tables).toHaveLength(1)
      for (const scan of scans) {
        expect([scan['Node Type'], byIndex(scan)]).toEqual([scan['Node Type'], true])
        // Of the three hundred tags in it, no other's rows are read.
        expect(scan['Actual Rows']).toBeLessThanOrEqual(48)
      }
    }
  })
})

describe('where was it', () => {
  it('is one row read backwards from that time, from compressed chunks as well', async () => {
    for (const ago of [3, 15]) {
      const scans = await scansOf(
        `SELECT h.* FROM location_history h WHERE h.tag_id = 'T5' AND h.t <= now() - interval '${ago} days' ORDER BY h.t DESC, h.gateway_id DESC LIMIT 1`,
      )
      const tables = [...relationsOf(scans)].filter((name) => !(name ?? '').startsWith('compress_'))
      expect(tables.length).toBeLessThanOrEqual(2)
    }
  })
})

describe('a question about rollups', () => {
  it('reads no ping of what is materialised, and only the chunks of its span', async () => {
    const all = await query<{ name: string }>(
      `SELECT c::text AS name FROM show_chunks('room_presence_1m') c UNION ALL SELECT c::text FROM show_chunks('location_history') c`,
    )
    const scans = await scansOf(
      `SELECT * FROM rtls.asset_presence_1m WHERE asset_id = 'a' AND bucket >= now() - interval '4 days' AND bucket < now() - interval '3 days'`,
    )
    expect(relationsOf(scans).size).toBeLessThanOrEqual(2)
    expect(all.length).toBeGreaterThan(days)
    const pings = await query<{ name: string }>(
      `SELECT split_part(c::text, '.', 2) AS name FROM show_chunks('location_history') c`,
    )
    for (const { name } of pings) expect([...relationsOf(scans)]).not.toContain(name)
  })
})

/** The chunks of a hypertable or rollup. */
async function chunksOf(relation: string): Promise<Set<string>> {
  const chunks = await query<{ name: string }>(
    `SELECT split_part(c::text, '.', 2) AS name FROM show_chunks('${relation}') c`,
  )
  return new Set(chunks.map(({ name }) => name))
}

/** Of which chunks a question reads how many rows, however deep in functions, by what the database counts itself. */
async function readBy(sql: string): Promise<Map<string, number>> {
  const counted = async (): Promise<Map<string, number>> => {
    const tables = await query<{ name: string; rows: number }>(
      `SELECT relname AS name, (seq_tup_read + coalesce(idx_tup_fetch, 0))::integer AS rows
       FROM pg_stat_xact_all_tables WHERE relname ~ '^_hyper_'`,
    )
    return new Map(tables.map(({ name, rows }) => [name, rows]))
  }
  await query('BEGIN')
  try {
    // What earlier statements read may not have been handed in yet.
    const before = await counted()
    await query(sql)
    const after = await counted()
    const read = Array.from(after, ([name, rows]): [string, number] => [name, rows - (before.get(name) ?? 0)])
    return new Map(read.filter(([, rows]) => rows > 0))
  } finally {
    await query('ROLLBACK')
  }
}

describe('a question about all assets and a day', () => {
  it('reads the hours, and neither a minute nor a ping', async () => {
    const from = new Date(Math.floor(Date.now() / dayMs - 10) * dayMs)
    const span = `'${from.toISOString()}', '${new Date(from.getTime() + dayMs).toISOString()}'`
    const hours = await chunksOf('room_presence_1h')
    for (const sql of [
      `SELECT * FROM room_occupancy('h1', ${span})`,
      `SELECT * FROM fleet_use('h1', ${span}, 'AWAY')`,
    ]) {
      const read = await readBy(sql)
      expect([...read.keys()].filter((name) => !hours.has(name))).toEqual([])
      // Eight tags were heard in each of the 24 hours of that day, and a few hours beside them share its chunk.
      const rows = [...read.values()].reduce((sum, each) => sum + each, 0)
      expect(rows).toBeGreaterThan(0)
      expect(rows).toBeLessThanOrEqual(2 * 8 * 24)
    }
  })
})

describe('the last ping of a tag that has been silent for long', () => {
  it('is looked for in the chunk of its day, not in every one since', async () => {
    // T200 was heard on two days only, fifteen and three days ago.
    const read = await readBy(`SELECT * FROM rtls.last_ping('T200', '-infinity', now() - interval '5 days')`)
    const pings = await chunksOf('location_history')
    expect([...read.keys()].filter((name) => pings.has(name)).length).toBeLessThanOrEqual(1)
    const [found] = await query<{ ago: number }>(
      `SELECT (extract(epoch FROM date_trunc('day', now(), 'UTC') - date_trunc('day', t, 'UTC')) / 86400)::integer AS ago
       FROM rtls.last_ping('T200', '-infinity', now() - interval '5 days')`,
    )
    expect(found).toEqual({ ago: 15 })
  })
})
