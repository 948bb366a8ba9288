/** What the database does by itself, and whether it did. */
import type { JSX } from 'preact'
import { type Loaded } from '../api/use-query.ts'
import { Pill } from '../parts/marks.tsx'
import { Panel } from '../parts/panel.tsx'
import { Show } from '../parts/states.tsx'
import { Table } from '../parts/table.tsx'
import { usePlace } from '../shell/place.ts'
import { number, span } from '../shell/time.ts'
import { type Status } from './data.ts'

export function DatabaseJobs({ query }: { readonly query: Loaded<Status> }): JSX.Element {
  const { clock } = usePlace()
  return (
    <Panel
      question="Does the database keep up with its own work?"
      note="Its background jobs, and how far each rollup is behind."
    >
      <Show
        query={query}
        lines={6}
        isEmpty={({ database }) => database.jobs.length === 0}
        empty="The jobs are not known: the database has not answered yet, or its user may not read the catalogue."
      >
        {({ database }) => (
          <>
            <Table
              caption="Jobs of the database"
              rows={database.jobs.toSorted((a, b) => b.failures - a.failures || a.job.localeCompare(b.job))}
              rowKey={({ job }) => job}
              limit={8}
              columns={[
                {
                  key: 'job',
                  title: 'Job',
                  value: ({ job }) => job,
                  show: ({ job }) => jobWords(job),
                },
                {
                  key: 'last',
                  title: 'Last worked',
                  value: ({ lastSuccessAt }) => lastSuccessAt,
                  show: ({ lastSuccessAt }) =>
                    lastSuccessAt === null ? 'not yet' : clock.dateTime(Date.parse(lastSuccessAt)),
                },
                {
                  key: 'failures',
                  title: 'Failed',
                  value: ({ failures }) => failures,
                  show: ({ failures }) =>
                    failures === 0 ? '0' : <Pill tone="bad">{number(failures)} times</Pill>,
                  isNumber: true,
                },
              ]}
            />
            <dl class="pairs">
              {database.rollups.map(({ rollup, lagS }) => (
                <div key={rollup}>
                  <dt>{rollup}</dt>
                  <dd>{span(lagS)} behind</dd>
                </div>
              ))}
              {database.chunks !== null && (
                <div>
                  <dt>chunks of pings</dt>
                  <dd>
                    {database.chunks.compressed} compressed, {database.chunks.uncompressed} open
                  </dd>
                </div>
              )}
            </dl>
          </>
        )}
      </Show>
    </Panel>
  )
}

const policies: readonly (readonly [string, string])[] = [
  ['policy_compression:', 'Compress'],
  ['policy_refresh_continuous_aggregate:', 'Refresh'],
  ['policy_retention:', 'Drop what is old in'],
]

function jobWords(job: string): JSX.Element {
  const policy = policies.find(([name]) => job.startsWith(name))
  if (policy === undefined) return <code>{job}</code>
  return (
    <>
      {policy[1]} <code>{job.slice(policy[0].length)}</code>
    </>
  )
}
