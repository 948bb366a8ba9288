/** What an error of the MQTT session means, in words for an operator. */
import { type BrokerAddress, explainBrokerTls, isTlsBroker } from '../ops/broker-address.ts'

const codeOf = (error: Error): string | number | undefined =>
  'code' in error && (typeof error.code === 'string' || typeof error.code === 'number')
    ? error.code
    : undefined

export const isUnsupportedVersion = (error: Error): boolean => {
  const code = codeOf(error)
  return (
    code === 132 ||
    code === 1 ||
    /unacceptable protocol version|unsupported protocol version/iu.test(error.message)
  )
}

/** `clientId` is ours, for the sentence. */
export function explainMqttError(error: Error, clientId: string, address: BrokerAddress): string {
  const code = codeOf(error)
  const ofTls = explainBrokerTls(error, address)
  if (ofTls !== undefined) return ofTls
  if (code === 'ECONNRESET' && isTlsBroker(address.url))
    return 'the broker reset the connection: where that happens at once, the port in MQTT_URL speaks no TLS, or it refuses our certificate without a word'
  if (code === 'ECONNREFUSED') return 'nothing listens at the address in MQTT_URL'
  if (code === 'ENOTFOUND') return 'the host name in MQTT_URL is not known'
  if (code === 4 || code === 5 || code === 134 || code === 135)
    return `the broker refuses client "${clientId}": check user name, password and access rights`
  if (code === 2 || code === 133) return `the broker refuses the client id "${clientId}"`
  return error.message === '' ? String(code ?? 'unknown error') : error.message
}

export const flapping = (clientId: string): string =>
  `the broker closes our connection again and again soon after it was made. Often that is a second process with the client id "${clientId}": give each its own MQTT_CLIENT_ID`
