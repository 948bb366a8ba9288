// config/grafana: the dashboard shows what the service exports and nothing else, lies in no panel over another, and is wired
// to the data source and the folder that docker-compose.yml mounts.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { describeMetrics } from '../support/metrics.ts'

interface Panel {
  id: number
  type: string
  title: string
  gridPos: { x: number; y: number; w: number; h: number }
  datasource?: { uid: string }
  targets?: { expr: string; datasource: { uid: string } }[]
}
const root = path.resolve(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')
const { panels } = JSON.parse(read('config/grafana/dashboards/rtls-ingest.json')) as { panels: Panel[] }
const queries = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })))
const metrics = describeMetrics()

describe('the dashboard', () => {
  it('asks for metrics that the service exports, and shows every one of them', () => {
    const exported = metrics.flatMap(({ name, type }) => (type === 'histogram' ? [`${name}_bucket`] : [name]))
    const asked = queries.flatMap(({ expr }) => expr.match(/\brtls_\w+/gu) ?? [])
    expect([...new Set(asked)].toSorted()).toEqual(exported.toSorted())
  })

  it('asks for labels that the metrics have', () => {
    // `job` and `instance` are the scrape's; our own `job` is `exported_job` there.
    const known = new Set([
      ...metrics.flatMap(({ labels }) => labels.map((label) => (label === 'job' ? 'exported_job' : label))),
      'le',
      'job',
      'instance',
    ])
    for (const { title, expr } of queries) {
      const by = Array.from(expr.matchAll(/\bby \((\w+)\)/gu), ([, label]) => label)
      for (const label of by) expect([title, label, known.has(label ?? '')]).toEqual([title, label, true])
    }
  })

  it('lays no panel over another, and gives each an id of its own', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const cells = new Map<string, string>()
    for (const { title, gridPos } of panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect([title, cells.get(`${x},${y}`)]).toEqual([title, undefined])
          cells.set(`${x},${y}`, title)
        }
    }
  })

  it('is wired to what docker-compose.yml mounts', () => {
    const { datasources } = parse(read('config/grafana/provisioning/datasources/prometheus.yml')) as {
      datasources: { uid: string; url: string }[]
    }
    const uids = new Set(
      panels
        .flatMap(({ datasource, targets = [] }) => [datasource, targets.map((target) => target.datasource)])
        .flat()
        .flatMap((datasource) => datasource?.uid ?? []),
    )
    expect([...uids]).toEqual(datasources.map(({ uid }) => uid))
    const { providers } = parse(read('config/grafana/provisioning/dashboards/rtls-ingest.yml')) as {
      providers: { options: { path: string } }[]
    }
    const { services } = parse(read('docker-compose.yml'), { merge: true }) as {
      services: Record<string, { volumes: string[]; environment: Record<string, string>; ports: string[] }>
    }
    const file = `${providers[0]?.options.path}/rtls-ingest.json`
    expect(services['grafana']?.volumes).toContain(`./config/grafana/dashboards/rtls-ingest.json:${file}:ro`)
    expect(services['grafana']?.environment['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH']).toBe(file)
    const port = services['prometheus']?.ports[0]?.split(':').at(-1)
    expect(datasources[0]?.url).toBe(`http://prometheus:${port}`)
    const { rule_files: rules } = parse(read('config/prometheus/prometheus.yml')) as { rule_files: string[] }
    expect(rules.map((rule) => `./config/prometheus/${rule}:/etc/prometheus/${rule}:ro`)).toEqual(
      services['prometheus']?.volumes.filter((mount) => mount.includes('alerts')),
    )
  })
})
