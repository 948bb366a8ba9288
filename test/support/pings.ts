// Deliveries and pings for tests of single stages.
import { createDecode, type DecodeLimits } from '../../src/ingest/decode.ts'
import type { Decoded, Delivery, Ping } from '../../src/ingest/ping.ts'

export const limits: DecodeLimits = {
  maxMessageBytes: 1_048_576,
  maxPingsPerMessage: 10_000,
  futureToleranceS: 60,
}

/** 2026-11-22T07:00:00Z */
export const receivedAtUs = Date.UTC(2026, 10, 22, 7) * 1000

export function delivery(payload: unknown, topic = 'rtls/h1/gw-1/pings', at = receivedAtUs): Delivery {
  const bytes =
    payload instanceof Uint8Array
      ? Buffer.from(payload)
      : Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload))
  return { topic, payload: bytes, receivedAtUs: at, packetId: 1, epoch: 1, isSettled: false }
}

/** Decodes one message with the default limits. A string is taken as the payload's text, anything else as JSON. */
export function decoded(payload: unknown, topic?: string, more: Partial<DecodeLimits> = {}): Decoded {
  return createDecode({ ...limits, ...more })(delivery(payload, topic))
}

/** A ping as the writer has it: nothing said but what is given. */
export const pingLike = (more: Partial<Ping>): Ping => ({
  delivery: delivery(''),
  index: 0,
  tUs: receivedAtUs,
  timeSource: 'device',
  facilityId: 'h1',
  gatewayId: 'gw-1',
  tagId: 'TAG',
  x: null,
  y: null,
  z: null,
  longitude: null,
  latitude: null,
  floor: null,
  roomId: null,
  zone: null,
  accuracyM: null,
  rssiDbm: null,
  batteryPct: null,
  isMoving: null,
  seq: null,
  method: null,
  fix: null,
  props: null,
  ...more,
})
