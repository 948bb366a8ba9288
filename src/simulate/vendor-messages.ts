/**
 * A simulated ping in the words of each vendor: what `formats/` reads, written. Topics are the usual ones. Pure.
 * Sightings are of one gateway and say how strongly it heard the tag; the other formats say where the tag is.
 */
import type { FormatName } from '../formats/format.ts'
import { formats } from '../formats/registry.ts'
import type { Gateway } from './hospital.ts'
import type { PingFields } from './ping-text.ts'

export interface VendorPing {
  readonly facility: string
  readonly gateway: Gateway
  /** Index of the gateway in the hospital. */
  readonly station: number
  /** Canonical. */
  readonly tagId: string
  /** ISO 8601, UTC, milliseconds. */
  readonly t: string
  readonly fields: PingFields
}

export interface VendorMessage {
  readonly topic: string
  readonly payload: unknown
}

type Levels = Partial<Record<'facility' | 'gateway' | 'tag', string>>

/** The usual topic; levels that say nothing to us get the name of the format. */
function topicOf(format: FormatName, levels: Levels): string {
  const [pattern = ''] = formats[format].topics
  return pattern
    .split('/')
    .map((level) =>
      level === '{facility}'
        ? (levels.facility ?? '')
        : level === '{gateway}'
          ? (levels.gateway ?? '')
          : level === '{tag}'
            ? (levels.tag ?? '')
            : level === '+'
              ? format
              : level,
    )
    .join('/')
}

const metres = (centimetres: number): number => centimetres / 100
const epochMs = (t: string): number => Date.parse(t)
const colons = (id: string): string => id.replaceAll(/(..)(?=.)/gu, '$1:')

/** Bluetooth gateways are known by their MAC. */
const macOf = (station: number): string => `AC233FC0${station.toString(16).toUpperCase().padStart(4, '0')}`

const position = ({ fields }: VendorPing): { x: number; y: number; z: number } => ({
  x: metres(fields.xCm),
  y: metres(fields.yCm),
  z: metres(fields.zCm),
})

const celsius = ({ fields }: VendorPing): { temperature?: number } =>
  fields.temperature === undefined ? {} : { temperature: fields.temperature / 10 }

const stream = ({ t }: VendorPing, id: string, value: string): object => ({
  id,
  current_value: value,
  at: t.replace('T', ' ').replace('Z', ''),
})

export const vendorMessages: Readonly<
  Record<Exclude<FormatName, 'native'>, (ping: VendorPing) => VendorMessage>
