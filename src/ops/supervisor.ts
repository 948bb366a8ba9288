/**
 * Tells systemd that we are ready, alive and stopping (sd_notify), where it asked to be told. Node cannot write to its socket
 * by itself (a datagram socket of the file system), so systemd's own program does; nothing happens elsewhere.
 * Guarantees: never throws, never keeps the process; the watchdog is fed from the event loop, so a process that is stuck is not.
 */
import { execFile } from 'node:child_process'

export interface Supervisor {
  /** It runs; from now on the watchdog is fed. */
  ready(): void
  stopping(): void
  close(): void
}

/** Within the time systemd gives, so that one late message does no harm. */
const beatsPerTerm = 3

/** `state` is one line for `systemctl status`. */
export function createSupervisor(
  environment: Readonly<Record<string, string | undefined>>,
  state: () => string,
): Supervisor {
  const socket = environment['NOTIFY_SOCKET']
  const termMs = Number(environment['WATCHDOG_USEC'] ?? 0) / 1000
  let beat: NodeJS.Timeout | undefined
  const tell = (...messages: string[]): void => {
    if (socket === undefined || socket === '') return
    execFile('systemd-notify', messages, { timeout: 10_000 }, () => undefined)
  }
  return {
    ready() {
      tell('READY=1', `STATUS=${state()}`)
      if (termMs > 0) beat = setInterval(() => tell('WATCHDOG=1', `STATUS=${state()}`), termMs / beatsPerTerm)
    },
    stopping() {
      tell('STOPPING=1', 'STATUS=writing what is buffered')
    },
    close() {
      clearInterval(beat)
    },
  }
}
