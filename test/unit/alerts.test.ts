// config/prometheus/alerts.yml: each alert fires when it should and clears when it should (by promtool, over made-up series),
// asks for metrics that exist, and has a section in docs/runbooks.md.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { describeMetrics } from '../support/metrics.ts'
import { isInstalled, promtool } from '../support/promtool.ts'

interface Rule {
  alert: string
  expr: string
  labels: { severity: string }
  annotations: Record<string, string>
}
const root = path.resolve(import.meta.dirname, '../..')
const file = path.join(root, 'config/prometheus/alerts.yml')
const { groups } = parse(readFileSync(file, 'utf8')) as { groups: { rules: Rule[] }[] }
const rules = groups.flatMap((group) => group.rules)

interface Story {
  /** Series (without the labels of the scrape) → values minute by minute, in promtool's notation. */
  series: Readonly<Record<string, string>>
  quietAt: string
  firingAt: string
  clearAt: string
}

/** Trouble from the 30th minute to the 90th, quiet before and after. */
const flat = '0x170'
const raised = '0x29 1x60 0x80'
const climbing = (perMinute: number): string => `0x29 0+${perMinute}x60 ${60 * perMinute}x80`
const times = { quietAt: '29m', firingAt: '80m', clearAt: '165m' }
const buckets = (within: string, beyond: string): Record<string, string> => ({
  'rtls_commit_lag_seconds_bucket{le="5"}': within,
  'rtls_commit_lag_seconds_bucket{le="10"}': beyond,
  'rtls_commit_lag_seconds_bucket{le="+Inf"}': beyond,
})

const stories: Readonly<Record<string, Story>> = {
  RtlsDown: { series: { up: '1x29 0x60 1x80' }, ...times },
  RtlsNotReady: {
    series: { 'rtls_problem{component="broker"}': raised, 'rtls_problem{component="spool"}': flat },
    ...times,
  },
  RtlsNothingCommitted: {
    series: {
      rtls_pings_committed_total: '0+100x29 2900x60 2900+100x80',
      rtls_pings_duplicate_total: flat,
      rtls_pings_buffered: '5x29 500x60 5x80',
      rtls_pings_in_flight: flat,
      rtls_pings_spooled: flat,
    },
    ...times,
  },
  RtlsNothingReceived: {
    series: { rtls_messages_received_total: '0+10x29 290x60 290+10x80', rtls_mqtt_connected: '1x170' },
    ...times,
  },
  RtlsSessionLost: {
    series: { rtls_mqtt_sessions_lost_total: '0x29 1x140' },
    ...times,
  },
  RtlsDeadLetters: {
    series: {
      'rtls_pings_dead_lettered_total{reason="not_json"}': climbing(5),
      'rtls_pings_dead_lettered_total{reason="invalid_ping"}': climbing(5),
      rtls_pings_received_total: '0+100x170',
    },
    ...times,
  },
  RtlsCommitSlow: {
    series: buckets('0+100x29 2900+50x60 5900+100x80', '0+100x29 2900+100x60 8900+100x80'),
    ...times,
  },
  RtlsIntakeHeld: { series: { rtls_intake_held: raised }, ...times },
  RtlsSpoolFilling: {
    series: { rtls_spool_max_bytes: '100x170', rtls_spool_bytes: '10x29 60x60 10x80' },
    ...times,
  },
  RtlsJobFailing: {
    series: { 'rtls_job_failures_total{exported_job="policy_retention:location_history"}': climbing(1) },
    ...times,
  },
  RtlsRollupLate: {
    series: {
      'rtls_rollup_lag_seconds{rollup="location_1m"}': '60x29 5000x60 60x80',
      rtls_pings_committed_total: '0+100x170',
    },
    ...times,
  },
  RtlsQos0: { series: { rtls_messages_qos0_total: climbing(1) }, ...times },
  RtlsPingsUnaccounted: {
    series: {
      rtls_pings_received_total: '0+10x29 292+10x60 900+10x80',
      rtls_pings_committed_total: '0+10x29 290+10x60 900+10x80',
      rtls_pings_duplicate_total: flat,
      'rtls_pings_dead_lettered_total{reason="not_json"}': flat,
      'rtls_pings_dead_lettered_total{reason="invalid_ping"}': flat,
      rtls_pings_buffered: flat,
      rtls_pings_in_flight: flat,
      rtls_pings_spooled: flat,
    },
    ...times,
  },
  RtlsEventLoopLag: { series: { rtls_event_loop_lag_seconds: '0.01x29 0.5x60 0.01x80' }, ...times },
}

