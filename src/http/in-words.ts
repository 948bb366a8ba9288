/** Where a thing is, in a sentence as one would say it, and how sure that is. Pure. */
import type { Location } from '../live/location.ts'

/** "Infusion pump IP-001 is in ED Bay 3, floor 1, seen 12 s ago, ±0.4 m." */
export function whereInWords(location: Location): string {
  const { seenAt, ageS } = location
  if (seenAt === null || ageS === null)
    return `${nameInWords(location)} was never located: it wears no tag, or its tag was not heard yet.`
  const verb = ageS > longAgoS ? 'was last' : 'is'
  return `${nameInWords(location)} ${verb} ${placeInWords(location)}, ${seenInWords(location)}.${doubtInWords(location)}`
}

/** "in ED Bay 3, floor 1" */
export function placeInWords({ roomName, zone, floor, x, y }: Location): string {
  const on = floor === null ? '' : `, floor ${floor}`
  if (roomName !== null) return `in ${roomName}${on}`
  if (zone !== null) return `in zone ${zone}${on}`
  if (x !== null && y !== null)
    return `at x ${oneDigit(x)} m, y ${oneDigit(y)} m${on}, in no room that is known`
  return floor === null ? 'somewhere in the building' : `somewhere on floor ${floor}`
}

/** "seen 12 s ago, ±0.4 m" */
export function seenInWords({ ageS, accuracyM }: Location): string {
  const accuracy =
    accuracyM === null ? '' : `, ±${accuracyM < 10 ? oneDigit(accuracyM) : Math.round(accuracyM)} m`
  return `seen ${spanInWords(ageS ?? 0)} ago${accuracy}`
}

/** Its name and its number, unless the one has the other in it. */
export const nameInWords = ({ name, assetTag }: Location): string =>
  name.includes(assetTag) ? name : `${name} ${assetTag}`

/** Silent for so long that it may have gone meanwhile. */
const longAgoS = 900

/** Empty when there is no doubt. The bounds are those of location_confidence: a fix of 10 and of 20 minutes ago. */
function doubtInWords({ confidence, fix, accuracyM, ageS }: Location): string {
  if (confidence === null || confidence >= 0.5) return ''
  const reasons = [
    (ageS ?? 0) > longAgoS / 2 ? 'it has been silent since' : '',
    fix === 'proximity' ? 'only a receiver nearby has heard it' : '',
    fix === 'approximate' ? 'the position is a rough one' : '',
    (accuracyM ?? 0) > 4 ? 'the position is not exact' : '',
  ].filter((reason) => reason !== '')
  const because = reasons.length === 0 ? '' : `: ${reasons.join(', and ')}`
  return confidence >= 0.25 ? ` Fairly sure${because}.` : ` Not sure${because}.`
}

function spanInWords(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86_400)} days`
}

const oneDigit = (value: number): string => String(Math.round(value * 10) / 10)
