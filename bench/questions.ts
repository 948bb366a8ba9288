/**
 * `npm run bench:questions`: how long the analysts' questions (sql/queries/) take over so many pings of a made-up hospital group,
 * on a database made for it on the server of DATABASE_URL, else on the embedded one. Prints one table; it judges nothing.
 * `--database <url>` asks one that `--keep` has left instead: 100 million pings take hours to make and seconds to ask.
 */
import { parseArgs } from 'node:util'
import pg from 'pg'
import { openDatabase } from './database.ts'
import { fillHospital, settleCoarseRollups } from './hospital-data.ts'
import { describeMachine, describeVersions, processCpuSeconds } from './machine.ts'
import { quantile } from './stats.ts'

const help = `npm run bench:questions -- [options]

  --pings <n>        pings to make (200000); days are added, newest first, until there are so many
  --tags <n>         tags, in eight facilities (100; 5000 with 10 million pings or more)
  --runs <n>         each question is asked so often, once more beforehand (5)
  --database <url>   ask this one, filled before, and make nothing
  --keep             leave the database that was made on the server of DATABASE_URL, and say its name
`

interface Question {
  readonly name: string
  /** Milliseconds at the median; undefined: it reads pings, or every minute, and has none. */
  readonly targetMs?: number
  readonly sql: string
}

/** `:end` the newest ping, `:day` a day before it, `:week` seven; asset a5 is carried about, T000250 has been silent for a week. */
const questions: readonly Question[] = [
  { name: 'asset_location_now', targetMs: 50, sql: `SELECT * FROM asset_location_now('a5')` },
  {
    name: 'asset_location_at, 12 h ago',
    targetMs: 50,
    sql: `SELECT * FROM asset_location_at('a5', :end - interval '12 hours')`,
  },
  {
    name: 'asset_location_at, before all',
    targetMs: 50,
    sql: `SELECT * FROM asset_location_at('a5', :end - interval '300 days')`,
  },
  { name: 'asset_last_known', targetMs: 50, sql: `SELECT * FROM asset_last_known('a5')` },
  { name: 'asset_location_now, silent tag', targetMs: 50, sql: `SELECT * FROM asset_location_now('a250')` },
  { name: 'asset_trail, a day in 500 points', sql: `SELECT * FROM asset_trail('a5', :day, :end, 500)` },
  { name: 'asset_visits, a day', sql: `SELECT * FROM asset_visits('a5', :day, :end)` },
  {
    name: 'asset_visits, a day, margin',
    sql: `SELECT * FROM asset_visits('a5', :day, :end, margin_m => 0.5)`,
  },
  {
    name: 'asset_dwell of ten, a day',
    sql: `SELECT * FROM asset_dwell(ARRAY(SELECT 'a' || 8 * n + 5 FROM generate_series(0, 9) n), :day, :end)`,
  },
  { name: 'asset_distance, a day', sql: `SELECT * FROM asset_distance('a5', :day, :end)` },
  { name: 'asset_contacts, a day', sql: `SELECT * FROM asset_contacts('a5', 'a13', :day, :end)` },
  { name: 'assets_met, a day', sql: `SELECT * FROM assets_met('a5', :day, :end)` },
  {
    name: 'room_occupancy, a day by hour',
    targetMs: 50,
    sql: `SELECT * FROM room_occupancy('h1', :day, :end)`,
  },
  {
    name: 'room_occupancy, three days by day',
    targetMs: 50,
    sql: `SELECT * FROM room_occupancy('h1', :end - interval '3 days', :end, 'day')`,
  },
  {
    name: 'fleet_use AWAY, three days',
    targetMs: 50,
    sql: `SELECT * FROM fleet_use('h1', :end - interval '3 days', :end, 'AWAY')`,
  },
  {
    name: 'right_size AWAY, three days',
    targetMs: 50,
    sql: `SELECT * FROM right_size('h1', :end - interval '3 days', :end, 'AWAY')`,
  },
  {
    name: 'fleet_use LOG, three days',
    targetMs: 50,
    sql: `SELECT * FROM fleet_use('h1', :end - interval '3 days', :end)`,
  },
  { name: 'heat_map, a day', sql: `SELECT * FROM heat_map('h1', 0, :day, :end)` },
  {
    name: 'coverage_holes, three days',
    targetMs: 50,
    sql: `SELECT * FROM coverage_holes('h1', :end - interval '3 days', :end)`,
  },
  { name: 'missing_assets', targetMs: 50, sql: `SELECT * FROM missing_assets()` },
  { name: 'battery_forecast', targetMs: 50, sql: `SELECT * FROM battery_forecast()` },
  { name: 'gateway_health', targetMs: 50, sql: `SELECT * FROM gateway_health(:end)` },
  {
    name: 'gateway_silences, three days',
    targetMs: 50,
    sql: `SELECT * FROM gateway_silences('h1', :end - interval '3 days', :end)`,
  },
  { name: 'restricted_visits, a day', sql: `SELECT * FROM restricted_visits(:day, :end)` },
  { name: 'par_status', targetMs: 50, sql: 'SELECT * FROM rtls.par_status' },
  { name: 'equipment_to_find', targetMs: 50, sql: 'SELECT * FROM rtls.equipment_to_find' },
]

