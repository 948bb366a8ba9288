/**
 * Fills a migrated database with the guide's rows and the demo hospital.
 * Guarantees: running it again changes nothing, completes what was interrupted, and overwrites nothing that somebody edited.
 * Who and where is one transaction, each set of equipment one of its own: pings that are being stored meanwhile wait for one at most.
 * Does not make pings: that is the simulator's, on the same building with the same tags.
 */
import pg from 'pg'
import { DatabaseClient } from '../db/client.ts'
import { UserError } from '../ops/user-error.ts'
import { createHospital } from '../simulate/hospital.ts'
import { type KnownIds, equipmentOf } from './assets.ts'
import { departmentOf, facilityIdOf, headOf, masterData } from './building.ts'
import { departments } from './catalogue.ts'
import {
  type Row,
  admin,
  adminUsername,
  guideAsset,
  guideVendor,
  guideVendorCode,
  organization,
  organizationId,
} from './guide.ts'

export interface SeedOptions {
  /** The facility level of the simulator's topics, and its number of tags. */
  readonly facility: string
  readonly tags: number
}

export interface SeedReport {
  /** Rows that were not there before, by table, in the order of insertion. */
  readonly inserted: ReadonlyMap<string, number>
}

/** A statement's parameter stays far below what the embedded database and pg hold in one piece. */
const rowsAStatement = 1000

/** Errors: UserError for what an operator can mend, else pg's. */
export async function seedDatabase(url: string, options: SeedOptions): Promise<SeedReport> {
  return withClient(url, async (client) => ({ inserted: await insertAll(client, options) }))
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new DatabaseClient({
    connectionString: url,
    application_name: 'rtls-ingest seed',
    connectionTimeoutMillis: 10_000,
    // For a peer that is frozen: whoever stops the service should not wait for it for ever.
    query_timeout: 60_000,
  })
  // Reported by the query under way.
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** Is there an asset for each of the tags already? Cheaper than to try. */
export async function isSeeded(url: string, { facility, tags }: SeedOptions): Promise<boolean> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ there: number }>(
      `SELECT count(*)::integer AS there FROM tag_assignments w JOIN assets a ON a.id = w.asset_id
       WHERE a.current_facility_id = $1`,
      [facilityIdOf(facility)],
    )
    return (rows[0]?.there ?? 0) >= tags
  })
}

async function insertAll(client: pg.Client, { facility, tags }: SeedOptions): Promise<Map<string, number>> {
  const inserted = new Map<string, number>()
  // Rows with keys of their own beside the id (a code, a tag that is worn already) give way to what is there. The others must go
  // in: what is silently left out would be missed by the rows that refer to it.
  const insert = async (table: string, rows: readonly Row[], givesWay = false): Promise<void> => {
    let count = inserted.get(table) ?? 0
    for (const alike of groupsOfAlike(rows))
      for (let from = 0; from < alike.length; from += rowsAStatement)
        count += await insertRows(client, table, alike.slice(from, from + rowsAStatement), givesWay)
    inserted.set(table, count)
  }
  await refuseOtherOrganization(client)
  await refuseOtherFacility(client, facility)
  const hospital = createHospital({ facility, tags, gateways: 1 })

  const ids = await inTransaction(client, async () => {
    const tables = masterData(hospital)
    await insert('organizations', [organization])
    for (const [table, rows] of tables) await insert(table, rows, true)
    await insert('users', [admin], true)
    await insert('vendors', [guideVendor], true)
    const known = await idsOf(client, [
      ...tables.flatMap(([table, rows]) => (table === 'users' ? rows : [])),
      admin,
    ])
    // Only with the departments: who cleared it since meant it.
    if ((inserted.get('departments') ?? 0) > 0) await nameHeads(client, facility, known.users)
    return known
  })
  const { assets, tagAssignments, maintenance, usage } = equipmentOf(hospital, Date.now(), ids)
  const ofGuide = guideAsset(
    facilityIdOf(facility),
    departmentOf(facility, 'XRAY').id,
    ids.users.get(adminUsername) ?? '',
    ids.vendors.get(guideVendorCode) ?? '',
  )
  await insert('assets', [ofGuide], true)
  await insert('assets', assets)
  await insert('tag_assignments', tagAssignments, true)
  await insert('maintenance_history', maintenance)
  inserted.set('usage_logs', await insertUsage(client, usage))
  return inserted
}

