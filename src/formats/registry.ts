/** Every format there is, by its name. */
import { dwm1001 } from './dwm1001.ts'
import { espresense } from './espresense.ts'
import type { Format, FormatName } from './format.ts'
import { kontakt } from './kontakt.ts'
import { leaps } from './leaps.ts'
import { minew } from './minew.ts'
import { omloxLocation, omloxProximity } from './omlox.ts'
import { pozyx } from './pozyx.ts'
import { quuppa } from './quuppa.ts'
import { ruuvi } from './ruuvi.ts'
import { sewio } from './sewio.ts'

const native: Format = {
  name: 'native',
  topics: ['rtls/{facility}/{gateway}/pings'],
  evidence: 'ours: README, "What gateways publish"',
  example: {
    topic: 'rtls/st-marys/gw-7/pings',
    payload: {
      tagId: 'AC:23:3F:A1:B2:C3',
      t: '2026-11-22T06:59:59.123Z',
      x: 12.34,
      y: 5.6,
      z: 1.1,
      floor: 2,
      accuracyM: 0.3,
      rssiDbm: -67,
      batteryPct: 88,
      moving: true,
      seq: 1234,
      method: 'UWB',
      zone: 'ED-BAY-3',
      props: { tempC: 24.3 },
    },
  },
}

export const formats: Readonly<Record<FormatName, Format>> = {
  native,
  'omlox-location': omloxLocation,
  'omlox-proximity': omloxProximity,
  pozyx,
  dwm1001,
  leaps,
  minew,
  quuppa,
  kontakt,
  espresense,
  ruuvi,
  sewio,
}
