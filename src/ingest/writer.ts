/**
 * One batch → durable rows. Owns the way a batch takes through failures; `db/failure.ts` owns what a failure means.
 *
 *   copy ──ok──────────────▶ done
 *    ├─ duplicate, ambiguous ─▶ the same rows through a staging table and ON CONFLICT DO NOTHING
 *    ├─ poison, line known ───▶ rows before it │ that row to the dead letter │ rows after it
 *    ├─ poison, line unknown ─▶ halves, down to one row, which goes to the dead letter
 *    └─ retry, fatal ─────────▶ wait with jitter, again, for ever (until the signal)
 *
 * Guarantees: when `write` resolves, every ping of the batch is in location_history once, or in dead_letter;
 * what it counts has been committed. Each row is sent at most twice more for each level of failure.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { type Judgement, type Phase, judge } from '../db/failure.ts'
import type { Pool } from '../db/pool.ts'
import { elementsBytes } from '../formats/json-message.ts'
import type { Batch } from './batcher.ts'
import { columnList, encodeCopy } from './copy-format.ts'
import { writeRejections } from './dead-letter.ts'
import { reject } from './decode.ts'
import { type Lane, daysToRefresh } from './lanes.ts'
import type { Ping, Rejection, RejectionReason } from './ping.ts'
import { sortedByKey } from './row-order.ts'

export interface WriteOutcome {
  committed: number
  duplicates: number
  readonly deadLettered: Map<RejectionReason, number>
}

export interface WriterEvents {
  /** A try failed; `attempt` counts from 1 and starts again after a success. */
  onFailure(judgement: Judgement, attempt: number): void
  /** A try succeeded: these rows are stored. */
  onSuccess(seconds: number, committed: readonly Ping[]): void
}

export interface WriteOptions {
  /** Late pings may lie in compressed chunks: staged from the start, with the limit on unpacking lifted, their days queued for refresh. */
  readonly lane: Lane
  /** Written before, perhaps committed: what is there already with our receive time is ours, not a duplicate. */
  readonly isRepeat?: boolean
}

export interface Writer {
  /** Resolves when all of the batch is durable; rejects only when `signal` aborts. Takes ownership of the batch. */
  write(batch: Batch, options: WriteOptions, signal: AbortSignal): Promise<WriteOutcome>
}

/** `restaged` is `staged` after a COMMIT of unknown outcome: what is there already may be this very batch. */
type Mode = 'copy' | 'staged' | 'restaged'

/** An error nobody foresaw is retried this often before its row counts as poison. */
const unknownAttempts = 5
const firstBackoffMs = 100
const maxBackoffMs = 5000

const copySql = `COPY location_history (${columnList}) FROM STDIN (FORMAT binary)`
// Everything below is within the rights of rtls_ingest, who may not read location_history (sql/repeatable/roles.sql):
// LIKE asks for SELECT, and so does a named conflict target; the table has one unique key.
const stage = `CREATE TEMPORARY TABLE IF NOT EXISTS rtls_staging (LIKE location_history_shape) ON COMMIT DELETE ROWS`
const copyStagedSql = `COPY rtls_staging (${columnList}) FROM STDIN (FORMAT binary)`
const mergeSql = `
  INSERT INTO location_history (${columnList}) SELECT ${columnList} FROM rtls_staging
  ON CONFLICT DO NOTHING`
/**
 * received_at tells our own row from another delivery of the same ping: our clock never gives a message the same time twice.
 * The bounds are literals, so that only the chunks of these rows are looked at.
 */
const countOursSql = (rows: readonly Ping[]): string => {
  let least = Infinity
  let most = -Infinity
  for (const { tUs } of rows) {
    least = Math.min(least, tUs)
    most = Math.max(most, tUs)
  }
  return `
    SELECT count(*)::integer AS ours FROM rtls_staging s
    JOIN location_receipts h USING (tag_id, t, gateway_id)
    WHERE h.received_at = s.received_at
      AND h.t BETWEEN '${new Date(Math.floor(least / 1000)).toISOString()}' AND '${new Date(Math.ceil(most / 1000)).toISOString()}'`
}

/** Taken in order of day, so that two late batches cannot wait for each other. */
const queueDaysSql = `
  INSERT INTO rollup_refresh_queue (day) SELECT day FROM unnest($1::date[]) AS day ORDER BY day
  ON CONFLICT (day) DO UPDATE SET requested_at = excluded.requested_at`

export function createWriter(pool: Pool, maxPayloadBytes: number, events: WriterEvents): Writer {
  return {
    async write(batch, { lane, isRepeat = false }, signal) {
      const outcome: WriteOutcome = { committed: 0, duplicates: 0, deadLettered: new Map() }
      const rows = sortedByKey(batch.pings)
      outcome.duplicates += batch.pings.length - rows.length
      const segments = lane === 'late' ? byDays(rows) : rows.length > 0 ? [rows] : []
      let rejections: Rejection[] = [...batch.rejections]
      const staged: Mode = isRepeat ? 'restaged' : 'staged'
      let mode: Mode = lane === 'late' ? staged : 'copy'
      let attempt = 0

      while (segments.length > 0 || rejections.length > 0) {
        signal.throwIfAborted()
        const segment = segments[0] ?? []
        const progress: Progress = { phase: 'before-commit', isPastRows: false }
        const startedMs = performance.now()
        try {
          const committed = await attemptWrite(
            pool,
            { rows: segment, rejections, mode, lane, maxPayloadBytes, progress },
            signal,
          )
          events.onSuccess((performance.now() - startedMs) / 1000, segment)
          outcome.committed += committed
          outcome.duplicates += segment.length - committed
          for (const { reason } of rejections)
            outcome.deadLettered.set(reason, (outcome.deadLettered.get(reason) ?? 0) + 1)
          segments.shift()
          rejections = []
          attempt = 0
        } catch (error) {
          signal.throwIfAborted()
          attempt += 1
          const judgement = judge(error, progress.phase)
          // What the way to the database says is never a row's fault.
          const isRowAtFault = judgement.isFromServer && !progress.isPastRows && segment.length > 0
          if (judgement.verdict === 'duplicate' && mode === 'copy' && isRowAtFault) {
            mode = staged
          } else if (
            isRowAtFault &&
            (judgement.verdict === 'poison' || (judgement.isUnknown && attempt >= unknownAttempts))
          ) {
            events.onFailure(judgement, attempt)
            segments.shift()
            segments.unshift(...isolate(segment, judgement, rejections))
            attempt = 0
          } else {
            // Too much for one transaction (locks, memory, time): a smaller one may pass.
            if (attempt > 1 && isRowAtFault && isTooMuch(judgement) && segment.length > 1)
              segments.splice(0, 1, ...halves(segment))
            if (judgement.verdict === 'ambiguous') mode = 'restaged'
            events.onFailure(judgement, attempt)
            await wait(backoffMs(attempt), undefined, { signal })
          }
        }
      }
      return outcome
    },
  }
}

