import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createChunksAhead } from '../../src/db/chunks.ts'
import type { Judgement } from '../../src/db/failure.ts'
import { type Pool, createPool } from '../../src/db/pool.ts'
import type { Batch } from '../../src/ingest/batcher.ts'
import { encodeCopy } from '../../src/ingest/copy-format.ts'
import { type WriteOptions, type WriteOutcome, createWriter } from '../../src/ingest/writer.ts'
import { type TestDatabase, openMigratedDatabase } from '../support/database.ts'
import { batchOf } from '../support/ingest.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'
import { receivedAtUs } from '../support/pings.ts'

let database: TestDatabase
let pool: Pool
const failures: Judgement[] = []

beforeAll(async () => {
  database = await openMigratedDatabase()
  pool = createPool(
    { url: database.url, max: 3, connectTimeoutMs: 5000, statementTimeoutMs: 60_000 },
    () => undefined,
  )
})

afterAll(async () => {
  await pool.close()
  await database.close()
})

beforeEach(async () => {
  failures.length = 0
  await query('TRUNCATE location_history, dead_letter')
})

const query = async <Row extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]> =>
  pool.use(async (client) => (await client.query<Row>(sql, values)).rows)

const write = async (batch: Batch, options: Partial<WriteOptions> = {}): Promise<WriteOutcome> =>
  createWriter(pool, 65_536, {
    onFailure: (judgement) => failures.push(judgement),
    onSuccess: () => undefined,
  }).write(batch, { lane: 'hot', ...options }, new AbortController().signal)

const ping = (index: number, more: object = {}): object => ({
  tagId: `T${index}`,
  t: new Date(receivedAtUs / 1000 - index).toISOString(),
  x: index,
  y: 1,
  ...more,
})

