/** What can be chosen about a simulation, and what is chosen when nobody does. */
import type { FormatName } from '../formats/format.ts'

export interface SimulateOptions {
  url: string
  /** Others than native publish good pings only: the shares of bad, duplicate and late ones do not apply. */
  format: FormatName
  facility: string
  /** Pings a second, everything counted; 0: as fast as the broker acks. */
  rate: number
  tags: number
  gateways: number
  /** At most: a gateway also posts when its first ping has waited a second. */
  pingsPerMessage: number
  qos: 0 | 1
  /** Seconds; 0: until stopped or `count` is reached. */
  durationS: number
  /** Pings, exactly, everything counted; 0: no limit. */
  count: number
  seed: number
  /** Shares of all pings, 0 to 1. */
  badShare: number
  duplicateShare: number
  lateShare: number
  /** Where the virtual clock starts; default: such that no ping is of the future. */
  start?: Date
  username?: string
  password?: string
  /** Certificates for mqtts:// and wss://, as PEM. */
  caFile?: string
  certFile?: string
  keyFile?: string
  /** MQTT 3.1.1 (4, the default) or 5. */
  protocolVersion?: 4 | 5
  /** Makes every message before the first is sent, for load beyond what one core makes on the way; about 250 bytes of memory a ping. */
  isPrepared?: boolean
}

/** A small hospital at a steady pace, as `npm start` shows it: each of 300 assets every six seconds. */
export const simulateDefaults: Omit<SimulateOptions, 'url'> = {
  format: 'native',
  facility: 'demo',
  rate: 50,
  tags: 300,
  gateways: 24,
  pingsPerMessage: 10,
  qos: 1,
  durationS: 0,
  count: 0,
  seed: 1,
  badShare: 0.002,
  duplicateShare: 0.01,
  lateShare: 0.01,
}
