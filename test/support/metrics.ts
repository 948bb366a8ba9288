// The service's metrics without a service: for what is checked against their names, labels and values.
import { type Metrics, createMetrics } from '../../src/ops/metrics.ts'

function openTestMetrics(): Metrics {
  return createMetrics({
    pipeline: () => undefined,
    spoolBytes: () => 0,
    spoolMaxBytes: 0,
    problems: () => [],
    sessionsLost: () => 0,
    sessionsAdopted: () => 0,
    isBrokerConnected: () => false,
    isDatabaseUp: () => false,
    statistics: () => undefined,
    liveMaps: () => undefined,
  })
}

export interface MetricDescription {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly labels: readonly string[]
}

/** What the service exports by itself, in its order; Node's own metrics (process_*, nodejs_*) are left out. */
export function describeMetrics(): MetricDescription[] {
  const metrics = openTestMetrics()
  metrics.close()
  // The labels stand in the registry's objects, but not in its types (prom-client 15).
  const objects = metrics.registry.getMetricsAsArray() as unknown as {
    name: string
    help: string
    type: string
    labelNames?: string[]
  }[]
  return objects
    .filter(({ name }) => name.startsWith('rtls_'))
    .map(({ name, help, type, labelNames = [] }) => ({ name, help, type, labels: labelNames }))
}