> = {
  'omlox-location': (ping) => ({
    topic: topicOf('omlox-location', { tag: ping.tagId }),
    payload: {
      position: { type: 'Point', coordinates: Object.values(position(ping)) },
      source: `${ping.facility}-${ping.fields.floor}`,
      provider_type: 'uwb',
      provider_id: colons(ping.tagId).toLowerCase(),
      timestamp_generated: ping.t,
      accuracy: metres(ping.fields.accuracyCm),
      floor: ping.fields.floor,
      properties: { battery: ping.fields.batteryPct, seq: ping.fields.seq },
    },
  }),
  'omlox-proximity': (ping) => ({
    topic: topicOf('omlox-proximity', { tag: ping.tagId }),
    payload: {
      source: ping.fields.zone,
      provider_type: 'ibeacon',
      provider_id: ping.tagId,
      timestamp_generated: ping.t,
      accuracy: 2,
    },
  }),
  pozyx: (ping) => ({
    topic: topicOf('pozyx', {}),
    payload: [
      {
        version: '2.0',
        tagId: ping.tagId,
        timestamp: epochMs(ping.t) / 1000,
        success: true,
        data: {
          coordinates: { x: ping.fields.xCm * 10, y: ping.fields.yCm * 10, z: ping.fields.zCm * 10 },
          tagData: { blinkIndex: ping.fields.seq },
          anchorData: [{ anchorId: ping.gateway.id, rss: ping.fields.rssiDbm }],
          metrics: { latency: 35, rates: { success: 1, update: 1 } },
          zones: [{ id: ping.fields.zone, name: ping.fields.zone }],
        },
      },
    ],
  }),
  dwm1001: (ping) => ({
    topic: topicOf('dwm1001', { tag: ping.tagId.slice(-4).toLowerCase() }),
    payload: { position: { ...position(ping), quality: 83 }, superFrameNumber: ping.fields.seq },
  }),
  leaps: (ping) => ({
    topic: topicOf('leaps', { tag: ping.tagId }),
    payload: { position: { ...position(ping), quality: 92 }, timestamp: epochMs(ping.t) * 1000 },
  }),
  minew: (ping) => ({
    topic: topicOf('minew', { gateway: macOf(ping.station) }),
    payload: [
      { timestamp: ping.t, type: 'Gateway', mac: macOf(ping.station), gatewayFree: 96, gatewayLoad: 0.2 },
      {
        timestamp: ping.t,
        type: 'S1',
        mac: ping.tagId,
        rssi: ping.fields.rssiDbm,
        battery: ping.fields.batteryPct,
        ...celsius(ping),
      },
    ],
  }),
  quuppa: (ping) => ({
    topic: topicOf('quuppa', { facility: ping.facility }),
    payload: {
      tags: [
        {
          tagId: ping.tagId.toLowerCase(),
          location: Object.values(position(ping)),
          locationType: 'position',
          locationMovementStatus: ping.fields.moving ? 'moving' : 'stationary',
          locationRadius: metres(ping.fields.accuracyCm),
          locationTS: epochMs(ping.t),
          locationZoneIds: [ping.fields.zone],
          locationCoordSysId: `floor-${ping.fields.floor}`,
          rssi: 41,
        },
      ],
    },
  }),
  kontakt: (ping) => ({
    topic: topicOf('kontakt', {}),
    payload: {
      companyId: ping.facility,
      trackingId: colons(ping.tagId).toLowerCase(),
      sourceId: ping.gateway.id,
      sourceType: 'GATEWAY',
      rssi: ping.fields.rssiDbm,
      timestamp: ping.t,
      batteryLevel: ping.fields.batteryPct,
      timeSinceClick: 65_535,
      ...celsius(ping),
    },
  }),
  espresense: (ping) => ({
    topic: topicOf('espresense', { tag: `tile:${ping.tagId}`, gateway: ping.gateway.id }),
    payload: {
      id: `tile:${ping.tagId}`,
      mac: ping.tagId.toLowerCase(),
      rssi: ping.fields.rssiDbm,
      'rssi@1m': -59,
      distance: Math.round(100 * 10 ** ((-59 - ping.fields.rssiDbm) / 35)) / 100,
      int: 1000,
    },
  }),
  ruuvi: (ping) => ({
    topic: topicOf('ruuvi', { gateway: colons(macOf(ping.station)), tag: colons(ping.tagId) }),
    payload: {
      gw_mac: colons(macOf(ping.station)),
      rssi: ping.fields.rssiDbm,
      aoa: [],
      gwts: String(Math.floor(epochMs(ping.t) / 1000)),
      ts: String(Math.floor(epochMs(ping.t) / 1000)),
      data: rawV2(ping),
      coords: '',
    },
  }),
  sewio: (ping) => ({
    topic: topicOf('sewio', { facility: ping.facility }),
    payload: {
      body: {
        id: ping.tagId,
        datastreams: [
          stream(ping, 'posX', ` ${metres(ping.fields.xCm)}`),
          stream(ping, 'posY', ` ${metres(ping.fields.yCm)}`),
          stream(ping, 'posZ', ` ${metres(ping.fields.zCm)}`),
          stream(ping, 'battery', `${ping.fields.batteryPct}%`),
        ],
      },
      resource: `/feeds/${ping.tagId}`,
    },
  }),
}

/** Ruuvi's data format 5 with temperature, sequence and MAC; what is not measured is the format's "no sample". */
function rawV2({ fields, tagId }: VendorPing): string {
  const bytes = Buffer.alloc(23)
  bytes.writeInt16BE(fields.temperature === undefined ? -32_768 : fields.temperature * 20, 0)
  bytes.writeUInt16BE(65_535, 2)
  bytes.writeUInt16BE(65_535, 4)
  for (const at of [6, 8, 10]) bytes.writeInt16BE(-32_768, at)
  bytes.writeUInt16BE(65_535, 12)
  bytes.writeUInt8(255, 14)
  bytes.writeUInt16BE(fields.seq % 65_535, 15)
  bytes.write(tagId, 17, 'hex')
  return `0201061BFF990405${bytes.toString('hex').toUpperCase()}`
}
