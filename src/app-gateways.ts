/** The part of the composition root that is there only for the embedded broker. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Config } from './config-schema.ts'
import { topicsOfUser } from './config-users.ts'
import type { BrokerUser, Refusal } from './embedded/broker-guard.ts'
import { type EmbeddedBroker, openEmbeddedBroker } from './embedded/broker.ts'
import { matchTopic } from './ingest/topics.ts'
import type { Logger } from './ops/logger.ts'
import type { Pipeline } from './ingest/pipeline-contract.ts'

/** The embedded broker forgets with the process what it has acknowledged: so gateways go first, and what it holds is taken in. */
export async function sendGatewaysAway(broker: EmbeddedBroker, pipeline: Pipeline): Promise<void> {
  await broker.refuse()
  let messages = -1
  for (
    let look = 0;
    look < 20 && (pipeline.unacked > 0 || pipeline.counts.messages !== messages);
    look += 1
  ) {
    messages = pipeline.counts.messages
    await wait(100)
  }
}

/** Topic, packet id and length, around the payload. */
const packetOverheadBytes = 70_000
const tellEveryMs = 10_000

/** Errors: UserError for what the operator can mend. */
export async function openAppBroker(config: Config, log: Logger): Promise<EmbeddedBroker> {
  const refused = new Map<string, number>()
  let toldMs = -Infinity
  return openEmbeddedBroker({
    ...config.mqtt,
    users: brokerUsers(config),
    maxPacketBytes: config.limits.maxMessageBytes + packetOverheadBytes,
    // Somebody who tries a thousand passwords is one piece of news.
    onRefusal(refusal: Refusal, user) {
      const what = `${refusal} of ${user ?? 'somebody unknown'}`
      refused.set(what, (refused.get(what) ?? 0) + 1)
      if (performance.now() - toldMs < tellEveryMs) return
      toldMs = performance.now()
      log.warn({ refused: Object.fromEntries(refused) }, 'the embedded broker refused a client')
      refused.clear()
    },
  })
}

export function brokerUsers({ mqtt, formats }: Pick<Config, 'mqtt' | 'formats'>): BrokerUser[] {
  return mqtt.users.map((user) => {
    const patterns = topicsOfUser({ ...user, topics: [...user.topics] }, formats).map((topic) =>
      topic.split('/'),
    )
    return {
      name: user.name,
      password: user.password ?? '',
      mayPublish: (topic) => patterns.some((pattern) => matchTopic(pattern, topic.split('/')) !== undefined),
    }
  })
}
