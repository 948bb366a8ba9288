import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addDigests, formatDigest } from '../../src/simulate/digest.ts'
import { createHospital, roomAt } from '../../src/simulate/hospital.ts'
import {
  createTraffic,
  maxWaitMs,
  type TrafficMessage,
  type TrafficOptions,
} from '../../src/simulate/traffic.ts'

const startMs = Date.UTC(2026, 10, 22, 7)
const hospital = createHospital({ facility: 'demo', gateways: 24, tags: 300 })
const base: TrafficOptions = {
  hospital,
  seed: 7,
  startMs,
  // No divisor of 1000: every last digit of a millisecond occurs.
  rate: 450,
  pingsPerMessage: 10,
  count: 8000,
  badShare: 0.05,
  duplicateShare: 0.1,
  lateShare: 0.05,
}

interface Good {
  key: string
  tMs: number
  x: number
  y: number
  element: Record<string, unknown>
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** One message the way design §4 describes it, by JSON.parse alone; undefined stands for a bad ping. */
function readMessage(message: TrafficMessage): (Good | undefined)[] {
  const gateway = message.topic.split('/')[2] ?? ''
  const text = message.payload.toString()
  const whole = parse(text)
  let elements: unknown[] = [whole]
  if (Array.isArray(whole)) elements = whole
  else if (whole === undefined) elements = text.split('\n').filter(Boolean).map(parse)
  return elements.map((element) => readElement(element, gateway))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function readElement(element: unknown, gateway: string): Good | undefined {
  if (!isRecord(element)) return undefined
  const { tagId, t, x, y } = element
  if (typeof tagId !== 'string' || typeof t !== 'string') return undefined
  const canonical = tagId.replaceAll(/[:-]/g, '').toUpperCase()
  if (!/^[0-9A-F]{12}$/.test(canonical)) return undefined
  const tMs = Date.parse(t)
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(t) || Number.isNaN(tMs)) return undefined
  if (typeof x !== 'number' || typeof y !== 'number') return undefined
  return { key: `${canonical}|${t}|${gateway}`, tMs, element, x, y }
}

/** Reads everything and compares it, message by message, with what the traffic says of itself. */
function audit(options: TrafficOptions) {
  const rows = new Map<string, Good>()
  const totals = { messages: 0, pings: 0, unique: 0, duplicates: 0, bad: 0, late: 0 }
  const wrong: unknown[] = []
  let digest = 0
  for (const message of createTraffic(options)) {
    const found = { unique: 0, duplicates: 0, bad: 0 }
    const read = readMessage(message)
    for (const good of read) {
      if (good === undefined) found.bad++
      else if (rows.has(good.key)) found.duplicates++
      else {
        found.unique++
        rows.set(good.key, good)
      }
    }
    const { kinds } = message
    if (
      message.pings !== read.length ||
      kinds.unique !== found.unique ||
      kinds.duplicates !== found.duplicates ||
      kinds.bad !== found.bad
    )
      wrong.push({ text: message.payload.toString(), says: kinds, found })
    totals.messages++
    totals.pings += read.length
    totals.unique += found.unique
    totals.duplicates += found.duplicates
    totals.bad += found.bad
    totals.late += message.kinds.late
    digest = addDigests(digest, message.digest)
  }
  expect(wrong).toEqual([])
  return { rows, totals, digest: formatDigest(digest) }
}

describe('the traffic of the simulated hospital', () => {
  it('is the same, byte by byte, for the same options', () => {
    const once = hashOf(base)
    expect(hashOf(base)).toBe(once)
    expect(hashOf({ ...base, seed: 8 })).not.toBe(once)
  })

  it('is the same on every platform and in every release that does not change it on purpose', () => {
    expect(hashOf({ ...base, count: 1000 })).toBe(
      '514c802b299f75a9c5c84f76e3ac62a2da9d278f35408711748518188ca99ff3',
    )
  })

  it('tells of every message what a plain reader finds in it', () => {
    const { totals, rows } = audit(base)
    expect(totals.pings).toBe(base.count)
    expect(rows.size).toBe(totals.unique)
    expect(totals.unique + totals.duplicates + totals.bad).toBe(totals.pings)
  })

  it('ends at exactly the count, also when a whole message was to be sent again', () => {
    const counts = Array.from({ length: 100 }, (_, index) => index)
    const made = counts.map((count) =>
      [...createTraffic({ ...base, count, pingsPerMessage: 7, duplicateShare: 0.5 })].reduce(
        (sum, { pings }) => sum + pings,
        0,
      ),
    )
    expect(made).toEqual(counts)
  })

  it('has the shares that were asked for', () => {
    const { totals } = audit({ ...base, count: 30_000 })
    expect(totals.bad / totals.pings).toBeCloseTo(base.badShare, 2)
    expect(totals.duplicates / totals.pings).toBeCloseTo(base.duplicateShare, 2)
    expect(totals.late / totals.pings).toBeCloseTo(base.lateShare, 2)
  })

  it('has no fault when none is asked for', () => {
    const { totals } = audit({ ...base, badShare: 0, duplicateShare: 0, lateShare: 0 })
    expect(totals).toMatchObject({ unique: base.count, duplicates: 0, bad: 0, late: 0 })
  })

  it('counts and keeps keys apart under any options, even tags that ping more often than the clock ticks', () => {
    const options = fc.record({
      seed: fc.integer(),
      tags: fc.integer({ min: 1, max: 5 }),
      gateways: fc.integer({ min: 1, max: 9 }),
      ratePerTag: fc.constantFrom(0.01, 1, 77, 500, 3000),
      pingsPerMessage: fc.integer({ min: 1, max: 20 }),
      count: fc.integer({ min: 0, max: 600 }),
      badShare: fc.double({ min: 0, max: 0.33, noNaN: true }),
      duplicateShare: fc.double({ min: 0, max: 0.33, noNaN: true }),
      lateShare: fc.double({ min: 0, max: 0.33, noNaN: true }),
    })
    fc.assert(
      fc.property(options, ({ tags, gateways, ratePerTag, ...rest }) => {
        const small = createHospital({ facility: 'f', gateways, tags })
        const { totals, rows } = audit({ hospital: small, startMs, rate: ratePerTag * tags, ...rest })
        expect(totals.pings).toBe(rest.count)
        expect(rows.size).toBe(totals.unique)
      }),
      { numRuns: 80 },
    )
  })

  it('has a digest that SHA-256, a 48-bit prefix and a sum modulo 2^48 give again', () => {
    const { rows, digest } = audit(base)
    let sum = 0n
    for (const key of rows.keys())
      sum += BigInt(`0x${createHash('sha256').update(key).digest('hex').slice(0, 12)}`)
    expect(digest).toBe((sum % 2n ** 48n).toString(16).padStart(12, '0'))
  })

  it('sets fresh pings by the virtual clock and late ones minutes to hours before it', () => {
    const { rows, totals } = audit(base)
    const endMs = startMs + (base.count * 1000) / base.rate
    const times = [...rows.values()].map(({ tMs }) => tMs)
    const late = times.filter((tMs) => tMs % 10 === 7)
    const fresh = times.filter((tMs) => tMs % 10 !== 7)
    expect(late).toHaveLength(totals.late)
    expect(Math.min(...fresh)).toBeGreaterThanOrEqual(startMs)
    expect(Math.max(...fresh)).toBeLessThanOrEqual(endMs)
    expect(Math.max(...late)).toBeLessThanOrEqual(endMs - 120_000)
    expect(Math.min(...late)).toBeGreaterThanOrEqual(startMs - 6 * 3_600_000 - 10_000)
    expect(late.filter((tMs) => tMs < startMs - 3_600_000).length).toBeGreaterThan(0)
  })

  it('repeats pings inside a message, in a later one, and whole messages', () => {
    const seen = new Set<string>()
    const payloads = new Set<string>()
    let inside = 0
    let later = 0
    let whole = 0
    for (const message of createTraffic({ ...base, badShare: 0 })) {
      const text = message.payload.toString()
      const here = new Set<string>()
      if (payloads.has(text)) whole++
      else
        for (const good of readMessage(message)) {
          if (good === undefined) continue
          if (here.has(good.key)) inside++
          else if (seen.has(good.key)) later++
          here.add(good.key)
        }
      payloads.add(text)
      for (const key of here) seen.add(key)
    }
    expect(Math.min(inside, later, whole)).toBeGreaterThan(20)
  })

  it('puts bad pings into good messages and sends some as whole messages', () => {
    const messages = [...createTraffic({ ...base, duplicateShare: 0 })].filter(({ kinds }) => kinds.bad > 0)
    expect(messages.filter(({ kinds }) => kinds.unique > 0).length).toBeGreaterThan(100)
    expect(messages.filter(({ pings }) => pings === 1).length).toBeGreaterThan(50)
  })

  it('lets no ping wait longer than a gateway collects, however few there are', () => {
    const rate = 20
    let longestMs = 0
    const options = { ...base, rate, count: 2000, duplicateShare: 0, lateShare: 0 }
    for (const message of createTraffic(options))
      for (const good of readMessage(message))
        if (good !== undefined) longestMs = Math.max(longestMs, message.atMs - (good.tMs - startMs))
    expect(longestMs).toBeGreaterThan(500)
    expect(longestMs).toBeLessThanOrEqual(maxWaitMs + 1000 / rate)
  })

  it('names the room that holds the reported point, and lets about 5 % of the tags move', () => {
    const { rows } = audit({ ...base, rate: 10, count: 40_000, lateShare: 0 })
    const wrong: unknown[] = []
    let moving = 0
    for (const { element, x, y } of rows.values()) {
      const floor = hospital.floors.find(({ level }) => level === element['floor'])
      const room = roomAt(floor?.rooms ?? [], x, y)?.id
      if (room !== element['zone']) wrong.push({ ...element, room })
      if (element['moving'] === true) moving++
    }
    expect(wrong).toEqual([])
    expect(moving / rows.size).toBeGreaterThan(0.03)
    expect(moving / rows.size).toBeLessThan(0.07)
  })
})

function hashOf(options: TrafficOptions): string {
  const sha = createHash('sha256')
  for (const { topic, payload } of createTraffic(options)) sha.update(topic).update(payload)
  return sha.digest('hex')
}
