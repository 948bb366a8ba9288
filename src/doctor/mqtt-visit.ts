/**
 * One visit to the broker under a client id of the doctor's own. Guarantees: the session of the service is not touched (a
 * client id is a session), nothing of the visit is left at the broker, nobody is sent anything that means something.
 */
import mqtt, { type IClientOptions, type IConnackPacket, type IPublishPacket, type MqttClient } from 'mqtt'

export interface Visit {
  readonly client: MqttClient
  readonly connack: IConnackPacket
  /** Retained messages that came since. */
  readonly retained: ReadonlySet<string>
  /** Resolves when the connection is closed, with the session kept for the seconds given, or ended. */
  leave(keptForS?: number): Promise<void>
}

const goodbyeMs = 1000

/** Rejects with the broker's or the socket's error. */
export async function visit(url: string, options: IClientOptions): Promise<Visit> {
  const retained = new Set<string>()
  const client = mqtt.connect(url, { ...options, reconnectPeriod: 0, resubscribe: false })
  client.on('message', (topic, _payload, packet: IPublishPacket) => {
    if (packet.retain) retained.add(topic)
  })
  return new Promise((resolve, reject) => {
    let reason: Error | undefined
    client.on('error', (error) => {
      reason = error
    })
    client.on('close', () => {
      client.end(true)
      reject(reason ?? new Error('the broker closed the connection before it had said anything'))
    })
    client.once('connect', (connack) => {
      resolve({
        client,
        connack,
        retained,
        async leave(keptForS = 0) {
          await new Promise<void>((left) => {
            const timer = setTimeout(left, goodbyeMs)
            const farewell =
              options.protocolVersion === 5 ? { properties: { sessionExpiryInterval: keptForS } } : {}
            client.end(false, farewell, () => {
              clearTimeout(timer)
              left()
            })
          })
          client.stream.destroy()
        },
      })
    })
  })
}

/** The codes granted, in the order of the filters: 0 to 2, or 128 and above for a refusal. */
export async function subscribe(client: MqttClient, filters: readonly string[]): Promise<number[]> {
  return new Promise((resolve, reject) => {
    client.subscribe([...filters], { qos: 1, rh: 0 }, (error, grants) => {
      const codes = (grants ?? []).map((grant): number => grant.qos)
      if (codes.length > 0 || error === null) resolve(codes)
      else reject(error)
    })
  })
}

/**
 * May we publish there? QoS 2, given up between PUBREC, which says it, and PUBREL, before which a broker like Mosquitto
 * delivers nothing. One that delivers at once is why the payload must mean nothing. Ends the connection. MQTT 5 only.
 */
export async function isAllowedToPublish(
  client: MqttClient,
  topic: string,
  payload: string,
): Promise<boolean> {
  return new Promise((resolve) => {
    client.on('packetreceive', (packet) => {
      if (packet.cmd !== 'pubrec') return
      // Before MQTT.js answers it.
      client.stream.destroy()
      resolve((packet.reasonCode ?? 0) < 128)
    })
    // What some brokers do instead of saying no.
    client.on('close', () => resolve(false))
    client.publish(topic, payload, { qos: 2 }, () => undefined)
  })
}
