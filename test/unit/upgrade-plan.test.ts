// What stops an upgrade, judged from facts: cases that no server at hand can be brought into.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Facts } from '../../src/upgrade/facts.ts'
import { readMapping, wordKey } from '../../src/upgrade/mapping.ts'
import { makePlan, retentionYearsFor } from '../../src/upgrade/plan.ts'
import { connectionFor } from '../../src/upgrade/postgres-tools.ts'
import { namesOfV2 } from '../../src/upgrade/survey.ts'
import { v1Tables } from '../../src/upgrade/v1-tables.ts'

const fine: Facts = {
  database: 'biotrakr',
  postgres: { version: '15.4', number: 150_004 },
  timescale: {
    installed: '2.23.1',
    available: '2.23.1',
    license: 'timescale',
    problem: null,
    mayCreate: true,
    isPreloaded: true,
  },
  user: { name: 'biotrakr', mayCreateSchema: true, mayCreateInPublic: true, mayCreateRoles: true },
  missingRoles: [],
  phase: null,
  schema: 'public',
  tables: v1Tables.map(({ name }) => ({
    name,
    isThere: true,
    rows: 10,
    bytes: 8192,
    isPlain: true,
    isOwned: true,
    missingColumns: [],
    extraColumns: [],
  })),
  orphans: [],
  words: { categories: [], statuses: [], roles: [], taskStatuses: [] },
  repeatedValues: [],
  organizationsWithoutAdmin: [],
  orphansTo: null,
  pings: { oldest: null, newest: null, unstorable: 0, repeated: 0 },
  defaults: [],
  foreignObjects: [],
  collisions: [],
  otherSessions: 0,
  disk: { neededBytes: 1000, freeBytes: 2000 },
  slowness: 1,
}
const mapping = readMapping()
const refusals = (change: Partial<Facts>): readonly string[] =>
  makePlan({ ...fine, ...change }, mapping).refusals

describe('the plan', () => {
  it('refuses nothing where nothing is wrong', () => {
    expect(refusals({})).toEqual([])
  })

  it.each<[string, Partial<Facts>, RegExp]>([
    [
      'an old server',
      { postgres: { version: '13.2', number: 130_002 } },
      /PostgreSQL 13\.2 is too old: 14 or later/u,
    ],
    [
      'TimescaleDB that cannot be used',
      { timescale: { ...fine.timescale, problem: 'Apache-only edition' } },
      /^Apache-only edition$/u,
    ],
    [
      'TimescaleDB that is not loaded',
      { timescale: { ...fine.timescale, installed: null, isPreloaded: false } },
      /add timescaledb to shared_preload_libraries/u,
    ],
    [
      'no right to create the extension',
      { timescale: { ...fine.timescale, installed: null, mayCreate: false } },
      /may not create the extension/u,
    ],
    [
      'roles that cannot be made',
      { missingRoles: ['rtls_admin'], user: { ...fine.user, mayCreateRoles: false } },
      /CREATE ROLE rtls_admin;/u,
    ],
    [
      'a full disk',
      { disk: { neededBytes: 2 ** 31, freeBytes: 2 ** 30 } },
      /has 1\.0 GB free and v2 beside v1 needs about 2\.0 GB/u,
    ],
    [
      'a table that is missing',
      { tables: fine.tables.map((table) => ({ ...table, isThere: table.name !== 'users' })) },
      /Table users is missing/u,
    ],
    [
      'a column that is missing',
      {
        tables: fine.tables.map((table) => ({
          ...table,
          missingColumns: table.name === 'assets' ? ['deletedAt'] : [],
        })),
      },
      /Table assets lacks "deletedAt"/u,
    ],
    [
      'a partitioned table',
      { tables: fine.tables.map((table) => ({ ...table, isPlain: table.name !== 'assets' })) },
      /assets is not a plain table/u,
    ],
    [
      'a role nobody mapped',
      { words: { ...fine.words, roles: [{ word: 'Janitor', rows: 2 }] } },
      /users\.role is "Janitor" in 2 rows/u,
    ],
    [
      'assets without an admin',
      { organizationsWithoutAdmin: ['org-1'] },
      /Organisation org-1 has assets and no user with the role admin/u,
    ],
    ['a rollback under way', { phase: 'rolling_back' }, /Run: rtls-ingest upgrade rollback/u],
  ])('refuses %s, with the remedy', (_, change, expected) => {
    const found = refusals(change)
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(expected)
  })

  it('asks nothing more of v1 once it is moved', () => {
    expect(refusals({ phase: 'converted', collisions: ['vendors'] })).toEqual([])
  })

  it('keeps pings for two years after the upgrade, however old they are', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 * 365 }), (days) => {
        const oldest = new Date(Date.now() - days * 86_400_000)
        const droppedAt = new Date(oldest)
        droppedAt.setUTCFullYear(oldest.getUTCFullYear() + retentionYearsFor(oldest))
        // A leap day may be on either side.
        expect(droppedAt.getTime() - Date.now()).toBeGreaterThanOrEqual((2 * 365 - 1) * 86_400_000)
      }),
    )
  })
})

describe('the mapping', () => {
  it('knows the words of v1, however they are spelt', () => {
    expect(mapping.statuses['in_use']).toBe('IN_SERVICE')
    for (const word of ['Infusion Pump', 'infusion-pump', ' INFUSION__PUMP ', 'infusion_pump'])
      expect(mapping.categories[wordKey(word)]).toBe('THERAPEUTIC')
  })

  it('gives every device category its useful life', () => {
    for (const category of Object.values(mapping.categories))
      expect(mapping.usefulLifeYears[category]).toBeGreaterThan(0)
  })
})

it('names of v2 are read from the migrations', () => {
  expect([...namesOfV2()]).toEqual(
    expect.arrayContaining([
      'assets',
      'location_history',
      'asset_status',
      'location_1m',
      'rtls_schema_migrations',
    ]),
  )
})

it('a password never reaches the command line of pg_dump', () => {
  expect(connectionFor('postgres://u:p%40ss@h:5433/db?sslmode=require')).toEqual({
    dbname: 'postgres://u@h:5433/db?sslmode=require',
    env: { PGPASSWORD: 'p@ss' },
  })
  expect(connectionFor('postgres:///db?host=/run/postgresql&password=x').env).toEqual({ PGPASSWORD: 'x' })
})
