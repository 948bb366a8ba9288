/** Times of recorded traffic → microseconds since 1970, in the unit that the person said. Pure. */
import { parseIsoUs } from '../ingest/ping.ts'
import type { TimeUnit } from './options.ts'

const usPer = { s: 1_000_000, ms: 1000, us: 1 } as const

/** `zone` is added to ISO text that has none. Undefined: not a time in that unit. */
export function readTime(text: string, unit: TimeUnit, zone: string): number | undefined {
  const trimmed = text.trim()
  const isNumber = /^[+-]?\d+(?:\.\d+)?$/u.test(trimmed)
  if (unit === 'iso' || (unit === 'auto' && !isNumber)) return isoUs(trimmed, zone)
  if (!isNumber) return undefined
  const value = Number(trimmed)
  const scale = unit === 'auto' ? guessScale(value) : usPer[unit]
  const us = Math.round(value * scale)
  return Number.isSafeInteger(us) ? us : undefined
}

/** Mosquitto's %j writes `…Z+0200`: the offset is the one after the Z. */
const isoUs = (text: string, zone: string): number | undefined => {
  const mended = text.replace(/Z(?=[+-]\d{4}$)/u, '')
  return parseIsoUs(mended) ?? parseIsoUs(`${mended}${zone}`)
}

/** Between 1973 and 5138 the three do not overlap. */
const guessScale = (value: number): number => (value < 1e11 ? usPer.s : value < 1e14 ? usPer.ms : usPer.us)

export const isoOf = (us: number): string => {
  const second = Math.floor(us / 1_000_000)
  const fraction = String(us - second * 1_000_000).padStart(6, '0')
  return `${new Date(second * 1000).toISOString().slice(0, 19)}.${fraction}Z`
}
