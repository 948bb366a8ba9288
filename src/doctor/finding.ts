/**
 * What a check found, in words for an operator, and the one way checks are run: in turn within their group, each with a
 * deadline, so that a peer that is frozen costs one deadline and not one for each question. Never throws.
 */
import { messageOf } from '../ops/user-error.ts'

/** skip: it could not be looked at, or does not apply; says why. */
export type Status = 'ok' | 'warn' | 'fail' | 'skip'

export interface Verdict {
  readonly status: Status
  /** One sentence: what was seen. */
  readonly says: string
  /** What to do; there for every warn and fail. */
  readonly remedy?: string
}

export interface Finding extends Verdict {
  readonly group: string
  readonly check: string
}

export const ok = (says: string): Verdict => ({ status: 'ok', says })
export const warn = (says: string, remedy: string): Verdict => ({ status: 'warn', says, remedy })
export const fail = (says: string, remedy: string): Verdict => ({ status: 'fail', says, remedy })
export const skip = (says: string): Verdict => ({ status: 'skip', says })

export interface Check {
  readonly name: string
  /** None: there is nothing to say. What it throws is a failed check. */
  readonly look: () => Promise<Verdict | readonly Verdict[]> | Verdict | readonly Verdict[]
  /** Where it fails, or cannot be looked at, there is no point in the checks that follow. */
  readonly isGate?: boolean
}

export interface GroupRules {
  readonly deadlineMs: number
  /** What an error of this group means, and what to do. */
  explain(error: unknown): Verdict
  /** Of a check that ran into its deadline. */
  readonly silenceRemedy: string
}

export const failOf =
  (remedy: string) =>
  (error: unknown): Verdict =>
    fail(messageOf(error), remedy)

export async function runChecks(
  group: string,
  checks: readonly Check[],
  rules: GroupRules,
): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const { name, look, isGate } of checks) {
    const outcome = await withDeadline(async () => look(), rules.deadlineMs).then(
      (verdicts) => ({ isSilent: verdicts === undefined, verdicts: [verdicts ?? []].flat() }),
      (error: unknown) => ({ isSilent: false, verdicts: [rules.explain(error)] }),
    )
    const verdicts = outcome.isSilent
      ? [fail(`no answer within ${rules.deadlineMs / 1000} s`, rules.silenceRemedy)]
      : outcome.verdicts
    findings.push(...verdicts.map((verdict) => ({ group, check: name, ...verdict })))
    // A peer that does not answer one question does not answer the next.
    if (
      outcome.isSilent ||
      (isGate === true && verdicts.some(({ status }) => status === 'fail' || status === 'skip'))
    )
      break
  }
  return findings
}

/** Undefined when the deadline passed; what `work` does then is nobody's concern any more. */
async function withDeadline<T>(work: () => Promise<T>, deadlineMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const silence = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), deadlineMs)
  })
  try {
    return await Promise.race([work(), silence])
  } finally {
    clearTimeout(timer)
  }
}

/** 3 d, 4.5 h, 12 s */
export function formatSeconds(seconds: number): string {
  const size = Math.abs(seconds)
  const [unit, name] =
    size >= 172_800 ? [86_400, 'd'] : size >= 7200 ? [3600, 'h'] : size >= 120 ? [60, 'min'] : [1, 's']
  return `${Math.round((seconds / unit) * 10) / 10} ${name}`
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'kiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)))
  return `${Math.round((bytes / 1024 ** power) * 10) / 10} ${units[power]}`
}

export const formatCount = (count: number): string => count.toLocaleString('en')
