/**
 * The broker as the service would meet it, with the same options but another client id: what it grants, keeps and lets us do.
 *
 * Not looked at: the session of the service itself. MQTT shows it only to a client that connects under its id, and that
 * would take it from the service; the running service's metrics tell what became of it.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { IClientOptions } from 'mqtt'
import type { Config } from '../config-schema.ts'
import { redactUrl } from '../config.ts'
import { createDecode } from '../ingest/decode.ts'
import { explainBrokerTls } from '../ops/broker-address.ts'
import { explainMqttError, isUnsupportedVersion } from '../ingest/mqtt-errors.ts'
import { type SourceOptions, connectOptions } from '../ingest/mqtt-options.ts'
import { createRoutes, topicsOf } from '../ingest/routes.ts'
import { type Check, type GroupRules, type Verdict, fail, formatSeconds, ok, skip, warn } from './finding.ts'
import { isLoopback } from './configuration.ts'
import { type Visit, isAllowedToPublish, subscribe, visit } from './mqtt-visit.ts'
import { errorOf } from '../ops/user-error.ts'

/** Retained messages come right behind the answer to the subscription. */
const retainedMs = 500
/** Of the session that is kept and asked for again, in case we die in between. */
const keptS = 60
const levelOfOurs = 'rtls-ingest-doctor'

export interface BrokerPlace {
  readonly url: string
  readonly isEmbedded: boolean
}

export function brokerRules(config: Config, place: BrokerPlace, deadlineMs: number): GroupRules {
  return {
    deadlineMs,
    explain(error) {
      const address = { ...config.mqtt, url: place.url }
      const said = explainMqttError(errorOf(error), config.mqtt.clientId, address)
      return fail(
        said,
        explainBrokerTls(error, address) === undefined
          ? 'Check MQTT_URL, MQTT_USERNAME and MQTT_PASSWORD, and that the broker runs.'
          : 'Mend the certificate that the message names; the running service uses it without a restart.',
      )
    },
    silenceRemedy:
      'The broker, or something on the way to it, is frozen: look at its log and its load, and at firewalls that drop.',
  }
}

/** `close` gives up what a check that was left in the middle had open. */
export function brokerChecks(
  config: Config,
  place: BrokerPlace,
): { checks: Check[]; close(): Promise<void> } {
  const id = `${levelOfOurs}-${randomBytes(4).toString('hex')}`
  const topics = topicsOf(config.formats)
  const source: SourceOptions = {
    ...config.mqtt,
    url: place.url,
    clientId: id,
    topics,
    protocolVersion: place.isEmbedded ? 4 : 5,
  }
  let version: 4 | 5 = source.protocolVersion
  let now: Visit | undefined
  const options = (more: IClientOptions = {}): IClientOptions => ({
    ...connectOptions({ ...source, protocolVersion: version }),
    ...more,
  })
  const current = (): Visit => {
    if (now === undefined) throw new Error('not connected')
    return now
  }

  const connect = async (): Promise<Verdict[]> => {
    try {
      now = await visit(place.url, options())
    } catch (error) {
      if (version === 4 || !(error instanceof Error) || !isUnsupportedVersion(error)) throw error
      version = 4
      now = await visit(place.url, options())
    }
    const verdicts = [ok(`connected to ${redactUrl(place.url)} as "${id}"`)]
    if (version === 5) verdicts.push(ok('MQTT 5'), ...readConnack(config, now))
    else if (place.isEmbedded) verdicts.push(ok('MQTT 3.1.1: the embedded broker speaks nothing newer'))
    else
      verdicts.push(
        warn(
          'MQTT 3.1.1: the broker does not speak MQTT 5',
          'It works, but refusals come without reasons and a session never expires; update the broker.',
        ),
      )
    if (!place.isEmbedded && config.mqtt.username === null && !isLoopback(new URL(place.url).hostname))
      if (new URL(place.url).username === '')
        verdicts.push(
          warn(
            'the broker asks for no password: whoever reaches it may publish for any gateway',
            'Give gateways users and topics of their own, as config/mosquitto/mosquitto.conf shows.',
          ),
        )
    return verdicts
  }

  const read = async (): Promise<Verdict[]> => {
    const { shareGroup } = config.mqtt
    // Never into the service's group: what the broker deals us there, nobody else gets.
    const filters = topics.map((topic) => (shareGroup === null ? topic : `$share/${id}/${topic}`))
    const codes = await subscribe(current().client, filters)
    const verdicts = filters.map((filter, at) => lookAtGrant(filter, codes[at] ?? 128))
    await wait(retainedMs)
    const { retained } = current()
    if (shareGroup !== null)
      verdicts.push(skip('retained messages: not shown to a shared subscription, nor to the service'))
    else if (retained.size > 0)
      verdicts.push(
        warn(
          `${retained.size} retained messages on our topics, such as ${[...retained][0] ?? ''}`,
          'The service asks not to be sent them and never stores them; have gateways publish without the retain flag.',
        ),
      )
    else verdicts.push(ok('no retained messages on our topics'))
    await current().client.unsubscribeAsync(filters)
    return verdicts
  }

  const kept = async (): Promise<Verdict> => {
    if (place.isEmbedded)
      return skip('the embedded broker keeps sessions in its memory: they end with the service')
    if (config.mqtt.sessionExpiryS === 0)
      return warn(
        'mqtt.sessionExpiryS is 0: the broker keeps nothing while the service is away',
        'Set it to the longest outage you want to survive.',
      )
    await current().leave(keptS)
    now = await visit(place.url, options())
    if (now.connack.sessionPresent)
      return ok(
        'a session outlives its connection: what comes while the service is away, waits (whether it outlives the broker cannot be seen)',
      )
    const remedy =
      'Allow persistent sessions (Mosquitto: persistence true; EMQX: session_expiry_interval above 0).'
    // Before MQTT 5 some brokers forget a session without subscriptions, as ours is here.
    return version === 5
      ? fail(
          'the broker did not keep our session: what gateways publish while the service is away is lost',
          remedy,
        )
      : warn('the broker did not keep our session, in which there was nothing', remedy)
  }

  const write = async (): Promise<Verdict> => {
    if (place.isEmbedded) return skip('the embedded broker lets everybody publish')
    const harmless = harmlessMessage(config)
    if (harmless === undefined)
      return skip('may it publish? Not tried: no format here has a message that means nothing')
    if (version === 4) return skip('may it publish? Not knowable with MQTT 3.1.1, which gives no reasons')
    const isAllowed = await isAllowedToPublish(current().client, harmless.topic, harmless.payload)
    now = await visit(place.url, options())
    if (!isAllowed) return ok(`this user may not publish on our topics (tried on ${harmless.topic})`)
    return config.simulate.enabled === 'on'
      ? ok('this user may publish on our topics, as simulate.enabled: on needs it')
      : warn(
          `this user may publish on our topics (tried on ${harmless.topic}, with nothing in it)`,
          'The service only reads: take the right to write from its user, so that nobody can speak for a gateway with its password.',
        )
  }

  /** A session of ours would wait for its expiry, or, with MQTT 3.1.1, for ever. */
  const close = async (): Promise<void> => {
    await now?.leave()
    if (now === undefined || version === 5) return
    await visit(place.url, options({ clean: true })).then(
      async (last) => last.leave(),
      () => undefined,
    )
  }

  return {
    checks: [
      { name: 'connection', look: connect, isGate: true },
      { name: 'subscription', look: read },
      { name: 'session', look: kept },
      { name: 'write access', look: write },
      {
        name: 'not knowable',
        look: () =>
          skip(
            `the session of "${config.mqtt.clientId}" (only who connects under that id sees it, and would take it), the broker's clock (MQTT carries none), and whether a topic that was granted is delivered (Mosquitto grants what its ACL then withholds: are pings received?)`,
          ),
      },
    ],
    close,
  }
}

