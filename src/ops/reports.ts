/**
 * What happens to broker, database and dead letters, told once to the log and kept for readiness and metrics.
 * An outage is one line when it starts, a reminder now and then, and one line when it ends; never a line a message.
 */
import type { Judgement } from '../db/failure.ts'
import type { DatabaseStatistics } from '../db/statistics.ts'
import { deadLetteredIn } from '../ingest/account.ts'
import type { PipelineReading } from '../ingest/reading.ts'
import type { ReplicaEvents } from '../ingest/replicas.ts'
import type { SessionState } from '../ingest/source-contract.ts'
import type { Health } from './health.ts'
import type { Logger } from './logger.ts'

const remindEveryMs = 30_000
const deadLetterLogEveryMs = 10_000

export interface Reports {
  /** The database answers; says nothing about whether writing works. */
  databaseAnswers(): void
  databaseFailed(judgement: Judgement, attempt: number): void
  writeWorks(): void
  writeFailed(judgement: Judgement, attempt: number): void
  sessionLost(): void
  sessionsLost(): number
  readonly replicas: ReplicaEvents
  sessionsAdopted(): number
  brokerState(state: SessionState, url: string): void
  onSuccess(job: string): void
  onFailure(job: string, error: unknown): void
  ownJobs(): DatabaseStatistics['jobs']
  /** Nothing can be acknowledged; undefined when it can again. */
  spoolProblem(problem: string | undefined): void
  /** Readiness turns red when pings wait and nothing was committed for too long. */
  checkProgress(pipeline: PipelineReading, stalledAfterS: number): void
  isBrokerConnected(): boolean
  /** Connected, and the broker has granted the subscription. */
  isSubscribed(): boolean
  protocolVersion(): 4 | 5
  isDatabaseUp(): boolean
}

