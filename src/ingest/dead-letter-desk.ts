/**
 * The way back from the dead letter: find, replay, purge.
 * Replay takes the same decode and the same writer as what comes from the broker, and so is idempotent: what is stored
 * already stays one row, what is still bad stays where it is.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { Pool } from '../db/pool.ts'
import { countOf } from './batcher.ts'
import type { Decode } from './decode.ts'
import { laneOf, lateBeforeUs } from './lanes.ts'
import type { Delivery, RejectionReason } from './ping.ts'
import type { Writer } from './writer.ts'

export interface DeadLetterFilter {
  readonly since?: Date
  readonly until?: Date
  readonly reason?: string
  /** An MQTT topic filter: `+` and `#` are wildcards. */
  readonly topic?: string
  /** Topic filters of which one must match. */
  readonly topics?: readonly string[]
  /** An id or the beginning of one. */
  readonly id?: string
  /** true: only what was replayed; false: only what was not. */
  readonly isReplayed?: boolean
}

export interface DeadLetter {
  readonly id: string
  readonly receivedAt: Date
  readonly receivedAtUs: number
  readonly topic: string
  readonly payload: Buffer
  readonly payloadBytes: number
  readonly element: number
  readonly reason: string
  readonly detail: string
  readonly sqlstate: string | null
  readonly replayedAt: Date | null
}

/** `where` and its values; `$1` is the first. */
function conditions(filter: DeadLetterFilter): { where: string; values: unknown[] } {
  const parts: string[] = []
  const values: unknown[] = []
  const add = (sql: (parameter: string) => string, value: unknown): void => {
    values.push(value)
    parts.push(sql(`$${values.length}`))
  }
  if (filter.since !== undefined) add((p) => `received_at >= ${p}`, filter.since)
  if (filter.until !== undefined) add((p) => `received_at < ${p}`, filter.until)
  if (filter.reason !== undefined) add((p) => `reason = ${p}`, filter.reason)
  if (filter.topic !== undefined) add((p) => `topic ~ ${p}`, topicPattern(filter.topic))
  if (filter.topics !== undefined)
    add(
      (p) => `topic ~ ANY(${p})`,
      filter.topics.map((topic) => topicPattern(topic)),
    )
  if (filter.id !== undefined) add((p) => `starts_with(id::text, ${p})`, filter.id.toLowerCase())
  if (filter.isReplayed !== undefined) parts.push(`replayed_at IS ${filter.isReplayed ? 'NOT ' : ''}NULL`)
  return { where: parts.length === 0 ? 'true' : parts.join(' AND '), values }
}

