/**
 * topic → format → canonical pings. Pure and total: any bytes on any topic give pings and/or rejections, never a throw.
 * Identity (facility, gateway) comes from the topic, which the broker's access rules protect, never from the payload.
 */
import { createHash } from 'node:crypto'
import {
  type Element,
  type ElementFailure,
  elementsBytes,
  isFailure,
  parseJsonMessage,
} from '../formats/json-message.ts'
import { type NativeContext, type Refusal, decodeNative } from '../formats/native.ts'
import {
  type Decoded,
  type Delivery,
  type Ping,
  type Rejection,
  type RejectionReason,
  maxIdLength,
} from './ping.ts'

export interface DecodeLimits {
  readonly maxMessageBytes: number
  readonly maxPingsPerMessage: number
  readonly futureToleranceS: number
}

export type Decode = (delivery: Delivery) => Decoded

const backslash = 0x5c

export function createDecode(limits: DecodeLimits): Decode {
  return (delivery) => {
    const whole = (reason: RejectionReason, detail: string): Decoded => ({
      pings: [],
      rejections: [reject(delivery, wholeMessage, delivery.payload, { reason, detail })],
    })
    const { payload } = delivery
    if (payload.length > limits.maxMessageBytes)
      return whole('too_large', `${payload.length} bytes, at most ${limits.maxMessageBytes} are taken`)
    const identity = identityOf(delivery.topic)
    if ('detail' in identity) return whole(identity.reason, identity.detail)
    const message = parseJsonMessage(payload, limits.maxPingsPerMessage)
    if (message.kind === 'failure') return whole(message.failure.reason, message.failure.detail)

    const context: NativeContext = {
      delivery,
      facilityId: identity.facilityId,
      gatewayId: identity.gatewayId,
      futureToleranceS: limits.futureToleranceS,
    }
    // NUL and lone surrogates reach a JSON text only through an escape, so most payloads need no further look.
    const mayHoldBadText = payload.includes(backslash)
    const pings: Ping[] = []
    const rejections: Rejection[] = []
    let bytesOf: ((index: number) => Buffer) | undefined
    for (const [index, element] of message.elements.entries()) {
      const outcome = decodeElement(element, index, context, mayHoldBadText)
      if (!('reason' in outcome)) pings.push(outcome)
      else {
        bytesOf ??= message.elements.length === 1 ? () => payload : elementsBytes(payload)
        rejections.push(reject(delivery, index, bytesOf(index), outcome))
      }
    }
    return { pings, rejections }
  }
}

function decodeElement(
  element: Element | ElementFailure,
  index: number,
  context: NativeContext,
  mayHoldBadText: boolean,
): Ping | Refusal {
  if (isFailure(element)) return element
  const outcome = decodeNative(element.value, index, context)
  return 'reason' in outcome || !mayHoldBadText ? outcome : (unstorable(outcome) ?? outcome)
}

/** `index` is the element's place in its message, or `wholeMessage`. */
export function reject(
  delivery: Delivery,
  index: number,
  payload: Buffer,
  refusal: Refusal,
  sqlstate: string | null = null,
): Rejection {
  return {
    delivery,
    id: rejectionId(delivery, index),
    index,
    payload,
    reason: refusal.reason,
    detail: storableText(refusal.detail),
    sqlstate,
  }
}

const wholeMessage = -1

/** The same rejection of the same message has the same id, also when the message is decoded again after a crash. UUID version 8. */
function rejectionId(delivery: Delivery, index: number): string {
  const hash = createHash('sha256').update(digestOf(delivery)).update(String(index)).digest('hex')
  const variant = ((Number.parseInt(hash.slice(16, 18), 16) & 0x3f) | 0x80).toString(16)
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-${variant}${hash.slice(18, 20)}-${hash.slice(20, 32)}`
}

/** Once a message, however many of its elements are bad. */
const digests = new WeakMap<Delivery, Buffer>()

function digestOf(delivery: Delivery): Buffer {
  const known = digests.get(delivery)
  if (known !== undefined) return known
  const digest = createHash('sha256')
    .update(`${delivery.receivedAtUs} ${delivery.topic} `)
    .update(delivery.payload)
    .digest()
  digests.set(delivery, digest)
  return digest
}

/** Text of unknown origin, made fit for a PostgreSQL text column. */
export const storableText = (text: string): string => text.replaceAll('\0', '\u{FFFD}').toWellFormed()

type Identity =
  | { readonly facilityId: string; readonly gatewayId: string }
  | { readonly reason: RejectionReason; readonly detail: string }

function identityOf(topic: string): Identity {
  const levels = topic.split('/')
  const [root, facility, gateway, last] = levels
  if (
    levels.length !== 4 ||
    root !== 'rtls' ||
    last !== 'pings' ||
    facility === undefined ||
    gateway === undefined
  )
    return { reason: 'unknown_topic', detail: 'expected rtls/{facility}/{gateway}/pings' }
  const facilityId = facility
  const gatewayId = gateway
  // Not trimmed: to the broker's access rules ' gw-1' is another gateway than 'gw-1'.
  if (
    facilityId.trim() !== facilityId ||
    gatewayId.trim() !== gatewayId ||
    facilityId === '' ||
    gatewayId === ''
  )
    return {
      reason: 'unknown_topic',
      detail: 'the facility or the gateway level of the topic is empty, or begins or ends with a space',
    }
  if (facilityId.length > maxIdLength || gatewayId.length > maxIdLength)
    return {
      reason: 'unknown_topic',
      detail: `the facility or the gateway level of the topic is longer than ${maxIdLength} characters`,
    }
  if (hasBadText(topic))
    return { reason: 'unknown_topic', detail: 'the topic holds NUL or half of a surrogate pair' }
  return { facilityId, gatewayId }
}

const hasBadText = (text: string): boolean => text.includes('\0') || !text.isWellFormed()

/** PostgreSQL's text holds neither NUL nor lone surrogates, and its jsonb not even their escapes. */
function unstorable(ping: Ping): Refusal | undefined {
  const badColumn = hasBadText(ping.tagId)
    ? 'tagId'
    : ping.zone !== null && hasBadText(ping.zone)
      ? 'zone'
      : undefined
  const badProps = ping.props !== null && /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/iu.test(ping.props)
  const where = badColumn ?? (badProps ? 'props' : undefined)
  return where === undefined
    ? undefined
    : { reason: 'unstorable_text', detail: `${where}: holds NUL or half of a surrogate pair` }
}