function readConnack({ mqtt: wanted }: Config, { connack }: Visit): Verdict[] {
  const { properties = {} } = connack
  const verdicts: Verdict[] = []
  const {
    sessionExpiryInterval: expiry,
    maximumQoS,
    sharedSubscriptionAvailable,
    wildcardSubscriptionAvailable,
  } = properties
  if (expiry !== undefined && expiry < wanted.sessionExpiryS)
    verdicts.push(
      warn(
        `the broker keeps a session for ${formatSeconds(expiry)}, and mqtt.sessionExpiryS asks for ${formatSeconds(wanted.sessionExpiryS)}`,
        'Raise the limit of the broker to the longest outage you want to survive.',
      ),
    )
  if (maximumQoS === 0)
    verdicts.push(
      fail('the broker grants QoS 0 only: nothing is ever sent again', 'Allow QoS 1 at the broker.'),
    )
  if (wildcardSubscriptionAvailable === false)
    verdicts.push(
      fail(
        'the broker allows no wildcards in subscriptions',
        'Allow them: gateways are levels of the topic.',
      ),
    )
  if (wanted.shareGroup !== null && sharedSubscriptionAvailable === false)
    verdicts.push(
      fail('the broker knows no shared subscriptions', 'Unset MQTT_SHARE_GROUP and run one process.'),
    )
  return verdicts
}

function lookAtGrant(filter: string, code: number): Verdict {
  if (code === 1 || code === 2) return ok(`may read ${filter}, QoS ${code} granted`)
  if (code === 0)
    return fail(
      `${filter}: only QoS 0 granted: what is lost on the way is lost for good`,
      'Allow QoS 1 for this user at the broker.',
    )
  return fail(
    `${filter}: subscription refused (code ${code})`,
    'Give this user the right to read that topic, or correct formats in the configuration.',
  )
}

/** A topic of ours and a payload that is no ping, no rejection and no sighting: by the service's own decoder. */
export function harmlessMessage(config: Config): { topic: string; payload: string } | undefined {
  const decode = createDecode(config.limits, createRoutes(config.formats), 'apart')
  const payload = '[]'
  for (const filter of topicsOf(config.formats)) {
    const topic = filter
      .split('/')
      .map((level) => (level === '+' || level === '#' ? levelOfOurs : level))
      .join('/')
    const delivery = { packetId: 1, epoch: 0, isSettled: false, receivedAtUs: Date.now() * 1000 }
    const decoded = decode({ ...delivery, topic, payload: Buffer.from(payload) })
    const { pings, rejections, sightings = [] } = decoded
    if (pings.length + rejections.length + sightings.length === 0) return { topic, payload }
  }
  return undefined
}
