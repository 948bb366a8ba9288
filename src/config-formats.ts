/**
 * The shape of `formats`: which topics carry which format, and what a site's coordinates and gateways are. Says of two filters
 * that overlap that they do, and of a mapping that names no facility or gateway that it does not.
 */
import { z } from 'zod'
import { type FormatName, formatNames } from './formats/format.ts'
import { formats } from './formats/registry.ts'
import { doOverlap, hasLevel, idProblem, patternProblem } from './ingest/topics.ts'

const number = z.number().min(-1e8).max(1e8)

const transformShape = {
  swapAxes: z.boolean().default(false),
  scale: number.refine((scale) => scale !== 0, 'expected a number other than 0').default(1),
  rotateDeg: number.default(0),
  offsetX: number.default(0),
  offsetY: number.default(0),
  offsetZ: number.default(0),
  floor: z.number().min(-1000).max(1000).nullable().default(null),
}

/** It becomes a column of every row, and a level of a topic in what people search for. */
export const id = z
  .string()
  .refine(
    (text) => idProblem(text) === undefined && !/[/+#]/u.test(text),
    'expected a name without "/", "+" and "#"',
  )

const mapping = z.strictObject({
  topic: z.string().superRefine((topic, context) => {
    const problem = patternProblem(topic)
    if (problem !== undefined)
      context.addIssue({
        code: 'custom',
        message: `this filter ${problem}; expected such as rtls/{facility}/{gateway}/pings`,
      })
  }),
  format: z.enum(formatNames),
  facility: id.nullable().default(null),
  gateway: id.nullable().default(null),
  gatewayFromPayload: z.boolean().default(false),
  gateways: z.array(z.string().min(1)).default([]),
  sightings: z.boolean().nullable().default(null),
  transform: z.strictObject(transformShape).prefault({}),
  frames: z.array(z.strictObject({ frame: z.string().min(1), ...transformShape })).default([]),
})

type Mapping = z.output<typeof mapping>

export const formatsSchema = z
  .array(mapping)
  .min(1)
  .superRefine((mappings, context) => {
    for (const [at, one] of mappings.entries()) {
      const problem = problemOf(one)
      if (problem !== undefined)
        context.addIssue({ code: 'custom', path: [at, problem.key], message: problem.message })
      const other = mappings.slice(0, at).findIndex(({ topic }) => doOverlap(topic, one.topic))
      if (other !== -1)
        context.addIssue({
          code: 'custom',
          path: [at, 'topic'],
          message: `expected a filter that does not overlap with that of formats.${other}, "${mappings[other]?.topic ?? ''}" (a message on both would come twice)`,
        })
    }
  })
  .prefault([{ topic: 'rtls/{facility}/{gateway}/pings', format: 'native' }])

function problemOf(one: Mapping): { readonly key: keyof Mapping; readonly message: string } | undefined {
  const { topic, format, facility, gateway, gatewayFromPayload } = one
  for (const [level, fixed] of [
    ['facility', facility],
    ['gateway', gateway],
  ] as const) {
    const isElsewhere = level === 'gateway' && gatewayFromPayload
    if (!hasLevel(topic, level) && fixed === null && !isElsewhere)
      return { key: level, message: `expected a name, because no level of "${topic}" is {${level}}` }
    if (hasLevel(topic, level) && fixed !== null)
      return { key: level, message: `expected none, because a level of "${topic}" is {${level}}` }
  }
  if (gatewayFromPayload && (gateway !== null || hasLevel(topic, 'gateway')))
    return { key: 'gatewayFromPayload', message: 'expected false where topic or gateway name the gateway' }
  if (gatewayFromPayload && !namesGateways.has(format))
    return { key: 'gatewayFromPayload', message: `expected false: ${format} does not name the gateway` }
  if (formats[format].isTagInTopic === true && !hasLevel(topic, 'tag'))
    return {
      key: 'topic',
      message: `expected a level {tag}, because ${format} has the tag nowhere else, such as ${formats[format].topics[0] ?? ''}`,
    }
  return undefined
}

/** Their payloads can say which gateway of many heard the tag. */
const namesGateways: ReadonlySet<FormatName> = new Set(['kontakt', 'ruuvi'])
