/** Child process: the embedded broker by itself, so that it shares its event loop with nothing. Answers with its port. */
import { configSchema } from '../src/config-schema.ts'
import { openEmbeddedBroker } from '../src/embedded/broker.ts'
import { answer } from './children.ts'

answer(async () => {
  const broker = await openEmbeddedBroker({
    ...configSchema.parse({}).mqtt,
    port: 0,
    users: [],
    maxPacketBytes: Infinity,
    onRefusal: () => undefined,
  })
  broker.admit()
  return Number(new URL(broker.url).port)
})
