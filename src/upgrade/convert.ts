/**
 * v1's rows into v2's tables: everything but the pings in one transaction, the pings in ranges of blocks, one transaction each,
 * with the place reached noted in it. Killed anywhere, it goes on where it was; no row is converted twice.
 */
import type pg from 'pg'
import { v1RowsSql } from './fingerprint.ts'
import { upgradeSql } from './sql.ts'
import { inTransaction, readState, setPhase } from './state.ts'
import { v1Schema, v1Tables } from './v1-tables.ts'

/** v2's tables whose triggers would take old work for new, and change dates and versions of assets. */
const tablesWithTriggers = ['assets', 'maintenance_history', 'tag_assignments']

/** Phase moved → converted. */
export async function convertMasterData(client: pg.ClientBase): Promise<void> {
  await inTransaction(client, async () => {
    for (const table of tablesWithTriggers)
      await client.query(`ALTER TABLE public.${table} DISABLE TRIGGER USER`)
    for (const name of ['convert_parents', 'convert_assets', 'convert_records', 'v1_again'])
      await client.query(upgradeSql(name))
    for (const { name } of v1Tables) if (name !== 'asset_location_pings') await keepRemainder(client, name)
    for (const table of tablesWithTriggers)
      await client.query(`ALTER TABLE public.${table} ENABLE TRIGGER USER`)
    await setPhase(client, 'converted')
  })
}

async function keepRemainder(client: pg.ClientBase, table: string): Promise<void> {
  const rows = await v1RowsSql(client, v1Schema, table)
  await client.query(
    upgradeSql('remainder')
      .replaceAll('$table', () => table)
      .replaceAll('$rows', () => rows),
  )
}

export interface CopyProgress {
  readonly copied: number
  readonly blocks: number
  readonly nextBlock: number
}

/** Some 20,000 pings: one second of work, little to repeat, and few enough for the memory of the embedded database. */
const blocksPerTransaction = 400

/** Phase converted → copied. */
export async function copyPings(
  client: pg.ClientBase,
  onProgress: (progress: CopyProgress) => void,
): Promise<void> {
  const { rows } = await client.query<{ blocks: number; columns: number }>(
    `SELECT (pg_relation_size(oid) / current_setting('block_size')::integer)::float8 AS blocks,
            (SELECT count(*)::integer FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns
     FROM pg_class c WHERE oid = '${v1Schema}.asset_location_pings'::regclass`,
  )
  const { blocks, columns } = rows[0] ?? { blocks: 0, columns: 0 }
  const hasAddedColumns =
    columns > (v1Tables.find(({ name }) => name === 'asset_location_pings')?.columns.length ?? 0)
  const state = await readState(client)
  let nextBlock = state?.nextBlock ?? 0
  let copied = state?.pingsCopied ?? 0
  const copy = upgradeSql('copy_pings')
  while (nextBlock < blocks) {
    const end = nextBlock + blocksPerTransaction
    await inTransaction(client, async () => {
      // Chunks of another time may be compressed already, where rtls-ingest ran before.
      await client.query('SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0')
      const result = await client.query<{ copied: number }>(copy, [nextBlock, end, hasAddedColumns])
      copied += result.rows[0]?.copied ?? 0
      await client.query('UPDATE biotrakr_upgrade.state SET next_block = $1, pings_copied = $2', [
        end,
        copied,
      ])
    })
    nextBlock = end
    onProgress({ copied, blocks, nextBlock: Math.min(nextBlock, blocks) })
  }
  await setPhase(client, 'copied')
}
