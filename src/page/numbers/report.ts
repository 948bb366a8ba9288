/** What reports answer, the time they are about, and the words for what they name. */
import { useMemo } from 'preact/hooks'
import { withQuery } from '../api/client.ts'
import { type Loaded, useQuery } from '../api/use-query.ts'
import { usePlace } from '../shell/place.ts'
import { useRoute } from '../shell/route.ts'

export interface ReportAnswer<Row> {
  readonly at: string
  readonly from?: string
  readonly to?: string
  readonly total: number
  readonly items: readonly Row[]
}

export type Period = 'day' | 'week' | 'month'
export const periods = [
  ['day', '24 hours'],
  ['week', '7 days'],
  ['month', '30 days'],
] as const satisfies readonly (readonly [Period, string])[]

const hourMs = 3_600_000
const hoursOf: Readonly<Record<Period, number>> = { day: 24, week: 24 * 7, month: 24 * 30 }

/** The chosen period; its beginning moves on with the hour, so that the same question keeps the same address. */
export function usePeriod(): { readonly period: Period; readonly from: string; readonly words: string } {
  const asked = useRoute().params.get('period')
  const [period, words] = periods.find(([name]) => name === asked) ?? periods[0]
  const hour = Math.floor(Date.now() / hourMs)
  return {
    period,
    from: new Date((hour - hoursOf[period]) * hourMs).toISOString(),
    words: `the last ${words}`,
  }
}

/** Rows of a report of the chosen facility, and where all of them are as CSV. */
export function useReport<Row>(
  report: string,
  parameters: Readonly<Record<string, string | number | undefined>>,
  everyMs = 120_000,
): Loaded<ReportAnswer<Row>> & { readonly csv: { readonly path: string; readonly fileName: string } } {
  const { facility } = usePlace()
  const path = withQuery(`/reports/${report}`, { facility: facility.facility, ...parameters })
  const loaded = useQuery<ReportAnswer<Row>>(path, everyMs)
  return { ...loaded, csv: useMemo(() => ({ path, fileName: `${report}.csv` }), [path, report]) }
}

/** PATIENT_MONITORING → Patient monitoring. */
export function words(name: string | null): string {
  if (name === null) return '–'
  const text = name.toLowerCase().replaceAll('_', ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}
