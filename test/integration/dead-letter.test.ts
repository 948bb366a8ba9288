import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createDecode } from '../../src/ingest/decode.ts'
import {
  countDeadLetters,
  findDeadLetters,
  purgeDeadLetters,
  replayDeadLetters,
  type ReplayReport,
} from '../../src/ingest/dead-letter-desk.ts'
import { type Ingest, batchOf, decode, openIngest } from '../support/ingest.ts'
import { limits } from '../support/pings.ts'

let ingest: Ingest
beforeAll(async () => {
  ingest = await openIngest()
})
afterAll(async () => {
  await ingest.close()
})
const signal = new AbortController().signal
const write = async (payload: unknown, topic?: string): Promise<unknown> => {
  const batch = batchOf(payload)
  if (topic !== undefined)
    for (const rejection of batch.rejections) Object.assign(rejection.delivery, { topic })
  return ingest.writer.write(batch, { lane: 'hot' }, signal)
}
const replay = async (decoder = decode): Promise<ReplayReport> =>
  replayDeadLetters(ingest.pool, decoder, ingest.writer, {})

beforeEach(async () => {
  await ingest.query('TRUNCATE location_history, dead_letter')
  await write([{ tagId: 'ok' }, { tagId: '' }, { tagId: 'T', x: 'twelve' }])
  await write('not json')
})

describe('the dead letter', () => {
  it('is found by time, reason, topic and several topics', async () => {
    const find = async (filter: object): Promise<number> =>
      (await findDeadLetters(ingest.pool, filter, 100)).length
    expect(await find({})).toBe(3)
    expect(await find({ reason: 'not_json' })).toBe(1)
    expect(await find({ topics: ['none/of/these', 'rtls/+/gw-1/pings'] })).toBe(3)
    expect(await find({ topics: ['rtls/+/gw-2/pings'] })).toBe(0)
    expect(await find({ topic: 'rtls/+/gw-1/pings' })).toBe(3)
    expect(await find({ topic: 'rtls/#' })).toBe(3)
    expect(await find({ topic: 'rtls/+/pings' })).toBe(0)
    expect(await find({ topic: 'rtls/h1/gw.1/pings' })).toBe(0)
    expect(
      await find({ since: new Date('2026-11-22T07:00:00Z'), until: new Date('2026-11-22T07:00:01Z') }),
    ).toBe(3)
    expect(await find({ until: new Date('2026-11-22T07:00:00Z') })).toBe(0)
    expect(await countDeadLetters(ingest.pool, {})).toEqual([
      { reason: 'invalid_ping', count: 2 },
      { reason: 'not_json', count: 1 },
    ])
  })

  it('is replayed through the same decode: what is still bad stays', async () => {
    expect(await replay()).toEqual({
      tried: 3,
      stored: 0,
      duplicates: 0,
      stillBad: new Map([
        ['invalid_ping', 2],
        ['not_json', 1],
      ]),
    })
    expect(
      await ingest.query('SELECT count(*)::int AS n FROM dead_letter WHERE replayed_at IS NULL'),
    ).toEqual([{ n: 3 }])
  })

  it('is stored when the cause is gone, once however often it is replayed', async () => {
    await ingest.query(`UPDATE dead_letter SET payload = convert_to(replace(convert_from(payload, 'utf8'), '"twelve"', '12'), 'utf8'),
      payload_bytes = octet_length(replace(convert_from(payload, 'utf8'), '"twelve"', '12'))`)
    expect(await replay()).toMatchObject({ tried: 3, stored: 1 })
    expect(
      await ingest.query(
        `SELECT tag_id, x, facility_id, gateway_id FROM location_history WHERE tag_id = 'T'`,
      ),
    ).toEqual([{ tag_id: 'T', x: 12, facility_id: 'h1', gateway_id: 'gw-1' }])
    await ingest.query('UPDATE dead_letter SET replayed_at = NULL')
    expect(await replay()).toMatchObject({ stored: 0, duplicates: 1 })
    expect(await ingest.query(`SELECT count(*)::int AS n FROM location_history WHERE tag_id = 'T'`)).toEqual([
      { n: 1 },
    ])
  })

  it('keeps apart two pings of one message that carry no time', async () => {
    await ingest.query('TRUNCATE location_history, dead_letter')
    const strict = createDecode({ ...limits, maxPingsPerMessage: 1 })
    const message = batchOf([
      { tagId: 'same', x: 'a' },
      { tagId: 'same', x: 'b' },
    ])
    await ingest.writer.write(message, { lane: 'hot' }, signal)
    await ingest.query(
      `UPDATE dead_letter SET payload = regexp_replace(convert_from(payload, 'utf8'), '"[ab]"', '1')::bytea, payload_bytes = octet_length(regexp_replace(convert_from(payload, 'utf8'), '"[ab]"', '1'))`,
    )
    expect(await replay(strict)).toMatchObject({ stored: 2, duplicates: 0 })
  })

  it('whose payload was cut cannot be replayed, and says so', async () => {
    await ingest.query(`UPDATE dead_letter SET payload_bytes = 1000000 WHERE reason = 'not_json'`)
    expect((await replay()).stillBad.get('payload_cut')).toBe(1)
  })

  it('is purged by the same filters', async () => {
    expect(await purgeDeadLetters(ingest.pool, { reason: 'not_json' })).toBe(1)
    expect(await purgeDeadLetters(ingest.pool, { isReplayed: true })).toBe(0)
    expect(await purgeDeadLetters(ingest.pool, {})).toBe(2)
  })
})
