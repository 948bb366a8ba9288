// What `simulate --format` publishes, `decode` accepts, and the tag is where the simulation had it.
import { describe, expect, it } from 'vitest'
import { formatNames } from '../../src/formats/format.ts'
import { formats } from '../../src/formats/registry.ts'
import { createDecode } from '../../src/ingest/decode.ts'
import { createRoutes, usualMapping } from '../../src/ingest/routes.ts'
import { createHospital } from '../../src/simulate/hospital.ts'
import { createPings } from '../../src/simulate/pings.ts'
import { createVendorTraffic } from '../../src/simulate/vendor-traffic.ts'
import { delivery, limits } from '../support/pings.ts'

const hospital = createHospital({ facility: 'demo', gateways: 8, tags: 40 })
const startMs = Date.UTC(2026, 10, 22, 6)
const options = {
  hospital,
  seed: 1,
  startMs,
  rate: 100,
  pingsPerMessage: 1,
  count: 120,
  badShare: 0,
  duplicateShare: 0,
  lateShare: 0,
}

describe.each(formatNames.filter((name) => name !== 'native'))('simulated %s', (format) => {
  const messages = [...createVendorTraffic({ ...options, format })]
  const { isSighting = false } = formats[format]
  const decodedPings = messages.map(({ topic, payload }) => {
    const mapping = usualMapping(format, topic, { facility: 'demo', gateway: 'hub' })
    const { pings, rejections } = createDecode(limits, createRoutes([mapping]))(delivery(payload, topic))
    return { pings, rejections }
  })

  it('is accepted, every message one ping', () => {
    expect(decodedPings.flatMap(({ rejections }) => rejections.map(({ detail }) => detail))).toEqual([])
    expect(decodedPings.map(({ pings }) => pings.length)).toEqual(Array.from({ length: 120 }, () => 1))
  })

  it('has the tags and the positions of the hospital, to the precision of the format', () => {
    const source = createPings(hospital, options.seed, startMs)
    const perPing = isSighting ? 3 : 1
    for (let index = 0; index < decodedPings.length; index += perPing) {
      const truth = source.fresh(startMs + Math.floor((index * 1000) / options.rate))
      const [ping] = decodedPings[index]?.pings ?? []
      const hasNoPosition = isSighting || format === 'omlox-proximity'
      expect(ping?.x ?? null).toBe(hasNoPosition ? null : truth.fields.xCm / 100)
      expect(ping?.y ?? null).toBe(hasNoPosition ? null : truth.fields.yCm / 100)
      expect(ping?.rssiDbm === null).toBe(!isSighting && format !== 'pozyx')
      const tag = format === 'dwm1001' ? truth.tagId.slice(-4) : truth.tagId
      expect(ping?.tagId.replace(/^tile:/u, '')).toBe(tag)
    }
  })

  it('is heard by several gateways where there is something to elect, by one elsewhere', () => {
    const gateways = new Set(decodedPings.slice(0, 3).map(({ pings }) => pings[0]?.gatewayId))
    expect(gateways.size).toBe(isSighting ? 3 : 1)
  })
})
