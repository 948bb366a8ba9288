/** Child process: the embedded broker by itself, so that it shares its event loop with nothing. Answers with its port. */
import { openEmbeddedBroker } from '../src/embedded/broker.ts'
import { answer } from './children.ts'

answer(async () => {
  const broker = await openEmbeddedBroker({ host: '127.0.0.1', port: 0 })
  broker.admit()
  return Number(new URL(broker.url).port)
})
