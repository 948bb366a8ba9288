/** A span of time as asked for: from ≤ t < to, with a default and a limit, because every answer has to end. */
import { instant } from './field-kinds.ts'
import { fieldProblem } from './problem.ts'

export interface Span {
  readonly from: Date
  readonly to: Date
}

export interface SpanLimits {
  /** How long it is when `from` is not given. */
  readonly defaultHours: number
  readonly mostDays: number
  /** What to do instead of asking for more: "ask by day". */
  readonly instead?: string
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs

const time = instant.written.optional()
export const spanParameters = {
  from: time.describe(
    'the beginning, included: a time with its offset, such as 2024-01-15T08:30:00Z; has a default',
  ),
  to: time.describe('the end, not included: a time with its offset, such as 2024-01-15T08:30:00Z; now'),
} as const

/** Problem 400 when it ends before it begins or is longer than allowed. */
export function spanAsked(
  asked: { readonly from?: unknown; readonly to?: unknown },
  { defaultHours, mostDays, instead }: SpanLimits,
): Span {
  const to = typeof asked.to === 'string' ? new Date(asked.to) : new Date()
  const from =
    typeof asked.from === 'string' ? new Date(asked.from) : new Date(to.getTime() - defaultHours * hourMs)
  const days = (to.getTime() - from.getTime()) / dayMs
  if (days <= 0)
    throw fieldProblem('invalid-parameter', [
      { field: 'from', in: 'query', detail: 'must be earlier than to' },
    ])
  if (days > mostDays)
    throw fieldProblem('invalid-parameter', [
      {
        field: 'from',
        in: 'query',
        detail: `the span is ${Math.ceil(days)} days long, and may be at most ${mostDays}: ask for less${instead === undefined ? '' : `, or ${instead}`}`,
      },
    ])
  return { from, to }
}