async function inTransaction<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN')
  try {
    const result = await work()
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

async function nameHeads(
  client: pg.Client,
  facility: string,
  users: ReadonlyMap<string, string>,
): Promise<void> {
  await client.query(
    `UPDATE departments d SET manager_id = head.user_id
     FROM jsonb_to_recordset($1::jsonb) AS head(code text, user_id text)
     WHERE d.facility_id = $2 AND d.department_code = head.code AND d.manager_id IS NULL`,
    [
      JSON.stringify(departments.map(({ code }) => ({ code, user_id: users.get(headOf(code)) }))),
      facilityIdOf(facility),
    ],
  )
}

/** The demo's rows belong to an organisation of a fixed id: an upgraded hospital may have been given it by BioTrakr v1's own seed. */
async function refuseOtherOrganization(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    'SELECT name FROM organizations WHERE id = $1 AND name <> $2',
    [organization['id'], organization['name']],
  )
  if (rows[0] !== undefined)
    throw new UserError(
      `The database has an organisation "${organizationId}" (${rows[0].name}) that is not the demo's: nothing was changed. Seed a database of its own.`,
    )
}

/** Somebody's real hospital of the same code must not get demo assets. */
async function refuseOtherFacility(client: pg.Client, facility: string): Promise<void> {
  const { rows } = await client.query<{ facility_name: string }>(
    'SELECT facility_name FROM facilities WHERE facility_code = $1 AND id <> $2',
    [facility, facilityIdOf(facility)],
  )
  if (rows[0] !== undefined)
    throw new UserError(
      `The database has a facility "${facility}" (${rows[0].facility_name}) that is not the demo hospital: nothing was changed. Choose another code with --facility.`,
    )
}

/** Rows with the same columns: what a row leaves out gets the table's default, which no row of a set can ask for by itself. */
function groupsOfAlike(rows: readonly Row[]): Iterable<readonly Row[]> {
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    const columns = Object.keys(row).toSorted().join()
    const group = groups.get(columns)
    if (group === undefined) groups.set(columns, [row])
    else group.push(row)
  }
  return groups.values()
}

async function insertRows(
  client: pg.Client,
  table: string,
  rows: readonly Row[],
  givesWay: boolean,
): Promise<number> {
  const list = Object.keys(rows[0] ?? {})
    .map((column) => pg.escapeIdentifier(column))
    .join(', ')
  const result = await client.query(
    `INSERT INTO ${pg.escapeIdentifier(table)} (${list})
     SELECT ${list} FROM jsonb_populate_recordset(NULL::${pg.escapeIdentifier(table)}, $1::jsonb)
     ON CONFLICT ${givesWay ? '' : '(id)'} DO NOTHING`,
    [JSON.stringify(rows)],
  )
  return result.rowCount ?? 0
}

/** Who and which vendor: somebody who was there before, under another name with the same address, is the same. */
async function idsOf(client: pg.Client, people: readonly Row[]): Promise<KnownIds> {
  const found = await client.query<{ username: string; email: string; id: string }>(
    'SELECT username, email, id FROM users',
  )
  const byName = new Map(found.rows.map(({ username, id }) => [username, id]))
  const byEmail = new Map(found.rows.map(({ email, id }) => [email, id]))
  const users = new Map<string, string>()
  for (const { username, email } of people) {
    const id = byName.get(String(username)) ?? byEmail.get(String(email))
    if (id !== undefined) users.set(String(username), id)
  }
  const vendors = await client.query<{ code: string; id: string }>(
    'SELECT vendor_code AS code, id FROM vendors',
  )
  return { users, vendors: new Map(vendors.rows.map(({ code, id }) => [code, id])) }
}

/** A session every other day of the last 30, for assets that have none yet: another run on another day adds nothing. */
async function insertUsage(client: pg.Client, usage: readonly Row[]): Promise<number> {
  const result = await client.query(
    `INSERT INTO usage_logs (id, asset_id, session_start, session_end, cycles, units, source, purpose)
     SELECT a.id || '-' || day, a.id, start, least(start + u.hours * 2 * INTERVAL '1 hour', now()), 1, ceil(u.hours * 4), 'DEVICE', 'patient care'
     FROM jsonb_to_recordset($1::jsonb) AS u(asset_id text, hours double precision)
     JOIN assets a ON a.id = u.asset_id
     CROSS JOIN generate_series(2, 30, 2) AS day
     CROSS JOIN LATERAL (SELECT date_trunc('day', now()) - day * INTERVAL '1 day' + (7 + hashtext(a.id) % 4) * INTERVAL '1 hour' AS start) AS s
     WHERE u.hours >= 0.5 AND a.purchase_date < start::date AND NOT EXISTS (SELECT FROM usage_logs l WHERE l.asset_id = a.id)`,
    [JSON.stringify(usage)],
  )
  return result.rowCount ?? 0
}
