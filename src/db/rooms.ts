/**
 * The outlines of the rooms, read at the start and again every few seconds: who draws a wall anew need restart nothing.
 * Keeps the last that could be read. Only a change crosses the wire, otherwise one row with a checksum.
 */
import type { Logger } from '../ops/logger.ts'
import { repeat } from '../ops/repeat.ts'
import { messageOf } from '../ops/user-error.ts'
import type { Pool } from './pool.ts'

export interface RoomOutline {
  /** The code of the facility: what pings carry. */
  readonly facilityId: string
  readonly floor: number
  readonly roomId: string
  /** Closed: the last corner is the first. */
  readonly ring: readonly (readonly [x: number, y: number])[]
}

const outlinesSql = `
  WITH outline AS (
    SELECT f.facility_code AS "facilityId", fl.floor_number AS floor, r.id AS "roomId", r.geofence_polygon AS ring
    FROM rooms r
    JOIN floors fl ON fl.id = r.floor_id AND fl.is_active
    JOIN buildings b ON b.id = fl.building_id AND b.is_active
    JOIN facilities f ON f.id = b.facility_id AND f.is_active
    WHERE r.geofence_polygon IS NOT NULL AND r.is_active
  ), all_of_them AS (
    SELECT coalesce(json_agg(outline ORDER BY "roomId"), '[]') AS outlines FROM outline
  )
  SELECT md5(outlines::text) AS version, CASE WHEN md5(outlines::text) <> $1 THEN outlines END AS outlines
  FROM all_of_them`

/** Well within the minute that is promised. */
const everyMs = 5000

/**
 * `onChange` is called with all outlines, first before the returned promise resolves unless the database does not answer.
 * `close` waits for a read under way.
 */
export async function openRooms(
  pool: Pool,
  log: Logger,
  onChange: (outlines: readonly RoomOutline[]) => void,
): Promise<{ close(): Promise<void> }> {
  const closing = new AbortController()
  let version = ''
  let problem = ''

  const read = async (): Promise<void> => {
    try {
      const { rows } = await pool.use(
        async (client) =>
          client.query<{ version: string; outlines: RoomOutline[] | null }>(outlinesSql, [version]),
        closing.signal,
      )
      problem = ''
      const [row] = rows
      if (row?.outlines === undefined || row.outlines === null) return
      version = row.version
      onChange(row.outlines)
      log.debug({ rooms: row.outlines.length }, 'room outlines read')
    } catch (error) {
      const message = messageOf(error)
      if (closing.signal.aborted || message === problem) return
      problem = message
      log.warn({ err: error }, 'the rooms could not be read: pings get the rooms as they were known before')
    }
  }

  await read()
  const loop = repeat(read, everyMs, closing.signal)

  return {
    async close() {
      closing.abort()
      await loop
    },
  }
}
