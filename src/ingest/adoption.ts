/**
 * Empties the MQTT session that a dead replica left behind: one connection under its client id, which gives up its
 * subscription (so that the broker deals nothing new into it), and a pipeline that stores and acknowledges what waits there.
 *
 * Guarantees: acknowledges like the main session, after COMMIT; ends the session only when nothing is left in it; gives way
 * at once, and does not come back, when the broker closes the connection: then its owner lives.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { Pipeline } from './pipeline-contract.ts'
import type { SourceOptions } from './mqtt-options.ts'
import { openSource } from './source.ts'
import { messageOf } from '../ops/user-error.ts'

/** `kept`: somebody needs it still: its owner is back, the broker refused us, or we are stopping. */
export type AdoptionOutcome =
  | { readonly kind: 'emptied'; readonly messages: number }
  | { readonly kind: 'kept'; readonly reason: string }

/** A broker that hands over a queue pauses for less; a longer wait costs nothing. */
const quietMs = 3000
const lookEveryMs = 100

/**
 * `options.topics` are the dead replica's filters as it subscribed to them. `mayEnd` is asked last, when nothing is left;
 * false: its owner is back. Never throws.
 */
export async function emptySession(
  options: SourceOptions,
  pipeline: Pipeline,
  mayEnd: () => Promise<boolean>,
  signal: AbortSignal,
): Promise<AdoptionOutcome> {
  let messages = 0
  let heardAtMs = performance.now()
  let isConnected = false
  let isGone = false
  let reason = 'the broker closed the connection'
  const heard = (): void => {
    messages += 1
    heardAtMs = performance.now()
  }
  const source = openSource(
    { ...options, shareGroup: null, isAdopted: true },
    {
      onMessage(message) {
        heard()
        pipeline.receive(message)
      },
      onRetained(message) {
        heard()
        pipeline.retained(message)
      },
      onConnect() {
        isConnected = true
      },
      onDisconnect() {
        isGone = true
        pipeline.disconnected()
      },
      onState(state) {
        reason = state.reason ?? reason
      },
      onSessionLost: () => undefined,
      onTakenOver: () => undefined,
    },
  )
  pipeline.attach(source)
  const isOver = (): boolean => isGone || signal.aborted
  /** False when the connection went first. */
  const until = async (condition: () => boolean): Promise<boolean> => {
    while (!isOver() && !condition()) await wait(lookEveryMs)
    return !isOver()
  }
  const isQuiet = (): boolean => pipeline.unacked === 0 && performance.now() - heardAtMs >= quietMs

  // Ends what waits for an answer that is not read any more: a pipeline that drains reads nothing.
  const giveUp = (): void => void source.close()
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    if (!(await until(() => isConnected)) || !(await source.unsubscribe())) return { kind: 'kept', reason }
    for (let seen = -1; seen !== messages;) {
      if (!(await until(isQuiet))) return { kind: 'kept', reason }
      seen = messages
      // A round trip: its answer comes behind whatever the broker had sent before.
      if (!(await source.unsubscribe())) return { kind: 'kept', reason }
    }
    // From the last look at the session to its end nothing is awaited but this.
    if (!(await mayEnd())) return { kind: 'kept', reason: 'its owner is back' }
    if (isOver() || pipeline.unacked > 0) return { kind: 'kept', reason }
    await source.close({ endsSession: true })
    return { kind: 'emptied', messages }
  } catch (error) {
    return { kind: 'kept', reason: messageOf(error) }
  } finally {
    signal.removeEventListener('abort', giveUp)
    await source.close()
    pipeline.disconnected()
  }
}
