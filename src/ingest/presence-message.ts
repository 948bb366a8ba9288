/**
 * The message by which presences travel: derived from sightings inside this process, it takes the same way as a message of a
 * gateway (batch, spool, dead letter), so that all of that holds for presences too. Its topic begins with "$" and so can
 * neither be subscribed to by a wildcard nor be mapped; only a delivery that nobody waits for is read as one.
 */
import { z } from 'zod'
import type { Refusal } from '../formats/format.ts'
import { decodeNative } from '../formats/native.ts'
import { type Delivery, type Ping, type TimeSource, maxIdLength } from './ping.ts'

export const presenceTopic = '$presence'

export interface Presence {
  /** The sighting it was elected by. */
  readonly ping: Ping
  readonly roomId: string | null
  readonly floor: number | null
}

export function encodePresences(presences: readonly Presence[]): Buffer {
  return Buffer.from(
    JSON.stringify(
      presences.map(({ ping, roomId, floor }): z.input<typeof written> => ({
        facility: ping.facilityId,
        gateway: ping.gatewayId,
        room: roomId,
        ping: {
          tagId: ping.tagId,
          // A microsecond after the sighting: both can be stored, and the key is the same however often it is derived.
          t: (ping.tUs + 1) / 1000,
          floor: floor ?? ping.floor,
          rssiDbm: ping.rssiDbm,
          batteryPct: ping.batteryPct,
          moving: ping.isMoving,
          seq: ping.seq,
          method: ping.method,
          zone: ping.zone,
          fix: 'presence',
          props: ping.props === null ? null : (JSON.parse(ping.props) as unknown),
          timeSource: ping.timeSource,
        },
      })),
    ),
  )
}

const written = z.object({
  facility: z.string().min(1).max(maxIdLength),
  gateway: z.string().min(1).max(maxIdLength),
  room: z.string().nullable(),
  ping: z.looseObject({ timeSource: z.enum(['device', 'received', 'replaced']) }),
})

/** The elements of such a message. Total: a spool or a dead letter may hold what an older version wrote. */
export function decodePresences(delivery: Delivery): readonly (Ping | Refusal)[] {
  return parse(delivery.payload).map((value, index) => {
    const parsed = written.safeParse(value)
    if (!parsed.success) return { reason: 'invalid_ping', detail: 'not a presence of this version' }
    const { facility, gateway, room, ping } = parsed.data
    const { timeSource, ...form } = ping
    const outcome = decodeNative(form, index, {
      delivery,
      facilityId: facility,
      gatewayId: gateway,
      // Judged when the sighting came.
      futureToleranceS: Infinity,
    })
    return 'reason' in outcome ? outcome : withRoom(outcome, room, timeSource)
  })
}

const withRoom = (ping: Ping, roomId: string | null, timeSource: TimeSource): Ping => ({
  ...ping,
  roomId,
  timeSource,
})

function parse(payload: Buffer): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(payload.toString())
    return Array.isArray(value) ? value : [value]
  } catch {
    return [undefined]
  }
}
