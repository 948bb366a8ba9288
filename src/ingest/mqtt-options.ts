/** How the MQTT session is asked for. */
import type { IClientOptions } from 'mqtt'
import { type BrokerAddress, credentialsOf } from '../ops/broker-address.ts'

export interface SourceOptions extends BrokerAddress {
  readonly clientId: string
  readonly topics: readonly string[]
  readonly shareGroup: string | null
  readonly receiveMaximum: number
  readonly keepaliveS: number
  readonly sessionExpiryS: number
  /** 5 falls back to 4 (MQTT 3.1.1) when the broker does not speak it. */
  readonly protocolVersion: 4 | 5
  /** The session of a dead replica, to be emptied: nothing is subscribed to, and a connection that is lost stays lost. */
  readonly isAdopted?: boolean
}

export const filtersOf = ({ topics, shareGroup }: Pick<SourceOptions, 'topics' | 'shareGroup'>): string[] =>
  topics.map((topic) => (shareGroup === null ? topic : `$share/${shareGroup}/${topic}`))

/** The first wait before a new try; it doubles. */
export const minReconnectMs = 250

export const sessionProperties = (options: SourceOptions): NonNullable<IClientOptions['properties']> => ({
  receiveMaximum: options.receiveMaximum,
  sessionExpiryInterval: options.sessionExpiryS,
})

export function connectOptions(options: SourceOptions): IClientOptions {
  return {
    protocolVersion: options.protocolVersion,
    clientId: options.clientId,
    // A persistent session: what arrives while we are away waits at the broker.
    clean: false,
    keepalive: options.keepaliveS,
    reconnectPeriod: options.isAdopted === true ? 0 : minReconnectMs,
    reconnectOnConnackError: options.isAdopted !== true,
    connectTimeout: 10_000,
    resubscribe: false,
    ...credentialsOf(options),
    ...(options.protocolVersion === 5
      ? {
          properties: sessionProperties(options),
        }
      : {}),
  }
}
