/** The colours of the map, read from the style sheet once per theme: a canvas knows no variables. */
import { colour } from '../shell/theme.ts'
import type { AssetState } from './dots.ts'

export interface Palette {
  readonly ground: string
  readonly room: string
  readonly passage: string
  readonly roomLine: string
  readonly roomLabel: string
  readonly hatch: string
  readonly accent: string
  readonly ink: string
  readonly halo: string
  readonly violation: string
  readonly trail: string
  readonly heat: string
  readonly states: Readonly<Record<AssetState, string>>
  readonly sans: string
}

export function readPalette(): Palette {
  return {
    ground: colour('--floor-ground'),
    room: colour('--room'),
    passage: colour('--room-passage'),
    roomLine: colour('--room-line'),
    roomLabel: colour('--room-label'),
    hatch: colour('--hatch'),
    accent: colour('--accent'),
    ink: colour('--ink'),
    halo: colour('--halo'),
    violation: colour('--violation'),
    trail: colour('--trail'),
    heat: colour('--heat-1'),
    states: {
      free: colour('--free'),
      'in-use': colour('--in-use'),
      service: colour('--service'),
      unknown: colour('--unknown'),
    },
    sans: colour('--sans'),
  }
}
