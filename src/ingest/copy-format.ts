/**
 * Pings → bytes of `COPY … (FORMAT binary)`. Owns the column list, so that statement and bytes cannot disagree.
 * Cannot fail: what a Ping can hold, a row can hold. Format: PostgreSQL manual, COPY, "Binary Format".
 */
import type { Ping } from './ping.ts'

const columns = [
  't',
  'received_at',
  'x',
  'y',
  'longitude',
  'latitude',
  'seq',
  'z',
  'floor',
  'accuracy_m',
  'tracking_method',
  'time_source',
  'rssi_dbm',
  'battery_pct',
  'is_moving',
  'facility_id',
  'gateway_id',
  'tag_id',
  'room_id',
  'zone',
  'props',
] as const

export const columnList = columns.join(', ')

const signature = Buffer.from('PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0', 'latin1')

/** Column count, 21 lengths, and every fixed-width value at its widest: what a row needs besides its texts. */
const fixedRowBytes = 2 + columns.length * 4 + 8 * 7 + 4 * 3 + 2 * 2 + 1 + 16
/** 1970 → 2000, PostgreSQL's epoch, in microseconds. */
const postgresEpochUs = 946_684_800_000_000
const twoTo32 = 4_294_967_296

/** One buffer for the whole batch: pg-copy-streams turns every write into two socket writes. */
export function encodeCopy(pings: readonly Ping[]): Buffer {
  let capacity = signature.length + 2
  for (const ping of pings) capacity += fixedRowBytes + textBytes(ping)
  const buffer = Buffer.allocUnsafe(capacity)
  let at = signature.copy(buffer)

  const int64 = (value: number): void => {
    const high = Math.floor(value / twoTo32)
    buffer.writeInt32BE(8, at)
    buffer.writeInt32BE(high, at + 4)
    buffer.writeUInt32BE(value - high * twoTo32, at + 8)
    at += 12
  }
  const nothing = (): void => {
    at = buffer.writeInt32BE(-1, at)
  }
  const float64 = (value: number | null): void => {
    if (value === null) return nothing()
    at = buffer.writeDoubleBE(value, buffer.writeInt32BE(8, at))
  }
  const float32 = (value: number | null): void => {
    if (value === null) return nothing()
    at = buffer.writeFloatBE(value, buffer.writeInt32BE(4, at))
  }
  const int16 = (value: number | null): void => {
    if (value === null) return nothing()
    at = buffer.writeInt16BE(value, buffer.writeInt32BE(2, at))
  }
  const text = (value: string | null): void => {
    if (value === null) return nothing()
    const length = buffer.write(value, at + 4)
    buffer.writeInt32BE(length, at)
    at += 4 + length
  }

  for (const ping of pings) {
    at = buffer.writeInt16BE(columns.length, at)
    int64(ping.tUs - postgresEpochUs)
    int64(ping.delivery.receivedAtUs - postgresEpochUs)
    float64(ping.x)
    float64(ping.y)
    float64(ping.longitude)
    float64(ping.latitude)
    if (ping.seq === null) nothing()
    else int64(ping.seq)
    float32(ping.z)
    float32(ping.floor)
    float32(ping.accuracyM)
    text(ping.method)
    text(ping.timeSource)
    int16(ping.rssiDbm)
    int16(ping.batteryPct)
    if (ping.isMoving === null) nothing()
    else at = buffer.writeUInt8(ping.isMoving ? 1 : 0, buffer.writeInt32BE(1, at))
    text(ping.facilityId)
    text(ping.gatewayId)
    text(ping.tagId)
    text(ping.roomId)
    text(ping.zone)
    if (ping.props === null) nothing()
    else {
      // jsonb's binary form: a version byte (1), then the text.
      const length = buffer.write(ping.props, at + 5)
      at = buffer.writeInt32BE(length + 1, at)
      at = buffer.writeUInt8(1, at) + length
    }
  }
  at = buffer.writeInt16BE(-1, at)
  return buffer.subarray(0, at)
}

/** Upper bound: UTF-8 takes at most three bytes per UTF-16 unit. */
const textBytes = (ping: Ping): number =>
  3 *
  (ping.facilityId.length +
    ping.gatewayId.length +
    ping.tagId.length +
    (ping.roomId?.length ?? 0) +
    (ping.zone?.length ?? 0) +
    (ping.props?.length ?? 0) +
    1)
