/**
 * Everything that can be known of a configuration by asking: what was found, group by group. Changes nothing but what it
 * undoes: a session of its own at the broker, a file of its own in the spool's folder.
 * Never hangs: each group runs by itself, each check has a deadline.
 */
import type { Config } from '../config-schema.ts'
import { redactUrl } from '../config.ts'
import { embeddedUrl } from '../embedded/database.ts'
import { type BrokerPlace, brokerChecks, brokerRules } from './broker.ts'
import { closedBrokerChecks } from './embedded-broker.ts'
import { configurationChecks } from './configuration.ts'
import { driftChecks } from './database-drift.ts'
import { upkeepChecks } from './database-upkeep.ts'
import { type DatabasePlace, databaseChecks, databaseRules } from './database.ts'
import { type Finding, failOf, runChecks, skip } from './finding.ts'
import { type ServiceState, answers, findService, serviceChecks } from './service.ts'
import { spoolChecks } from './spool.ts'

export const groups = ['configuration', 'broker', 'database', 'spool', 'running service'] as const

/** In the order of the groups. Never throws. */
export async function examine(config: Config, deadlineMs: number): Promise<Finding[]> {
  const bug = {
    deadlineMs,
    explain: failOf('Unexpected; run again with LOG_LEVEL=debug and report it.'),
    silenceRemedy: 'The disk or the process does not answer: look at the machine.',
  }
  const state = await findService(config, deadlineMs)
  const findings = await Promise.all([
    runChecks('configuration', configurationChecks(config), bug),
    examineBroker(config, state, deadlineMs),
    examineDatabase(config, state, deadlineMs),
    runChecks('spool', spoolChecks(config), bug),
    runChecks('running service', serviceChecks(config, state), {
      ...bug,
      explain: failOf('Look at the log of the service.'),
    }),
  ])
  return findings.flat()
}

/** The embedded parts live inside the process: they are there when it runs, or when nobody can tell. */
const mayBeThere = async (
  { http }: Config,
  state: ServiceState,
  host: string,
  port: number,
): Promise<boolean> =>
  port !== 0 &&
  (state.kind === 'running' || state.kind === 'silent' || http.port === 0) &&
  answers(host, port)

const notThere = (group: string, what: string): Finding => ({
  group,
  check: 'connection',
  ...skip(`${what} runs inside the service, which does not run here: start it, and run doctor again`),
})

async function examineBroker(config: Config, state: ServiceState, deadlineMs: number): Promise<Finding[]> {
  const { url, host, port } = config.mqtt
  if (url === null && !(await mayBeThere(config, state, host, port)))
    return [notThere('broker', 'the embedded broker')]
  const reached = host.includes(':') ? `[${host}]` : host === '0.0.0.0' ? '127.0.0.1' : host
  const scheme = config.mqtt.certFile === null ? 'mqtt' : 'mqtts'
  const place: BrokerPlace = { url: url ?? `${scheme}://${reached}:${port}`, isEmbedded: url === null }
  if (url === null && config.mqtt.users.length > 0)
    return runChecks('broker', closedBrokerChecks(config, place.url), brokerRules(config, place, deadlineMs))
  const broker = brokerChecks(config, place)
  const findings = await runChecks('broker', broker.checks, brokerRules(config, place, deadlineMs))
  await Promise.race([broker.close(), new Promise((resolve) => setTimeout(resolve, deadlineMs).unref())])
  return findings
}

async function examineDatabase(config: Config, state: ServiceState, deadlineMs: number): Promise<Finding[]> {
  const { url, host, port } = config.database
  if (url === null && !(await mayBeThere(config, state, host, port)))
    return [notThere('database', `the embedded database (${config.database.dataDir})`)]
  const place: DatabasePlace =
    url === null
      ? { url: embeddedUrl(config.database), name: 'the embedded database', isEmbedded: true }
      : { url, name: redactUrl(url), isEmbedded: false }
  const database = databaseChecks(config, place, (ask) => [
    ...driftChecks(ask),
    ...upkeepChecks(ask, config, place),
  ])
  const findings = await runChecks('database', database.checks, databaseRules(place, deadlineMs))
  database.close()
  return findings
}
