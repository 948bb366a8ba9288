// docs/metrics.md is written by this test: `npx vitest run test/unit/metrics-docs.test.ts -u`. Without -u it fails when stale.
import { expect, it } from 'vitest'
import { closeReasons } from '../../src/ingest/batcher.ts'
import { rejectionReasons } from '../../src/ingest/ping.ts'
import { components } from '../../src/ops/health.ts'
import { describeMetrics } from '../support/metrics.ts'

/** What each label can be; a label without an entry here is one nobody has bounded. */
const labelValues: Readonly<Record<string, string>> = {
  reason: `one of ${Object.keys(rejectionReasons).length}, in the table below`,
  closed_by: closeReasons.join(', '),
  component: components.join(', '),
  state: 'compressed, uncompressed',
  job: "the name of the job's procedure, and of its hypertable: one for each policy there is",
  rollup: 'the name of the continuous aggregate',
  version: 'of rtls-ingest',
  node: 'of Node.js',
}

const cell = (text: string): string => text.replaceAll('|', '\\|')

function document(): string {
  const metrics = describeMetrics()
  const labels = [...new Set(metrics.flatMap((metric) => metric.labels))]
  return `<!-- Written by test/unit/metrics-docs.test.ts out of src/ops/metrics.ts: change the help text there. -->
# Metrics

\`GET /metrics\` on \`HTTP_PORT\` (3001), in Prometheus' text format. Counters are read from the data path at the moment of the
scrape, all at once, so that in every scrape

\`\`\`
rtls_pings_received_total = rtls_pings_committed_total + rtls_pings_duplicate_total + sum(rtls_pings_dead_lettered_total)
                          + rtls_pings_buffered + rtls_pings_in_flight + rtls_pings_spooled
rtls_sightings_received_total = rtls_sightings_merged_total + rtls_sightings_windowed
\`\`\`

hold to the ping; \`rtls-ingest doctor\` checks them. What to be woken for is in \`config/prometheus/alerts.yml\`, what to do then in
[runbooks.md](runbooks.md), what to look at in \`config/grafana/dashboards/rtls-ingest.json\`.

| metric | type | labels | meaning |
|---|---|---|---|
${metrics.map(({ name, type, labels, help }) => `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${cell(help)} |`).join('\n')}

Beside these there are those of the Node.js process (\`process_*\`, \`nodejs_*\`): memory, processor time, garbage collection.

| label | its values |
|---|---|
${labels.map((label) => `| \`${label}\` | ${cell(labelValues[label] ?? '')} |`).join('\n')}

Never a tag, a gateway, a topic or the text of an error: the number of series does not grow with the hospital.

| \`reason\` of a dead letter | meaning |
|---|---|
${Object.entries(rejectionReasons)
  .map(([reason, meaning]) => `| \`${reason}\` | ${cell(meaning)} |`)
  .join('\n')}
`
}

it('docs/metrics.md says what the code exports', async () => {
  await expect(document()).toMatchFileSnapshot('../../docs/metrics.md')
})

it('every label has values that are known', () => {
  for (const { name, labels } of describeMetrics())
    for (const label of labels)
      expect([name, Object.keys(labelValues)]).toEqual([name, expect.arrayContaining([label])])
})

it('names and types are as Prometheus wants them', () => {
  for (const { name, type, help } of describeMetrics()) {
    expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter'])
    expect(name).toMatch(/^rtls_[a-z0-9_]+$/u)
    expect(help).toMatch(/^[A-Z0-9].*[^.]$/u)
  }
})

/** Other programs and checks depend on these. */
const fixedNames: Readonly<Record<string, readonly string[]>> = {
  rtls_messages_received_total: [],
  rtls_pings_received_total: [],
  rtls_pings_committed_total: [],
  rtls_pings_duplicate_total: [],
  rtls_pings_dead_lettered_total: ['reason'],
  rtls_pings_buffered: [],
  rtls_pings_in_flight: [],
  rtls_pings_spooled: [],
  rtls_unacked_messages: [],
  rtls_batches_total: ['closed_by'],
  rtls_batch_rows: [],
  rtls_copy_seconds: [],
  rtls_commit_lag_seconds: [],
  rtls_ping_age_seconds: [],
  rtls_mqtt_connected: [],
  rtls_database_up: [],
  rtls_spool_bytes: [],
  rtls_event_loop_lag_seconds: [],
  rtls_job_failures_total: ['job'],
  rtls_job_last_success_seconds: ['job'],
  rtls_chunks: ['state'],
  rtls_rollup_lag_seconds: ['rollup'],
}

it('no metric that others depend on was renamed, or got other labels', () => {
  const exported = Object.fromEntries(describeMetrics().map(({ name, labels }) => [name, labels]))
  expect(exported).toMatchObject(fixedNames)
})
