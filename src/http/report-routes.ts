/** The part of the API under /reports: numbers about rooms, equipment and gateways. */
import type { HttpDatabase } from './database.ts'
import type { Facilities } from './facilities.ts'
import { fleetReports } from './reports-fleet.ts'
import { roomReports } from './reports-rooms.ts'
import type { ApiPart } from './route.ts'

const reports = [...roomReports, ...fleetReports]

export const createReportPart = (database: HttpDatabase, facilities: Facilities): ApiPart => ({
  routes: reports.map(({ route }) => route(database, facilities)),
  schemas: Object.assign({}, ...reports.map(({ schemas }) => schemas)) as ApiPart['schemas'],
})
