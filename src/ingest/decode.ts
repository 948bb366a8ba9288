/**
 * topic → format → canonical pings. Pure and total: any bytes on any topic give pings and/or rejections, never a throw.
 * Identity (facility, gateway) comes from the topic, which the broker's access rules protect; `routes.ts` finds it.
 */
import { createHash } from 'node:crypto'
import type { NativeForm, Refusal } from '../formats/format.ts'
import {
  type Element,
  type ElementFailure,
  type ParsedMessage,
  elementsBytes,
  isFailure,
  parseJsonMessage,
} from '../formats/json-message.ts'
import { type NativeContext, decodeNative } from '../formats/native.ts'
import { listTextOf } from '../formats/nested-list.ts'
import { quoteUnsafeIntegers } from '../formats/unsafe-integers.ts'
import { type Decoded, type Delivery, type Ping, type Rejection, canonicalId } from './ping.ts'
import { decodePresences, presenceTopic } from './presence-message.ts'
import { type Route, type Routes, createRoutes, unknownGateway } from './routes.ts'
import { idProblem } from './topics.ts'

export interface DecodeLimits {
  readonly maxMessageBytes: number
  readonly maxPingsPerMessage: number
  readonly futureToleranceS: number
}

/** What becomes of sightings: rows like any other ping; put apart, to be elected from; or both. */
export type SightingsPolicy = 'store' | 'apart' | 'both'

export type Decode = (delivery: Delivery) => Decoded

const backslash = 0x5c

export function createDecode(
  limits: DecodeLimits,
  routes: Routes = createRoutes(),
  policy: SightingsPolicy = 'store',
): Decode {
  return (delivery) => {
    const { payload, topic } = delivery
    const whole = ({ reason, detail }: Refusal): Decoded => ({
      pings: [],
      rejections: [reject(delivery, wholeMessage, payload, { reason, detail })],
    })
    // Our own message: as large as a window's tags are many, which limits.maxBufferedPings bounds.
    if (topic === presenceTopic && delivery.packetId === 0) {
      const outcomes = decodePresences(delivery)
      const bytesOf = elementsBytes(payload)
      return {
        pings: outcomes.filter((outcome): outcome is Ping => !('reason' in outcome)),
        rejections: outcomes.flatMap((outcome, index) =>
          'reason' in outcome ? [reject(delivery, index, bytesOf(index), outcome)] : [],
        ),
      }
    }
    if (payload.length > limits.maxMessageBytes)
      return whole({
        reason: 'too_large',
        detail: `${payload.length} bytes, at most ${limits.maxMessageBytes} are taken`,
      })
    const route = routes.resolve(topic)
    if ('reason' in route) return whole(route)
    const { message, isNested } =
      route.format.read === undefined
        ? { message: parseJsonMessage(payload, limits.maxPingsPerMessage), isNested: false }
        : parseVendor(payload, route, limits.maxPingsPerMessage)
    if (message.kind === 'failure') return whole(message.failure)
    if (route.format.inspect !== undefined) {
      const values = message.elements.map((element) => (isFailure(element) ? undefined : element.value))
      const refusal = route.format.inspect(values, route)
      if (refusal !== undefined) return whole(refusal)
    }

    const context: NativeContext = {
      delivery,
      facilityId: route.facilityId,
      gatewayId: route.gatewayId,
      futureToleranceS: limits.futureToleranceS,
    }
    // NUL and lone surrogates reach a JSON text only through an escape, so most payloads need no further look.
    const mayHoldBadText = payload.includes(backslash)
    const pings: Ping[] = []
    const sightings: Ping[] = []
    const rejections: Rejection[] = []
    let bytesOf: ((index: number) => Buffer) | undefined
    for (const [index, element] of message.elements.entries()) {
      const outcome = decodeElement(element, index, context, route, mayHoldBadText)
      if (outcome === undefined) continue
      if ('reason' in outcome) {
        bytesOf ??= bytesFor(payload, route, isNested, message.elements.length)
        rejections.push(reject(delivery, index, bytesOf(index), outcome))
      } else if (policy !== 'store' && route.isSighting && isSighting(outcome)) {
        sightings.push(outcome)
        if (policy === 'both') pings.push(outcome)
      } else pings.push(outcome)
    }
    return sightings.length === 0 ? { pings, rejections } : { pings, rejections, sightings }
  }
}

