/** How a location is said in a sentence. Pure. */
import type { Floor, Location } from '../api/types.ts'
import { span } from '../shell/time.ts'

export const floorName = (floors: readonly Floor[], floor: number | null): string => {
  if (floor === null) return 'an unknown floor'
  const found = floors.find((one) => one.floor === floor)
  return found === undefined ? `floor ${floor}` : `floor ${floor}, ${found.name}`
}

/** "ED bay 3, floor 0, Emergency" */
export function placeOf(location: Pick<Location, 'roomName' | 'floor'>, floors: readonly Floor[]): string {
  const floor = floorName(floors, location.floor)
  return location.roomName === null ? `outside every room, ${floor}` : `${location.roomName}, ${floor}`
}

/** "12 s ago"; of what was never located, that. */
export const agoWords = (ageS: number | null): string => (ageS === null ? 'never' : `${span(ageS)} ago`)

/** How sure that is, in words a nurse can use. */
export function sureness(ageS: number, accuracyM: number | null): string {
  const within =
    accuracyM === null ? '' : `, within ${accuracyM < 10 ? accuracyM.toFixed(1) : Math.round(accuracyM)} m`
  if (ageS <= 60) return `It is there now${within}.`
  if (ageS <= 900) return `It was there ${span(ageS)} ago${within}, and is very likely still.`
  if (ageS <= 6 * 3600) return `It was there ${span(ageS)} ago and may have been moved since.`
  return `It has not been heard for ${span(ageS)}. Ask in that room first.`
}

/** "Infusion pump 12" is an infusion pump. */
export const kindOf = ({ name }: Pick<Location, 'name'>): string => name.replace(/[\s\d#-]+$/u, '') || name
