/**
 * `npm run bench`: measures this working tree on this machine, prints one table and writes all figures to bench/results/.
 * The database is a new one on the server of DATABASE_URL, else the embedded one. Absolute numbers are this machine's;
 * the ratios are what carries over.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { describeMachine, describeVersions } from './machine.ts'
import { type Results, describeSetting, formatNotes, formatTable, summarizeScenario } from './report.ts'
import { openRig } from './rig.ts'
import type { Plan } from './scenario.ts'
import { scenarios } from './scenarios.ts'

const help = `npm run bench -- [options]

  --quick               fewer pings and repetitions: under a minute, and worth accordingly less
  --only <scenario>     repeatable: ${scenarios.map(({ name }) => name).join(', ')}
  --all                 also those that take long: ${scenarios
    .filter(({ isLong }) => isLong)
    .map(({ name }) => name)
    .join(', ')}
  --pings <n>           pings of each throughput scenario
  --repetitions <n>     measured runs of each side (3)
  --seed <n>            of the pings (1)
  --broker <which>      mosquitto or aedes (mosquitto where it is installed)
  --out <file>          where the figures go (bench/results/<date>-<database>.json)

DATABASE_URL: a server on which a database may be created; without it the embedded one is measured.
BENCH_PROFILE: a folder for CPU profiles of the service.
`

class UsageError extends Error {}

interface Arguments {
  readonly only: readonly string[]
  readonly isAll: boolean
  readonly isQuick: boolean
  readonly pings: number | undefined
  readonly repetitions: number
  readonly seed: number
  readonly broker: 'mosquitto' | 'aedes' | undefined
  readonly out: string | undefined
}

/** Undefined: the help was asked for. */
function parse(argv: readonly string[]): Arguments | undefined {
  let values
  try {
    ;({ values } = parseArgs({
      args: [...argv],
      options: {
        quick: { type: 'boolean', default: false },
        all: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        pings: { type: 'string' },
        repetitions: { type: 'string' },
        seed: { type: 'string', default: '1' },
        broker: { type: 'string' },
        out: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }))
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
  if (values.help) return undefined
  const { quick, all, only, pings, repetitions, seed, broker, out } = values
  const unknown = only.find((wanted) => scenarios.every(({ name }) => name !== wanted))
  if (unknown !== undefined) throw new UsageError(`there is no scenario "${unknown}"`)
  if (broker !== undefined && broker !== 'mosquitto' && broker !== 'aedes')
    throw new UsageError('--broker is mosquitto or aedes')
  return {
    only,
    isAll: all,
    isQuick: quick,
    pings: pings === undefined ? undefined : whole('--pings', pings),
    repetitions: repetitions === undefined ? (quick ? 2 : 3) : whole('--repetitions', repetitions),
    seed: whole('--seed', seed),
    broker,
    out,
  }
}

function whole(name: string, given: string): number {
  const value = Number(given)
  if (!Number.isSafeInteger(value) || value < 1)
    throw new UsageError(`${name}: expected a whole number above 0`)
  return value
}

async function bench(options: Arguments, onClose: (close: () => Promise<void>) => void): Promise<void> {
  const startedMs = performance.now()
  const databaseUrl = process.env['DATABASE_URL'] === '' ? undefined : process.env['DATABASE_URL']
  const machine = describeMachine()
  const rig = await openRig({ databaseUrl, broker: options.broker }, onClose)
  const chosen = scenarios.filter(({ name, isLong = false }) =>
    options.only.length > 0 ? options.only.includes(name) : options.isAll || !isLong,
  )
  const measured = []
  for (const scenario of chosen) {
    const { name, rows } = scenario
    const say = (what: string): void => progress(`${name}: ${what}`)
    const { seed, repetitions, pings, isQuick } = options
    const plan: Plan = { seed, repetitions, pings, isQuick, say }
    measured.push(summarizeScenario(name, rows, await scenario.measure(rig, plan)))
  }
  progress('')
  const { kind, versions, settings } = rig.database
  const results: Results = {
    date: new Date().toISOString(),
    machine,
    versions: describeVersions(),
    broker: rig.broker.name,
    database: { kind, versions, settings },
    settings: {
      isQuick: options.isQuick,
      repetitions: options.repetitions,
      pings: options.pings,
      seed: options.seed,
    },
    seconds: Math.round((performance.now() - startedMs) / 1000),
    scenarios: measured,
  }
  console.log(`${describeSetting(results)}\n\n${formatTable(measured)}\n\n${formatNotes(measured)}\n`)
  const stamp = results.date.slice(0, 19).replaceAll(':', '')
  const file = options.out ?? join(import.meta.dirname, 'results', `${stamp}-${kind}.json`)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`)
  console.log(`${results.seconds} s; all figures in ${relative(process.cwd(), file)}`)
}

function progress(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${what}`)
}

async function main(): Promise<number> {
  const closers: (() => Promise<void>)[] = []
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => reject(new Error(`ended by ${signal}`)))
  })
  try {
    const options = parse(process.argv.slice(2))
    if (options === undefined) process.stdout.write(help)
    else await Promise.race([bench(options, (close) => closers.unshift(close)), interrupted])
    return 0
  } catch (error) {
    progress('')
    if (error instanceof UsageError) {
      console.error(`bench: ${error.message}\n\n${help}`)
      return 2
    }
    console.error(error)
    return 1
  } finally {
    for (const close of closers) await close().catch((error: unknown) => console.error(error))
  }
}

process.exit(await main())
