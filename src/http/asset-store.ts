/**
 * Assets in the database: read one, read a page, insert, change at a known version. Throws problems; knows nothing of HTTP beyond.
 * Guarantees: a change is made to the version it names or not at all, by one statement; who made it stands in the row.
 */
import pg from 'pg'
import type { Caller } from './access.ts'
import { summariesSql, wholeAssetSql } from './asset-answers.ts'
import { type AssetField, assetField } from './asset-fields.ts'
import { type AssetQuery, pageStatement } from './asset-query.ts'
import { checkReferences, explainRefusal } from './asset-refusals.ts'
import { cursorAfter, cursorProblem } from './cursor.ts'
import type { HttpDatabase } from './database.ts'
import { Problem, fieldProblem } from './problem.ts'

export type Asset = Readonly<Record<string, unknown>> & { readonly id: string; readonly version: number }
/** Field name → value. */
type Values = Readonly<Record<string, unknown>>

export interface AssetPage {
  readonly items: readonly object[]
  readonly nextCursor: string | null
}

export interface AssetStore {
  page(query: AssetQuery): Promise<AssetPage>
  /** Problem 404 when there is none. */
  one(id: string): Promise<Asset>
  insert(values: Values, caller: Caller): Promise<Asset>
  /** `isExpected`: whether the change is meant for this version; `onConflict` makes the problem when it is not. */
  change(
    id: string,
    values: Values,
    caller: Caller,
    isExpected: (version: number) => boolean,
    onConflict: (currentVersion: number) => Problem,
  ): Promise<Asset>
}

export function createAssetStore(database: HttpDatabase): AssetStore {
  const one = async (id: string): Promise<Asset> => {
    const [row] = await database.query<{ asset: Asset }>(wholeAssetSql, [id])
    if (row === undefined) throw noSuchAsset(id)
    return row.asset
  }

  return {
    one,

    async page(query) {
      const { sql, parameters } = pageStatement(query)
      try {
        const rows = await database.query<{ asset: object; keys: string[] }>(sql + summariesSql, parameters)
        const shown = rows.slice(0, query.limit)
        const last = shown.at(-1)
        const isMore = rows.length > query.limit && last !== undefined
        return {
          items: shown.map(({ asset }) => asset),
          nextCursor: isMore ? cursorAfter(query, last.keys) : null,
        }
      } catch (error) {
        // Of all that a query can say, only what stands in a cursor is not checked before.
        if (error instanceof pg.DatabaseError && query.cursor !== undefined)
          throw cursorProblem('is not one that this service gave')
        throw error
      }
    },

    async insert(values, caller) {
      const writer = await writerOf(database, caller, stringOf(values['organizationId']))
      await checkReferences(database, values, writer.organizationId)
      const all = {
        ...values,
        organizationId: writer.organizationId,
        createdById: writer.id,
        updatedById: writer.id,
      }
      const fields = fieldsOf(all)
      const columns = fields.map(({ column }) => column).join(', ')
      const [row] = await refusing(async () =>
        database.query<{ id: string }>(
          `INSERT INTO assets (${columns}) SELECT ${columns} FROM jsonb_populate_record(NULL::assets, $1::jsonb) RETURNING id`,
          [JSON.stringify(byColumn(fields, all))],
        ),
      )
      return one(row?.id ?? '')
    },

    async change(id, values, caller, isExpected, onConflict) {
      const current = await versionOf(database, id)
      if (!isExpected(current.version)) throw onConflict(current.version)
      const writer = await writerOf(database, caller, current.organizationId)
      await checkReferences(database, values, current.organizationId)
      const all = { ...values, updatedById: writer.id }
      const fields = fieldsOf(all)
      const changed = await refusing(async () =>
        database.query(
          `UPDATE assets a SET (${fields.map(({ column }) => column).join(', ')}) =
             (SELECT ${fields.map(({ column }) => `r.${column}`).join(', ')} FROM jsonb_populate_record(NULL::assets, $1::jsonb) r)
           WHERE a.id = $2 AND a.version = $3 AND a.deleted_at IS NULL RETURNING a.version`,
          [JSON.stringify(byColumn(fields, all)), id, current.version],
        ),
      )
      // Between our look and our write somebody else wrote.
      if (changed.length === 0) throw onConflict((await versionOf(database, id)).version)
      return one(id)
    },
  }
}

async function versionOf(
  database: HttpDatabase,
  id: string,
): Promise<{ version: number; organizationId: string }> {
  const [row] = await database.query<{ version: number; organizationId: string }>(
    'SELECT version, organization_id AS "organizationId" FROM assets WHERE id = $1 AND deleted_at IS NULL',
    [id],
  )
  if (row === undefined) throw noSuchAsset(id)
  return row
}

interface Writer {
  readonly id: string
  readonly organizationId: string
}

/** The user of the caller's token, or the first administrator of the organisation; without one named, of the only one there is. */
async function writerOf(
  database: HttpDatabase,
  caller: Caller,
  organizationId: string | undefined,
): Promise<Writer> {
  const users = await database.query<Writer>(
    caller.user === null
      ? `SELECT DISTINCT ON (organization_id) id, organization_id AS "organizationId" FROM users
         WHERE role = 'ADMIN' AND is_active AND organization_id = coalesce($1, organization_id)
         ORDER BY organization_id, created_at, id LIMIT 2`
      : `SELECT id, organization_id AS "organizationId" FROM users WHERE username = $1 AND is_active`,
    [caller.user ?? organizationId ?? null],
  )
  const [user] = users
  if (caller.user !== null) {
    if (user === undefined)
      throw new Problem(
        'forbidden',
        `The token "${caller.name}" writes as the user "${caller.user}", but the database has no active user of that name.`,
      )
    if (organizationId !== undefined && user.organizationId !== organizationId)
      throw new Problem(
        'forbidden',
        `The token "${caller.name}" writes for another organisation than that of the asset.`,
      )
    return user
  }
  if (users.length > 1)
    throw fieldProblem('invalid-fields', [
      { field: 'organizationId', in: 'body', detail: 'is required: the database has several organisations' },
    ])
  if (user !== undefined) return user
  if (organizationId !== undefined) await checkReferences(database, { organizationId }, organizationId)
  throw new Problem(
    'forbidden',
    'The organisation has no active user of the role ADMIN, as whom this would be written. Add one, or name a user with the token in http.tokens.',
  )
}

const noSuchAsset = (id: string): Problem =>
  new Problem(
    'not-found',
    `No asset has the id ${JSON.stringify(id)}. GET /assets lists them; ?assetTagNumber= finds one by its tag number.`,
  )

const stringOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** Those that are there, as the fixed map knows them: no other name reaches SQL. */
const fieldsOf = (values: Values): AssetField[] =>
  Object.keys(values).flatMap((name) => (values[name] === undefined ? [] : (assetField(name) ?? [])))

const byColumn = (fields: readonly AssetField[], values: Values): Values =>
  Object.fromEntries(fields.map(({ name, column }) => [column, values[name]]))

async function refusing<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    throw error instanceof pg.DatabaseError ? explainRefusal(error) : error
  }
}
