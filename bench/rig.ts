/** Everything that stands around the service while it is measured. Opened once a bench, closed in reverse. */
import type { AckOnlyQuestion } from './ack-only.ts'
import { type Broker, type BrokerLimits, openBroker } from './broker.ts'
import { startHelper } from './children.ts'
import { type BenchDatabase, openDatabase } from './database.ts'
import type { Published, PublisherQuestion } from './publisher.ts'
import type { Traffic } from './traffic.ts'

export interface Rig {
  readonly broker: Broker
  /** Another one, with limits; it may be stopped early. */
  openBroker(limits: BrokerLimits): Promise<Broker>
  readonly database: BenchDatabase
  /** Hands prepared messages to the publisher, once. */
  load(name: string, traffic: Traffic): Promise<void>
  /** Publishes the first messages of what was loaded; `perSecond` undefined: as fast as the broker takes them. */
  publish(order: PublishOrder): Promise<Published>
  /** The broker's delivery to a client that only acknowledges. */
  readonly ackOnly: {
    readonly broker: Broker
    /** Resolves with the moment (ms since 1970) of the last of so many messages. */
    count(messages: number): Promise<number>
  }
}

export interface PublishOrder {
  readonly name: string
  readonly broker: Broker
  readonly messages: number
  readonly perSecond?: number
}

export interface RigOptions {
  readonly databaseUrl: string | undefined
  readonly broker: 'mosquitto' | 'aedes' | undefined
}

/** `onClose` collects what closes the rig, as it is opened, so that a failure half-way leaves nothing behind. */
export async function openRig(
  options: RigOptions,
  onClose: (close: () => Promise<void>) => void,
): Promise<Rig> {
  const openBrokerWith = async (limits: BrokerLimits = {}): Promise<Broker> => {
    const opened = await openBroker(options.broker, limits)
    onClose(async () => opened.stop())
    return opened
  }
  const database = await openDatabase(options.databaseUrl)
  onClose(async () => database.stop())
  const broker = await openBrokerWith()
  // A broker of its own: with two subscribers at one, each would be measured with the other's work.
  const ackBroker = await openBrokerWith()
  const publisher = startHelper('publisher.ts')
  onClose(async () => publisher.stop())
  const ackOnly = startHelper('ack-only.ts')
  onClose(async () => ackOnly.stop())
  const askPublisher = async (question: PublisherQuestion): Promise<unknown> => publisher.ask(question)
  const askAckOnly = async (question: AckOnlyQuestion): Promise<unknown> => ackOnly.ask(question)
  const { url, protocolVersion } = ackBroker
  await askAckOnly({ kind: 'connect', url, protocolVersion })
  return {
    broker,
    openBroker: openBrokerWith,
    database,
    async load(name, { links, linkOf, qos }) {
      await askPublisher({ kind: 'load', name, links, linkOf, qos })
    },
    async publish({ name, broker: { port }, messages, perSecond }) {
      return (await askPublisher({ kind: 'publish', name, port, messages, perSecond })) as Published
    },
    ackOnly: {
      broker: ackBroker,
      count: async (messages) => (await askAckOnly({ kind: 'count', messages })) as number,
    },
  }
}
