/**
 * What the gateways of the demo hospital would say in a vendor's format: good pings only, one a message.
 * Of a format of sightings each ping is heard by the nearest gateways, so that there is something to elect.
 * Guarantees: the same options give the same bytes; memory does not grow with the length of the run.
 */
import type { FormatName } from '../formats/format.ts'
import { formats } from '../formats/registry.ts'
import { createCoverage } from './coverage.ts'
import { at } from './hospital.ts'
import { createPings } from './pings.ts'
import { createRandom } from './random.ts'
import type { TrafficMessage, TrafficOptions } from './traffic.ts'
import { vendorMessages } from './vendor-messages.ts'

/** Bluetooth reaches the rooms next door, and seldom further. */
const hearers = 3

export function* createVendorTraffic(
  options: TrafficOptions & { readonly format: FormatName },
): Generator<TrafficMessage, void, void> {
  const { hospital, format, rate, count, seed, startMs } = options
  if (format === 'native') throw new RangeError('native traffic is made by traffic.ts')
  const pings = createPings(hospital, seed, startMs)
  const coverage = createCoverage(hospital)
  const random = createRandom(seed, 3)
  const encode = vendorMessages[format]
  const stations = hospital.gateways.map((_, index) => index)
  for (let made = 0; made < count;) {
    const atMs = (made * 1000) / rate
    const ping = pings.fresh(startMs + Math.floor(atMs))
    const [x, y] = [ping.fields.xCm / 100, ping.fields.yCm / 100]
    const distanceM = (station: number): number => coverage.distanceM(station, ping.fields.floor, x, y)
    const heardBy =
      formats[format].isSighting === true
        ? stations.toSorted((a, b) => distanceM(a) - distanceM(b)).slice(0, hearers)
        : [ping.gateway]
    for (const station of heardBy) {
      if (made >= count) return
      made += 1
      const rssiDbm =
        station === ping.gateway
          ? ping.fields.rssiDbm
          : Math.max(-94, Math.round(-46 - 1.4 * distanceM(station) + 2 * random.gauss()))
      const { topic, payload } = encode({
        facility: hospital.facilityId,
        gateway: at(hospital.gateways, station),
        station,
        tagId: ping.tagId,
        t: ping.t,
        fields: { ...ping.fields, rssiDbm },
      })
      yield {
        topic,
        payload: Buffer.from(JSON.stringify(payload)),
        pings: 1,
        kinds: { unique: 1, duplicates: 0, bad: 0, late: 0 },
        gateway: station,
        atMs,
        digest: 0,
      }
    }
  }
}
