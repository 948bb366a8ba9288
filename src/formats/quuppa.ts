/**
 * `quuppa`: the Quuppa Positioning Engine's push output. Evidence 3P: third parties' programs. Metres, epoch milliseconds.
 * `locationType` says what the coordinates are: those of `proximity` are the locator's and never become x and y.
 * `rssi` is a scale from 0 to 63, not dBm, and stays in props.
 */
import type { Fix } from '../ingest/ping.ts'
import type { Format, Reading } from './format.ts'
import {
  addTo,
  batteryOf,
  idOf,
  isFields,
  isPosition,
  isRefusal,
  notAPing,
  numberIn,
  numberOf,
  restOf,
  textOf,
  timeOf,
} from './values.ts'

const taken = new Set([
  'tagId',
  'location',
  'locationType',
  'locationMovementStatus',
  'locationRadius',
  'locationTS',
  'locationZoneIds',
  'batteryLevel',
])

/** What we call it, and whether the coordinates are the tag's; a type that is not here says that there is no location. */
const types: Readonly<Record<string, { readonly fix: Fix; readonly isTag: boolean }>> = {
  position: { fix: 'position', isTag: true },
  approximate: { fix: 'approximate', isTag: true },
  proximity: { fix: 'proximity', isTag: false },
  presence: { fix: 'presence', isTag: false },
}

function read(element: unknown): Reading {
  if (!isFields(element)) return notAPing(element)
  const time = timeOf('locationTS', element['locationTS'], 'epoch milliseconds', numberIn)
  if (isRefusal(time)) return time
  const location: readonly unknown[] = Array.isArray(element['location']) ? element['location'] : []
  const [x, y, z] = location.map(numberOf)
  const named = textOf(element['locationType'])
  // Own keys only: a type named "constructor" is no type.
  const type =
    named === undefined
      ? isPosition(x, y)
        ? types['position']
        : undefined
      : Object.hasOwn(types, named)
        ? types[named]
        : undefined
  const hasPosition = type?.isTag === true && isPosition(x, y)
  const zones: unknown = element['locationZoneIds']
  const props = addTo(restOf(element, taken), {
    // []: it has a fix and is in none. null: no fix, nothing to keep.
    zones: Array.isArray(zones) && zones.length !== 1 ? zones : undefined,
    // Named by `fix` where it is one of the four.
    locationType: type === undefined ? named : undefined,
    locator: !hasPosition && isPosition(x, y) ? location : undefined,
  })
  return {
    frame: idOf(element['locationCoordSysId']),
    form: {
      tagId: idOf(element['tagId']),
      t: time.ms,
      ...(hasPosition ? { x, y, z, accuracyM: radiusOf(element['locationRadius']) } : {}),
      fix: hasPosition || type?.isTag === false ? type.fix : undefined,
      moving: movingOf(element['locationMovementStatus']),
      batteryPct: batteryOf(element['batteryLevel']),
      zone: Array.isArray(zones) ? idOf(zones[0]) : undefined,
      method: 'BLE',
      props,
    },
  }
}

/** Negative is "unknown". */
const radiusOf = (value: unknown): number | undefined => {
  const metres = numberOf(value)
  return metres !== undefined && metres >= 0 ? metres : undefined
}

const movingOf = (status: unknown): boolean | undefined =>
  status === 'moving' ? true : status === 'stationary' ? false : undefined

export const quuppa: Format = {
  name: 'quuppa',
  topics: ['quuppa/{facility}/tags'],
  evidence: '3P: third parties’ programs; the topic is the site’s choice',
  example: {
    topic: 'quuppa/st-marys/tags',
    payload: {
      tags: [
        {
          tagId: 'a4da22e16b9c',
          location: [12.34, 5.6, 1.1],
          locationType: 'position',
          locationMovementStatus: 'moving',
          locationRadius: 0.3,
          locationTS: 1795330799123,
          locationZoneIds: ['Zone004'],
          locationCoordSysId: 'CoordinateSystem1',
          rssi: 41,
        },
      ],
    },
  },
  listKey: 'tags',
  read,
}
