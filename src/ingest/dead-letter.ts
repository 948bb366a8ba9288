/**
 * Writes rejections into the table dead_letter, as part of the caller's transaction.
 * Idempotent: the id is given at decode, so that a repeated write after an unknown COMMIT stores it once.
 */
import type pg from 'pg'
import { storableText } from './decode.ts'
import type { Rejection } from './ping.ts'

const insert = `
  INSERT INTO dead_letter (id, received_at, topic, payload, payload_bytes, reason, detail, sqlstate, element)
  SELECT id, timestamptz 'epoch' + received_at_us * interval '1 microsecond', topic, payload, payload_bytes, reason, detail, sqlstate, element
  FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bytea[], $5::integer[], $6::text[], $7::text[], $8::text[], $9::integer[])
    AS r (id, received_at_us, topic, payload, payload_bytes, reason, detail, sqlstate, element)
  ON CONFLICT (id) DO NOTHING`

/** Rows of one statement: bounds the size of one Bind message when a flood of bad pings arrives. */
const rowsPerStatement = 500

export async function writeRejections(
  client: pg.ClientBase,
  rejections: readonly Rejection[],
  maxPayloadBytes: number,
): Promise<void> {
  for (let from = 0; from < rejections.length; from += rowsPerStatement) {
    const rows = rejections.slice(from, from + rowsPerStatement)
    await client.query(insert, [
      rows.map((row) => row.id),
      rows.map((row) => row.delivery.receivedAtUs),
      rows.map((row) => storableText(row.delivery.topic)),
      rows.map((row) => row.payload.subarray(0, maxPayloadBytes)),
      rows.map((row) => row.payload.length),
      rows.map((row) => row.reason),
      rows.map((row) => row.detail),
      rows.map((row) => row.sqlstate),
      rows.map((row) => row.index),
    ])
  }
}
