/** The embedded broker that asks for users, as a stranger meets it: the doctor has no password of a gateway, and needs none. */
import type { Config } from '../config-schema.ts'
import { type Check, fail, ok } from './finding.ts'
import { visit } from './mqtt-visit.ts'

export function closedBrokerChecks({ mqtt }: Config, url: string): Check[] {
  return [
    {
      name: 'connection',
      async look() {
        try {
          const stranger = await visit(url, { protocolVersion: 4, clean: true, rejectUnauthorized: false })
          await stranger.leave()
        } catch {
          return ok(`${url} lets in nobody but its ${mqtt.users.length} users; gateways were not spoken for`)
        }
        return fail(
          `${url} lets in a client without a user`,
          'Another program listens there, or the service runs with another configuration: compare the ports.',
        )
      },
    },
  ]
}
