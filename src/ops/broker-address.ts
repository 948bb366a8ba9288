/** How anybody of ours gets to an MQTT broker: the address, who we are there, and what a failed handshake means. */
import type { IClientOptions } from 'mqtt'
import { percentDecoded } from './percent.ts'
import { explainTlsError } from './tls-errors.ts'
import { type TlsFiles, readTlsFiles } from './tls-files.ts'

export interface BrokerAddress extends TlsFiles {
  readonly url: string
  readonly username: string | null
  readonly password: string | null
}

export const isTlsBroker = (url: string): boolean => /^(?:mqtts|wss|ssl):/iu.test(url)

/** Who we are at the broker, with the certificates as they are in their files now. Errors: UserError naming the file. */
export function credentialsOf(address: BrokerAddress): IClientOptions {
  const { url, username, password } = address
  const inUrl = new URL(url)
  const isInUrl = inUrl.username !== ''
  const user = isInUrl ? percentDecoded(inUrl.username) : username
  const secret = isInUrl && inUrl.password !== '' ? percentDecoded(inUrl.password) : password
  const material = isTlsBroker(url) ? readTlsFiles(address, 'mqtt') : {}
  return {
    ...(user === null ? {} : { username: user }),
    ...(secret === null ? {} : { password: secret }),
    ...material,
    // For wss:// MQTT.js takes them from here, where they would stay as they were.
    wsOptions: { ...material },
  }
}

/** Undefined: this was not about TLS. */
export function explainBrokerTls(error: unknown, address: BrokerAddress): string | undefined {
  return explainTlsError(error, {
    ...address,
    peer: `the broker ${new URL(address.url).hostname}`,
    address: 'MQTT_URL',
    section: 'mqtt',
  })
}
