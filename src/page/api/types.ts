/** What the read API answers, as far as the map uses it. The OpenAPI description of the service is the whole of it. */

export interface Bounds {
  readonly minX: number
  readonly minY: number
  readonly maxX: number
  readonly maxY: number
}

export interface Floor {
  /** As pings have it; 0 is the ground. */
  readonly floor: number
  readonly name: string
  readonly buildingName: string | null
  readonly rooms: number
  readonly bounds: Bounds | null
}

export interface Facility {
  /** Its code. */
  readonly facility: string
  readonly name: string
  readonly timezone: string
  readonly floors: readonly Floor[]
}
