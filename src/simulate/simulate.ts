/**
 * A simulated hospital over real MQTT: joins building, traffic and publisher, and keeps the account of what was sent.
 * Guarantees: the report counts what was handed to MQTT, never what was only made; with equal options (start included) and a run that
 * ends by itself, equal traffic. Not here: the command line (`cli.ts`).
 */
import { UserError } from '../ops/user-error.ts'
import { addDigests, formatDigest } from './digest.ts'
import { createHospital, maxTags } from './hospital.ts'
import { maxFreshPerTag } from './pings.ts'
import { openPublisher } from './publisher.ts'
import type { SimulateOptions } from './options.ts'
import type { SimulateReport } from './report.ts'
import { createTraffic, type TrafficMessage } from './traffic.ts'
import { createVendorTraffic } from './vendor-traffic.ts'

export interface Simulation {
  /** The final account. */
  readonly done: Promise<SimulateReport>
  /** Sends nothing more, waits for the acks that are out, and gives the final account. */
  stop(): Promise<SimulateReport>
  /** The account so far. */
  snapshot(): SimulateReport
}

/** The virtual clock of an unpaced run, pings a second: faster than one process publishes, so that t stays in the past. */
const unpacedRate = 250_000
/** At the end acks may be out because the broker is restarting: as long as a careful restart takes. */
const ackDeadlineMs = 30_000

/** Starts at once and connects in the background. Throws a UserError on options that cannot be. */
export function openSimulation(
  options: SimulateOptions,
  log: (event: string, detail?: object) => void,
): Simulation {
  validate(options)
  const virtualRate = options.rate > 0 ? options.rate : Math.min(unpacedRate, options.tags * maxFreshPerTag)
  const totals = { messages: 0, pings: 0, unique: 0, duplicates: 0, bad: 0, late: 0, digest: 0 }
  const createMessages = options.format === 'native' ? createTraffic : createVendorTraffic
  const traffic = createMessages({
    ...options,
    hospital: createHospital(options),
    startMs: (options.start ?? defaultStart(options, virtualRate)).getTime(),
    rate: virtualRate,
    count: pingLimit(options),
  })
  const publisher = openPublisher<TrafficMessage>({
    url: options.url,
    qos: options.qos,
    protocolVersion: options.protocolVersion ?? 4,
    username: options.username,
    password: options.password,
    caFile: options.caFile,
    certFile: options.certFile,
    keyFile: options.keyFile,
    gateways: options.gateways,
    messages: options.isPrepared === true ? [...traffic].values() : traffic,
    isPaced: options.rate > 0,
    stopAfterMs: stopAfterMs(options),
    ackDeadlineMs,
    onSent: (message) => {
      totals.messages++
      totals.pings += message.pings
      totals.unique += message.kinds.unique
      totals.duplicates += message.kinds.duplicates
      totals.bad += message.kinds.bad
      totals.late += message.kinds.late
      totals.digest = addDigests(totals.digest, message.digest)
    },
    log,
  })

  const snapshot = (): SimulateReport => {
    const acked = publisher.acked()
    return {
      seed: options.seed,
      ...totals,
      acked,
      unacked: totals.messages - acked,
      seconds: publisher.seconds(),
      digest: options.format === 'native' ? formatDigest(totals.digest) : '',
    }
  }
  const done = publisher.done.then(snapshot)
  const stop = async (): Promise<SimulateReport> => {
    publisher.stop()
    return done
  }
  return { done, stop, snapshot }
}

/** A paced run sends exactly what its duration holds, however late the broker lets it; an unpaced one is cut by the clock. */
function pingLimit(options: SimulateOptions): number {
  const byCount = options.count > 0 ? options.count : Infinity
  const byDuration =
    options.rate > 0 && options.durationS > 0 ? Math.ceil(options.rate * options.durationS) : Infinity
  return Math.min(byCount, byDuration)
}

function stopAfterMs(options: SimulateOptions): number {
  if (options.durationS === 0) return Infinity
  return options.durationS * 1000 + (options.rate > 0 ? ackDeadlineMs : 0)
}

/** Now; for an unpaced run of known length so much earlier that its last ping is of now. */
function defaultStart(options: SimulateOptions, virtualRate: number): Date {
  const aheadMs = options.rate === 0 && options.count > 0 ? (options.count / virtualRate) * 1000 : 0
  return new Date(Date.now() - Math.ceil(aheadMs))
}

function refuse(what: string): never {
  throw new UserError(`Cannot simulate: ${what}.`, 2)
}

const protocols = new Set(['mqtt:', 'mqtts:', 'tcp:', 'ssl:', 'tls:', 'ws:', 'wss:'])

function validate(options: SimulateOptions): void {
  if (!URL.canParse(options.url) || !protocols.has(new URL(options.url).protocol))
    refuse('the broker URL must be like mqtt://host:1883')
  for (const name of ['tags', 'gateways', 'pingsPerMessage'] as const)
    if (!Number.isSafeInteger(options[name]) || options[name] < 1)
      refuse(`${name} must be a whole number of at least 1, not ${options[name]}`)
  for (const name of ['rate', 'durationS', 'count'] as const)
    if (!Number.isFinite(options[name]) || options[name] < 0)
      refuse(`${name} must be 0 or more, not ${options[name]}`)
  for (const name of ['badShare', 'duplicateShare', 'lateShare'] as const)
    if (!(options[name] >= 0 && options[name] <= 1))
      refuse(`${name} must be between 0 and 1, not ${options[name]}`)
  if (options.badShare + options.duplicateShare + options.lateShare > 1)
    refuse('the shares of bad, duplicate and late pings exceed 1 together')
  if (!Number.isSafeInteger(options.count) || !Number.isSafeInteger(options.seed))
    refuse('count and seed must be whole numbers')
  if (options.tags > maxTags) refuse(`there are ${maxTags} tag ids, not ${options.tags}`)
  if (options.rate > options.tags * maxFreshPerTag)
    refuse(`${options.rate} pings a second need at least ${Math.ceil(options.rate / maxFreshPerTag)} tags`)
  if (!/^[^/+#\s]+$/.test(options.facility))
    refuse(`facility "${options.facility}" cannot be a level of an MQTT topic`)
  if (options.isPrepared === true && pingLimit(options) === Infinity)
    refuse('only a run of known length (a count, or a rate and a duration) can be prepared')
  if (options.start !== undefined && Number.isNaN(options.start.getTime()))
    refuse('start is not a point in time')
}
