/**
 * `rtls-ingest dead-letter list|show|replay|purge`: the operator's way to what could not be stored, and back.
 */
import { isUtf8 } from 'node:buffer'
import { createInterface } from 'node:readline/promises'
import type { Config } from '../config-schema.ts'
import { type ConfigSources, loadConfig } from '../config.ts'
import { type Pool, createPool } from '../db/pool.ts'
import {
  type DeadLetter,
  type DeadLetterFilter,
  countDeadLetters,
  findDeadLetters,
  purgeDeadLetters,
  replayDeadLetters,
} from '../ingest/dead-letter-desk.ts'
import { createDecode } from '../ingest/decode.ts'
import { onGrid } from '../ingest/grid.ts'
import { createRoutes, topicsOfGateway } from '../ingest/routes.ts'
import { createWriter } from '../ingest/writer.ts'
import { UserError } from '../ops/user-error.ts'
import { withDatabase } from './database.ts'

export interface DeadLetterFlags extends Omit<DeadLetterFilter, 'topics'> {
  readonly gateway?: string
  readonly limit: number
  readonly isJson: boolean
}

/** Which topics are a gateway's, the configuration knows. */
const withGateway = (
  { formats }: Pick<Config, 'formats'>,
  { gateway, ...filter }: Omit<DeadLetterFlags, 'limit' | 'isJson'>,
): DeadLetterFilter => ({
  ...filter,
  ...(gateway === undefined ? {} : { topics: topicsOfGateway(formats, gateway) }),
})

const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

export async function listCommand(
  sources: ConfigSources,
  { limit, isJson, ...flags }: DeadLetterFlags,
): Promise<void> {
  const filter = withGateway(loadConfig(sources), flags)
  await withPool(sources, async (pool) => {
    const letters = await findDeadLetters(pool, filter, limit)
    if (isJson) {
      for (const letter of letters) say(JSON.stringify(asJson(letter)))
      return
    }
    const counts = await countDeadLetters(pool, filter)
    const total = counts.reduce((sum, { count }) => sum + count, 0)
    if (total === 0) return say('No dead letters match.')
    const rows = letters.map((letter) => [
      letter.id.slice(0, 8),
      letter.receivedAt.toISOString(),
      letter.replayedAt === null ? letter.reason : `${letter.reason} (replayed)`,
      letter.topic.length > 40 ? `${letter.topic.slice(0, 39)}…` : letter.topic,
      String(letter.payloadBytes),
      printable(letter.detail).slice(0, 80),
    ])
    for (const line of aligned([['id', 'received', 'reason', 'topic', 'bytes', 'detail'], ...rows])) say(line)
    say('')
    if (letters.length < total) say(`The newest ${letters.length} of ${total}; more with --limit.`)
    for (const { reason, count } of counts) say(`${String(count).padStart(8)}  ${reason}`)
  })
}

export async function showCommand(sources: ConfigSources, id: string, isJson: boolean): Promise<void> {
  await withPool(sources, async (pool) => {
    const letters = await findDeadLetters(pool, { id }, 2)
    const [letter] = letters
    if (letter === undefined) throw new UserError(`No dead letter has an id that begins with "${id}".`)
    if (letters.length > 1)
      throw new UserError(`More than one dead letter has an id that begins with "${id}". Give more of it.`)
    if (isJson) return say(JSON.stringify(asJson(letter)))
    const fields: [string, string][] = [
      ['id', letter.id],
      ['received', letter.receivedAt.toISOString()],
      ['topic', printable(letter.topic)],
      ['reason', letter.reason],
      ['detail', printable(letter.detail)],
      ['sqlstate', letter.sqlstate ?? '–'],
      [
        'element',
        letter.element === -1 ? 'the whole message' : `number ${letter.element} of its message, from 0`,
      ],
      ['replayed', letter.replayedAt?.toISOString() ?? 'no'],
      [
        'bytes',
        letter.payload.length < letter.payloadBytes
          ? `${letter.payloadBytes}, of which ${letter.payload.length} are kept`
          : String(letter.payloadBytes),
      ],
    ]
    for (const [name, value] of fields) say(`${name.padEnd(10)}${value}`)
    say('')
    say(isUtf8(letter.payload) ? printable(letter.payload.toString()) : letter.payload.toString('hex'))
  })
}

export async function replayCommand(
  sources: ConfigSources,
  { isJson, limit: _limit, ...flags }: DeadLetterFlags,
): Promise<void> {
  const config = loadConfig(sources)
  const filter = withGateway(config, flags)
  await withPool(sources, async (pool) => {
    const writer = createWriter(pool, config.limits.deadLetterPayloadBytes, {
      onFailure: ({ because, message }) => process.stderr.write(`${because}: ${message}\n`),
      onSuccess: () => undefined,
    })
    const decode = onGrid(createDecode(config.limits, createRoutes(config.formats)), config.storage.gridM)
    const report = await replayDeadLetters(pool, decode, writer, filter, ({ tried }) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${tried} tried`)
    })
    if (process.stderr.isTTY) process.stderr.write('\r')
    if (isJson) return say(JSON.stringify({ ...report, stillBad: Object.fromEntries(report.stillBad) }))
    say(`${report.tried} tried, ${report.stored} stored, ${report.duplicates} were stored already.`)
    for (const [reason, count] of report.stillBad) say(`${String(count).padStart(8)}  still ${reason}`)
  })
}

export async function purgeCommand(
  sources: ConfigSources,
  { limit: _limit, isJson, ...flags }: DeadLetterFlags,
  isSure: boolean,
  isAll: boolean,
): Promise<void> {
  const filter = withGateway(loadConfig(sources), flags)
  if (!isAll && Object.keys(filter).length === 0)
    throw new UserError(
      'purge: say which ones (--replayed, --since, --until, --reason, --topic, --gateway), or --all.',
      2,
    )
  await withPool(sources, async (pool) => {
    const counts = await countDeadLetters(pool, filter)
    const total = counts.reduce((sum, { count }) => sum + count, 0)
    if (!isSure && total > 0) {
      if (!process.stdin.isTTY)
        throw new UserError(`purge: ${total} dead letters would be deleted for good; add --yes to do it.`, 2)
      const terminal = createInterface({ input: process.stdin, output: process.stderr })
      const answer = await terminal.question(`Delete ${total} dead letters for good? Type yes: `)
      terminal.close()
      if (answer.trim().toLowerCase() !== 'yes') throw new UserError('Nothing was deleted.')
    }
    const deleted = await purgeDeadLetters(pool, filter)
    say(isJson ? JSON.stringify({ deleted }) : `${deleted} deleted.`)
  })
}

async function withPool(sources: ConfigSources, work: (pool: Pool) => Promise<void>): Promise<void> {
  const config = loadConfig(sources)
  await withDatabase(config, async ({ url }) => {
    const { connectTimeoutMs, statementTimeoutMs } = config.database
    const pool = createPool({ url, max: 2, connectTimeoutMs, statementTimeoutMs }, () => undefined)
    try {
      await work(pool)
    } finally {
      await pool.close()
    }
  })
}

const asJson = ({ payload, receivedAtUs: _receivedAtUs, ...letter }: DeadLetter): object => ({
  ...letter,
  ...(isUtf8(payload) ? { payload: payload.toString() } : { payloadBase64: payload.toString('base64') }),
})

/** Payloads come from anybody: control characters must not reach the operator's terminal. */
const printable = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Cf}]/gu, (char) =>
    char === '\n' || char === '\t' ? char : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
