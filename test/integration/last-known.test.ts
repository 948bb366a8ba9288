import { describe, expect, it } from 'vitest'
import { createPool } from '../../src/db/pool.ts'
import { type RoomOutline, openRooms } from '../../src/db/rooms.ts'
import { createLogger } from '../../src/ops/logger.ts'
import { useBiotrakr } from '../support/biotrakr.ts'
import { waitFor } from '../support/wait-for.ts'

const { query, value, refusal, asset, database } = useBiotrakr()

const ping = async (
  tag: string,
  ago: string,
  columns: Readonly<Record<string, unknown>> = {},
): Promise<void> => {
  const names = Object.keys(columns)
  await query(
    `INSERT INTO location_history (tag_id, t, facility_id, gateway_id ${names.map((name) => `, ${name}`).join('')})
     VALUES ($1, now() - $2::interval, 'h1', 'g' ${names.map((_, index) => `, $${index + 3}`).join('')})`,
    [tag, ago, ...Object.values(columns)],
  )
}
const here = { x: 1, y: 2, floor: 0, room_id: 'R', fix: 'position', accuracy_m: 0.5, battery_pct: 80 }

describe('the last known place of a tag', () => {
  it('is its newest ping, whatever comes late or from the future', async () => {
    await ping('A', '1 hour', here)
    await ping('A', '2 days', { ...here, room_id: 'LATE' })
    await ping('A', '-1 hour', { ...here, room_id: 'FUTURE' })
    expect(
      await query(`SELECT room_id, x, fix::text, accuracy_m, battery_pct, source, seen_at = placed_at AS is_both,
        extract(epoch FROM age)::int / 60 AS minutes, confidence BETWEEN 0.07 AND 0.09 AS is_fair FROM tag_last_known('A')`),
    ).toEqual([
      {
        room_id: 'R',
        x: 1,
        fix: 'position',
        accuracy_m: 0.5,
        battery_pct: 80,
        source: 'ping',
        is_both: true,
        minutes: 60,
        is_fair: true,
      },
    ])
  })

  it('is its newest ping that says where; a sighting says when it was heard', async () => {
    await ping('B', '2 hours', here)
    await ping('B', '1 hour', { fix: 'proximity', rssi_dbm: -70 })
    expect(
      await query(`SELECT room_id, x, fix::text, source, extract(epoch FROM age)::int / 3600 AS hours,
        extract(epoch FROM now() - seen_at)::int / 3600 AS seen FROM tag_last_known('B')`),
    ).toEqual([{ room_id: 'R', x: 1, fix: 'position', source: 'location_1m', hours: 2, seen: 1 }])
    await ping('H', '1 hour', { battery_pct: 7 })
    expect(await query(`SELECT placed_at, room_id, battery_pct, source FROM tag_last_known('H')`)).toEqual([
      { placed_at: null, room_id: null, battery_pct: 7, source: 'location_1d' },
    ])
  })

  it('is known for years, also after its pings were dropped; nothing is known of a tag never heard', async () => {
    await ping('C', '900 days', here)
    await ping('C', '1000 days', { ...here, room_id: 'EARLIER' })
    for (const rollup of ['location_1m', 'location_1h', 'location_1d'])
      await query(`CALL refresh_continuous_aggregate('${rollup}', NULL, now() - interval '10 days')`)
    await query(`SELECT drop_chunks('location_history', older_than => interval '800 days')`)
    await query(`SELECT drop_chunks('location_1m', older_than => interval '800 days')`)
    expect(
      await query(
        `SELECT room_id, x, accuracy_m, source, confidence < 0.001 AS is_stale FROM tag_last_known('C')`,
      ),
    ).toEqual([{ room_id: 'R', x: 1, accuracy_m: 0.5, source: 'location_1d', is_stale: true }])
    expect(await query(`SELECT * FROM tag_last_known('nobody')`)).toEqual([])
    expect(await query(`SELECT * FROM tag_last_known('A', 'another facility')`)).toEqual([])
  })

  it('of an asset is that of the tag it wears that was located last, and of none it wore another time', async () => {
    const id = await asset()
    await ping('W1', '3 hours', { ...here, room_id: 'R1' })
    await ping('W2', '2 hours', { ...here, room_id: 'R2' })
    await ping('W3', '1 hour', { ...here, room_id: 'R3' })
    await query(
      `INSERT INTO tag_assignments (tag_id, asset_id, valid_from, valid_to) VALUES
         ('W1', $1, '-infinity', NULL), ('W2', $1, '-infinity', NULL), ('W3', $1, now() - interval '1 minute', NULL)`,
      [id],
    )
    expect(await value('SELECT room_id FROM asset_last_known($1)', [id])).toBe('R2')
    await query(
      `UPDATE tag_assignments SET valid_to = now() - interval '150 minutes' WHERE asset_id = $1 AND tag_id <> 'W3'`,
      [id],
    )
    await query(`DELETE FROM tag_assignments WHERE tag_id = 'W3'`)
    expect(await value('SELECT room_id FROM asset_last_known($1)', [id])).toBe('R1')
  })

  it('is read from the newest chunks and from the long ones of the days, not from all of the history', async () => {
    await query(
      `INSERT INTO location_history (t, facility_id, gateway_id, tag_id, x)
       SELECT now() - i * interval '3 days', 'h1', 'g', 'E', i FROM generate_series(0, 60) i`,
    )
    const plan = await query<{ 'QUERY PLAN': string }>(
      `EXPLAIN (COSTS OFF) SELECT * FROM location_history h WHERE h.tag_id = 'E' AND h.t > now() - INTERVAL '4 days'
         AND h.t <= now() + INTERVAL '1 minute' ORDER BY h.t DESC LIMIT 1`,
    )
    const text = plan.map((row) => row['QUERY PLAN']).join('\n')
    expect(new Set(text.match(/_hyper_1_\d+_chunk (?:h|h_\d+)$/gmu)).size).toBeLessThanOrEqual(7)
    expect(text).toContain('location_history_key')
    expect(text).not.toMatch(/Seq Scan/u)
  })
})

