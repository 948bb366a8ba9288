/**
 * The MQTT session: connects, subscribes, hands over messages and sends acknowledgements when told to.
 *
 * Guarantees: no PUBACK is sent except by `acknowledge`, and never over another connection than the message came on;
 * while held, nothing more is taken from the socket but keep-alive goes on. Does not know what a ping is.
 *
 * The seam. MQTT.js has no manual acknowledgement, and a PUBLISH costs it several times what it costs us to read one. So
 * its stream builder is wrapped: publish-tap.ts takes PUBLISH out of the stream and puts PUBACK into it, and MQTT.js never
 * sees either. In 5.16.0 `streamBuilder` is private, so the version is pinned exactly, all of it is in this file, and
 * test/integration/mqtt-seam.test.ts fails when it changes.
 */
import type { Duplex } from 'node:stream'
import mqtt, { type MqttClient } from 'mqtt'
import {
  type SourceOptions,
  connectOptions,
  filtersOf,
  minReconnectMs,
  sessionProperties,
} from './mqtt-options.ts'
import { type PublishPacket, type PublishTap, openPublishTap } from './publish-tap.ts'
import type { Source, SourceHandlers } from './source-contract.ts'
import { type BrokerAddress, credentialsOf } from '../ops/broker-address.ts'
import { messageOf } from '../ops/user-error.ts'
import { explainMqttError, flapping, isUnsupportedVersion } from './mqtt-errors.ts'

/** The private part of the seam. */
interface Seam {
  streamBuilder: (client: MqttClient) => Duplex
}

const maxReconnectMs = 10_000
/** A broker that closes this often before CONNACK probably does not speak MQTT 5. */
const closesBeforeFallback = 3
const resubscribeMs = 5000
const closeTimeoutMs = 3000
/** MQTT 5 reason code 0x8E. */
const sessionTakenOver = 142
/** One take-over is a restart, several in a minute are two processes. */
const takeOversToStop = 5
const takeOverSpanMs = 60_000
/** MQTT 3.1.1 and Mosquitto 2.0 close a taken-over connection without a word; so short-lived ones in a row are the sign. */
const shortLifeMs = 10_000
const shortLivesToTell = 3

