// Clean-up that must happen however this process ends: by itself, by Ctrl-C, or by the SIGTERM with which Vitest ends the
// process of a test file (no 'exit' event there). Not on SIGKILL. Only synchronous work is possible.
const cleanUps = new Set<() => void>()
let isListening = false

/** Runs `cleanUp` when the process ends; the returned function takes it back. */
export function atProcessEnd(cleanUp: () => void): () => void {
  if (!isListening) listen()
  cleanUps.add(cleanUp)
  return () => {
    cleanUps.delete(cleanUp)
  }
}

function listen(): void {
  isListening = true
  process.once('exit', cleanUpAll)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      cleanUpAll()
      process.kill(process.pid, signal) // now without a listener, so that it does what it always does
    })
  }
}

function cleanUpAll(): void {
  for (const cleanUp of cleanUps) cleanUp()
  cleanUps.clear()
}