describe('the outline of a room', () => {
  const insert = `INSERT INTO rooms (id, floor_id, room_code, room_name, geofence_polygon) VALUES ($1, 'fl', $1, 'Room', $2)`
  const square = [
    [0, 0],
    [4, 0],
    [4, 4],
    [0, 4],
    [0, 0],
  ]

  it('that crosses or touches itself, has holes or no area is refused, in a sentence', async () => {
    await query(
      `INSERT INTO buildings (id, facility_id, building_code, building_name) VALUES ('b', 'f', 'B', 'B')`,
    )
    await query(
      `INSERT INTO floors (id, building_id, floor_number, floor_name) VALUES ('fl', 'b', 1.1, 'One')`,
    )
    const bad = [
      [
        [0, 0],
        [4, 4],
        [4, 0],
        [0, 4],
        [0, 0],
      ],
      [
        [0, 0],
        [4, 0],
        [4, 4],
        [2, 0],
        [0, 4],
        [0, 0],
      ],
      [
        [0, 0],
        [4, 0],
        [8, 0],
        [0, 0],
      ],
      [
        [0, 0],
        [0, 0],
        [4, 4],
        [0, 4],
        [0, 0],
      ],
      [
        [0, 0],
        [2e6, 0],
        [0, 4],
        [0, 0],
      ],
      { type: 'Polygon', coordinates: [square, square] },
      { type: 'MultiPolygon', coordinates: [[square]] },
    ]
    for (const polygon of bad)
      expect(await refusal(insert, ['bad', JSON.stringify(polygon)])).toBe('rooms_geofence_polygon_check')
    expect(await value(`SELECT geofence_problem('[[0,0],[4,4],[4,0],[0,4],[0,0]]')`)).toBe(
      'its side from corner 1 (0, 0) meets its side from corner 3 (4, 0): an outline may not cross or touch itself',
    )
  })

  it('as a GeoJSON polygon is taken for its ring; who reads the rooms is told of each change, and of nothing else', async () => {
    await query(insert, ['geo', JSON.stringify({ type: 'Polygon', coordinates: [square] })])
    await query(insert, [
      'l',
      JSON.stringify(
        [
          [0, 0],
          [2, 0],
          [2, 1],
          [1, 1],
          [1, 2],
          [0, 2],
          [0, 0],
        ].toReversed(),
      ),
    ])
    const pool = createPool(
      { url: database.url, max: 1, connectTimeoutMs: 60_000, statementTimeoutMs: 60_000 },
      () => undefined,
    )
    const seen: (readonly RoomOutline[])[] = []
    const rooms = await openRooms(
      pool,
      createLogger({ level: 'silent', terminal: undefined, secrets: () => [] }),
      (outlines) => seen.push(outlines),
    )
    try {
      expect(seen.at(-1)?.map(({ facilityId, floor, roomId }) => [facilityId, floor, roomId])).toEqual([
        ['h1', 1.1, 'geo'],
        ['h1', 1.1, 'l'],
      ])
      expect(seen[0]?.[0]?.ring).toEqual(square)
      await query(`UPDATE rooms SET is_active = false WHERE id = 'l'`)
      await waitFor(() => seen.length > 1, { what: 'the change of a room to be seen', deadlineMs: 60_000 })
      expect(seen.map((outlines) => outlines.length)).toEqual([2, 1])
    } finally {
      await rooms.close()
      await pool.close()
    }
  })
})
