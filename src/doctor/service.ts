/**
 * The service that runs with this configuration, asked where it tells: /metrics and /readyz. Where none answers, whether it
 * could start: are its ports free?
 */
import net from 'node:net'
import type { Config } from '../config-schema.ts'
import { version } from '../ops/version.ts'
import { askOwn } from './own-http.ts'
import { type Scrape, parseScrape } from './exposition.ts'
import {
  type Check,
  type Verdict,
  fail,
  formatBytes,
  formatCount,
  formatSeconds,
  ok,
  skip,
  warn,
} from './finding.ts'

export type ServiceState =
  | { readonly kind: 'running'; readonly base: string; readonly scrape: Scrape }
  /** Nobody listens. */
  | { readonly kind: 'absent' }
  /** Somebody does, and it is not rtls-ingest. */
  | { readonly kind: 'foreign'; readonly base: string }
  | { readonly kind: 'silent'; readonly base: string }

/** As many as a batch may well hold; Mosquitto's default of 20 is what hurts. */
const smallWindow = 100
/** A check has a deadline of its own, which may be shorter. */
const readinessMs = 10_000
const slowLoopS = 0.25
const lateRollupS = 900

/** Where a client reaches a listener: a wildcard address is for listening. */
const reachable = (host: string): string =>
  host === '0.0.0.0' || host === '' ? '127.0.0.1' : host === '::' ? '::1' : host

export async function findService({ http }: Config, deadlineMs: number): Promise<ServiceState> {
  const host = reachable(http.host)
  const base = `${http.certFile === null ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${http.port}`
  if (http.port === 0) return { kind: 'absent' }
  try {
    const scrape = parseScrape((await askOwn(`${base}/metrics`, deadlineMs)).text)
    return scrape.labels('rtls_build_info') === undefined
      ? { kind: 'foreign', base }
      : { kind: 'running', base, scrape }
  } catch (error) {
    if (error instanceof DOMException && error.name === 'TimeoutError') return { kind: 'silent', base }
    return (await answers(host, http.port)) ? { kind: 'foreign', base } : { kind: 'absent' }
  }
}

export async function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: reachable(host), port })
    socket.setTimeout(2000, () => socket.destroy(new Error('silent')))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

export function serviceChecks(config: Config, state: ServiceState): Check[] {
  if (state.kind === 'silent')
    return [
      {
        name: 'metrics',
        look: () =>
          fail(
            `${state.base}/metrics is accepted and not answered`,
            'The process is frozen or overloaded: look at its log and its processor time; kill -9 loses nothing.',
          ),
      },
    ]
  if (state.kind !== 'running')
    return [
      {
        name: 'process',
        look: () =>
          skip(
            config.http.port === 0
              ? 'http.port is 0: it cannot be found'
              : `none answers on ${config.http.host}:${config.http.port}; what only it knows was not looked at`,
          ),
      },
      { name: 'ports', look: async () => lookAtPorts(config) },
    ]
  const { base, scrape } = state
  return [
    { name: 'process', look: () => lookAtProcess(base, scrape) },
    { name: 'readiness', look: async () => lookAtReadiness(base) },
    { name: 'conservation', look: () => lookAtConservation(scrape) },
    { name: 'in-flight window', look: () => lookAtWindow(config, scrape) },
    { name: 'guarantee', look: () => lookAtGuarantee(scrape) },
    { name: 'load', look: () => lookAtLoad(scrape) },
    { name: 'spool', look: () => lookAtSpool(scrape) },
    { name: 'upkeep', look: () => lookAtUpkeep(scrape) },
  ]
}