/** Heard, and not located: there is something to compare, and nothing better. */
const isSighting = (ping: Ping): boolean =>
  ping.rssiDbm !== null && ping.x === null && ping.longitude === null

interface VendorMessage {
  readonly message: ParsedMessage
  /** The elements are those of the list inside of the only one there was. */
  readonly isNested: boolean
}

function parseVendor(payload: Buffer, { format }: Route, maxElements: number): VendorMessage {
  const text = payload.toString('latin1')
  const quoted = quoteUnsafeIntegers(text)
  const message = parseJsonMessage(quoted === text ? payload : Buffer.from(quoted, 'latin1'), maxElements)
  if (format.listKey === undefined || message.kind === 'failure') return { message, isNested: false }
  const list = nestedList(message.elements, format.listKey)
  if (list === undefined) return { message, isNested: false }
  if (list.length <= maxElements)
    return { message: { kind: 'elements', elements: list.map((value) => ({ value })) }, isNested: true }
  const detail = `${list.length} elements, at most ${maxElements} are taken from one message`
  return { message: { kind: 'failure', failure: { reason: 'too_many_pings', detail } }, isNested: false }
}

function nestedList(
  elements: readonly (Element | ElementFailure)[],
  key: string,
): readonly unknown[] | undefined {
  const [only] = elements
  if (elements.length !== 1 || only === undefined || isFailure(only)) return undefined
  const { value } = only
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
  const list = (value as Readonly<Record<string, unknown>>)[key]
  return Array.isArray(list) ? list : undefined
}

/** The raw bytes of each element, of which there are `count`. */
function bytesFor(
  payload: Buffer,
  { format }: Route,
  isNested: boolean,
  count: number,
): (index: number) => Buffer {
  const list = isNested && format.listKey !== undefined ? nestedListText(payload, format.listKey) : undefined
  if (list !== undefined) return elementsBytes(Buffer.from(list))
  return count === 1 ? () => payload : elementsBytes(payload)
}

function nestedListText(payload: Buffer, key: string): string | undefined {
  const text = payload.toString().replace(/^\uFEFF/u, '')
  return text.trimStart().startsWith('{') ? listTextOf(text, key) : undefined
}

function decodeElement(
  element: Element | ElementFailure,
  index: number,
  message: NativeContext,
  route: Route,
  mayHoldBadText: boolean,
): Ping | Refusal | undefined {
  if (isFailure(element)) return element
  let value = element.value
  let context = message
  const { read } = route.format
  if (read !== undefined) {
    const reading = read(value, route)
    if (reading === undefined || 'reason' in reading) return reading
    const { form, frame } = reading
    const identified = identify(form, route, message)
    if ('reason' in identified) return identified
    context = identified
    transform(form, route, frame)
    value = form
  } else if (route.transform !== undefined && typeof value === 'object' && value !== null) {
    // A copy, and typed as what it should be: what it is not is found right below.
    const form: NativeForm = { ...value }
    transform(form, route, undefined)
    value = form
  }
  const outcome = decodeNative(value, index, context)
  return 'reason' in outcome || !mayHoldBadText ? outcome : (unstorable(outcome) ?? outcome)
}

function transform(form: NativeForm, route: Route, frame: string | undefined): void {
  const apply =
    frame !== undefined && route.frames?.has(frame) === true ? route.frames.get(frame) : route.transform
  apply?.(form)
}

/**
 * Which gateway an element is from: the topic's, or, where the mapping says that its publisher speaks for many, the one it
 * names. A gateway fixed by the configuration is no claim that a payload could contradict.
 */
function identify(form: NativeForm, route: Route, message: NativeContext): NativeContext | Refusal {
  const { gatewayId } = form
  if (!route.isGatewayInPayload) {
    if (!route.isGatewayInTopic && gatewayId !== undefined) {
      form.props = { ...form.props, gatewayId }
      form.gatewayId = undefined
    }
    return message
  }
  const canonical = canonicalId(gatewayId ?? '')
  const problem = idProblem(canonical)
  if (problem !== undefined)
    return { reason: 'invalid_ping', detail: `the gateway that the payload names ${problem}` }
  if (route.welcome !== undefined && !route.welcome.has(canonical)) return unknownGateway(canonical)
  return { ...message, gatewayId: canonical }
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
