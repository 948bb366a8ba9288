/**
 * Which pings are late: those that would land in compressed chunks, or behind what the rollups' policies look back at.
 * They take a lane of their own, so that unpacking old chunks neither slows nor aborts the batch of the present. Pure.
 */
import type { Decoded } from './ping.ts'

export type Lane = 'hot' | 'late'

/** Policies refresh the last 3 days (sql/repeatable/policies.sql); half a day of that is left for their schedule. */
const refreshedByPolicyMs = 2.5 * 86_400_000

/** The horizon: pings older than this are late. `compressedUntilMs`: the end of the newest compressed chunk. */
export const lateBeforeUs = (nowMs: number, compressedUntilMs: number | undefined): number =>
  Math.max(nowMs - refreshedByPolicyMs, compressedUntilMs ?? -Infinity) * 1000

/** A message goes as a whole: one late ping takes its siblings along. */
export function laneOf(decoded: Decoded, horizonUs: number): Lane {
  for (const ping of decoded.pings) if (ping.tUs < horizonUs) return 'late'
  return 'hot'
}

/** The UTC days (as `YYYY-MM-DD`) of the pings older than the horizon of the policies. */
export function daysToRefresh(decoded: Pick<Decoded, 'pings'>, nowMs: number): string[] {
  const horizonUs = (nowMs - refreshedByPolicyMs) * 1000
  const days = new Set<number>()
  for (const { tUs } of decoded.pings) if (tUs < horizonUs) days.add(Math.floor(tUs / 86_400_000_000))
  return [...days].map((day) => new Date(day * 86_400_000).toISOString().slice(0, 10)).toSorted()
}