async function lookAtPorts({ http, mqtt, database }: Config): Promise<Verdict[]> {
  const listeners = [
    { what: 'metrics and health', variable: 'HTTP_PORT', ...http, isOurs: true },
    { what: 'the embedded broker', variable: 'MQTT_PORT', ...mqtt, isOurs: mqtt.url === null },
    { what: 'the embedded database', variable: 'DATABASE_PORT', ...database, isOurs: database.url === null },
  ].filter(({ isOurs, port }) => isOurs && port !== 0)
  const verdicts = await Promise.all(
    listeners.map(async ({ what, variable, host, port }) => {
      const code = await tryListening(host, port)
      if (code === undefined) return ok(`${host}:${port} is free for ${what}`)
      return fail(
        `${host}:${port}, wanted for ${what}, cannot be had (${code === 'EADDRINUSE' ? 'another program has it' : code})`,
        `Stop the other program, or set ${variable} to a free port.`,
      )
    }),
  )
  return verdicts
}

/** Undefined when we could. */
async function tryListening(host: string, port: number): Promise<string | undefined> {
  const server = net.createServer()
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen(port, host, () => {
      server.close(() => resolve(undefined))
    })
  })
}

function lookAtProcess(base: string, scrape: Scrape): Verdict {
  const running = scrape.labels('rtls_build_info')?.get('version') ?? ''
  const upS = Date.now() / 1000 - scrape.value('process_start_time_seconds')
  const said = `rtls-ingest ${running} at ${base}, up ${formatSeconds(upS)}, ${formatBytes(scrape.value('process_resident_memory_bytes'))} of memory`
  return running === version
    ? ok(said)
    : warn(`${said}; this doctor is of ${version}`, 'Restart the service with the version you installed.')
}

async function lookAtReadiness(base: string): Promise<Verdict[]> {
  const { status, text } = await askOwn(`${base}/readyz`, readinessMs)
  if (status === 200) return [ok('ready')]
  const { problems = [] } = JSON.parse(text) as { problems?: { component: string; problem: string }[] }
  return problems.map(({ component, problem }) =>
    fail(`not ready: ${component}: ${problem}`, `docs/runbooks.md, RtlsNotReady: what each component means.`),
  )
}

function lookAtConservation(scrape: Scrape): Verdict[] {
  const read = (name: string): number => scrape.value(`rtls_pings_${name}`)
  const terms = {
    committed: read('committed_total'),
    duplicate: read('duplicate_total'),
    'dead-lettered': scrape.sum('rtls_pings_dead_lettered_total'),
    buffered: read('buffered'),
    'in flight': read('in_flight'),
    spooled: read('spooled'),
  }
  const received = read('received_total')
  const sum = Object.values(terms).reduce((a, b) => a + b, 0)
  const list = Object.entries(terms)
    .map(([name, value]) => `${formatCount(value)} ${name}`)
    .join(' + ')
  const remedy = 'A bug of ours: keep the log and a copy of /metrics, and report it.'
  const verdicts = [
    received === sum
      ? ok(`every ping is accounted for: ${formatCount(received)} received = ${list}`)
      : fail(`${formatCount(received)} received, but ${list} = ${formatCount(sum)}`, remedy),
  ]
  const sightings = scrape.value('rtls_sightings_received_total')
  const known = scrape.value('rtls_sightings_merged_total') + scrape.value('rtls_sightings_windowed')
  if (sightings !== known)
    verdicts.push(fail(`${formatCount(sightings)} sightings received, ${formatCount(known)} known`, remedy))
  return verdicts
}

function lookAtWindow({ mqtt }: Config, scrape: Scrape): Verdict {
  const window = scrape.value('rtls_mqtt_inflight_window')
  const batches = scrape.sum('rtls_batches_total')
  const byWindow = scrape.value('rtls_batches_total{closed_by="window"}')
  if (window >= mqtt.receiveMaximum)
    return ok(`no limit of the broker's observed below the ${formatCount(window)} messages we offer`)
  const said = `the broker sends ${formatCount(window)} messages before it waits for an acknowledgement (as observed; we offer ${formatCount(mqtt.receiveMaximum)})`
  // Light load stops at the same small number again and again, and is no limit: then hardly a batch is closed by it.
  return window < smallWindow && byWindow > batches / 2
    ? warn(
        `${said}, and ${Math.round((100 * byWindow) / batches)} % of the batches were cut short by it`,
        'Raise the limit at the broker: max_inflight_messages (Mosquitto), max_inflight (EMQX) to mqtt.receiveMaximum.',
      )
    : ok(said)
}

