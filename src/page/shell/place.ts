/** Which facility and floor the page is about: what the address says, else the first. */
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Facility, Floor } from '../api/types.ts'
import { type Clock, clockOf } from './time.ts'

export interface Place {
  readonly facilities: readonly Facility[]
  readonly facility: Facility
  /** Undefined where the facility has no floors. */
  readonly floor: Floor | undefined
  /** In the facility's zone. */
  readonly clock: Clock
}

const Context = createContext<Place | undefined>(undefined)
export const PlaceProvider = Context.Provider

/** In any view: they are shown only once the facilities are known. */
export function usePlace(): Place {
  const place = useContext(Context)
  if (place === undefined) throw new Error('no facility is known yet')
  return place
}

export function choosePlace(facilities: readonly Facility[], params: URLSearchParams): Place | undefined {
  const facility = facilities.find((one) => one.facility === params.get('facility')) ?? facilities[0]
  if (facility === undefined) return undefined
  const asked = params.get('floor')
  const floor =
    facility.floors.find((one) => asked !== null && one.floor === Number(asked)) ??
    facility.floors.find(({ rooms }) => rooms > 0) ??
    facility.floors[0]
  return { facilities, facility, floor, clock: clockOf(facility.timezone) }
}
