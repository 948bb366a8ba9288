// Between sightings and the pipeline: when windows are cut short, what they weigh, where gateways are.
import { describe, expect, it } from 'vitest'
import { createDecode } from '../../src/ingest/decode.ts'
import type { Delivery } from '../../src/ingest/ping.ts'
import type { Election } from '../../src/ingest/presence.ts'
import { type Presences, createPresences } from '../../src/ingest/presences.ts'
import { createRoutes, mappingOf } from '../../src/ingest/routes.ts'
import { delivery, limits, receivedAtUs } from '../support/pings.ts'

const decode = createDecode(
  limits,
  createRoutes([
    mappingOf('minew', '/gw/{gateway}/status', { facility: 'h1' }),
    mappingOf('minew', '/annex/{gateway}/status', { facility: 'h2' }),
  ]),
  'apart',
)
const place = { facility: null, gateway: 'AC:23:3F:C0:00:01', room: 'R1', floor: 2 }

const open = (gateways = [place]): Presences =>
  createPresences({ windowS: 5, hysteresisDb: 6, maxTags: 100_000, gateways })

function hear(presences: Presences, tags: number, topic = '/gw/AC233FC00001/status', from = 0): Delivery {
  const elements = Array.from({ length: tags }, (_, index) => ({
    type: 'Unknown',
    mac: `AC233F${(from + index).toString(16).toUpperCase().padStart(6, '0')}`,
    rssi: -60,
    timestamp: '2026-11-22T06:59:59Z',
    rawData: '0201060303E1FF1216E1FFA10364FFF4000FFF003F23AC'.repeat(4),
  }))
  const message = delivery(elements, topic)
  presences.take(message, decode(message), 0, 0)
  return message
}

const calm = { isUrgent: false, unacked: 1, windowSize: 8192, quietForMs: 10_000 }

function electionsAt(presences: Presences, nowMs: number, pressure: Partial<typeof calm>): Election[] {
  const elections: Election[] = []
  presences.close(nowMs, { ...calm, ...pressure }, (election) => elections.push(election))
  return elections
}

describe('a window', () => {
  it('is whole where nobody waits', () => {
    const presences = open()
    hear(presences, 1)
    expect(electionsAt(presences, 1000, {})).toEqual([])
    expect(electionsAt(presences, 5000, {})).toHaveLength(1)
  })

  it.each([
    ['whose window we know, after a moment', { unacked: 20, windowSize: 20, quietForMs: 25 }, 1],
    ['that may wait, after a longer one', { unacked: 20, windowSize: 8192, quietForMs: 300 }, 1],
    ['that may wait, not yet', { unacked: 20, windowSize: 8192, quietForMs: 200 }, 0],
    ['that has sent too few to be waiting', { unacked: 9, windowSize: 8192, quietForMs: 4000 }, 0],
  ])('is cut short for a broker %s', (_, pressure, elections) => {
    const presences = open()
    hear(presences, 1)
    expect(electionsAt(presences, 1000, pressure)).toHaveLength(elections)
  })

  it('of ten thousand tags becomes ten thousand presences, however large a message that makes', () => {
    const presences = open()
    for (let from = 0; from < 10_000; from += 2000) hear(presences, 2000, undefined, from)
    const [election] = electionsAt(presences, 5000, {})
    if (election === undefined) throw new Error('no election')
    const derived = presences.derive(election, receivedAtUs)
    expect(derived.payload.length).toBeGreaterThan(limits.maxMessageBytes)
    const { pings, rejections } = decode(derived)
    expect(rejections).toEqual([])
    expect(pings).toHaveLength(10_000)
  })

  it('weighs its messages until the last of their windows is durable', () => {
    const presences = open()
    const message = hear(presences, 3)
    expect(presences.bytes).toBe(message.payload.length)
    electionsAt(presences, 5000, {})
    expect(presences.bytes).toBe(message.payload.length)
    expect(presences.isSettled(message)).toBe(true)
    expect(presences.bytes).toBe(0)
  })
})

describe('the room of a gateway', () => {
  const roomsOf = (presences: Presences, topic: string): (string | null)[] => {
    hear(presences, 1, topic)
    return electionsAt(presences, 5000, {}).flatMap((election) =>
      decode(presences.derive(election, receivedAtUs)).pings.map((ping) => ping.roomId),
    )
  }

  it('is found in whatever notation its id stands', () => {
    expect(roomsOf(open(), '/gw/AC233FC00001/status')).toEqual(['R1'])
    expect(roomsOf(open(), '/gw/ac-23-3f-c0-00-01/status')).toEqual(['R1'])
  })

  it('may be that of one facility only', () => {
    const gateways = [
      { ...place, facility: 'h1' },
      { ...place, facility: 'h2', room: 'ANNEX' },
    ]
    const presences = createPresences({ windowS: 5, hysteresisDb: 6, maxTags: 1000, gateways })
    expect(roomsOf(presences, '/gw/AC233FC00001/status')).toEqual(['R1'])
    expect(roomsOf(presences, '/annex/AC233FC00001/status')).toEqual(['ANNEX'])
  })
})