function lookAtGuarantee(scrape: Scrape): Verdict[] {
  const verdicts: Verdict[] = []
  const lost = scrape.value('rtls_mqtt_sessions_lost_total')
  if (lost > 0)
    verdicts.push(
      warn(
        `the broker had lost our session ${formatCount(lost)} times: what it had queued for us is gone`,
        'Give the broker persistence and a long session expiry; docs/runbooks.md, RtlsSessionLost.',
      ),
    )
  const qos0 = scrape.value('rtls_messages_qos0_total')
  if (qos0 > 0)
    verdicts.push(
      warn(
        `${formatCount(qos0)} messages came with QoS 0: what is lost on the way is lost for good`,
        'Let gateways publish with QoS 1.',
      ),
    )
  return verdicts.length > 0 ? verdicts : [ok('no session was lost, no message came with QoS 0')]
}

function lookAtLoad(scrape: Scrape): Verdict[] {
  const verdicts: Verdict[] = []
  if (scrape.value('rtls_intake_held') === 1)
    verdicts.push(
      warn(
        'the memory bound is reached: nothing is taken from the broker until the database catches up',
        'docs/runbooks.md, RtlsIntakeHeld.',
      ),
    )
  const lag = scrape.value('rtls_event_loop_lag_seconds')
  if (lag > slowLoopS)
    verdicts.push(
      warn(
        `the event loop lags ${lag.toFixed(2)} s (p99)`,
        'Too little processor time: give the process a core of its own, or share the load (MQTT_SHARE_GROUP).',
      ),
    )
  const commits = scrape.value('rtls_commit_lag_seconds_count')
  const mean = commits === 0 ? 0 : scrape.value('rtls_commit_lag_seconds_sum') / commits
  if (verdicts.length > 0) return verdicts
  return [
    ok(
      commits === 0
        ? 'no message was committed yet'
        : `${formatCount(commits)} messages committed ${mean.toFixed(3)} s after their receipt (mean)`,
    ),
  ]
}

function lookAtSpool(scrape: Scrape): Verdict[] {
  const most = scrape.value('rtls_spool_max_bytes')
  if (most === 0) return []
  const bytes = scrape.value('rtls_spool_bytes')
  const said = `${formatCount(scrape.value('rtls_pings_spooled'))} pings spooled, ${formatBytes(bytes)} of ${formatBytes(most)}`
  return bytes < most / 2
    ? [ok(said)]
    : [warn(said, 'Bring the database back or raise spool.maxBytes; docs/runbooks.md, RtlsSpoolFilling.')]
}

function lookAtUpkeep(scrape: Scrape): Verdict[] {
  const verdicts: Verdict[] = []
  for (const [job, failures] of scrape.byLabel('rtls_job_failures_total'))
    if (failures > 0)
      verdicts.push(
        warn(
          `background job ${job} failed ${formatCount(failures)} times`,
          'docs/runbooks.md, RtlsJobFailing.',
        ),
      )
  for (const [rollup, lagS] of scrape.byLabel('rtls_rollup_lag_seconds'))
    // A rollup of days lags by design up to its bucket.
    if (lagS > lateRollupS && rollup.endsWith('_1m'))
      verdicts.push(
        warn(`rollup ${rollup} ends ${formatSeconds(lagS)} ago`, 'docs/runbooks.md, RtlsRollupLate.'),
      )
  return verdicts.length > 0 ? verdicts : [ok('no background job failed, rollups are up to date')]
}
