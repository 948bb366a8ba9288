/** The service under measurement: the built CLI as a child process, with nothing set but where broker and database are. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { makeTempFolder, startProgram } from './children.ts'
import type { Bucket } from './stats.ts'

export interface Service {
  readonly pid: number
  metrics(): Promise<Metrics>
  /** What it logged, the end of it. */
  log(): string
  stop(): Promise<void>
}

export interface Metrics {
  /** Sum over all labels; 0 when there is none. */
  value(name: string): number
  buckets(histogram: string): Bucket[]
}

const cli = join(import.meta.dirname, '../dist/cli.js')
const startDeadlineMs = 60_000

/** Resolves when the service has subscribed and its database works. */
export async function openService(
  mqttUrl: string,
  databaseUrl: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Service> {
  const child = startProgram(process.execPath, [...profiling(), cli, 'run', '--no-simulate'], {
    // A folder of its own: no configuration or data directory of the repository is picked up.
    cwd: makeTempFolder(),
    env: {
      MQTT_URL: mqttUrl,
      DATABASE_URL: databaseUrl,
      HTTP_PORT: '0',
      NODE_ENV: 'production',
      ...environment,
    },
  })
  const metricsUrl = await child.waitFor(
    (line) => /"metrics":"(http:[^"]+)"/u.exec(line)?.[1],
    'line with the address of the metrics',
  )
  const service: Service = {
    pid: child.pid,
    async metrics() {
      child.assertRunning()
      const response = await fetch(metricsUrl)
      return parseMetrics(await response.text())
    },
    log: () => child.output(),
    stop: async () => child.stop(),
  }
  const readyUrl = new URL('/readyz', metricsUrl)
  const deadline = performance.now() + startDeadlineMs
  while (!(await fetch(readyUrl)).ok) {
    child.assertRunning()
    if (performance.now() > deadline) throw new Error(`the service is not ready\n${child.output()}`)
    await wait(50)
  }
  return service
}

/** BENCH_PROFILE=dir: the service writes a CPU profile there when it stops. The rates of such a run are worth less. */
function profiling(): string[] {
  const folder = process.env['BENCH_PROFILE']
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`]
}

function parseMetrics(text: string): Metrics {
  const samples = [...text.matchAll(/^([a-z_]+)(?:\{([^}]*)\})? (\S+)/gmu)].map(
    ([, name = '', labels = '', value = '']) => ({ name, labels, value: Number(value) }),
  )
  return {
    value: (name) =>
      samples.filter((sample) => sample.name === name).reduce((sum, { value }) => sum + value, 0),
    buckets: (histogram) =>
      samples
        .filter(({ name }) => name === `${histogram}_bucket`)
        .map(({ labels, value }) => ({
          bound: Number(/le="([^"]+)"/u.exec(labels)?.[1]?.replace('+Inf', 'Infinity')),
          count: value,
        })),
  }
}

/** Several as one: what one has done and what all have done is the same question. */
export function together(services: readonly Service[]): Service {
  return {
    pid: services[0]?.pid ?? 0,
    async metrics() {
      const all = await Promise.all(services.map(async (service) => service.metrics()))
      return {
        value: (name) => all.reduce((sum, metrics) => sum + metrics.value(name), 0),
        buckets(histogram) {
          const [first = [], ...others] = all.map((metrics) => metrics.buckets(histogram))
          return first.map(({ bound, count }, at) => ({
            bound,
            count: others.reduce((sum, buckets) => sum + (buckets[at]?.count ?? 0), count),
          }))
        },
      }
    },
    log: () => services.map((service) => service.log()).join('\n'),
    async stop() {
      await Promise.all(services.map(async (service) => service.stop()))
    },
  }
}

/** The most memory the process ever had resident, in bytes; off Linux what it has now. */
export async function peakMemory(service: Service): Promise<number> {
  try {
    const status = readFileSync(`/proc/${service.pid}/status`, 'utf8')
    return Number(/VmHWM:\s+(\d+) kB/u.exec(status)?.[1]) * 1024
  } catch {
    return (await service.metrics()).value('process_resident_memory_bytes')
  }
}
