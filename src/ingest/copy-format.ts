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
  'fix',
] as const

export const columnList = columns.join(', ')

const signature = Buffer.from('PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0', 'latin1')

/** Column count, the lengths, and every fixed-width value at its widest: the most a row needs besides its texts. */
const fixedRowBytes = 2 + columns.length * 4 + 8 * 7 + 4 * 3 + 2 * 2 + 1 + 27
/** What a usual row takes, texts and all: a first guess. */
const usualRowBytes = 208
/** 1970 → 2000, PostgreSQL's epoch, in microseconds. */
const postgresEpochUs = 946_684_800_000_000
const twoTo32 = 4_294_967_296

/** One buffer for the whole batch: pg-copy-streams turns every write into two socket writes. */
export function encodeCopy(pings: readonly Ping[]): Buffer {
  let buffer = Buffer.allocUnsafe(signature.length + usualRowBytes * pings.length + fixedRowBytes)
  let view = viewOf(buffer)
  let at = signature.copy(buffer)
  for (const ping of pings) {
    const most = at + fixedRowBytes + textBytes(ping)
    if (most > buffer.length) {
      const larger = Buffer.allocUnsafe(most + (buffer.length >> 1))
      buffer.copy(larger, 0, 0, at)
      buffer = larger
      view = viewOf(buffer)
    }
    at = encodeRow(ping, buffer, view, at)
  }
  if (buffer.length < at + 2) buffer = Buffer.concat([buffer], at + 2)
  at = buffer.writeInt16BE(-1, at)
  return buffer.subarray(0, at)
}

const viewOf = (buffer: Buffer): DataView => new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)

/** Writes one row from `start`, returns where it ends. A DataView is what V8 turns into single stores. */
function encodeRow(ping: Ping, buffer: Buffer, view: DataView, start: number): number {
  view.setInt16(start, columns.length)
  let at = int64(view, start + 2, ping.tUs - postgresEpochUs)
  at = int64(view, at, ping.delivery.receivedAtUs - postgresEpochUs)
  at = float64(view, at, ping.x)
  at = float64(view, at, ping.y)
  at = float64(view, at, ping.longitude)
  at = float64(view, at, ping.latitude)
  at = ping.seq === null ? nothing(view, at) : int64(view, at, ping.seq)
  at = float32(view, at, ping.z)
  at = float32(view, at, ping.floor)
  at = float32(view, at, ping.accuracyM)
  at = ping.method === null ? nothing(view, at) : text(buffer, view, at, ping.method)
  at = text(buffer, view, at, ping.timeSource)
  at = int16(view, at, ping.rssiDbm)
  at = int16(view, at, ping.batteryPct)
  if (ping.isMoving === null) at = nothing(view, at)
  else {
    view.setInt32(at, 1)
    view.setUint8(at + 4, ping.isMoving ? 1 : 0)
    at += 5
  }
  at = text(buffer, view, at, ping.facilityId)
  at = text(buffer, view, at, ping.gatewayId)
  at = text(buffer, view, at, ping.tagId)
  at = ping.roomId === null ? nothing(view, at) : text(buffer, view, at, ping.roomId)
  at = ping.zone === null ? nothing(view, at) : text(buffer, view, at, ping.zone)
  if (ping.props === null) at = nothing(view, at)
  else {
    // jsonb's binary form: a version byte (1), then the text.
    const length = buffer.write(ping.props, at + 5)
    view.setInt32(at, length + 1)
    view.setUint8(at + 4, 1)
    at += 5 + length
  }
  return ping.fix === null ? nothing(view, at) : text(buffer, view, at, ping.fix)
}

/** NULL. */
function nothing(view: DataView, at: number): number {
  view.setInt32(at, -1)
  return at + 4
}

function int64(view: DataView, at: number, value: number): number {
  const high = Math.floor(value / twoTo32)
  view.setInt32(at, 8)
  view.setInt32(at + 4, high)
  view.setUint32(at + 8, value - high * twoTo32)
  return at + 12
}

function float64(view: DataView, at: number, value: number | null): number {
  if (value === null) return nothing(view, at)
  view.setInt32(at, 8)
  view.setFloat64(at + 4, value)
  return at + 12
}

function float32(view: DataView, at: number, value: number | null): number {
  if (value === null) return nothing(view, at)
  view.setInt32(at, 4)
  view.setFloat32(at + 4, value)
  return at + 8
}

function int16(view: DataView, at: number, value: number | null): number {
  if (value === null) return nothing(view, at)
  view.setInt32(at, 2)
  view.setInt16(at + 4, value)
  return at + 6
}

/** Ids are short and ASCII: a loop is done before Buffer.write has begun. */
const longestLoop = 32

function text(buffer: Buffer, view: DataView, at: number, value: string): number {
  const { length } = value
  if (length <= longestLoop) {
    let index = 0
    for (; index < length; index += 1) {
      const unit = value.charCodeAt(index)
      if (unit > 0x7f) break
      buffer[at + 4 + index] = unit
    }
    if (index === length) {
      view.setInt32(at, length)
      return at + 4 + length
    }
  }
  const written = buffer.write(value, at + 4)
  view.setInt32(at, written)
  return at + 4 + written
}

/** Upper bound: UTF-8 takes at most three bytes per UTF-16 unit. */
const textBytes = (ping: Ping): number =>
  3 *
  (ping.facilityId.length +
    ping.gatewayId.length +
    ping.tagId.length +
    (ping.roomId?.length ?? 0) +
    (ping.zone?.length ?? 0) +
    (ping.props?.length ?? 0))
