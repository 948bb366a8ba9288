// What is to be done to a database whose schema another version made.
import { describe, expect, it } from 'vitest'
import { incompatibleBecause, isMigrationName, readMigrations } from '../../src/db/migration-files.ts'
import { type AppliedFile, IncompatibleSchemaError, planFor } from '../../src/db/migration-plan.ts'

const file = (name: string, checksum = name) => ({ name, text: 'SELECT 1', checksum })
const applied = (name: string, more: Partial<AppliedFile> = {}): AppliedFile => ({
  name,
  checksum: name,
  appliedBy: '1.2.0',
  incompatible: null,
  ...more,
})
const files = {
  migrations: [file('0001_a.sql'), file('0002_b.sql')],
  repeatable: [file('views.sql', 'mine')],
}
const both = [applied('0001_a.sql'), applied('0002_b.sql')]
const namesOf = (ledger: readonly AppliedFile[], version = '1.2.0'): string[] =>
  planFor(files, ledger, version).pending.map(({ file: { name } }) => name)

describe('the plan', () => {
  it('is everything for an empty database, and nothing for one that is up to date', () => {
    expect(namesOf([])).toEqual(['0001_a.sql', '0002_b.sql', 'views.sql'])
    expect(namesOf([...both, applied('views.sql', { checksum: 'mine' })])).toEqual([])
  })

  it('puts a changed view in place of an older or equally old one, never in place of a newer one', () => {
    for (const [appliedBy, expected] of [
      ['1.2.0', ['views.sql']],
      ['1.1.9', ['views.sql']],
      [null, ['views.sql']],
      ['1.2.1', []],
      ['1.10.0', []],
      ['2.0.0-rc.1', []],
    ] as const)
      expect([appliedBy, namesOf([...both, applied('views.sql', { checksum: 'other', appliedBy })])]).toEqual(
        [appliedBy, expected],
      )
  })

  it('leaves a schema with a migration it does not know as it is', () => {
    const plan = planFor(files, [...both, applied('0003_c.sql'), applied('views.sql')])
    expect(plan).toMatchObject({ pending: [], unknown: ['0003_c.sql'], isNewer: true })
  })

  it('does not take a view that it has lost for a sign of a newer version', () => {
    expect(planFor(files, [...both, applied('gone.sql')], '1.2.0')).toMatchObject({
      unknown: ['gone.sql'],
      isNewer: false,
    })
  })

  it('brings two branches of one version together', () => {
    const [first] = both
    if (first === undefined) throw new Error('there is no first')
    expect(namesOf([first, applied('0003_c.sql')])).toEqual(['0002_b.sql', 'views.sql'])
  })

  it('is a refusal where the newer version says that older ones cannot work with it', () => {
    const incompatible = 'pings moved'
    const ledger = [
      ...both,
      applied('0003_c.sql', { appliedBy: '1.3.0', incompatible: 'an older reason' }),
      applied('0004_d.sql', { appliedBy: '2.0.0', incompatible }),
    ]
    expect(() => planFor(files, ledger, '1.2.0')).toThrow(IncompatibleSchemaError)
    expect(() => planFor(files, ledger, '1.2.0')).toThrow(
      'This is rtls-ingest 1.2.0, and the database was migrated by rtls-ingest 2.0.0 in a way that older versions cannot work with: ' +
        '0004_d.sql (pings moved), 0003_c.sql (an older reason). Nothing was changed. ' +
        'Start rtls-ingest 2.0.0 or later; to go back, restore the backup that was taken before the upgrade.',
    )
    // Who knows the file works with it.
    expect(namesOf([...both.slice(0, 1), applied('0002_b.sql', { incompatible })])).toEqual(['views.sql'])
  })
})

describe('the files', () => {
  it('tell migrations from repeatable files by their names', () => {
    const { migrations, repeatable } = readMigrations()
    expect(migrations.filter(({ name }) => !isMigrationName(name))).toEqual([])
    expect(repeatable.filter(({ name }) => isMigrationName(name))).toEqual([])
  })

  it('say of themselves why older versions cannot work with them, in a line of its own', () => {
    expect(
      incompatibleBecause({ text: '-- Moves.\n-- incompatible-with-running: pings moved  \nSELECT 1' }),
    ).toBe('pings moved')
    for (const text of ['SELECT 1', '-- not incompatible-with-running: x', '-- incompatible-with-running:\n'])
      expect([text, incompatibleBecause({ text })]).toEqual([text, null])
  })
})
