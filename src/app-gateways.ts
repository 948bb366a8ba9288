/** The part of the composition root that is there only for the embedded broker. */
import { setTimeout as wait } from 'node:timers/promises'
import type { EmbeddedBroker } from './embedded/broker.ts'
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
