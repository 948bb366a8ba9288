/** The view "Pipeline": from the gateways to the table, what arrives, how fast, and what could not be stored. */
import type { JSX } from 'preact'
import { DeadLetters } from './dead-letters.tsx'
import { Coverage, Gateways } from './gateways.tsx'
import { useStatus } from './data.ts'
import { DatabaseJobs } from './jobs.tsx'
import { Lag, Rates, State, WhereEveryPingIs } from './status.tsx'

export function PipelineView(): JSX.Element {
  const status = useStatus()
  return (
    <>
      <State query={status} />
      <Rates query={status} />
      <Lag query={status} />
      <DeadLetters query={status} />
      <Gateways />
      <div class="stack">
        <WhereEveryPingIs query={status} />
        <Coverage />
      </div>
      <DatabaseJobs query={status} />
    </>
  )
}
