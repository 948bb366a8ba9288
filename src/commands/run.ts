/**
 * `rtls-ingest run`: the service in the foreground, until SIGTERM or SIGINT. A second signal ends it at once.
 * SIGHUP reads the configuration again.
 */
import { secretsIn } from '../config-files.ts'
import { loadConfig, redactUrl, type ConfigSources } from '../config.ts'
import { type ConfigReload, openConfigReload } from '../config-reload.ts'
import { type App, openApp } from '../app.ts'
import { deadLetteredIn } from '../ingest/account.ts'
import { createLogger } from '../ops/logger.ts'
import { type SummaryReading, summaryLines } from '../ops/summary.ts'
import { createSupervisor } from '../ops/supervisor.ts'
import { openTerminal } from '../ops/terminal.ts'

const summaryEveryMs = 1000
/** Every line is searched for each. */
const mostSecrets = 1000

/** Resolves after a clean stop. Errors: UserError for what the operator can mend. */
export async function run(sources: ConfigSources): Promise<void> {
  const config = loadConfig(sources)
  const isHuman = process.stdout.isTTY && sources.environment.NODE_ENV !== 'production'
  const terminal = isHuman ? openTerminal(process.stdout) : undefined
  let secrets = secretsIn(config)
  const log = createLogger({
    level: config.log.level,
    terminal: terminal?.stream,
    secrets: () => secrets,
  })
  const stop = new AbortController()
  let fatal: Error | undefined

  const onSignal = (signal: NodeJS.Signals): void => {
    if (stop.signal.aborted) {
      log.warn({ signal }, 'stopping at once')
      process.exit(1)
    }
    log.info({ signal }, 'stopping: writing what is buffered (again to stop at once)')
    supervisor.stopping()
    stop.abort()
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  let reload: ConfigReload | undefined
  // At a terminal SIGHUP says that it was closed; elsewhere it is the word for: read your files again.
  const onHangUp = (): void => {
    if (isHuman) onSignal('SIGHUP')
    else if (reload === undefined) log.info('SIGHUP: the service is starting, and reads its files anyway')
    else reload.now()
  }
  process.on('SIGHUP', onHangUp)

  let app: App | undefined
  const supervisor = createSupervisor(sources.environment, () => {
    const problems = app?.health.problems() ?? []
    return problems.length === 0
      ? 'ready'
      : problems.map(({ component, problem }) => `${component}: ${problem}`).join('; ')
  })
  let ticker: NodeJS.Timeout | undefined
  try {
    log.info(
      {
        mqtt: config.mqtt.url === null ? 'embedded' : redactUrl(config.mqtt.url),
        database: config.database.url === null ? 'embedded' : redactUrl(config.database.url),
        ack: config.ack.mode,
      },
      'starting',
    )
    app = await openApp(config, log, stop.signal, {
      onFatal(error) {
        fatal = error
        stop.abort()
      },
    })
    const running = app
    reload = openConfigReload(sources, config, log, (next, renewal) => {
      // The old ones too: an error under way may still hold one.
      secrets = [...new Set([...secretsIn(next), ...secrets])].slice(0, mostSecrets)
      running.reload(next, renewal)
    })
    supervisor.ready()
    log.info({ addresses: Object.fromEntries(app.addresses) }, 'running')
    if (terminal !== undefined) {
      let last = readSummary(running)
      ticker = setInterval(() => {
        const now = readSummary(running)
        terminal.show(summaryLines(last, now, running.addresses))
        last = now
      }, summaryEveryMs)
    }
    await aborted(stop.signal)
  } catch (error) {
    // A start given up because of a signal is a clean stop.
    if (!stop.signal.aborted || fatal !== undefined) throw error
  } finally {
    clearInterval(ticker)
    reload?.close()
    terminal?.close()
    await app?.close()
    supervisor.close()
    process.off('SIGTERM', onSignal)
    process.off('SIGINT', onSignal)
    process.off('SIGHUP', onHangUp)
  }
  if (fatal !== undefined) throw fatal
  log.info(app === undefined ? {} : countsOf(app), 'stopped')
}

const aborted = async (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

function countsOf(app: App): Record<string, number> {
  const { messages, received, committed, duplicates } = app.pipeline.counts
  return { messages, received, committed, duplicates, deadLettered: deadLetteredIn(app.pipeline.counts) }
}

function readSummary(app: App): SummaryReading {
  const { counts } = app.pipeline
  return {
    atMs: performance.now(),
    received: counts.received,
    committed: counts.committed,
    duplicates: counts.duplicates,
    deadLettered: deadLetteredIn(app.pipeline.counts),
    waiting: app.pipeline.buffered + counts.inFlight,
    lags: app.recent.lags(1),
    problems: app.health.problems().map(({ component, problem }) => `${component}: ${problem}`),
  }
}
