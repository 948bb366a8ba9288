/**
 * `rtls-ingest replay`: publishes a recorded file with QoS 1 and waits for every acknowledgement. Names every row it could not
 * read; the account at the end says what was sent.
 */
import { statSync } from 'node:fs'
import { redactUrl } from '../config.ts'
import { UserError } from '../ops/user-error.ts'
import { readMessages, type ReplayMessage } from '../replay/messages.ts'
import type { ReplayOptions } from '../replay/options.ts'
import { openProgress } from '../replay/progress.ts'
import { openPublisher } from '../simulate/publisher.ts'

const showEveryMs = 200
/** The broker may be restarting: as long as a careful restart takes. */
const ackDeadlineMs = 30_000

export async function replayFile(file: string, options: ReplayOptions, isJson: boolean): Promise<void> {
  const progress = openProgress(process.stderr)
  const size = sizeOf(file)
  const account = { sent: 0, refused: 0, bytes: 0 }
  const messages = readMessages(
    file,
    options,
    {
      onFound: (description) => progress.say(`${file}: ${description}`),
      onRefused(line, reason) {
        account.refused += 1
        progress.say(`${file}:${line}: ${reason}`)
      },
    },
    (bytes) => {
      account.bytes += bytes
    },
  )
  // Read on before connecting: a file that is none is said at once, and not after waiting for a broker.
  const opening = messages.next()
  progress.say(`publishing to ${redactUrl(options.url)}; Ctrl-C stops`)
  const publisher = openPublisher<ReplayMessage>({
    url: options.url,
    qos: 1,
    protocolVersion: 4,
    clientIdPrefix: 'replay',
    username: options.username,
    password: options.password,
    caFile: options.caFile,
    certFile: options.certFile,
    keyFile: options.keyFile,
    // One connection: the broker gets the messages in the order of the file.
    gateways: 1,
    messages: resume(opening, messages),
    isPaced: Number.isFinite(options.speed),
    stopAfterMs: Infinity,
    ackDeadlineMs,
    onSent: () => {
      account.sent += 1
    },
    log: (event, detail) =>
      progress.say(`${event}${detail === undefined ? '' : ` ${JSON.stringify(detail)}`}`),
  })
  const show = (): void => {
    const share = size === undefined || size === 0 ? undefined : account.bytes / size
    progress.show({ ...account, share, acked: publisher.acked(), seconds: publisher.seconds() })
  }
  const ticker = setInterval(show, showEveryMs)
  const stopping = new AbortController()
  const onSignal = (): void => {
    if (stopping.signal.aborted) process.exit(1)
    stopping.abort()
    publisher.stop()
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  try {
    await publisher.done
  } finally {
    clearInterval(ticker)
    progress.close()
    process.off('SIGTERM', onSignal)
    process.off('SIGINT', onSignal)
  }
  const acked = publisher.acked()
  const report = { file, sent: account.sent, acked, refused: account.refused, seconds: publisher.seconds() }
  process.stdout.write(
    isJson
      ? `${JSON.stringify(report)}\n`
      : `${report.sent} messages sent, ${acked === report.sent ? 'all' : acked} acknowledged, ${report.refused} rows refused, in ${report.seconds.toFixed(1)} s\n`,
  )
  if (acked < report.sent)
    throw new UserError(`${report.sent - acked} messages were not acknowledged by the broker.`)
  if (report.refused > 0)
    throw new UserError(`${report.refused} rows of ${file} were refused; they are named above.`)
  if (stopping.signal.aborted) throw new UserError('Stopped before the end of the file.')
}

function* resume<T>(first: IteratorResult<T, void>, rest: Iterable<T>): Generator<T, void, void> {
  if (first.done === true) return
  yield first.value
  yield* rest
}

/** Of what has no length, such as a pipe, nothing is known. */
function sizeOf(file: string): number | undefined {
  try {
    const { size } = statSync(file)
    return size > 0 ? size : undefined
  } catch {
    return undefined
  }
}
