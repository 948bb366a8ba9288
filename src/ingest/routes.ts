/**
 * topic → format, facility and gateway, as the configuration maps them. Topics repeat, so what was found is kept, up to a bound.
 * Guarantees: total; identity comes from the topic or from the configuration, and from the payload only where a mapping says
 * that its publisher speaks for many gateways.
 */
import type { Format, FormatName, Refusal } from '../formats/format.ts'
import { formats } from '../formats/registry.ts'
import { canonicalId } from './ping.ts'
import { filterOf, hasLevel, idProblem, matchTopic } from './topics.ts'
import { type ApplyTransform, createTransform, type Transform } from './transform.ts'

/** One entry of the configuration. */
export interface Mapping {
  readonly topic: string
  readonly format: FormatName
  /** Where the topic has no level for it. */
  readonly facility: string | null
  readonly gateway: string | null
  readonly gatewayFromPayload: boolean
  /** Other gateways are refused; empty: all are welcome. */
  readonly gateways: readonly string[]
  /** Null: as the format has it. */
  readonly sightings: boolean | null
  readonly transform: Transform
  /** For payloads that name their local frame: in place of `transform`. */
  readonly frames: readonly (Transform & { readonly frame: string })[]
}

export interface Route {
  readonly format: Format
  readonly facilityId: string
  /** Empty where the payload names it. */
  readonly gatewayId: string
  readonly isGatewayInTopic: boolean
  readonly isGatewayInPayload: boolean
  readonly tagId: string | undefined
  /** Canonical; undefined: all. Set only where it cannot be checked once for the topic. */
  readonly welcome: ReadonlySet<string> | undefined
  readonly isSighting: boolean
  readonly transform: ApplyTransform | undefined
  readonly frames: ReadonlyMap<string, ApplyTransform | undefined> | undefined
}

export interface Routes {
  resolve(topic: string): Route | Refusal
}

const identity: Transform = {
  swapAxes: false,
  scale: 1,
  rotateDeg: 0,
  offsetX: 0,
  offsetY: 0,
  offsetZ: 0,
  floor: null,
}

/** A mapping with everything else at its default. */
export const mappingOf = (format: FormatName, topic: string, more: Partial<Mapping> = {}): Mapping => ({
  topic,
  format,
  facility: null,
  gateway: null,
  gatewayFromPayload: false,
  gateways: [],
  sightings: null,
  transform: identity,
  frames: [],
  ...more,
})

const nativeOnly: readonly Mapping[] = [mappingOf('native', 'rtls/{facility}/{gateway}/pings')]

/**
 * How a message on this topic would be mapped by somebody who uses the format where it is published by default, with or
 * without a slash before the topic. On any other topic nothing of the topic is named.
 */
export function usualMapping(
  format: FormatName,
  topic: string,
  names: { readonly facility: string; readonly gateway: string },
): Mapping {
  const levels = topic.split('/')
  const pattern =
    formats[format].topics
      .flatMap((usual) => [usual, usual.startsWith('/') ? usual.slice(1) : `/${usual}`])
      .find((usual) => matchTopic(usual.split('/'), levels) !== undefined) ?? topic
  const gatewayFromPayload = format === 'kontakt'
  return mappingOf(format, pattern, {
    facility: hasLevel(pattern, 'facility') ? null : names.facility,
    gateway: hasLevel(pattern, 'gateway') || gatewayFromPayload ? null : names.gateway,
    gatewayFromPayload,
  })
}

/** Whether its messages are sightings, of which the strongest of a window counts. */
export const hasSightings = ({ format, sightings }: Pick<Mapping, 'format' | 'sightings'>): boolean =>
  sightings ?? formats[format].isSighting === true

/** What to subscribe to. */
export const topicsOf = (mappings: readonly Pick<Mapping, 'topic'>[]): string[] =>
  mappings.map(({ topic }) => filterOf(topic))

/** Filters of the topics on which this gateway is heard; a gateway that only the payload names has none of its own. */
export const topicsOfGateway = (
  mappings: readonly Pick<Mapping, 'topic' | 'gateway'>[],
  gateway: string,
): string[] =>
  mappings.flatMap(({ topic, gateway: fixed }) => {
    if (hasLevel(topic, 'gateway')) return [filterOf(topic.replace('{gateway}', () => gateway))]
    return fixed === gateway ? [filterOf(topic)] : []
  })

/** A large site has 10,000 tags, each heard by a few gateways, and some formats name both in the topic. */
const maxCachedTopics = 50_000
/** Longer ones are not worth the memory. */
const maxCachedLength = 256

export function createRoutes(mappings: readonly Mapping[] = nativeOnly): Routes {
  const compiled = mappings.map((mapping) => ({
    levels: mapping.topic.split('/'),
    build: createBuilder(mapping),
  }))
  const shown = mappings.map(({ topic }) => topic).join(', ')
  const cache = new Map<string, Route | Refusal>()

  const find = (topic: string): Route | Refusal => {
    const levels = topic.split('/')
    for (const { levels: pattern, build } of compiled) {
      const named = matchTopic(pattern, levels)
      if (named !== undefined) return build(named)
    }
    return { reason: 'unknown_topic', detail: `expected ${shown}`.slice(0, 500) }
  }

  return {
    resolve(topic) {
      const known = cache.get(topic)
      if (known !== undefined) return known
      const found = find(topic)
      if (topic.length <= maxCachedLength) {
        // Simpler than a least-recently-used order, and as good while the topics of a site fit.
        if (cache.size >= maxCachedTopics) cache.clear()
        cache.set(topic, found)
      }
      return found
    },
  }
}

type Builder = (named: {
  readonly facility?: string
  readonly gateway?: string
  readonly tag?: string
}) => Route | Refusal

function createBuilder(mapping: Mapping): Builder {
  const format = formats[mapping.format]
  const transform = createTransform(mapping.transform)
  const frames =
    mapping.frames.length === 0
      ? undefined
      : new Map(mapping.frames.map((frame) => [frame.frame, createTransform(frame)]))
  const welcome = mapping.gateways.length === 0 ? undefined : new Set(mapping.gateways.map(canonicalId))
  return ({ facility, gateway, tag }) => {
    const facilityId = facility ?? mapping.facility ?? ''
    const gatewayId = gateway ?? mapping.gateway ?? ''
    const isGatewayInPayload = mapping.gatewayFromPayload
    const levels = { facility: facilityId, ...(isGatewayInPayload ? {} : { gateway: gatewayId }) }
    for (const [level, id] of Object.entries(tag === undefined ? levels : { ...levels, tag })) {
      const problem = idProblem(id)
      if (problem !== undefined)
        return { reason: 'unknown_topic', detail: `the ${level} of the topic ${problem}` }
    }
    if (!isGatewayInPayload && welcome !== undefined && !welcome.has(canonicalId(gatewayId)))
      return unknownGateway(gatewayId)
    return {
      format,
      facilityId,
      gatewayId,
      isGatewayInTopic: gateway !== undefined,
      isGatewayInPayload,
      tagId: tag,
      welcome: isGatewayInPayload ? welcome : undefined,
      isSighting: hasSightings(mapping),
      transform,
      frames,
    }
  }
}

export const unknownGateway = (gatewayId: string): Refusal => ({
  reason: 'unknown_gateway',
  detail: `${JSON.stringify(gatewayId.slice(0, 128))} is not among the gateways of its mapping in formats`,
})