const scraped = (series: string): string => {
  const [, name = series, labels = ''] = /^(\w+)\{(.*)\}$/u.exec(series) ?? []
  return `${name}{job="rtls-ingest",instance="h:3001"${labels === '' ? '' : `,${labels}`}}`
}

describe('config/prometheus/alerts.yml', () => {
  it('has a story for every alert', () => {
    expect(Object.keys(stories).toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted())
  })

  it('fires each alert in its trouble, and clears it afterwards', ({ skip }) => {
    skip(!isInstalled('promtool'), 'promtool is not installed')
    const folder = mkdtempSync(path.join(tmpdir(), 'rtls-alerts-'))
    try {
      const tests = Object.entries(stories).map(([alert, { series, quietAt, firingAt, clearAt }]) => {
        const at = (eval_time: string, isFiring: boolean) => ({
          expr: `count(ALERTS{alertname="${alert}",alertstate="firing"})`,
          eval_time,
          exp_samples: isFiring ? [{ labels: '{}', value: 1 }] : [],
        })
        return {
          name: alert,
          interval: '1m',
          input_series: Object.entries(series).map(([name, values]) => ({ series: scraped(name), values })),
          promql_expr_test: [at(quietAt, false), at(firingAt, true), at(clearAt, false)],
        }
      })
      const jobs = {
        name: 'the sentence for a person',
        interval: '1m',
        input_series: [{ series: scraped('up'), values: '0x10' }],
        alert_rule_test: [
          {
            eval_time: '5m',
            alertname: 'RtlsDown',
            exp_alerts: [
              {
                exp_labels: { severity: 'page', job: 'rtls-ingest', instance: 'h:3001' },
                exp_annotations: {
                  summary: 'rtls-ingest on h:3001 does not answer',
                  description: 'Pings wait at the broker as long as its queue lasts.',
                  runbook_url: 'docs/runbooks.md#rtlsdown',
                },
              },
            ],
          },
        ],
      }
      const test = path.join(folder, 'test.yml')
      // JSON is YAML.
      writeFileSync(
        test,
        JSON.stringify({ rule_files: [file], evaluation_interval: '1m', tests: [...tests, jobs] }),
      )
      expect(promtool(['test', 'rules', test])).toContain('SUCCESS')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('asks for metrics that the service exports', () => {
    const exported = describeMetrics().flatMap(({ name, type }) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    )
    for (const { alert, expr } of rules)
      for (const [name] of expr.matchAll(/\brtls_\w+/gu))
        expect([alert, exported]).toEqual([alert, expect.arrayContaining([name])])
  })

  it('links every alert to a section of docs/runbooks.md, and has none for nothing', () => {
    const sections = [
      ...readFileSync(path.join(root, 'docs/runbooks.md'), 'utf8').matchAll(/^## (Rtls\w+)$/gmu),
    ]
    expect(sections.map(([, name]) => name)).toEqual(rules.map(({ alert }) => alert))
    for (const { alert, annotations, labels } of rules) {
      expect(annotations['runbook_url']).toBe(`docs/runbooks.md#${alert.toLowerCase()}`)
      expect(annotations['summary']).toMatch(/\S/u)
      expect(['page', 'ticket']).toContain(labels.severity)
    }
  })
})
