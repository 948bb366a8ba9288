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

export interface Room {
  readonly id: string
  readonly name: string
  readonly type: string | null
  readonly departmentName: string | null
  readonly isRestricted: boolean
  /** [x, y] in metres, y to the north. */
  readonly polygon: readonly (readonly [number, number])[]
}

export interface Plan {
  readonly facility: string
  readonly floor: number
  readonly bounds: Bounds | null
  readonly rooms: readonly Room[]
}

export interface Location {
  readonly assetId: string
  readonly assetTag: string
  readonly name: string
  readonly category: string | null
  readonly subcategory: string | null
  readonly status: string
  readonly isFree: boolean
  /** Null, as is `seenAt`: it was never located. */
  readonly tagId: string | null
  readonly facility: string
  readonly floor: number | null
  readonly roomId: string | null
  readonly roomName: string | null
  readonly x: number | null
  readonly y: number | null
  readonly accuracyM: number | null
  /** 0 to 1. */
  readonly confidence: number | null
  readonly seenAt: string | null
  readonly ageS: number | null
  readonly isMoving: boolean | null
  readonly batteryPct: number | null
  /** The room is a restricted one. */
  readonly isRestricted: boolean
}
