/** What can be chosen about a replay. */

export const lengthUnits = ['m', 'mm', 'cm', 'ft', 'in'] as const
export type LengthUnit = (typeof lengthUnits)[number]

/** Metres. */
export const unitM: Readonly<Record<LengthUnit, number>> = {
  m: 1,
  mm: 0.001,
  cm: 0.01,
  ft: 0.3048,
  in: 0.0254,
}

/** `auto` guesses from the size of a number, and only when asked to. */
export const timeUnits = ['iso', 's', 'ms', 'us', 'auto'] as const
export type TimeUnit = (typeof timeUnits)[number]

export interface ReplayOptions {
  readonly url: string
  readonly username?: string
  readonly password?: string
  /** Certificates for mqtts:// and wss://, as PEM. */
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
  /** Infinity: as fast as the broker acknowledges. */
  readonly speed: number
  readonly as?: 'ndjson' | 'csv'
  /** What → the name of its column. */
  readonly columns?: Readonly<Record<string, string>>
  readonly unit?: LengthUnit
  readonly time: TimeUnit
  /** Of ISO times without an offset. */
  readonly zone: string
  readonly decimal: 'point' | 'comma'
  readonly facility: string
  readonly gateway: string
  readonly topic?: string
  readonly isShifted: boolean
}
