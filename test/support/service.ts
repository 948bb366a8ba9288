// The built service as a child process, looked at as an operator would: its log lines and its HTTP endpoints.
import { type Cli, startCli } from './child.ts'
import { waitFor } from './wait-for.ts'

export interface Service extends Cli {
  readonly http: string
  readyz(): Promise<{ status: number; body: string }>
  /** Name with labels as exposed → value. */
  metrics(): Promise<ReadonlyMap<string, number>>
  /**
   * Waits until `received` pings were received and all of them are settled, and asserts the conservation identity.
   * Returns the account.
   */
  atRest(received: number, deadlineMs?: number): Promise<Account>
}

export interface Account {
  readonly received: number
  readonly committed: number
  readonly duplicates: number
  readonly deadLettered: number
}

export interface ServiceOptions {
  readonly mqttUrl?: string
  readonly databaseUrl?: string
  readonly env?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
  /** Where the program is installed, if it is not the one of this repository. */
  readonly root?: string
  /** The test breaks the way to the broker; otherwise a reconnection nobody asked for fails it. */
  readonly mayReconnect?: boolean
}

/** Starts `rtls-ingest run` on free ports and waits until it is ready: before it has subscribed, a broker keeps nothing for it. */
export async function openService(options: ServiceOptions = {}): Promise<Service> {
  const service = startService(options)
  await service.cli.waitForLine(/"msg":"running"/u)
  const opened = service.opened()
  try {
    await waitFor(async () => (await opened.readyz()).status === 200, { what: 'readiness' })
  } catch (error) {
    throw new Error(`the service did not become ready:\n${opened.output().slice(-3000)}`, { cause: error })
  }
  return opened
}

/** The same without waiting: for starts that wait for something themselves. */
export function startService(options: ServiceOptions = {}): { readonly cli: Cli; opened(): Service } {
  // On a slow machine a clean stop may take longer than an operator would wait.
  const cli = startCli(['run', '--set', 'shutdown.deadlineMs=60000', ...(options.args ?? [])], {
    ...(options.root === undefined ? {} : { root: options.root }),
    env: {
      HTTP_PORT: '0',
      MQTT_PORT: '0',
      DATABASE_PORT: '0',
      LOG_LEVEL: 'debug',
      ...(options.mqttUrl === undefined ? {} : { MQTT_URL: options.mqttUrl }),
      ...(options.databaseUrl === undefined ? {} : { DATABASE_URL: options.databaseUrl }),
      ...options.env,
    },
  })
  return {
    cli,
    opened() {
      const running = cli.stdout.find((line) => line.includes('"msg":"running"')) ?? '{}'
      const { addresses } = JSON.parse(running) as { addresses: { metrics: string } }
      const http = addresses.metrics.replace('/metrics', '')
      const metrics = async (): Promise<ReadonlyMap<string, number>> =>
        parseMetrics(await (await fetch(`${http}/metrics`)).text())
      return {
        ...cli,
        http,
        metrics,
        async readyz() {
          const response = await fetch(`${http}/readyz`)
          return { status: response.status, body: await response.text() }
        },
        async atRest(received, deadlineMs) {
          const healed = cli.stdout.find((line) => /"level":(?:40|50).*"msg":"broker: /u.test(line))
          if (healed !== undefined && options.mayReconnect !== true)
            throw new Error(`the service lost its broker unexpectedly: ${healed}`)
          return waitFor(
            async () => {
              const account = readAccount(await metrics())
              return account.received >= received && account.waiting === 0 ? account : undefined
            },
            {
              what: `${received} pings received and none waiting:\n${cli.output().slice(-3000)}`,
              ...(deadlineMs === undefined ? {} : { deadlineMs }),
            },
          )
        },
      }
    },
  }
}

function parseMetrics(text: string): ReadonlyMap<string, number> {
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const at = line.lastIndexOf(' ')
        return [line.slice(0, at), Number(line.slice(at + 1))] as const
      }),
  )
}

/** Invariant 4: asserted on every reading, not only at rest. */
function readAccount(metrics: ReadonlyMap<string, number>): Account & { waiting: number } {
  const read = (name: string): number => metrics.get(name) ?? 0
  const account = {
    received: read('rtls_pings_received_total'),
    committed: read('rtls_pings_committed_total'),
    duplicates: read('rtls_pings_duplicate_total'),
    deadLettered: [...metrics].reduce(
      (sum, [name, value]) => (name.startsWith('rtls_pings_dead_lettered_total{') ? sum + value : sum),
      0,
    ),
    waiting: read('rtls_pings_buffered') + read('rtls_pings_in_flight') + read('rtls_pings_spooled'),
  }
  const settled = account.committed + account.duplicates + account.deadLettered
  if (account.received !== settled + account.waiting)
    throw new Error(`pings are not conserved: ${JSON.stringify(account)}`)
  const [sightings, merged, windowed] = ['received_total', 'merged_total', 'windowed'].map((name) =>
    read(`rtls_sightings_${name}`),
  )
  if (sightings !== (merged ?? 0) + (windowed ?? 0))
    throw new Error(`sightings are not conserved: ${sightings}, ${merged}, ${windowed}`)
  return account
}