export function openSource(options: SourceOptions, handlers: SourceHandlers): Source {
  let epoch = 0
  let isHeld = false
  let isClosing = false
  let closed: Promise<void> | undefined
  /** Since the last look of the keep-alive timer. */
  let hasReceived = false
  let hasEverConnected = false
  let takeOversMs: number[] = []
  let connectedAtMs: number | undefined
  let shortLives = 0
  let isPlanned = false
  /** The broker has granted all of it, in this process; before that a session may hold another subscription, or none. */
  let isSubscribed = false
  let resubscribe: NodeJS.Timeout | undefined
  let closesWithoutConnack = 0
  let reconnectMs = minReconnectMs
  let lastReason: string | undefined
  let address: BrokerAddress = options
  let tap: PublishTap | undefined

  // Not connected by the constructor: first the seam.
  const client = mqtt.connect(options.url, { ...connectOptions(options), manualConnect: true })
  client.options.manualConnect = false
  const version = (): 4 | 5 => (client.options.protocolVersion === 5 ? 5 : 4)
  const report = (reason: string | undefined): void => {
    handlers.onState({ isConnected: client.connected, reason, protocolVersion: version(), isPlanned })
  }

  const seam = client as unknown as Seam
  const buildStream = seam.streamBuilder
  seam.streamBuilder = (built) => {
    epoch += 1
    const ofThisConnection = epoch
    useCredentials()
    const opened = openPublishTap(buildStream(built), version() === 5, (packet) => {
      take(packet, ofThisConnection)
    })
    if (isHeld) opened.hold()
    tap = opened
    return opened.stream
  }

  /** A file that cannot be used now leaves the credentials as they were: they may do until it can. */
  const useCredentials = (): void => {
    try {
      Object.assign(client.options, credentialsOf(address))
    } catch (error) {
      lastReason = messageOf(error)
    }
  }

  const take = ({ topic, payload, packetId, isRetained }: PublishPacket, ofConnection: number): void => {
    hasReceived = true
    const message = { topic, payload, packetId, epoch: ofConnection }
    if (isRetained) handlers.onRetained(message)
    else handlers.onMessage(message)
  }

  const filters = filtersOf(options)

  const subscribe = (): void => {
    // Retain handling 2: do not send retained messages at the time of the subscription.
    client.subscribe(filters, version() === 5 ? { qos: 1, rh: 2 } : { qos: 1 }, (error, grants) => {
      // Cut off before the answer: the next connection subscribes.
      if (!client.connected) return
      const refused = (grants ?? []).filter((grant) => grant.qos >= 128).map((grant) => grant.topic)
      isSubscribed = error === null && refused.length === 0
      if (!isSubscribed) resubscribe = setTimeout(subscribe, resubscribeMs)
      report(
        isSubscribed
          ? undefined
          : `the broker refused the subscription to ${(refused.length > 0 ? refused : filters).join(', ')}: check the access rights of client "${options.clientId}"`,
      )
    })
  }

  client.on('connect', (connack) => {
    const isFirst = !hasEverConnected
    lastReason = undefined
    hasEverConnected = true
    closesWithoutConnack = 0
    connectedAtMs = performance.now()
    handlers.onConnect()
    if (options.isAdopted === true) return report(undefined)
    if (!isFirst && !connack.sessionPresent) handlers.onSessionLost()
    // Another replica that took us for dead has given up our subscription.
    if (!isSubscribed || !connack.sessionPresent || options.shareGroup !== null) {
      isSubscribed = false
      subscribe()
    } else report(undefined)
  })

  client.on('close', () => {
    // What the closed connection is owed is never sent over the next.
    epoch += 1
    tap = undefined
    clearTimeout(resubscribe)
    handlers.onDisconnect()
    if (isClosing) return
    if (options.isAdopted === true) return report(lastReason ?? 'the broker closed the connection')
    if (!hasEverConnected) {
      closesWithoutConnack += 1
      if (closesWithoutConnack >= closesBeforeFallback && lastReason === undefined) fallBack()
    }
    noteLife()
    report(
      lastReason ??
        (shortLives >= shortLivesToTell ? flapping(options.clientId) : 'the broker closed the connection'),
    )
    lastReason = undefined
    isPlanned = false
    // Takes effect at the next close: MQTT.js has already set this one's timer. Jitter keeps replicas out of step.
    client.options.reconnectPeriod = reconnectMs / 2 + (Math.random() * reconnectMs) / 2
  })

  client.on('error', (error) => {
    lastReason = explainMqttError(error, options.clientId, address)
    if (isUnsupportedVersion(error) && version() === 5) fallBack()
  })

  client.on('disconnect', (packet) => {
    if (packet.reasonCode === sessionTakenOver) noteTakeOver()
    lastReason =
      packet.reasonCode === sessionTakenOver
        ? `another client took over the session: two processes use the client id "${options.clientId}" (give each its own MQTT_CLIENT_ID)${
            options.shareGroup === null ? '' : ', or a replica took us for dead'
          }`
        : `the broker ended the session (reason code ${packet.reasonCode ?? 0})`
  })

  /** Only a connection that lived counts as a success: two processes that take a session from each other must slow down. */
  const noteLife = (): void => {
    const livedMs = connectedAtMs === undefined ? 0 : performance.now() - connectedAtMs
    shortLives = connectedAtMs !== undefined && livedMs < shortLifeMs ? shortLives + 1 : 0
    connectedAtMs = undefined
    reconnectMs = livedMs >= shortLifeMs ? minReconnectMs : Math.min(maxReconnectMs, reconnectMs * 2)
  }

  const noteTakeOver = (): void => {
    const nowMs = performance.now()
    takeOversMs = [...takeOversMs.filter((atMs) => nowMs - atMs < takeOverSpanMs), nowMs]
    if (takeOversMs.length < takeOversToStop) return
    isClosing = true
    client.end(true)
    handlers.onTakenOver(
      `Another client took over our MQTT session ${takeOversToStop} times within a minute: two processes use the client id "${options.clientId}". ` +
        `Stop the other one, or give each its own MQTT_CLIENT_ID.`,
    )
  }

  const fallBack = (): void => {
    closesWithoutConnack = 0
    isPlanned = true
    if (version() === 5) {
      client.options.protocolVersion = 4
      delete client.options.properties
      lastReason = 'the broker does not speak MQTT 5; trying MQTT 3.1.1'
    } else {
      // A proxy without a broker behind it closes any connection: nothing is known about the version yet.
      client.options.protocolVersion = 5
      client.options.properties = sessionProperties(options)
      lastReason = 'the broker closes every connection; trying MQTT 5 again'
    }
  }

  // PINGRESP waits its turn: unread in the socket while we hold, behind the messages of a backlog otherwise; MQTT.js counts
  // neither messages nor our holding as a sign of life. So we ping by ourselves and tell it that all is well.
  const keepalive = setInterval(
    () => {
      if (!client.connected || !(isHeld || hasReceived)) return
      hasReceived = false
      client.sendPing()
      client.reschedulePing(true)
    },
    (options.keepaliveS * 1000) / 4,
  )
  keepalive.unref()

  const source: Source = {
    acknowledge(message) {
      if (message.epoch !== epoch || tap === undefined) return false
      if (message.packetId !== 0) tap.acknowledge(message.packetId)
      return true
    },
    hold() {
      isHeld = true
      tap?.hold()
    },
    resume() {
      isHeld = false
      tap?.resume()
    },
    renew(next) {
      address = next
      if (isClosing || !client.connected) return
      lastReason = 'connecting anew: the configuration or a certificate has changed'
      isPlanned = true
      // Without DISCONNECT: the broker keeps the session as it does when the network breaks.
      client.stream.destroy()
    },
    async unsubscribe() {
      return new Promise((resolve) => {
        client.unsubscribe(filters, (error, answer) => {
          // MQTT 3.1.1 gives no codes.
          const codes: readonly number[] =
            answer?.cmd === 'unsuback' && 'granted' in answer ? answer.granted : []
          resolve(!(error instanceof Error) && codes.every((code) => code < 128))
        })
      })
    },
    async close(how = { endsSession: false }) {
      isClosing = true
      clearInterval(keepalive)
      closed ??= new Promise<void>((resolve) => {
        // A broker that does not answer must not keep us from stopping.
        const timer = setTimeout(() => {
          client.stream.destroy()
          resolve()
        }, closeTimeoutMs)
        const farewell =
          how.endsSession && version() === 5 ? { properties: { sessionExpiryInterval: 0 } } : {}
        client.end(false, farewell, () => {
          clearTimeout(timer)
          resolve()
        })
      })
      await closed
    },
  }
  client.connect()
  return source
}