interface Opened {
  readonly client: pg.Client
  readonly where: string
  cpuSeconds(): Promise<number>
  close(): Promise<void>
}

async function openExisting(url: string): Promise<Opened> {
  const client = new pg.Client({ connectionString: url, application_name: 'rtls-bench' })
  await client.connect()
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  const isHere = ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname)
  return {
    client,
    where: 'a server',
    cpuSeconds: async () => Promise.resolve(isHere ? processCpuSeconds(rows[0]?.pid ?? 0) : Number.NaN),
    close: async () => client.end(),
  }
}

async function openFilled(pings: number, tags: number, isKept: boolean): Promise<Opened> {
  const database = await openDatabase(process.env['DATABASE_URL'])
  const { client } = database
  try {
    await fillHospital(client, { pings, tags, say: (line) => process.stderr.write(`${line}\n`) })
    await settleCoarseRollups(client)
  } catch (error) {
    await database.stop()
    throw error
  }
  return {
    client,
    where: database.kind === 'embedded' ? 'the embedded database' : 'a server',
    cpuSeconds: async () => database.cpuSeconds(),
    async close() {
      if (!isKept || database.kind === 'embedded') return database.stop()
      process.stderr.write(`kept: ${new URL(database.url).pathname.slice(1)}\n`)
      return client.end()
    },
  }
}

interface Answer {
  readonly question: Question
  readonly rows: number
  readonly medianMs: number
  /** Of the processor, on average; NaN where the server is elsewhere. */
  readonly cpuMs: number
  /** Blocks of 8 kB that were looked at. */
  readonly blocks: number
}

async function ask(opened: Opened, question: Question, end: Date, runs: number): Promise<Answer> {
  const { client } = opened
  const at = (ms: number): string => `timestamptz '${new Date(end.getTime() - ms).toISOString()}'`
  const sql = question.sql.replaceAll(':end', at(0)).replaceAll(':day', at(86_400_000))
  // Once for the caches, and for what it reads.
  const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
    `EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) ${sql}`,
  )
  const plan = rows[0]?.['QUERY PLAN'][0].Plan ?? {}
  const times: number[] = []
  const cpuBefore = await opened.cpuSeconds()
  for (let run = 0; run < runs; run += 1) {
    const started = performance.now()
    await client.query(sql)
    times.push(performance.now() - started)
  }
  return {
    question,
    rows: plan['Actual Rows'] ?? 0,
    medianMs: quantile(times, 0.5),
    cpuMs: (1000 * ((await opened.cpuSeconds()) - cpuBefore)) / runs,
    blocks: (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0),
  }
}

function formatAnswer({ question, rows, medianMs, cpuMs, blocks }: Answer): string {
  const number = (value: number, digits: number): string =>
    Number.isNaN(value) ? '–' : value.toFixed(digits)
  const target = question.targetMs === undefined ? '' : `< ${question.targetMs}`
  return `| ${question.name} | ${rows} | ${number(medianMs, 1)} | ${number(cpuMs, 0)} | ${blocks} | ${target} |`
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      pings: { type: 'string', default: '200000' },
      tags: { type: 'string' },
      runs: { type: 'string', default: '5' },
      database: { type: 'string' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const [pings, runs] = [Number(values.pings), Number(values.runs)]
  const tags = Number(values.tags ?? (pings >= 10_000_000 ? 5000 : 100))
  if (values.help || ![pings, runs, tags].every((value) => Number.isSafeInteger(value) && value > 0)) {
    process.stdout.write(help)
    process.exitCode = values.help ? 0 : 2
    return
  }
  const opened = await (values.database === undefined
    ? openFilled(pings, tags, values.keep)
    : openExisting(values.database))
  try {
    const { rows } = await opened.client.query<{ pings: string; tags: string; days: number; end: Date }>(
      `SELECT sum(pings) AS pings, count(DISTINCT tag_id) AS tags, count(DISTINCT bucket)::integer AS days, max(last_t) AS end FROM location_1d`,
    )
    const [held] = rows
    if (held === undefined) return
    const { cpu, cores, loadBefore } = describeMachine()
    const version = await opened.client.query<{ text: string }>(
      `SELECT 'PostgreSQL ' || current_setting('server_version') || ', TimescaleDB ' || extversion AS text FROM pg_extension WHERE extname = 'timescaledb'`,
    )
    process.stdout.write(
      `${Number(held.pings).toLocaleString('en')} pings of ${held.tags} tags on ${held.days} days, on ${opened.where}: ${version.rows[0]?.text ?? ''}; ` +
        `${cores} × ${cpu}, load ${loadBefore} before; commit ${describeVersions().commit}; median of ${runs}\n\n` +
        '| question | rows | ms | ms of processor | blocks | target, ms |\n|---|---|---|---|---|---|\n',
    )
    for (const question of questions)
      process.stdout.write(`${formatAnswer(await ask(opened, question, held.end, runs))}\n`)
  } finally {
    await opened.close()
  }
}

await main()
