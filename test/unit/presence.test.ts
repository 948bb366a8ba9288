// Which gateway gets the tag: the strongest of a window, with hysteresis. The clock is an argument.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDecode } from '../../src/ingest/decode.ts'
import type { Delivery, Ping } from '../../src/ingest/ping.ts'
import { type Election, type PresenceOptions, createPresence } from '../../src/ingest/presence.ts'
import { decodePresences, encodePresences, presenceTopic } from '../../src/ingest/presence-message.ts'
import { decoded, delivery, limits, receivedAtUs } from '../support/pings.ts'

const options: PresenceOptions = { windowS: 5, hysteresisDb: 6, maxTags: 1000 }
const source = delivery('')

/** `seconds` after a boundary of windows. */
function heard(tagId: string, gatewayId: string, rssiDbm: number, seconds: number): Ping {
  const t = new Date(receivedAtUs / 1000 - 3_600_000 + seconds * 1000).toISOString()
  const [ping] = decoded({ tagId, rssiDbm, t }, `rtls/h1/${gatewayId}/pings`).pings
  if (ping === undefined) throw new Error('not a ping')
  return ping
}

const said = (elections: readonly Election[]): string[] =>
  elections.flatMap(({ elected }) => elected.map((ping) => `${ping.tagId}@${ping.gatewayId}${ping.rssiDbm}`))

/** One whole window after another, from a list of `gateway: dBm` each. */
function windowsOf(more: Partial<PresenceOptions>, ...windows: Readonly<Record<string, number>>[]): string[] {
  const stage = createPresence({ ...options, ...more })
  return windows.flatMap((window, index) => {
    for (const [gateway, rssi] of Object.entries(window))
      stage.add(source, [heard('T', gateway, rssi, index * 5 + 1)], index * 5000)
    return said(stage.due(index * 5000 + 5000))
  })
}

describe('a window', () => {
  it('gives the tag to the gateway that heard it most strongly, with that sighting', () => {
    const stage = createPresence(options)
    stage.add(source, [heard('T', 'a', -80, 0), heard('T', 'b', -61, 1), heard('U', 'a', -50, 2)], 0)
    stage.add(source, [heard('T', 'b', -59, 4.9), heard('T', 'b', -70, 3)], 100)
    expect(stage.due(4999)).toEqual([])
    expect(stage.waitMs(4000)).toBe(1000)
    const [election] = stage.due(5000)
    expect(said(election === undefined ? [] : [election])).toEqual(['U@a-50', 'T@b-59'])
    expect(election).toMatchObject({ sightings: 5, sources: [source] })
    expect([stage.size, stage.waitMs(5000)]).toEqual([0, undefined])
  })

  it('is one of the sightings’ own time: a message over its end is in two', () => {
    const stage = createPresence(options)
    expect(stage.add(source, [heard('T', 'a', -60, 4.999), heard('T', 'a', -50, 5)], 0)).toBe(2)
    expect(said(stage.due(5000))).toEqual(['T@a-60', 'T@a-50'])
  })

  it('takes the first of equally strong sightings, then the gateway that sorts first, in whatever order they came', () => {
    const pings = [
      heard('T', 'b', -60, 1),
      heard('T', 'a', -60, 1),
      heard('T', 'c', -60, 2),
      heard('T', 'b', -60, 3),
    ]
    fc.assert(
      fc.property(fc.shuffledSubarray(pings, { minLength: pings.length }), (shuffled) => {
        const stage = createPresence(options)
        for (const ping of shuffled) stage.add(source, [ping], 0)
        expect(said(stage.due(5000))).toEqual(['T@a-60'])
      }),
    )
  })
})

describe('hysteresis', () => {
  it('keeps a tag between two rooms where it is', () => {
    expect(
      windowsOf({}, { a: -60, b: -63 }, { a: -63, b: -60 }, { a: -64, b: -59 }, { a: -60, b: -60 }),
    ).toEqual(['T@a-60', 'T@a-63', 'T@a-64', 'T@a-60'])
  })

  it('gives it to one that is stronger by as much as configured', () => {
    expect(windowsOf({}, { a: -60, b: -70 }, { a: -66, b: -60 }, { a: -64, b: -60 })).toEqual([
      'T@a-60',
      'T@b-60',
      'T@b-60',
    ])
    expect(windowsOf({ hysteresisDb: 0 }, { a: -60, b: -63 }, { a: -63, b: -62 })).toEqual([
      'T@a-60',
      'T@b-62',
    ])
  })

  it('ends when its gateway has not heard it for a whole window', () => {
    expect(windowsOf({}, { a: -50 }, { b: -90 }, { a: -85, b: -90 })).toEqual(['T@a-50', 'T@b-90', 'T@b-90'])
  })

  it('never flaps on noise smaller than it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: -62, max: -60 }), fc.integer({ min: -62, max: -60 })), {
          minLength: 2,
        }),
        (levels) => {
          const gateways = windowsOf({}, ...levels.map(([a, b]) => ({ a, b }))).map((line) =>
            line.slice(0, 3),
          )
          expect(new Set(gateways).size).toBe(1)
        },
      ),
      { numRuns: 50 },
    )
  })
})

