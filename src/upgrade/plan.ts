/**
 * Judges what the survey found: what stops `apply`, each with its remedy; what a person should know; how long it will take.
 * Pure: the same facts and mapping give the same plan.
 */
import type { Facts, WordFacts } from './facts.ts'
import { type Mapping, wordKey } from './mapping.ts'

export interface Plan {
  /** Each stops `apply`: what, where, what to do. Empty: apply may go ahead. */
  readonly refusals: readonly string[]
  /** Nothing stops, but somebody should know. */
  readonly notes: readonly string[]
  readonly unmappedCategories: readonly WordFacts[]
  /** Years that v2 will keep pings after the upgrade. */
  readonly retentionYears: number
  readonly downtime: { readonly seconds: number; readonly because: string }
}

const count = (n: number): string => n.toLocaleString('en-US')

export function makePlan(facts: Facts, mapping: Mapping): Plan {
  const retentionYears = retentionYearsFor(facts.pings.oldest)
  const unmappedCategories = facts.words.categories.filter(
    ({ word }) => mapping.categories[wordKey(word)] === undefined,
  )
  return {
    refusals:
      facts.phase === null
        ? [...refuseServer(facts), ...refuseTables(facts), ...refuseRows(facts, mapping)]
        : refusePhase(facts),
    notes: makeNotes(facts, retentionYears),
    unmappedCategories,
    retentionYears,
    downtime: estimateDowntime(facts),
  }
}

/** v1 kept pings for ever, v2's policy drops them: nothing of v1 may go for two years after the upgrade. */
export function retentionYearsFor(oldest: Date | null): number {
  const ageYears = oldest === null ? 0 : Math.max(0, Date.now() - oldest.getTime()) / (365.25 * 86_400_000)
  return Math.ceil(ageYears) + 2
}

/** Begun already: `apply` goes on from where it was, and asks nothing of v1 that it asked before. */
function refusePhase({ phase }: Facts): string[] {
  return phase === 'rolling_back'
    ? ['A rollback of this database was begun and not finished. Run: rtls-ingest upgrade rollback']
    : []
}

function refuseServer({ timescale, user, database, missingRoles, disk, postgres }: Facts): string[] {
  const refusals: string[] = []
  if (postgres.number < 140_000)
    refusals.push(
      `PostgreSQL ${postgres.version} is too old: 14 or later is needed. Upgrade the server first (pg_upgrade).`,
    )
  if (timescale.problem !== null) refusals.push(timescale.problem)
  if (timescale.installed === null && timescale.available !== null) {
    if (timescale.isPreloaded === false)
      refusals.push(
        'TimescaleDB is installed but not loaded: add timescaledb to shared_preload_libraries in postgresql.conf and restart the server.',
      )
    if (!timescale.mayCreate)
      refusals.push(
        `User ${user.name} may not create the extension timescaledb in database "${database}". As a superuser run: CREATE EXTENSION timescaledb`,
      )
  }
  if (!user.mayCreateSchema)
    refusals.push(
      `User ${user.name} may not create schemas in database "${database}". As its owner run: GRANT CREATE ON DATABASE "${database}" TO "${user.name}"`,
    )
  if (!user.mayCreateInPublic)
    refusals.push(
      `User ${user.name} may not create tables in schema public. As its owner run: GRANT CREATE ON SCHEMA public TO "${user.name}"`,
    )
  if (missingRoles.length > 0 && !user.mayCreateRoles)
    refusals.push(
      `The roles ${missingRoles.join(', ')} do not exist and user ${user.name} may not create them. As a superuser run: ${missingRoles.map((role) => `CREATE ROLE ${role};`).join(' ')}`,
    )
  if (disk.freeBytes !== null && disk.freeBytes < disk.neededBytes)
    refusals.push(
      `The server's disk has ${megabytes(disk.freeBytes)} free and v2 beside v1 needs about ${megabytes(disk.neededBytes)}. Free some, or add some.`,
    )
  return refusals
}

function refuseTables({ tables, user, database, collisions }: Facts): string[] {
  const absent = tables.filter(({ isThere }) => !isThere)
  if (absent.length === tables.length)
    return [
      `Database "${database}" holds no BioTrakr v1: there is no table ${tables[0]?.name ?? ''} with v1's columns in schema public. Check DATABASE_URL.`,
    ]
  const refusals: string[] = []
  for (const { name } of absent)
    refusals.push(
      `Table ${name} is missing: this is not a whole BioTrakr v1. Restore it from a backup, or create it empty as v1 has it.`,
    )
  for (const { name, isThere, missingColumns, isPlain, isOwned } of tables) {
    if (!isThere) continue
    if (missingColumns.length > 0)
      refusals.push(
        `Table ${name} lacks ${missingColumns.map((column) => `"${column}"`).join(', ')}: this is not the v1 we know. Bring v1 up to date with its own migrations first.`,
      )
    else if (!isPlain)
      refusals.push(
        `${name} is not a plain table (a view, a partitioned table or a hypertable), as v1 has it. Copy its rows into a plain table of that name first.`,
      )
    if (!isOwned)
      refusals.push(
        `User ${user.name} does not own table ${name} and so may not move it. Run the upgrade as its owner, or as a superuser: ALTER TABLE ${name} OWNER TO "${user.name}"`,
      )
  }
  if (collisions.length > 0)
    refusals.push(
      `Schema public has ${collisions.join(', ')}, not of BioTrakr v1, and v2 needs these names. Rename them, or move them into a schema of their own.`,
    )
  return refusals
}

