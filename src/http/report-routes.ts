/** The part of the API under /reports: numbers about rooms, equipment and gateways. */
import type { HttpDatabase } from './database.ts'
import { fleetReports } from './reports-fleet.ts'
import { roomReports } from './reports-rooms.ts'
import type { ApiPart } from './route.ts'

const reports = [...roomReports, ...fleetReports]

export const createReportPart = (database: HttpDatabase): ApiPart => ({
  routes: reports.map(({ route }) => route(database)),
  schemas: Object.assign({}, ...reports.map(({ schemas }) => schemas)) as ApiPart['schemas'],
})