describe('a window cut short', () => {
  it('says what it has, then only what changes', () => {
    const stage = createPresence(options)
    stage.add(source, [heard('T', 'a', -70, 0)], 0)
    expect(said(stage.flush())).toEqual(['T@a-70'])
    stage.add(source, [heard('T', 'a', -65, 1), heard('T', 'b', -66, 1)], 1000)
    expect(said(stage.flush())).toEqual([])
    stage.add(source, [heard('T', 'b', -59, 2)], 2000)
    expect(said(stage.flush())).toEqual(['T@b-59'])
    stage.add(source, [heard('T', 'b', -60, 6)], 6000)
    expect(said(stage.due(11_000))).toEqual(['T@b-60'])
  })

  it('does not take silence for absence before the window is over', () => {
    const stage = createPresence(options)
    stage.add(source, [heard('T', 'a', -60, 4)], 0)
    stage.flush()
    stage.add(source, [heard('T', 'b', -70, 6)], 6000)
    expect(said(stage.flush())).toEqual([])
    stage.add(source, [heard('T', 'b', -70, 11)], 11_000)
    expect(said(stage.flush())).toEqual(['T@b-70'])
  })

  it('never says the same gateway twice in a row for one window, wherever it is cut', () => {
    const sighting = fc.record({
      gateway: fc.constantFrom('a', 'b', 'c'),
      rssi: fc.integer({ min: -90, max: -50 }),
      second: fc.nat(14),
      cut: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(sighting, { maxLength: 40 }), (all) => {
        const stage = createPresence(options)
        const rows: string[] = []
        const note = (elections: readonly Election[]): void => {
          for (const { elected } of elections)
            for (const ping of elected) rows.push(`${ping.gatewayId} ${Math.floor(ping.tUs / 5_000_000)}`)
        }
        for (const { gateway, rssi, second, cut } of all.toSorted((x, y) => x.second - y.second)) {
          stage.add(source, [heard('T', gateway, rssi, second)], second * 1000)
          if (cut) note(stage.flush())
        }
        note(stage.due(Infinity))
        for (const [index, row] of rows.entries()) expect(row).not.toBe(rows[index - 1])
      }),
      { numRuns: 200 },
    )
  })
})

describe('what comes late', () => {
  it('changes nothing about now: a straggler says nothing, what was in store is said for its own time', () => {
    const stage = createPresence(options)
    stage.add(source, [heard('T', 'a', -60, 31)], 0)
    stage.due(5000)
    stage.add(source, [heard('T', 'b', -30, 29), heard('T', 'b', -30, 3)], 6000)
    expect(said(stage.due(11_000))).toEqual(['T@b-30'])
    stage.add(source, [heard('T', 'a', -60, 36), heard('T', 'b', -58, 36)], 12_000)
    expect(said(stage.due(17_000))).toEqual(['T@a-60'])
  })
})

describe('memory', () => {
  it('is bounded: the stage asks to be emptied, and forgets the tag not heard for longest', () => {
    const stage = createPresence({ ...options, maxTags: 3 })
    for (const [index, tag] of ['T1', 'T2', 'T3'].entries()) {
      expect(stage.isFull).toBe(false)
      stage.add(source, [heard(tag, 'a', -60, index)], 0)
    }
    expect(stage.isFull).toBe(true)
    stage.flush()
    stage.add(source, [heard('T1', 'a', -60, 6), heard('T4', 'a', -60, 6)], 6000)
    stage.due(11_000)
    // T2 is forgotten, and with it who had it: without a memory the stronger one gets it.
    stage.add(source, [heard('T2', 'a', -60, 11), heard('T2', 'b', -58, 11)], 12_000)
    expect(said(stage.due(17_000))).toEqual(['T2@b-58'])
  })
})

describe('the same input', () => {
  it('gives the same presences, and each sighting and message comes out as often as it went in', () => {
    const step = fc.record({
      tag: fc.constantFrom('T', 'U'),
      gateway: fc.constantFrom('a', 'b'),
      rssi: fc.integer({ min: -80, max: -60 }),
      second: fc.nat(40),
      ask: fc.constantFrom('due', 'flush', 'no'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const run = (): { lines: string[]; open: number } => {
          const stage = createPresence(options)
          const duties = new Map<Delivery, number>()
          const elections: Election[] = []
          for (const [index, { tag, gateway, rssi, second, ask }] of steps.entries()) {
            const message = delivery('', undefined, receivedAtUs + index)
            duties.set(message, stage.add(message, [heard(tag, gateway, rssi, second)], index * 1000))
            if (ask !== 'no') elections.push(...(ask === 'due' ? stage.due(index * 1000) : stage.flush()))
          }
          elections.push(...stage.flush())
          for (const { sources } of elections)
            for (const message of sources) duties.set(message, (duties.get(message) ?? 0) - 1)
          expect([...duties.values()].every((left) => left === 0)).toBe(true)
          expect(elections.reduce((sum, { sightings }) => sum + sightings, 0)).toBe(steps.length)
          return { lines: said(elections), open: stage.size }
        }
        expect(run()).toEqual(run())
        expect(run().open).toBe(0)
      }),
      { numRuns: 100 },
    )
  })
})

describe('the derived message', () => {
  it('is read back as presences in the gateway’s room, a microsecond after their sightings', () => {
    const ping = heard('AC:23:3F:A1:B2:C3', 'gw-1', -60, 1)
    const payload = encodePresences([{ ping, roomId: 'ED-BAY-3', floor: 0 }])
    const decode = createDecode(limits)
    const message = { ...delivery(payload, presenceTopic), packetId: 0 }
    const { pings, rejections } = decode(message)
    expect(rejections).toEqual([])
    expect(pings[0]).toMatchObject({
      tagId: 'AC233FA1B2C3',
      facilityId: 'h1',
      gatewayId: 'gw-1',
      tUs: ping.tUs + 1,
      timeSource: 'device',
      roomId: 'ED-BAY-3',
      floor: 0,
      rssiDbm: -60,
      fix: 'presence',
      x: null,
    })
  })

  it('that is none is refused, never thrown', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 60 }),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          for (const outcome of decodePresences(delivery(bytes, presenceTopic)))
            expect(outcome).toHaveProperty('reason')
        },
      ),
    )
  })
})
