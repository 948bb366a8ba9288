// Where a thing is, as a sentence.
import { expect, it } from 'vitest'
import { whereInWords } from '../../src/http/in-words.ts'
import { type Place, locationOf } from '../../src/live/location.ts'

const nowMs = Date.UTC(2026, 10, 22, 12)
const bay = { name: 'ED Bay 3', floor: 1, isRestricted: false, x: null, y: null }

function say(agoS: number | null, place: Partial<Place> = {}, room: typeof bay | null = bay): string {
  const facts = {
    assetId: 'a',
    assetTag: 'IP-001',
    name: 'Infusion pump',
    category: 'THERAPEUTIC',
    subcategory: null,
    status: 'ACTIVE',
    isFree: true,
  }
  const whole: Place = {
    tUs: (nowMs - (agoS ?? 0) * 1000) * 1000,
    tagId: 'T1',
    facility: 'h1',
    floor: 1,
    roomId: room === null ? null : 'bay',
    zone: null,
    x: 12.34,
    y: 5.6,
    z: null,
    accuracyM: 0.4,
    fix: 'position',
    isMoving: null,
    batteryPct: null,
    ...place,
  }
  return whereInWords(
    locationOf({ facts, homeFacility: 'h1', place: agoS === null ? null : whole, room }, nowMs),
  )
}

it.each([
  [say(12), 'Infusion pump IP-001 is in ED Bay 3, floor 1, seen 12 s ago, ±0.4 m.'],
  [say(300, { accuracyM: null }), 'Infusion pump IP-001 is in ED Bay 3, floor 1, seen 5 min ago.'],
  [
    say(900),
    'Infusion pump IP-001 is in ED Bay 3, floor 1, seen 15 min ago, ±0.4 m. Fairly sure: it has been silent since.',
  ],
  [
    say(10_800),
    'Infusion pump IP-001 was last in ED Bay 3, floor 1, seen 3 h ago, ±0.4 m. Not sure: it has been silent since.',
  ],
  [
    say(5, { fix: 'proximity', accuracyM: 12 }),
    'Infusion pump IP-001 is in ED Bay 3, floor 1, seen 5 s ago, ±12 m. Not sure: only a receiver nearby has heard it, and the position is not exact.',
  ],
  [
    say(5, {}, null),
    'Infusion pump IP-001 is at x 12.3 m, y 5.6 m, floor 1, in no room that is known, seen 5 s ago, ±0.4 m.',
  ],
  [say(5, { zone: 'East' }, null), 'Infusion pump IP-001 is in zone East, floor 1, seen 5 s ago, ±0.4 m.'],
  [
    say(3 * 86_400, { floor: null, x: null }, null),
    'Infusion pump IP-001 was last somewhere in the building, seen 3 days ago, ±0.4 m. Not sure: it has been silent since.',
  ],
  [say(null), 'Infusion pump IP-001 was never located: it wears no tag, or its tag was not heard yet.'],
])('%s', (said, expected) => {
  expect(said).toBe(expected)
})
