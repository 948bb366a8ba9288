/**
 * A CSV of positions → native pings. Separator and columns are found by the header or named; units and the kind of time are
 * said, never guessed. A row that cannot be read is a sentence that says why.
 */
import { UserError } from '../ops/user-error.ts'
import { type LengthUnit, type ReplayOptions, lengthUnits, unitM } from './options.ts'
import { isoOf, readTime } from './times.ts'

export type Role = 't' | 'tag' | 'x' | 'y' | 'z'

export interface Position {
  readonly tUs: number
  readonly ping: {
    readonly tagId: string
    readonly t: string
    readonly x: number
    readonly y: number
    readonly z?: number
  }
}

/** Compared in lower case without blanks, `_`, `-`, and a unit in brackets or after `_`. */
const usualNames: Readonly<Record<Role, readonly string[]>> = {
  t: [
    't',
    'time',
    'timestamp',
    'ts',
    'datetime',
    'date',
    'at',
    'when',
    'timestamputc',
    'timeutc',
    'unixtime',
    'epoch',
  ],
  tag: [
    'tag',
    'tagid',
    'id',
    'deviceid',
    'device',
    'mac',
    'macaddress',
    'address',
    'beacon',
    'beaconid',
    'node',
    'nodeid',
    'assetid',
    'asset',
    'object',
    'objectid',
    'tagname',
    'name',
  ],
  x: ['x', 'posx', 'xpos', 'positionx', 'coordx', 'xcoord', 'xcoordinate', 'locationx', 'px', 'estx'],
  y: ['y', 'posy', 'ypos', 'positiony', 'coordy', 'ycoord', 'ycoordinate', 'locationy', 'py', 'esty'],
  z: ['z', 'posz', 'zpos', 'positionz', 'coordz', 'zcoord', 'zcoordinate', 'locationz', 'pz', 'estz'],
}

const separators = [',', ';', '\t', '|'] as const

export interface CsvReader {
  /** A position, or why the row is none. */
  read(text: string): Position | string
  /** What was found, for people. */
  readonly found: string
}

/** Errors: UserError when the header does not say where time, tag, x and y are. */
export function createCsvReader(header: string, options: ReplayOptions, file: string): CsvReader {
  const separator = separatorOf(header)
  const names = splitRow(header, separator)
  if (names === undefined) throw new UserError(`${file}:1: the header has a quote that is not closed`)
  const roles = ['t', 'tag', 'x', 'y', 'z'] as const
  const places = Object.fromEntries(roles.map((role) => [role, findColumn(role, names, options)])) as Record<
    Role,
    number
  >
  const missing = roles.filter(
    (role) => places[role] === -1 && (role !== 'z' || options.columns?.['z'] !== undefined),
  )
  if (missing.length > 0)
    throw new UserError(
      `${file}:1: no column for ${missing.join(', ')} in the header ${JSON.stringify(header.slice(0, 200))}. Name it, such as --columns ${missing[0] ?? ''}=${names[0] ?? 'name'}`,
      2,
    )
  const scaleOf = (role: Role): number => unitM[options.unit ?? unitIn(names[places[role]] ?? '') ?? 'm']
  const [scaleX, scaleY, scaleZ] = [scaleOf('x'), scaleOf('y'), scaleOf('z')]

  const read = (text: string): Position | string => {
    const fields = splitRow(text, separator)
    if (fields === undefined) return 'a quote is not closed'
    if (fields.length < names.length && fields.length <= Math.max(places.t, places.tag, places.x, places.y))
      return `${fields.length} fields, the header has ${names.length}`
    const field = (role: Role): string => fields[places[role]]?.trim() ?? ''
    const tagId = field('tag')
    if (tagId === '') return 'the tag is empty'
    const tUs = readTime(field('t'), options.time, options.zone)
    if (tUs === undefined)
      return `${JSON.stringify(field('t').slice(0, 64))} is not a time (--time ${options.time})`
    const [x, y, z] = [
      metresOf(field('x'), scaleX, options.decimal),
      metresOf(field('y'), scaleY, options.decimal),
      metresOf(field('z'), scaleZ, options.decimal),
    ]
    if (x === undefined || y === undefined) {
      const [name, value] = x === undefined ? ['x', field('x')] : ['y', field('y')]
      return `${name}: ${JSON.stringify(value.slice(0, 64))} is not a number${value.includes(',') ? ' (--decimal comma?)' : ''}`
    }
    if (z === undefined && field('z') !== '')
      return `z: ${JSON.stringify(field('z').slice(0, 64))} is not a number`
    return { tUs, ping: { tagId, t: isoOf(tUs), x, y, ...(z === undefined ? {} : { z }) } }
  }

  const shown = roles
    .filter((role) => places[role] !== -1)
    .map((role) => `${role} = "${names[places[role]]?.trim() ?? ''}"`)
    .join(', ')
  const units = new Set(
    [scaleX, scaleY, scaleZ].map((scale) => lengthUnits.find((unit) => unitM[unit] === scale)),
  )
  return { read, found: `${shown}; in ${[...units].join(' and ')}; times ${options.time}` }
}

/** The one that stands most often in the header, outside of quotes. */
function separatorOf(header: string): string {
  const bare = header.replaceAll(/"[^"]*"/gu, '')
  const counts = separators.map((separator) => [separator, bare.split(separator).length] as const)
  return counts.reduce((most, one) => (one[1] > most[1] ? one : most))[0]
}

const plainName = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[[(].*?[\])]/gu, '')
    .replace(/_(?:mm|cm|m|ft|in)$/u, '')
    .replaceAll(/[\s_.-]/gu, '')

/** `x_mm`, `x [mm]`, `x (mm)`. */
function unitIn(name: string): LengthUnit | undefined {
  const unit = /(?:_|[[(]\s*)(mm|cm|m|ft|in)\s*[\])]?\s*$/iu.exec(name)?.[1]?.toLowerCase()
  return lengthUnits.find((known) => known === unit)
}

function findColumn(role: Role, names: readonly string[], { columns }: ReplayOptions): number {
  const named = columns?.[role]
  if (named !== undefined) return names.findIndex((name) => name.trim().toLowerCase() === named.toLowerCase())
  for (const usual of usualNames[role]) {
    const at = names.findIndex((name) => plainName(name) === usual)
    if (at !== -1) return at
  }
  return -1
}

/** RFC 4180 with any separator; undefined when a quote is not closed. */
export function splitRow(text: string, separator: string): string[] | undefined {
  const fields: string[] = []
  let at = 0
  for (;;) {
    const start = at + (/^[^\S\t]*(?=")/u.exec(text.slice(at, at + 20))?.[0].length ?? 0)
    if (text[start] === '"') {
      let end = start + 1
      while (end < text.length && !(text[end] === '"' && text[end + 1] !== '"'))
        end += text[end] === '"' ? 2 : 1
      if (end >= text.length) return undefined
      fields.push(text.slice(start + 1, end).replaceAll('""', '"'))
      const next = text.indexOf(separator, end + 1)
      if (next === -1) return fields
      at = next + 1
    } else {
      const next = text.indexOf(separator, at)
      fields.push(text.slice(at, next === -1 ? text.length : next))
      if (next === -1) return fields
      at = next + 1
    }
  }
}

function metresOf(text: string, scale: number, decimal: 'point' | 'comma'): number | undefined {
  const number = decimal === 'comma' ? text.replace(',', '.') : text
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/iu.test(number)) return undefined
  const metres = Number(number) * scale
  // Products of decimal fractions: digits below a nanometre are floating point, not position.
  return Number.isFinite(metres) ? Math.round(metres * 1e9) / 1e9 : undefined
}
