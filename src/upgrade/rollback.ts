/**
 * `upgrade rollback`: v1 as it was, from its kept schema, and proved by the checksums that were taken when it was moved away.
 * Refuses to lose what is in v2 only, unless told to. Killed anywhere, it can be run again.
 */
import type pg from 'pg'
import { UserError } from '../ops/user-error.ts'
import { type Fingerprints, differences, fingerprintV1 } from './fingerprint.ts'
import { moveBack } from './move.ts'
import { exportNewRows, findNewObjects, findNewRows } from './new-data.ts'
import { removeData, removeObjects } from './remove-v2.ts'
import { type UpgradeState, inTransaction, readState, setPhase, withUpgradeLock } from './state.ts'
import { v1Schema } from './v1-tables.ts'

export interface RollbackOptions {
  readonly url: string
  readonly mayDiscard: boolean
  /** Where what is in v2 only goes as CSV files. */
  readonly exportDir?: string
  readonly say: (text: string) => void
}

const number = (n: number): string => n.toLocaleString('en-US')

/** Errors: UserError. Returns the checksums v1 has now, which are those it had. */
export async function rollBack(options: RollbackOptions): Promise<Fingerprints> {
  const { url, say } = options
  return withUpgradeLock(url, say, async (client) => {
    const state = await readState(client)
    if (state === null)
      throw new UserError('There is no upgrade of this database to roll back: it is as it was.')
    if (state.phase === 'finalized')
      throw new UserError(
        `v1 was dropped by \`upgrade finalize\`. What is left is the backup${state.backup === null ? '' : ` ${state.backup.file}`}: rtls-ingest upgrade rollback --from-dump FILE`,
      )
    await requireKept(client, state)
    await makeRoom(client, state, options)
    return inTransaction(client, async () => {
      await removeObjects(client, state)
      await moveBack(client)
      const found = await fingerprintV1(client, 'public')
      requireSame(state.fingerprint, found, 'after the rollback')
      return found
    })
  })
}

/** Before anything is dropped: is the kept v1 what was moved away? */
async function requireKept(client: pg.ClientBase, state: UpgradeState): Promise<void> {
  const found = await fingerprintV1(client, v1Schema)
  const changed = differences(state.fingerprint, found)
  if (changed.length > 0)
    throw new UserError(
      `Somebody changed the kept v1 in schema ${v1Schema}: ${changed.join(', ')}. Nothing was changed. ` +
        `Roll back from the backup instead: rtls-ingest upgrade rollback --from-dump ${state.backup?.file ?? 'FILE'}`,
    )
}

/** v2's data out of the way, after having asked; noted, so that a second run does not ask again. */
export async function makeRoom(
  client: pg.ClientBase,
  state: UpgradeState,
  { mayDiscard, exportDir, say }: RollbackOptions,
): Promise<void> {
  if (state.phase !== 'rolling_back') {
    const rows = await findNewRows(client, state)
    const objects = await findNewObjects(client, state)
    if (exportDir !== undefined)
      for (const file of await exportNewRows(client, rows, exportDir)) say(`  exported ${file}`)
    if (!mayDiscard && rows.length + objects.length > 0)
      throw new UserError(
        `v2 has what v1 does not, and a rollback would lose it; nothing was changed:\n` +
          [
            ...rows.map(
              ({ table, rows: n }) =>
                `  - ${table}: ${number(n)} rows made or edited since the upgrade, or sent by gateways`,
            ),
            ...objects.map((object) => `  - ${object}`),
          ].join('\n') +
          `\nSave it with --export DIR, and lose it with --discard-new-data.`,
      )
    await inTransaction(client, async () => setPhase(client, 'rolling_back'))
  }
  await removeData(client, say)
}

export function requireSame(expected: Fingerprints, found: Fingerprints, when: string): void {
  const changed = differences(expected, found)
  if (changed.length > 0) throw new UserError(`v1 is not what it was ${when}: ${changed.join(', ')}.`)
}
