// A migrated database with one facility, for tests of BioTrakr's tables and functions.
import pg from 'pg'
import { afterAll, beforeAll } from 'vitest'
import { type TestDatabase, openMigratedDatabase } from './database.ts'

interface BiotrakrSuite {
  /** The rows of a query. */
  readonly query: <Row extends pg.QueryResultRow>(sql: string, values?: unknown[]) => Promise<Row[]>
  /** The first value of the first row. */
  readonly value: (sql: string, values?: unknown[]) => Promise<unknown>
  /** The database's error a statement must fail with: its constraint, or its SQLSTATE. */
  readonly refusal: (sql: string, values?: unknown[]) => Promise<string>
  /** Inserts an asset with the given columns over the least there must be; returns its id. */
  readonly asset: (columns?: Readonly<Record<string, unknown>>) => Promise<string>
  readonly database: { readonly url: string }
}

/** Call at the top of a file. The facility is at UTC unless told. */
export function useBiotrakr(timezone = 'UTC'): BiotrakrSuite {
  let database: TestDatabase | undefined
  let client: pg.Client | undefined
  let made = 0
  const open = (): pg.Client => {
    if (client === undefined) throw new Error('the database is opened by a hook; ask it inside a test')
    return client
  }
  beforeAll(async () => {
    database = await openMigratedDatabase()
    client = new pg.Client(database.url)
    await client.connect()
    await client.query(`SET TIME ZONE 'UTC'`)
    await client.query(`INSERT INTO organizations (id, name) VALUES ('o', 'Org')`)
    await client.query(
      `INSERT INTO facilities (id, organization_id, facility_code, facility_name, timezone) VALUES ('f', 'o', 'h1', 'H1', $1)`,
      [timezone],
    )
    await client.query(
      `INSERT INTO departments (id, facility_id, department_code, department_name) VALUES ('d', 'f', 'ICU', 'Intensive care')`,
    )
    await client.query(
      `INSERT INTO users (id, organization_id, department_id, username, email, first_name, last_name, role)
       VALUES ('u', 'o', 'd', 'ada', 'ada@h1.example', 'Ada', 'Lovelace', 'ADMIN')`,
    )
  })
  afterAll(async () => {
    await client?.end()
    await database?.close()
  })
  return {
    query: async (sql, values) => (await open().query<never>(sql, values)).rows,
    value: async (sql, values) => {
      const { rows } = await open().query<[unknown]>({ text: sql, values: values ?? [], rowMode: 'array' })
      return rows[0]?.[0]
    },
    async refusal(sql, values) {
      const error: unknown = await open()
        .query(sql, values)
        .then(
          () => undefined,
          (reason: unknown) => reason,
        )
      if (error instanceof pg.DatabaseError) return error.constraint ?? error.code ?? error.message
      throw new Error(`not refused: ${sql}`)
    },
    async asset(columns = {}) {
      made += 1
      const row = {
        id: `a${made}`,
        organization_id: 'o',
        asset_tag_number: `T-${made}`,
        equipment_name: `Device ${made}`,
        manufacturer: 'Maker',
        model_number: 'M1',
        serial_number: `S${made}`,
        device_category: 'OTHER',
        useful_life_years: 10,
        current_facility_id: 'f',
        primary_custodian_id: 'u',
        custodian_department_id: 'd',
        created_by_id: 'u',
        updated_by_id: 'u',
        ...columns,
      }
      const names = Object.keys(row)
      await open().query(
        `INSERT INTO assets (${names.join(', ')}) VALUES (${names.map((_, index) => `$${index + 1}`).join(', ')})`,
        Object.values(row),
      )
      return row.id
    },
    database: {
      get url() {
        if (database === undefined)
          throw new Error('the database is opened by a hook; read its URL inside a test')
        return database.url
      },
    },
  }
}