describe('a batch', () => {
  it('stores every value as it was decoded', async () => {
    const full = {
      tagId: 'AC:23:3F:A1:B2:C3',
      t: '2026-11-22T06:59:59.123456Z',
      x: -12.345678901234567,
      y: 1e-7,
      z: 1.5,
      longitude: 8.54,
      latitude: -47.37,
      floor: 1.5,
      accuracyM: 0.25,
      rssiDbm: -67,
      batteryPct: 100,
      moving: false,
      seq: Number.MAX_SAFE_INTEGER,
      method: 'UWB',
      fix: 'approximate',
      zone: 'Notaufnahme – Bett 3 🏥',
      props: { tempC: 24.3, '"quoted"': ['\\', null, true] },
    }
    expect(await write(batchOf([full, { tagId: 'bare' }]))).toMatchObject({ committed: 2, duplicates: 0 })
    const rows =
      await query(`SELECT *, t::text AS t_text, seq::text AS seq_text, extract(epoch FROM received_at)::text AS received
      FROM location_history ORDER BY tag_id`)
    expect(rows[0]).toMatchObject({
      tag_id: 'AC233FA1B2C3',
      t_text: expect.stringContaining('59.123456') as string,
      x: full.x,
      y: full.y,
      z: 1.5,
      longitude: 8.54,
      latitude: -47.37,
      floor: 1.5,
      accuracy_m: 0.25,
      rssi_dbm: -67,
      battery_pct: 100,
      is_moving: false,
      seq_text: '9007199254740991',
      tracking_method: 'UWB',
      fix: 'approximate',
      time_source: 'device',
      zone: full.zone,
      props: full.props,
      facility_id: 'h1',
      gateway_id: 'gw-1',
      received: (receivedAtUs / 1e6).toFixed(6),
    })
    expect(rows[1]).toMatchObject({
      tag_id: 'bare',
      x: null,
      floor: null,
      props: null,
      fix: null,
      time_source: 'received',
    })
  })

  it('of 10,000 pings is one COPY', async () => {
    expect(await write(batchOf(Array.from({ length: 10_000 }, (_, index) => ping(index))))).toMatchObject({
      committed: 10_000,
    })
    expect(failures).toEqual([])
  })

  it('with pings that are stored already stores the new ones and counts the others', async () => {
    await write(batchOf([ping(1), ping(2)]))
    expect(await write(batchOf([ping(2, { x: 99 }), ping(3), ping(3), ping(1)]))).toMatchObject({
      committed: 1,
      duplicates: 3,
    })
    expect(await query('SELECT tag_id, x FROM location_history ORDER BY tag_id')).toEqual([
      { tag_id: 'T1', x: 1 },
      { tag_id: 'T2', x: 2 },
      { tag_id: 'T3', x: 3 },
    ])
  })

  it('writes its rejections in the same transaction, once however often it is written', async () => {
    const batch = batchOf('{"tagId":"T1"}\n{"tagId":""}')
    expect((await write(structuredClone(batch))).deadLettered).toEqual(new Map([['invalid_ping', 1]]))
    await write({ ...batch, pings: [], rejections: batch.rejections })
    const rows = await query(
      `SELECT reason, topic, convert_from(payload, 'utf8') AS payload, payload_bytes, sqlstate FROM dead_letter`,
    )
    expect(rows).toEqual([
      {
        reason: 'invalid_ping',
        topic: 'rtls/h1/gw-1/pings',
        payload: '{"tagId":""}',
        payload_bytes: 12,
        sqlstate: null,
      },
    ])
  })

  it('keeps of a huge bad payload the beginning and its true size', async () => {
    await write(batchOf(`{"tagId":"${'x'.repeat(200_000)}"}`))
    expect(await query('SELECT octet_length(payload) AS kept, payload_bytes FROM dead_letter')).toEqual([
      { kept: 65_536, payload_bytes: 200_012 },
    ])
  })

  it('with rows the database refuses loses only those, whose bytes and SQLSTATE are kept', async () => {
    await query(`ALTER TABLE location_history ADD CONSTRAINT no_unlucky CHECK (tag_id NOT LIKE 'T%13')`)
    try {
      const outcome = await write(batchOf(Array.from({ length: 1000 }, (_, index) => ping(index))))
      expect(outcome.committed).toBe(990)
      expect(outcome.deadLettered).toEqual(new Map([['refused_by_database', 10]]))
      const rows = await query<{ tag: string; sqlstate: string }>(
        `SELECT convert_from(payload, 'utf8')::json ->> 'tagId' AS tag, sqlstate FROM dead_letter`,
      )
      expect(rows.map((row) => row.tag).toSorted()).toEqual([
        'T113',
        'T13',
        'T213',
        'T313',
        'T413',
        'T513',
        'T613',
        'T713',
        'T813',
        'T913',
      ])
      expect(new Set(rows.map((row) => row.sqlstate))).toEqual(new Set(['23514']))
      expect(await query('SELECT count(*)::int AS n FROM location_history')).toEqual([{ n: 990 }])
    } finally {
      await query('ALTER TABLE location_history DROP CONSTRAINT no_unlucky')
    }
  })

  it('of 10,000 with one poison row costs about two COPYs, not fourteen', async () => {
    const proxy = await openTcpProxy({ targetPort: Number(new URL(database.url).port) })
    const through = createPool(
      { url: proxy.urlFor(database.url), max: 1, connectTimeoutMs: 5000, statementTimeoutMs: 60_000 },
      () => undefined,
    )
    await query(`ALTER TABLE location_history ADD CONSTRAINT no_poison CHECK (tag_id <> 'T7000')`)
    try {
      let bytes = 0
      proxy.onUpstream = (chunk) => {
        bytes += chunk.length
        return 'pass'
      }
      const batch = batchOf(Array.from({ length: 10_000 }, (_, index) => ping(index)))
      const one = encodeCopy(batch.pings).length
      const writer = createWriter(through, 65_536, { onFailure: () => undefined, onSuccess: () => undefined })
      const outcome = await writer.write(batch, { lane: 'hot' }, new AbortController().signal)
      expect(outcome).toMatchObject({ committed: 9999, duplicates: 0 })
      expect(outcome.deadLettered).toEqual(new Map([['refused_by_database', 1]]))
      expect(bytes / one).toBeLessThan(2.2)
    } finally {
      await query('ALTER TABLE location_history DROP CONSTRAINT no_poison')
      await through.close()
      await proxy.close()
    }
  })

  it('isolates by halves a row whose error names no line', async () => {
    await query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN IF NEW.tag_id = 'T7' THEN RAISE EXCEPTION 'no' USING ERRCODE = '22000'; END IF; RETURN NEW; END $$`)
    await query(
      `CREATE TRIGGER refuse BEFORE INSERT ON location_history FOR EACH ROW EXECUTE FUNCTION refuse()`,
    )
    try {
      const outcome = await write(batchOf(Array.from({ length: 20 }, (_, index) => ping(index))))
      expect(outcome.committed).toBe(19)
      expect(outcome.deadLettered).toEqual(new Map([['refused_by_database', 1]]))
    } finally {
      await query('DROP TRIGGER refuse ON location_history')
      await query('DROP FUNCTION refuse()')
    }
  })

  it('waits for a table that was dropped by accident, and is written when it is back', async () => {
    await query('ALTER TABLE dead_letter RENAME TO dead_letter_gone')
    const writing = write(batchOf('{"tagId":"T1"}\n{"tagId":""}'))
    await expect.poll(() => failures.at(-1)?.verdict, { timeout: 10_000 }).toBe('fatal')
    await query('ALTER TABLE dead_letter_gone RENAME TO dead_letter')
    expect(await writing).toMatchObject({ committed: 1 })
  })

  it('stops waiting when it is told to', async () => {
    await query('ALTER TABLE location_history RENAME TO location_history_gone')
    const abort = new AbortController()
    try {
      const writing = createWriter(pool, 65_536, {
        onFailure: () => abort.abort(),
        onSuccess: () => undefined,
      }).write(batchOf(ping(1)), { lane: 'hot' }, abort.signal)
      await expect(writing).rejects.toThrow(/abort/iu)
    } finally {
      await query('ALTER TABLE location_history_gone RENAME TO location_history')
    }
  })
})

describe('chunks ahead of time', () => {
  it('are those the hypertable would have made itself, and are made once', async () => {
    const made = await createChunksAhead(pool, 2)
    expect(made).toBeGreaterThan(0)
    expect(await createChunksAhead(pool, 2)).toBe(0)
    const before = await query('SELECT chunk_name FROM timescaledb_information.chunks')
    await query(
      `INSERT INTO location_history (t, facility_id, gateway_id, tag_id) VALUES (now() + interval '1 day', 'h1', 'g', 't')`,
    )
    expect(await query('SELECT chunk_name FROM timescaledb_information.chunks')).toEqual(before)
  })
})
