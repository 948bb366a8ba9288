/**
 * `rtls-ingest simulate`: publishes until done or stopped, then prints what it published, to be compared with what arrived.
 */
import { redactUrl } from '../config.ts'
import { formatReport } from '../simulate/report.ts'
import type { SimulateOptions } from '../simulate/options.ts'
import { openSimulation } from '../simulate/simulate.ts'
import { UserError } from '../ops/user-error.ts'

export async function simulate(options: SimulateOptions, isJson: boolean): Promise<void> {
  const say = (text: string): void => {
    if (!isJson) process.stderr.write(`${text}\n`)
  }
  const simulation = openSimulation(options, (event, detail) =>
    say(`${event}${detail === undefined ? '' : ` ${JSON.stringify(detail)}`}`),
  )
  say(`publishing to ${redactUrl(options.url)}; Ctrl-C stops`)
  let isStopping = false
  const onSignal = (): void => {
    if (isStopping) process.exit(1)
    isStopping = true
    void simulation.stop()
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  const report = await simulation.done
  process.off('SIGTERM', onSignal)
  process.off('SIGINT', onSignal)
  process.stdout.write(isJson ? `${JSON.stringify(report)}\n` : `${formatReport(report)}\n`)
  if (report.unacked > 0)
    throw new UserError(
      `${report.unacked} messages were not acknowledged by the broker; the account above counts them as sent.`,
    )
}