interface Progress {
  phase: Phase
  /** The rows were accepted; what fails now is not their fault. */
  isPastRows: boolean
}

interface Attempt {
  readonly rows: readonly Ping[]
  readonly rejections: readonly Rejection[]
  readonly mode: Mode
  readonly lane: Lane
  readonly maxPayloadBytes: number
  readonly progress: Progress
}

/** One transaction; resolves with the number of rows that are there because of this batch. */
async function attemptWrite(pool: Pool, attempt: Attempt, signal: AbortSignal): Promise<number> {
  const { rows, rejections, mode, lane, progress } = attempt
  const bytes = encodeCopy(rows)
  return pool.use(async (client) => {
    if (mode === 'copy' && rejections.length === 0) {
      // A COPY by itself is a transaction: one round trip instead of three. Once the bytes are out, it may have committed.
      progress.phase = 'commit'
      await copy(client, copySql, bytes)
      return rows.length
    }
    await client.query('BEGIN')
    let committed = rows.length
    if (lane === 'late') await prepareLate(client, rows)
    if (rows.length > 0 && mode === 'copy') await copy(client, copySql, bytes)
    else if (rows.length > 0) {
      await client.query(stage)
      await copy(client, copyStagedSql, bytes)
      committed = (await client.query(mergeSql)).rowCount ?? 0
      if (mode === 'restaged')
        committed = (await client.query<{ ours: number }>(countOursSql(rows))).rows[0]?.ours ?? committed
    }
    progress.isPastRows = true
    await writeRejections(client, rejections, attempt.maxPayloadBytes)
    progress.phase = 'commit'
    await client.query('COMMIT')
    return committed
  }, signal)
}

async function prepareLate(client: pg.ClientBase, rows: readonly Ping[]): Promise<void> {
  // The default of 100,000 unpacked tuples would abort a batch of a few hundred late pings.
  await client.query('SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0')
  const days = daysToRefresh({ pings: rows }, Date.now())
  if (days.length > 0) await client.query(queueDaysSql, [days])
}

async function copy(client: pg.ClientBase, sql: string, bytes: Buffer): Promise<void> {
  await pipeline(Readable.from([bytes], { objectMode: false }), client.query(copyFrom(sql)))
}

/** Splits around the row at fault and moves that row to the rejections; without a line, halves. */
function isolate(segment: readonly Ping[], judgement: Judgement, rejections: Rejection[]): Ping[][] {
  const { line } = judgement
  const at = segment.length === 1 ? 0 : line === undefined || line > segment.length ? undefined : line - 1
  if (at === undefined) {
    return halves(segment)
  }
  const poison = segment[at]
  if (poison !== undefined)
    rejections.push(
      reject(
        poison.delivery,
        poison.index,
        elementsBytes(poison.delivery.payload)(poison.index),
        { reason: 'refused_by_database', detail: judgement.message },
        judgement.code !== null && /^[0-9A-Z]{5}$/u.test(judgement.code) ? judgement.code : null,
      ),
    )
  return [segment.slice(0, at), segment.slice(at + 1)].filter((rest) => rest.length > 0)
}

const halves = (segment: readonly Ping[]): Ping[][] => {
  const middle = segment.length >> 1
  return [segment.slice(0, middle), segment.slice(middle)]
}

/** Out of shared memory (locks), limits of a statement, time. */
const isTooMuch = ({ code }: Judgement): boolean => code !== null && /^(?:53200|53400|54|57014)/u.test(code)

/**
 * Each day is a chunk to be locked, perhaps made: a gateway with a broken clock may send thousands of them in one message,
 * and a transaction that touches them all exhausts the server's lock table (64 locks a connection by default).
 */
const daysPerTransaction = 50

function byDays(rows: readonly Ping[]): Ping[][] {
  const days = new Map<number, Ping[]>()
  for (const row of rows) {
    const day = Math.floor(row.tUs / 86_400_000_000)
    const ofDay = days.get(day)
    if (ofDay === undefined) days.set(day, [row])
    else ofDay.push(row)
  }
  const groups = [...days].toSorted(([a], [b]) => a - b).map(([, ofDay]) => ofDay)
  const segments: Ping[][] = []
  for (let from = 0; from < groups.length; from += daysPerTransaction)
    segments.push(sortedByKey(groups.slice(from, from + daysPerTransaction).flat()))
  return segments
}

/** Half fixed, half random, so that replicas do not come back in step. */
const backoffMs = (attempt: number): number => {
  const full = Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(attempt - 1, 10))
  return full / 2 + (Math.random() * full) / 2
}
