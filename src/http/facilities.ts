/**
 * Which facility is meant: by its code, or the only one there is. Read again at most once a minute; a code that is not known is looked
 * for again, not more often than every few seconds.
 */
import { z } from 'zod'
import type { HttpDatabase } from './database.ts'
import { storable } from './field-kinds.ts'
import { fieldProblem } from './problem.ts'

export interface Facility {
  readonly id: string
  /** As pings carry it: location_history.facility_id. */
  readonly code: string
  readonly name: string
  readonly organizationId: string
  readonly timezone: string
}

export interface Facilities {
  /** Problem 400, naming the choices, when there is no such facility, or several and none is named. */
  resolve(code: string | undefined): Promise<Facility>
  all(): Promise<readonly Facility[]>
}

/** For the query of a route. */
export const facilityParameter = storable(1, 200)
  .describe('the code of a facility; may be left out where there is only one')
  .optional()

const facilitiesSql = `
  SELECT f.id, f.facility_code AS code, f.facility_name AS name, f.organization_id AS "organizationId", f.timezone
  FROM rtls.facilities f WHERE f.is_active ORDER BY f.facility_code`

const keptMs = 60_000
const keptUnknownMs = 2000

export function createFacilities(database: HttpDatabase): Facilities {
  let known: { readonly facilities: readonly Facility[]; readonly atMs: number } | undefined
  const read = async (youngerThanMs: number): Promise<readonly Facility[]> => {
    if (known === undefined || performance.now() - known.atMs > youngerThanMs)
      known = {
        facilities: await database.query<Facility & Record<string, unknown>>(facilitiesSql, []),
        atMs: performance.now(),
      }
    return known.facilities
  }
  const pick = (facilities: readonly Facility[], code: string | undefined): Facility | undefined =>
    code === undefined
      ? facilities.length === 1
        ? facilities[0]
        : undefined
      : facilities.find((facility) => facility.code === code)

  return {
    all: async () => read(keptUnknownMs),
    async resolve(code) {
      const found = pick(await read(keptMs), code)
      if (found !== undefined) return found
      const facilities = await read(keptUnknownMs)
      const foundNow = pick(facilities, code)
      if (foundNow !== undefined) return foundNow
      const codes = facilities.slice(0, 20).map((facility) => facility.code)
      throw fieldProblem('invalid-parameter', [
        {
          field: 'facility',
          in: 'query',
          detail:
            codes.length === 0
              ? 'the database has no active facility that the service may read'
              : `${code === undefined ? 'is required, as there are several' : 'there is no such facility'}: ${codes.join(', ')}${facilities.length > 20 ? ', …' : ''}`,
        },
      ])
    },
  }
}

/** A floor number, as a parameter. */
export const floorParameter = z
  .string()
  .regex(/^-?\d{1,4}(?:\.\d{1,2})?$/u)
  .transform((text) => Math.fround(Number(text)))
  .describe('the number of a floor: 0 is the ground, 1.5 a mezzanine, -1 the basement')

/** Metres in the frame of the facility, as a parameter. */
export const metresParameter = z
  .string()
  .regex(/^-?\d{1,9}(?:\.\d{1,9})?$/u)
  .transform(Number)
  .describe('metres in the frame of the facility, a number such as 12.5')

export const limitParameter = (most: number, usual: number) =>
  z
    .preprocess(
      (value) => (typeof value === 'string' && /^\d{1,9}$/u.test(value) ? Number(value) : value),
      z.int().min(1).max(most),
    )
    .describe(`a whole number from 1 to ${most}`)
    .default(usual)
