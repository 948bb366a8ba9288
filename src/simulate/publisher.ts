/**
 * Publishes a sequence of messages over real MQTT (MQTT.js), on schedule or as fast as the broker acknowledges.
 * Gateways share at most `maxConnections` connections: a gateway always uses the same one, so its messages stay in order.
 * Guarantees: at most `maxUnacked` publishes await their ack; a QoS 1 message counts as acked when its PUBACK came, and is sent again,
 * unchanged, by MQTT.js after a lost connection; at QoS 0 "acked" means written to the socket of a live connection.
 * The schedule is the clock's: a message is due `atMs` after the first moment all connections stood, and what could not be sent then
 * is caught up with. Not here: what the messages say.
 */
import { randomUUID } from 'node:crypto'
import { connect, UniqueMessageIdProvider, type IClientOptions, type MqttClient } from 'mqtt'
import { errorOf } from '../ops/user-error.ts'
import { type BrokerAddress, credentialsOf, explainBrokerTls } from '../ops/broker-address.ts'

export interface Publication {
  readonly topic: string
  readonly payload: Buffer
  /** Whose message it is: chooses the connection. */
  readonly gateway: number
  /** Milliseconds after the start of the run at which it is due; unused when unpaced. */
  readonly atMs: number
}

export interface PublisherOptions<T extends Publication> {
  url: string
  qos: 0 | 1
  protocolVersion: 4 | 5
  /** What client ids begin with; default: sim. */
  clientIdPrefix?: string
  username?: string | undefined
  password?: string | undefined
  caFile?: string | undefined
  certFile?: string | undefined
  keyFile?: string | undefined
  gateways: number
  messages: Iterator<T, unknown>
  isPaced: boolean
  /** No message is sent later than that after the start of the run, which itself may take as long; Infinity: until the messages end. */
  stopAfterMs: number
  /** How long the end waits for acks that are still out. */
  ackDeadlineMs: number
  /** Called as a message is handed to MQTT.js for the first time. */
  onSent: (message: T) => void
  log: (event: string, detail?: object) => void
}

export interface Publisher {
  /** Fulfilled when the last message was acked or the deadline for it has passed, and the connections are closed. */
  readonly done: Promise<void>
  /** Sends nothing more; the rest as at a regular end. Harmless when repeated. */
  stop(): void
  /** Messages. */
  acked(): number
  /** Seconds from the start of the run to the last ack, or to now while it lasts. */
  seconds(): number
}

/** A broker opens a few dozen connections in no time; one per gateway would make a thousand gateways a test of connecting. */
const maxConnections = 16
/** About a hundred milliseconds of acks at 10,000 messages a second. */
export const maxUnacked = 1000
/** How long one turn of the event loop may send before acks and timers get theirs. */
const sliceMs = 5
/** The longest sleep before looking at the clock again: the grain of the schedule. */
const tickMs = 10
const reconnectMs = 500
/** Longer timers of Node.js fire at once. */
const maxTimeoutMs = 2 ** 31 - 1

interface Link {
  readonly client: MqttClient
  isUp: boolean
  unacked: number
  /** Rises with every lost connection: tells callbacks of QoS 0 writes that died with it. */
  epoch: number
}

