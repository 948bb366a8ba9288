// Decoding as a format, and what came of it in a form that can be written down.
import { expect } from 'vitest'
import type { FormatName } from '../../src/formats/format.ts'
import { formats } from '../../src/formats/registry.ts'
import { createDecode } from '../../src/ingest/decode.ts'
import type { Decoded, Ping } from '../../src/ingest/ping.ts'
import { type Mapping, createRoutes, usualMapping } from '../../src/ingest/routes.ts'
import { delivery, limits } from './pings.ts'

/** With the format's default topics; facility h1 and gateway g1 where the topic names none. */
export function decodedAs(
  format: FormatName,
  payload: unknown,
  topic: string,
  more: Partial<Mapping> = {},
): Decoded {
  const mapping = { ...usualMapping(format, topic, { facility: 'h1', gateway: 'g1' }), ...more }
  return createDecode(limits, createRoutes([mapping]))(delivery(payload, topic))
}

/** What was said, without nulls; times as ISO 8601, props as a value. */
export function plainPing(ping: Ping): Record<string, unknown> {
  const { delivery: _, index: __, tUs, props, ...rest } = ping
  const said = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null))
  const micros = String(tUs % 1_000_000).padStart(6, '0')
  const t = `${new Date(Math.floor(tUs / 1_000_000) * 1000).toISOString().slice(0, 19)}.${micros}Z`
  return { t, ...said, ...(props === null ? {} : { props: JSON.parse(props) as unknown }) }
}

export const plain = ({ pings, rejections }: Decoded): object => ({
  pings: pings.map(plainPing),
  rejections: rejections.map(({ index, reason, detail, payload }) => ({
    element: index,
    reason,
    detail,
    payload: payload.toString(),
  })),
})

export type Fields = Readonly<Record<string, unknown>>

/** The example of the format with other values, as one ping. */
export function pingOf(format: FormatName, more: Fields = {}, topic = formats[format].example.topic): Ping {
  const { pings, rejections } = decodedAs(format, { ...elementOf(format), ...more }, topic)
  expect(rejections).toEqual([])
  expect(pings).toHaveLength(1)
  return pings[0] as Ping
}

export function elementOf(format: FormatName): Fields {
  const { payload } = formats[format].example
  const { listKey } = formats[format]
  const list: unknown = listKey === undefined ? payload : (payload as Fields)[listKey]
  return (Array.isArray(list) ? list.at(-1) : list) as Fields
}

export const reasonsOf = (
  format: FormatName,
  payload: unknown,
  topic = formats[format].example.topic,
): string[] => decodedAs(format, payload, topic).rejections.map(({ reason }) => reason)