function refuseRows(
  { orphans, orphansTo, words, organizationsWithoutAdmin }: Facts,
  mapping: Mapping,
): string[] {
  const refusals: string[] = []
  if (orphansTo?.isThere === false)
    refusals.push(`--assign-orphans-to: there is no user with the id or email "${orphansTo.id}" in v1.`)
  if (orphansTo === null) {
    for (const { table, column, parent, rows, examples } of orphans)
      refusals.push(
        `${table}."${column}" points to no row of ${parent} in ${count(rows)} rows (${examples.join(', ')}${rows > examples.length ? ', …' : ''}). Mend them, or run with --assign-orphans-to USER.`,
      )
    for (const id of organizationsWithoutAdmin)
      refusals.push(
        `Organisation ${id} has assets and no user with the role admin to answer for them. Make one an admin, or run with --assign-orphans-to USER.`,
      )
  }
  for (const [section, column, known] of [
    ['statuses', 'assets.status', mapping.statuses],
    ['roles', 'users.role', mapping.roles],
    ['taskStatuses', 'maintenance_tasks.status', mapping.taskStatuses],
  ] as const)
    for (const { word, rows } of words[section])
      if (known[wordKey(word)] === undefined)
        refusals.push(
          `${column} is "${word}" in ${count(rows)} rows, and nothing says what that is in v2. Add it to "${section}" of a copy of config/biotrakr-upgrade.yaml and pass that with --mapping.`,
        )
  return refusals
}

function makeNotes(facts: Facts, retentionYears: number): string[] {
  const notes: string[] = []
  if (facts.phase !== null) notes.push(`An upgrade of this database was begun: phase "${facts.phase}".`)
  if (facts.otherSessions > 0)
    notes.push(
      `${count(facts.otherSessions)} other connections to this database are open: stop BioTrakr before apply.`,
    )
  for (const { name, extraColumns } of facts.tables)
    if (extraColumns.length > 0)
      notes.push(
        `${name} has columns that v1 does not know (${extraColumns.join(', ')}): kept in biotrakr_upgrade.remainder, of pings in props.`,
      )
  if (facts.foreignObjects.length > 0)
    notes.push(
      `Not of BioTrakr, and left where they are in schema public: ${facts.foreignObjects.map(({ kind, name }) => `${kind} ${name}`).join(', ')}. Views among them go on showing v1's tables.`,
    )
  for (const { column, values } of facts.repeatedValues)
    notes.push(
      `${column} is not unique (${values.join(', ')}): the second and later ones get their id appended, and a line in the report.`,
    )
  const { pings } = facts
  if (pings.unstorable > 0)
    notes.push(
      `${count(pings.unstorable)} pings cannot be true (off the globe, not a number, before 2000, in the future): they go whole into dead_letter.`,
    )
  if (pings.repeated > 0)
    notes.push(
      `${count(pings.repeated)} times an asset has several pings of one millisecond: all are kept, told apart by gateway_id (biotrakr-v1, biotrakr-v1#2, …).`,
    )
  if (pings.oldest !== null)
    notes.push(
      `v2 drops pings after 2 years, v1 kept them for ever: the retention policy is widened to ${retentionYears} years, so that nothing of v1 (oldest ping ${pings.oldest.toISOString().slice(0, 10)}) is dropped in the next two years.`,
    )
  if (facts.disk.freeBytes === null)
    notes.push(
      `How much disk the server has free cannot be known from here; about ${megabytes(facts.disk.neededBytes)} are needed.`,
    )
  return notes
}

/**
 * Seconds of downtime per row, measured with 10,000 assets and a million pings on a server with two cores: docs/upgrade.md. The
 * rollups (some 35 µs a ping) are computed afterwards, with v2 in use.
 */
const secondsPer = { ping: 25e-6, asset: 400e-6, otherRow: 150e-6 } as const
const fixedSeconds = 5

function estimateDowntime({ tables, slowness }: Facts): Plan['downtime'] {
  const rowsOf = (name: string): number => tables.find((table) => table.name === name)?.rows ?? 0
  const pings = rowsOf('asset_location_pings')
  const assets = rowsOf('assets')
  const others = tables.reduce((sum, { rows }) => sum + rows, 0) - pings - assets
  const seconds =
    fixedSeconds +
    slowness * (pings * secondsPer.ping + assets * secondsPer.asset + others * secondsPer.otherRow)
  return {
    seconds: Math.ceil(seconds),
    because: `${count(assets)} assets, ${count(pings)} pings, ${count(others)} other rows; this server is ${slowness.toFixed(1)} times as slow as the one the rates were measured on; the backup comes on top`,
  }
}

export const megabytes = (bytes: number): string =>
  bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GB` : `${Math.ceil(bytes / 2 ** 20)} MB`
