/** Which facility is asked about: by its code; where there is only one it need not be said. */
import type { HttpDatabase } from './database.ts'
import { storable } from './field-kinds.ts'
import { fieldProblem } from './problem.ts'

export const facilityParameter = storable(1, 200)
  .describe('the code of a facility, as /facilities has it; may be left out where there is only one')
  .optional()

export interface AskedFacility {
  /** Its code: what location_history has as facility_id. */
  readonly facility: string
  readonly name: string
  /** IANA name. */
  readonly timezone: string
}

/** More codes than this say nothing to anybody. */
const mostNamed = 20

/** Problem 400 naming the choices when it is not one of them, or not said where there are several. */
export async function facilityAsked(
  database: HttpDatabase,
  asked: string | undefined,
): Promise<AskedFacility> {
  const known = await database.query<AskedFacility & Record<string, unknown>>(
    `SELECT f.facility_code AS facility, f.facility_name AS name, f.timezone
     FROM rtls.facilities f ORDER BY f.facility_code = $1::text DESC, f.facility_code LIMIT ${mostNamed + 1}`,
    [asked ?? null],
  )
  const [first] = known
  if (first !== undefined && (asked === undefined ? known.length === 1 : first.facility === asked))
    return first
  const codes = known.slice(0, mostNamed).map(({ facility }) => facility)
  const choices = `${codes.join(', ')}${known.length > mostNamed ? ', …' : ''}`
  throw fieldProblem('invalid-parameter', [
    {
      field: 'facility',
      in: 'query',
      detail:
        codes.length === 0
          ? 'no facility is in the database yet: add a row to facilities, or start with the demo hospital'
          : asked === undefined
            ? `is required, because there are several: ${choices}`
            : `there is no facility ${JSON.stringify(asked.slice(0, 60))}; there are ${choices}`,
    },
  ])
}