export function openPublisher<T extends Publication>(options: PublisherOptions<T>): Publisher {
  const { log, messages } = options
  const links = openLinks(options)
  let pending: T | undefined
  let startedAt: number | undefined
  let lastAckAt: number | undefined
  let unacked = 0
  let ackedCount = 0
  let isExhausted = false
  let isClosed = false
  let timer: NodeJS.Timeout | undefined
  let isScheduled = false
  let deadline: NodeJS.Timeout | undefined
  let stopTimer: NodeJS.Timeout | undefined
  let lastError = ''
  let finish: ((error?: unknown) => void) | undefined
  const done = new Promise<void>((resolve, reject) => {
    finish = (error) => (error === undefined ? resolve() : reject(errorOf(error)))
  })

  const elapsedMs = (): number => (startedAt === undefined ? 0 : performance.now() - startedAt)

  /** Asks for another turn of `pump` soon; many askers get one. */
  const wake = (): void => {
    if (isScheduled || isClosed) return
    isScheduled = true
    setImmediate(() => {
      isScheduled = false
      try {
        pump()
      } catch (error) {
        finish?.(error)
        close()
      }
    })
  }

  const hasRoom = (): boolean => !isExhausted && unacked < maxUnacked

  const pump = (): void => {
    clearTimeout(timer)
    if (startedAt === undefined || isClosed) return
    const sliceEnd = performance.now() + sliceMs
    while (hasRoom()) {
      pending ??= pull()
      if (pending === undefined) break
      const earlyMs = options.isPaced ? pending.atMs - elapsedMs() : 0
      if (earlyMs > 0) {
        timer = setTimeout(wake, Math.min(earlyMs, tickMs))
        return
      }
      const link = links[pending.gateway % links.length]
      // A link that is down or full wakes us when that changes. The others wait with it: order matters more than speed.
      if (link === undefined || !link.isUp || link.unacked >= windowOf(link.client)) return
      send(link, pending)
      pending = undefined
      if (performance.now() >= sliceEnd) {
        wake()
        return
      }
    }
    if (isExhausted) drain()
  }

  const pull = (): T | undefined => {
    const next = messages.next()
    if (next.done === true) {
      isExhausted = true
      return undefined
    }
    return next.value
  }

  const send = (link: Link, message: T): void => {
    unacked++
    link.unacked++
    options.onSent(message)
    const { epoch } = link
    link.client.publish(message.topic, message.payload, { qos: options.qos }, (error) => {
      // QoS 0 and the connection it was written to is gone: settled as lost when it went.
      if (options.qos === 0 && epoch !== link.epoch) return
      settle(link, 1)
      if (error instanceof Error) {
        if (!isClosed) report('publish_failed', error)
        return
      }
      ackedCount++
      lastAckAt = performance.now()
    })
  }

  const settle = (link: Link, count: number): void => {
    unacked -= count
    link.unacked -= count
    wake()
  }

  /** The end: wait for what is out, then part. */
  const drain = (): void => {
    if (unacked === 0) close()
    else deadline ??= setTimeout(giveUp, options.ackDeadlineMs)
  }

  const giveUp = (): void => {
    log('acks_missing', { unacked })
    close()
  }

  const close = (): void => {
    if (isClosed) return
    isClosed = true
    clearTimeout(timer)
    clearTimeout(deadline)
    clearTimeout(stopTimer)
    // Forced only when acks are missing: a regular end says DISCONNECT.
    void Promise.allSettled(links.map(async ({ client }) => closeLink(client, unacked > 0))).then(() =>
      finish?.(),
    )
  }

  const stop = (): void => {
    isExhausted = true
    // Never connected: nothing was sent, nothing to wait for.
    if (startedAt === undefined) close()
    else wake()
  }

  const armStop = (): void => {
    clearTimeout(stopTimer)
    if (options.stopAfterMs <= maxTimeoutMs) stopTimer = setTimeout(stop, options.stopAfterMs)
  }

  const report = (event: string, error: Error): void => {
    const text = explainBrokerTls(error, addressOf(options)) ?? describe(error)
    // Sixteen connections that fail alike, twice a second, are one piece of news.
    if (text === lastError) return
    lastError = text
    log(event, { error: text })
  }

  for (const link of links) {
    link.client.on('connect', () => {
      link.isUp = true
      wake()
      if (!links.every(({ isUp }) => isUp)) return
      lastError = ''
      log('connected', { connections: links.length })
      if (startedAt !== undefined) return
      startedAt = performance.now()
      armStop()
    })
    link.client.on('close', () => {
      const wasUp = link.isUp
      link.isUp = false
      link.epoch++
      if (options.qos === 0) settle(link, link.unacked)
      if (wasUp && !isClosed && links.filter(({ isUp }) => !isUp).length === 1)
        log('disconnected', { unacked })
    })
    link.client.on('error', (error) => report('connection_failed', error))
  }

  // Until connected it is the time to wait for that.
  armStop()

  return {
    done,
    stop,
    acked: () => ackedCount,
    seconds: () => {
      if (startedAt === undefined) return 0
      return ((isClosed ? (lastAckAt ?? startedAt) : performance.now()) - startedAt) / 1000
    },
  }
}

const addressOf = (options: Omit<PublisherOptions<Publication>, 'onSent' | 'messages'>): BrokerAddress => ({
  url: options.url,
  username: options.username ?? null,
  password: options.password ?? null,
  caFile: options.caFile ?? null,
  certFile: options.certFile ?? null,
  keyFile: options.keyFile ?? null,
})

function openLinks<T extends Publication>(options: PublisherOptions<T>): Link[] {
  // Of its own, so that two simulations at one broker do not disconnect each other.
  const run = randomUUID().slice(0, 8)
  const credentials = credentialsOf(addressOf(options))
  return Array.from({ length: Math.min(options.gateways, maxConnections) }, (_, index) => {
    const settings: IClientOptions = {
      clientId: `${options.clientIdPrefix ?? 'sim'}-${run}-${index}`,
      protocolVersion: options.protocolVersion,
      clean: true,
      reconnectPeriod: reconnectMs,
      // A broker may refuse for a while, for instance until its users are known.
      reconnectOnConnackError: true,
      queueQoSZero: false,
      // The default one hands out an id again while its message is still unacked.
      messageIdProvider: new UniqueMessageIdProvider(),
    }
    Object.assign(settings, credentials)
    return { client: connect(options.url, settings), isUp: false, unacked: 0, epoch: 0 }
  })
}

/** MQTT 5: the broker's Receive Maximum; before, nothing but our own bound. */
function windowOf(client: MqttClient): number {
  return client.serverProperties?.receiveMaximum ?? maxUnacked
}

async function closeLink(client: MqttClient, isForced: boolean): Promise<void> {
  await client.endAsync(isForced || !client.connected)
}

/** A host name with several addresses fails with an AggregateError, which has a code but no message. */
function describe(error: Error): string {
  if (error.message !== '') return error.message
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
