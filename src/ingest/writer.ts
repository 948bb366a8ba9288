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
import { elementBytes } from '../formats/json-message.ts'
import type { Batch } from './batcher.ts'
import { columnList, encodeCopy } from './copy-format.ts'
import { writeRejections } from './dead-letter.ts'
import { reject } from './decode.ts'
import type { Ping, Rejection, RejectionReason } from './ping.ts'

export interface WriteOutcome {
  committed: number
  duplicates: number
  readonly deadLettered: Map<RejectionReason, number>
}

export interface WriterEvents {
  /** A try failed; `attempt` counts from 1 and starts again after a success. */
  onFailure(judgement: Judgement, attempt: number): void
  /** A try succeeded. */
  onSuccess(seconds: number): void
}

export interface Writer {
  /** Resolves when all of the batch is durable; rejects only when `signal` aborts. Takes ownership of the batch. */
  write(batch: Batch, signal: AbortSignal): Promise<WriteOutcome>
}

/** `restaged` is `staged` after a COMMIT of unknown outcome: what is there already may be this very batch. */
type Mode = 'copy' | 'staged' | 'restaged'

/** An error nobody foresaw is retried this often before its row counts as poison. */
const unknownAttempts = 5
const firstBackoffMs = 100
const maxBackoffMs = 5000

const copySql = `COPY location_history (${columnList}) FROM STDIN (FORMAT binary)`
const stage = `CREATE TEMPORARY TABLE IF NOT EXISTS rtls_staging (LIKE location_history) ON COMMIT DELETE ROWS`
const copyStagedSql = `COPY rtls_staging (${columnList}) FROM STDIN (FORMAT binary)`
const mergeSql = `
  INSERT INTO location_history (${columnList}) SELECT ${columnList} FROM rtls_staging
  ON CONFLICT (tag_id, t, gateway_id) DO NOTHING`
/** received_at tells our own row from another delivery of the same ping: our clock never gives a message the same time twice. */
const countOursSql = `
  SELECT count(*)::integer AS ours FROM rtls_staging s
  JOIN location_history h USING (tag_id, t, gateway_id) WHERE h.received_at = s.received_at`

export function createWriter(pool: Pool, maxPayloadBytes: number, events: WriterEvents): Writer {
  return {
    async write(batch, signal) {
      const outcome: WriteOutcome = { committed: 0, duplicates: 0, deadLettered: new Map() }
      const rows = sortedByKey(batch.pings)
      outcome.duplicates += batch.pings.length - rows.length
      const segments = rows.length > 0 ? [rows] : []
      let rejections: Rejection[] = [...batch.rejections]
      let mode: Mode = 'copy'
      let attempt = 0

      while (segments.length > 0 || rejections.length > 0) {
        signal.throwIfAborted()
        const segment = segments[0] ?? []
        const progress: Progress = { phase: 'before-commit', isPastRows: false }
        const startedMs = performance.now()
        try {
          const committed = await attemptWrite(pool, segment, rejections, mode, maxPayloadBytes, progress)
          events.onSuccess((performance.now() - startedMs) / 1000)
          outcome.committed += committed
          outcome.duplicates += segment.length - committed
          for (const { reason } of rejections)
            outcome.deadLettered.set(reason, (outcome.deadLettered.get(reason) ?? 0) + 1)
          segments.shift()
          rejections = []
          attempt = 0
        } catch (error) {
          attempt += 1
          const judgement = judge(error, progress.phase)
          const isRowAtFault = !progress.isPastRows && segment.length > 0
          if (judgement.verdict === 'duplicate' && mode === 'copy' && isRowAtFault) {
            mode = 'staged'
          } else if (
            isRowAtFault &&
            (judgement.verdict === 'poison' || (judgement.isUnknown && attempt >= unknownAttempts))
          ) {
            events.onFailure(judgement, attempt)
            segments.shift()
            segments.unshift(...isolate(segment, judgement, rejections))
            attempt = 0
          } else {
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

/** One transaction; resolves with the number of rows that were new. */
async function attemptWrite(
  pool: Pool,
  rows: readonly Ping[],
  rejections: readonly Rejection[],
  mode: Mode,
  maxPayloadBytes: number,
  progress: Progress,
): Promise<number> {
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
    if (rows.length > 0 && mode === 'copy') await copy(client, copySql, bytes)
    else if (rows.length > 0) {
      await client.query(stage)
      await copy(client, copyStagedSql, bytes)
      committed = (await client.query(mergeSql)).rowCount ?? 0
      if (mode === 'restaged')
        committed = (await client.query<{ ours: number }>(countOursSql)).rows[0]?.ours ?? committed
    }
    progress.isPastRows = true
    await writeRejections(client, rejections, maxPayloadBytes)
    progress.phase = 'commit'
    await client.query('COMMIT')
    return committed
  })
}

async function copy(client: pg.ClientBase, sql: string, bytes: Buffer): Promise<void> {
  await pipeline(Readable.from([bytes], { objectMode: false }), client.query(copyFrom(sql)))
}

/** Splits around the row at fault and moves that row to the rejections; without a line, halves. */
function isolate(segment: readonly Ping[], judgement: Judgement, rejections: Rejection[]): Ping[][] {
  const { line } = judgement
  const at = segment.length === 1 ? 0 : line === undefined || line > segment.length ? undefined : line - 1
  if (at === undefined) {
    const middle = segment.length >> 1
    return [segment.slice(0, middle), segment.slice(middle)]
  }
  const poison = segment[at]
  if (poison !== undefined)
    rejections.push(
      reject(
        poison.delivery,
        elementBytes(poison.delivery.payload, poison.index),
        'refused_by_database',
        judgement.message,
        judgement.code !== null && /^[0-9A-Z]{5}$/u.test(judgement.code) ? judgement.code : null,
      ),
    )
  return [segment.slice(0, at), segment.slice(at + 1)].filter((rest) => rest.length > 0)
}

/** Half fixed, half random, so that replicas do not come back in step. */
const backoffMs = (attempt: number): number => {
  const full = Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(attempt - 1, 10))
  return full / 2 + (Math.random() * full) / 2
}

/**
 * In the order of the unique index (measured: twice the COPY rate of the order of arrival), without the duplicates
 * the batch itself holds. Of equal keys the first received stays: sort is stable.
 */
function sortedByKey(pings: Ping[]): Ping[] {
  pings.sort(
    (a, b) =>
      (a.tagId < b.tagId ? -1 : a.tagId > b.tagId ? 1 : 0) ||
      a.tUs - b.tUs ||
      (a.gatewayId < b.gatewayId ? -1 : a.gatewayId > b.gatewayId ? 1 : 0),
  )
  const rows: Ping[] = []
  let last: Ping | undefined
  for (const ping of pings) {
    const isRepeat =
      last !== undefined &&
      last.tagId === ping.tagId &&
      last.tUs === ping.tUs &&
      last.gatewayId === ping.gatewayId
    if (!isRepeat) rows.push(ping)
    last = ping
  }
  return rows
}