const topicPattern = (filter: string): string =>
  `^${filter
    .split('/')
    .map((level) =>
      level === '+'
        ? '[^/]*'
        : level === '#'
          ? '.*'
          : level.replaceAll(/[.*+?^${}()|[\]\\]/gu, String.raw`\$&`),
    )
    .join('/')
    // `a/#` matches `a` itself too (MQTT 4.7.1.2).
    .replace(/\/\.\*$/u, '(/.*)?')}$`

const headColumns = `id, received_at AS "receivedAt", (extract(epoch FROM received_at) * 1000000)::float8 AS "receivedAtUs",
  topic, payload_bytes AS "payloadBytes", element, reason, detail, sqlstate, replayed_at AS "replayedAt"`
const columns = `${headColumns}, payload`

/** The newest first. */
export async function findDeadLetters(
  pool: Pool,
  filter: DeadLetterFilter,
  limit: number,
): Promise<DeadLetter[]> {
  const { where, values } = conditions(filter)
  return pool.use(
    async (client) =>
      (
        await client.query<DeadLetter>(
          `SELECT ${columns} FROM dead_letter WHERE ${where} ORDER BY received_at DESC, id LIMIT ${limit}`,
          values,
        )
      ).rows,
  )
}

export type DeadLetterHead = Omit<DeadLetter, 'payload'>

/** The newest first, without what may be long; `after`: the last one of the page before. */
export async function listDeadLetters(
  pool: Pool,
  filter: DeadLetterFilter,
  limit: number,
  after?: Pick<DeadLetterHead, 'receivedAtUs' | 'id'>,
): Promise<DeadLetterHead[]> {
  const { where, values } = conditions(filter)
  const at = `(timestamptz 'epoch' + $${values.length + 1}::float8 * interval '1 microsecond')`
  const isAfter =
    after === undefined
      ? ''
      : `AND (received_at < ${at} OR (received_at = ${at} AND id > $${values.length + 2}::uuid))`
  return pool.use(
    async (client) =>
      (
        await client.query<DeadLetterHead>(
          `SELECT ${headColumns} FROM dead_letter WHERE ${where} ${isAfter} ORDER BY received_at DESC, id LIMIT ${limit}`,
          after === undefined ? values : [...values, after.receivedAtUs, after.id],
        )
      ).rows,
  )
}

/** Which of these letters hold the id of a tag that a person wears, in any spelling, as erase_tag looks for it. */
export async function lettersOfPersons(pool: Pool, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await pool.use(
    async (client) =>
      (
        await client.query<{ id: string }>(
          `SELECT d.id FROM dead_letter d WHERE d.id = ANY ($1::uuid[]) AND EXISTS (
             SELECT FROM person_tags p
             WHERE position(lower(p.tag_id) IN translate(lower(encode(d.payload, 'escape')), ':.-', '')) > 0)`,
          [ids],
        )
      ).rows,
  )
  return new Set(found.map(({ id }) => id))
}

export async function countDeadLetters(
  pool: Pool,
  filter: DeadLetterFilter,
): Promise<{ readonly reason: string; readonly count: number }[]> {
  const { where, values } = conditions(filter)
  return pool.use(
    async (client) =>
      (
        await client.query<{ reason: string; count: number }>(
          `SELECT reason, count(*)::integer AS count FROM dead_letter WHERE ${where} GROUP BY reason ORDER BY count DESC, reason`,
          values,
        )
      ).rows,
  )
}

/** Returns how many were deleted. */
export async function purgeDeadLetters(pool: Pool, filter: DeadLetterFilter): Promise<number> {
  const { where, values } = conditions(filter)
  return pool.use(
    async (client) => (await client.query(`DELETE FROM dead_letter WHERE ${where}`, values)).rowCount ?? 0,
  )
}

/** What a replay is made with: as pings from the broker are read and written. */
export interface Replay {
  readonly decode: Decode
  readonly writer: Writer
}

export interface ReplayReport {
  tried: number
  /** Rows that are in location_history now and were not before. */
  stored: number
  /** Were there already. */
  duplicates: number
  /** Still bad, by reason; they stay in the dead letter. */
  readonly stillBad: Map<RejectionReason | 'payload_cut', number>
}

const pageSize = 500

/** Replays what matches and was not replayed yet, the oldest first. */
export async function replayDeadLetters(
  pool: Pool,
  decode: Decode,
  writer: Writer,
  filter: DeadLetterFilter,
  onProgress: (report: ReplayReport) => void = () => undefined,
  signal: AbortSignal = new AbortController().signal,
): Promise<ReplayReport> {
  const report: ReplayReport = { tried: 0, stored: 0, duplicates: 0, stillBad: new Map() }
  const { where, values } = conditions({ ...filter, isReplayed: false })
  let after: { receivedAt: Date; id: string } | undefined
  for (;;) {
    signal.throwIfAborted()
    const page = await pool.use(
      async (client) =>
        (
          await client.query<DeadLetter>(
            `SELECT ${columns} FROM dead_letter WHERE ${where} ${after === undefined ? '' : `AND (received_at, id) > ((SELECT received_at FROM dead_letter WHERE id = $${values.length + 1}), $${values.length + 1})`}
             ORDER BY received_at, id LIMIT ${pageSize}`,
            after === undefined ? values : [...values, after.id],
          )
        ).rows,
    )
    after = page.at(-1)
    if (after === undefined) return report
    for (const letter of page) await replayOne(letter)
    onProgress(report)
    // Lets a signal through between pages of a long replay.
    await wait(0)
  }

  async function replayOne(letter: DeadLetter): Promise<void> {
    report.tried += 1
    const bad = (reason: RejectionReason | 'payload_cut'): void => {
      report.stillBad.set(reason, (report.stillBad.get(reason) ?? 0) + 1)
    }
    if (letter.payload.length < letter.payloadBytes) return bad('payload_cut')
    const delivery: Delivery = {
      topic: letter.topic,
      payload: letter.payload,
      // With its place in the message, as when it came: pings without a time are told apart by it.
      receivedAtUs: letter.receivedAtUs + Math.max(0, letter.element),
      packetId: 0,
      epoch: -1,
      isSettled: true,
    }
    const { pings, rejections } = decode(delivery)
    const [first] = rejections
    if (first !== undefined && pings.length === 0) return bad(first.reason)
    const batch = {
      deliveries: [delivery],
      pings: [...pings],
      rejections: [...rejections],
      bytes: letter.payload.length,
    }
    let refused: ReadonlyMap<RejectionReason, number> = new Map()
    const lane = laneOf(batch, lateBeforeUs(Date.now(), undefined))
    if (countOf(batch) > 0) {
      const outcome = await writer.write(batch, { lane }, signal)
      refused = outcome.deadLettered
      report.stored += outcome.committed
      report.duplicates += outcome.duplicates
      for (const [reason, count] of outcome.deadLettered)
        for (let index = 0; index < count; index += 1) bad(reason)
      if (outcome.committed + outcome.duplicates === 0) return
    }
    // Refused again, it is in the dead letter anew, with the reason of today: that one takes the place of this.
    if (refused.size > 0) {
      await pool.use(async (client) => client.query('DELETE FROM dead_letter WHERE id = $1', [letter.id]))
      return
    }
    await pool.use(async (client) =>
      client.query('UPDATE dead_letter SET replayed_at = now() WHERE id = $1', [letter.id]),
    )
  }
}
