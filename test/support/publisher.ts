// A gateway of the tests: publishes with QoS 1 and keeps its own list of what was acknowledged.
import mqtt, { type IClientOptions } from 'mqtt'

export interface Publisher {
  /** Resolves when the broker acknowledged. */
  publish(topic: string, payload: string | Buffer, options?: { qos?: 0 | 1; retain?: boolean }): Promise<void>
  close(): Promise<void>
}

export async function openPublisher(url: string, more: IClientOptions = {}): Promise<Publisher> {
  const client = await mqtt.connectAsync(url, {
    ...more,
    reconnectPeriod: 100,
    clientId: `test-gateway-${process.pid}-${Math.random()}`,
  })
  client.on('error', () => undefined)
  return {
    async publish(topic, payload, options = {}) {
      await client.publishAsync(topic, payload, { qos: options.qos ?? 1, retain: options.retain ?? false })
    },
    async close() {
      await client.endAsync(true)
    },
  }
}