export function createReports(log: Logger, health: Health): Reports {
  let isBrokerConnected = false
  let isSubscribed = false
  let protocolVersion: 4 | 5 = 5
  let sessionsAdopted = 0
  let hasReplicaProblem = false
  let lastDeadLettered = 0
  let lastDeadLetterLogMs = -Infinity
  let hasAnswered = false
  let sessionsLost = 0
  let hasWarnedOfQos0 = false
  const reading = createOutage(log, health, 'database')
  const writing = createOutage(log, health, 'writer')
  const jobs = new Map<string, { job: string; failures: number; lastSuccessS: number | null }>()
  const jobOf = (job: string): { job: string; failures: number; lastSuccessS: number | null } => {
    const known = jobs.get(job) ?? { job, failures: 0, lastSuccessS: null }
    jobs.set(job, known)
    return known
  }

  const sessionLost = (): void => {
    sessionsLost += 1
    log.error(
      'the broker had lost our session: what it had queued for us and not delivered is gone. Check its persistence and session expiry',
    )
  }

  return {
    databaseAnswers() {
      hasAnswered = true
      reading.end()
    },
    databaseFailed: (judgement, attempt) => reading.failed(judgement, attempt),
    writeWorks: () => writing.end(),
    writeFailed(judgement, attempt) {
      // One row's fault says nothing about the database; the row is in the dead letter, which is reported below.
      if (judgement.verdict === 'poison' || judgement.verdict === 'duplicate') return
      writing.failed(judgement, attempt)
    },
    sessionLost,
    sessionsLost: () => sessionsLost,
    replicas: {
      onSessionLost: sessionLost,
      onSessionEnded() {
        log.warn(
          'another replica had taken us for dead, and has stored what the broker kept for us; nothing is lost',
        )
      },
      onOverdue({ clientId, silentS }) {
        log.warn(
          { replica: clientId, silentS: Math.round(silentS) },
          'a replica has not been heard of: taking over what the broker keeps for it; nothing is lost',
        )
      },
      onAdopted({ clientId }, outcome) {
        if (outcome.kind === 'emptied') {
          sessionsAdopted += 1
          log.info(
            { replica: clientId, messages: outcome.messages },
            "stored the dead replica's messages and ended its session",
          )
        } else log.info({ replica: clientId, reason: outcome.reason }, "left the replica's session to itself")
      },
      onProblem(error) {
        if (error !== undefined && !hasReplicaProblem)
          log.warn(
            { err: error },
            'cannot renew our entry in ingest_replicas: other replicas may take us for dead',
          )
        hasReplicaProblem = error !== undefined
      },
    },
    sessionsAdopted: () => sessionsAdopted,
    brokerState(state, url) {
      isBrokerConnected = state.isConnected
      isSubscribed = state.isConnected && state.reason === undefined
      protocolVersion = state.protocolVersion
      const problem =
        state.reason === undefined && state.isConnected
          ? undefined
          : `${url}: ${state.reason ?? 'not connected'}`
      if (!health.set('broker', problem)) return
      if (problem === undefined)
        log.info({ url, mqtt: state.protocolVersion === 5 ? '5' : '3.1.1' }, 'subscribed')
      else if (state.isPlanned) log.info(`broker: ${problem}`)
      else if (state.reason !== 'connecting') log.warn(`broker: ${problem}; trying again`)
    },
    onSuccess(job) {
      jobOf(job).lastSuccessS = Date.now() / 1000
    },
    onFailure(job, error) {
      jobOf(job).failures += 1
      log.warn({ job, err: error }, 'a background job of the database failed')
    },
    ownJobs: () => [...jobs.values()],
    spoolProblem(problem) {
      if (!health.set('spool', problem)) return
      if (problem === undefined) log.info('the spool takes pings again')
      else log.error(`${problem}; nothing is acknowledged until there is room`)
    },
    checkProgress(pipeline, stalledAfterS) {
      const since = pipeline.waitingSinceMs
      const waitingS = since === undefined ? 0 : (Date.now() - since) / 1000
      const many = pipeline.buffered + pipeline.counts.inFlight
      health.set(
        'pipeline',
        waitingS > stalledAfterS && many > 0
          ? `nothing was committed for ${Math.round(waitingS)} s although ${many} pings wait`
          : undefined,
      )
      const deadLettered = deadLetteredIn(pipeline.counts)
      if (pipeline.counts.qos0Messages > 0 && !hasWarnedOfQos0) {
        hasWarnedOfQos0 = true
        log.warn(
          'a gateway publishes with QoS 0: what is lost on the way is lost for good. Let gateways publish with QoS 1',
        )
      }
      if (deadLettered > lastDeadLettered && performance.now() - lastDeadLetterLogMs > deadLetterLogEveryMs) {
        log.warn(
          {
            pings: deadLettered - lastDeadLettered,
            reasons: Object.fromEntries(pipeline.counts.deadLettered),
          },
          'pings went to dead_letter',
        )
        lastDeadLettered = deadLettered
        lastDeadLetterLogMs = performance.now()
      }
    },
    isBrokerConnected: () => isBrokerConnected,
    isSubscribed: () => isSubscribed,
    protocolVersion: () => protocolVersion,
    isDatabaseUp: () => hasAnswered && !reading.isOn() && !writing.isOn(),
  }
}

interface Outage {
  failed(judgement: Judgement, attempt: number): void
  end(): void
  isOn(): boolean
}

function createOutage(log: Logger, health: Health, component: 'database' | 'writer'): Outage {
  let sinceMs: number | undefined
  let lastReminderMs = 0
  return {
    failed({ verdict, because, code, message }, attempt) {
      sinceMs ??= performance.now()
      const isNews = health.set(component, `${because}${code === null ? '' : ` (${code})`}: ${message}`)
      if (!isNews && performance.now() - lastReminderMs < remindEveryMs) return
      lastReminderMs = performance.now()
      const line = `${component}: ${because}; nothing is lost, trying again`
      if (verdict === 'fatal') log.error({ code, message, attempt }, line)
      else log.warn({ code, message, attempt }, line)
    },
    end() {
      if (sinceMs === undefined) return
      log.info({ seconds: Math.round((performance.now() - sinceMs) / 1000) }, `${component}: works again`)
      sinceMs = undefined
      health.set(component, undefined)
    },
    isOn: () => sinceMs !== undefined,
  }
}
