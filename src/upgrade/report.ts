/** The report of an upgrade as one JSON file: everything that was not carried over as it was, by row. */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import path from 'node:path'
import { finished } from 'node:stream/promises'
import type pg from 'pg'
import { readState } from './state.ts'

const rowsPerQuery = 5000

/** Streamed: a line a row, and there may be some for every asset. Returns the path. */
export async function writeReport(client: pg.ClientBase, directory: string): Promise<string> {
  const state = await readState(client)
  const stamp = (state?.appliedAt ?? new Date()).toISOString().replaceAll(/[-:]|\.\d+/gu, '')
  const file = path.join(directory, `biotrakr-upgrade-${stamp}.report.json`)
  const stream = createWriteStream(file, { mode: 0o600, flush: true })
  const write = async (text: string): Promise<void> => {
    if (!stream.write(text)) await once(stream, 'drain')
  }
  const head = {
    startedAt: state?.startedAt,
    appliedAt: state?.appliedAt,
    backup: state?.backup ?? null,
    v1: state?.fingerprint,
  }
  await write(`{"upgrade": ${JSON.stringify(head)},\n"rows": [`)
  let last = '0'
  for (let isFirst = true; ;) {
    const { rows } = await client.query<{
      id: string
      kind: string
      table: string
      row: string
      detail: unknown
    }>(
      `SELECT id::text, kind, table_name AS table, row_id AS row, detail FROM biotrakr_upgrade.report
       WHERE id > $1 ORDER BY id LIMIT ${rowsPerQuery}`,
      [last],
    )
    for (const { id, ...line } of rows) {
      await write(`${isFirst ? '' : ','}\n${JSON.stringify(line)}`)
      isFirst = false
      last = id
    }
    if (rows.length < rowsPerQuery) break
  }
  stream.end('\n]}\n')
  await finished(stream)
  return file
}

/** For people: how many rows of which kind. */
export async function reportSummary(client: pg.ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ line: string }>(
    `SELECT format('%s %s: %s', table_name, kind, count(*)) AS line FROM biotrakr_upgrade.report
     GROUP BY table_name, kind ORDER BY table_name, kind`,
  )
  return rows.map(({ line }) => line)
}
