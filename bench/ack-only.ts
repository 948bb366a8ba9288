/**
 * Child process: an MQTT.js client with the service's subscription that does nothing but acknowledge, as MQTT.js does
 * by itself. What it receives a second is the broker's delivery rate on this machine, which no ingester can exceed.
 */
import { connectAsync } from 'mqtt'
import { answer } from './children.ts'

export type AckOnlyQuestion =
  | { kind: 'connect'; url: string; protocolVersion: 4 | 5 }
  /** Answered at the message that completes the count, counted from the last such answer. */
  | { kind: 'count'; messages: number }

/** As the service's configuration has it. */
const topics = ['rtls/+/+/pings']
const receiveMaximum = 8192

let received = 0
let wanted: { messages: number; resolve: (lastMs: number) => void } | undefined

const look = (): void => {
  if (wanted === undefined || received < wanted.messages) return
  received -= wanted.messages
  wanted.resolve(Date.now())
  wanted = undefined
}

answer(async (message) => {
  const question = message as AckOnlyQuestion
  if (question.kind === 'count')
    return new Promise<number>((resolve) => {
      wanted = { messages: question.messages, resolve }
      look()
    })
  const client = await connectAsync(question.url, {
    protocolVersion: question.protocolVersion,
    clientId: 'bench-ack-only',
    clean: false,
    ...(question.protocolVersion === 5
      ? { properties: { receiveMaximum, sessionExpiryInterval: 3600 } }
      : {}),
  })
  client.on('message', () => {
    received += 1
    look()
  })
  await client.subscribeAsync(topics, { qos: 1 })
  return undefined
})
