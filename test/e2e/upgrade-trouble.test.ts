// The migration guide's troubleshooting cases, and a few more: the sentence the user sees, and that nothing was changed.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../support/child.ts'
import { type Hospital, hasServer, openHospital } from '../support/upgrade.ts'

let hospital: Hospital
let folder: string
beforeAll(async () => {
  hospital = await openHospital({ hasOrphans: true, hasOddStatus: true })
  folder = mkdtempSync(path.join(tmpdir(), 'rtls-trouble-'))
}, 120_000)
afterAll(async () => {
  await hospital.close()
  rmSync(folder, { recursive: true, force: true })
})

const refusal = async (...args: string[]): Promise<string> => (await hospital.upgrade(args, 1)).stderr
const applyArgs = (): string[] =>
  ['apply', '--backup-dir', hospital.backupDir, '--assign-orphans-to', 'user-admin-001'].concat(mapping)
const mapping = ['--mapping', 'test/support/biotrakr-mapping.yaml']

describe('upgrade in trouble', { timeout: 240_000 }, () => {
  it('foreign keys that point nowhere: each is named with its rows, and with what mends it', async () => {
    const { stdout } = await hospital.upgrade(['plan', ...mapping], 1)
    expect(stdout).toContain(
      'maintenance_tasks."requestedById" points to no row of users in 1 rows (task-o1). Mend them, or run with --assign-orphans-to USER.',
    )
    expect(stdout).toContain(
      'assets."facilityId" → facilities: 1 (a placeholder under the missing id, marked and inactive)',
    )
  })

  it('--assign-orphans-to somebody who is not there', async () => {
    expect(
      await refusal('apply', ...mapping, '--backup-dir', hospital.backupDir, '--assign-orphans-to', 'nobody'),
    ).toContain('--assign-orphans-to: there is no user with the id or email "nobody" in v1.')
  })

  it('a status nobody translated: named, not guessed', async () => {
    const { stdout } = await hospital.upgrade(['plan', '--assign-orphans-to', 'user-admin-001'], 1)
    expect(stdout).toContain(
      'assets.status is "lost?" in 1 rows, and nothing says what that is in v2. Add it to "statuses" of a copy of config/biotrakr-upgrade.yaml and pass that with --mapping.',
    )
  })

  it('a mapping to a word that v2 does not have', async () => {
    const file = path.join(folder, 'bad.yaml')
    writeFileSync(file, 'statuses: {available: FINE}\n')
    const { stderr } = await hospital.upgrade(['plan', '--mapping', file], 2)
    expect(stderr).toContain('is not a mapping for the upgrade:')
    expect(stderr).toContain('statuses.available')
  })

  it('verify, rollback and finalize without an upgrade', async () => {
    expect(await refusal('verify')).toContain('There is no upgrade of this database to verify.')
    expect(await refusal('rollback')).toContain(
      'There is no upgrade of this database to roll back: it is as it was.',
    )
    expect(await refusal('finalize', '--yes')).toContain('There is no upgrade of this database to verify.')
  })

  it('a backup directory that cannot be written to', async () => {
    const file = path.join(folder, 'a-file')
    writeFileSync(file, '')
    expect(await refusal('apply', '--backup-dir', file)).toMatch(
      /The backup directory .*a-file cannot be written to/u,
    )
  })

  it('no database at all', async () => {
    const { stderr } = await runCli(['upgrade', 'plan'], {
      env: { DATA_DIR: path.join(folder, 'none'), DATABASE_PORT: '0' },
      expectCode: 2,
    })
    expect(stderr).toContain('There is no database to upgrade: DATABASE_URL is not set')
  })

  it('after all that v1 is as it was', async () => {
    expect(
      await hospital.query(
        `SELECT to_regnamespace('biotrakr_v1') IS NULL AND to_regnamespace('biotrakr_upgrade') IS NULL AS untouched, count(*)::int AS tasks FROM maintenance_tasks`,
      ),
    ).toEqual([{ untouched: true, tasks: 6 }])
  })
})

describe.runIf(hasServer())('upgrade in trouble on a server', { timeout: 240_000 }, () => {
  const serverUrl = (name: string, user?: string): string => {
    const url = new URL(hospital.url ?? '')
    if (user !== undefined) url.username = user
    if (name !== '') url.pathname = `/${name}`
    return url.href
  }
  const run = async (url: string, ...statements: string[]): Promise<void> => {
    const client = new pg.Client(url)
    await client.connect()
    try {
      for (const sql of statements) await client.query(sql)
    } finally {
      await client.end()
    }
  }

  it('a user who owns nothing: every right that is missing, with the statement that gives it', async () => {
    const role = `rtls_stranger_${process.pid}`
    await run(
      hospital.url ?? '',
      `CREATE ROLE ${role} LOGIN`,
      `GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`,
    )
    try {
      const { stdout } = await runCli(
        ['upgrade', 'plan', ...mapping, '--assign-orphans-to', 'user-admin-001'],
        {
          env: { DATABASE_URL: serverUrl('', role) },
          expectCode: 1,
        },
      )
      expect(stdout).toContain(`User ${role} does not own table assets and so may not move it.`)
      expect(stdout).toContain(`User ${role} may not create schemas in database`)
      const { stderr } = await runCli(
        [
          'upgrade',
          'apply',
          '--backup-dir',
          hospital.backupDir,
          ...mapping,
          '--assign-orphans-to',
          'user-admin-001',
        ],
        { env: { DATABASE_URL: serverUrl('', role) }, expectCode: 1 },
      )
      expect(stderr).toContain(`ALTER TABLE assets OWNER TO "${role}"`)
    } finally {
      await run(hospital.url ?? '', `DROP OWNED BY ${role}`, `DROP ROLE ${role}`)
    }
  })

  it('pg_dump that is missing: what to install, or how to do without', async () => {
    expect(await refusal(...applyArgs(), '--pg-bin', folder)).toMatch(
      /pg_dump was not found in .* Install the PostgreSQL client .*--i-have-a-backup/u,
    )
  })

  it('pg_dump that is older than the server: which one to install, and where to name it', async () => {
    for (const name of ['pg_dump', 'pg_restore'])
      writeFileSync(path.join(folder, name), `#!/bin/sh\necho '${name} (PostgreSQL) 9.6.24'\n`, {
        mode: 0o755,
      })
    expect(await refusal(...applyArgs(), '--pg-bin', folder)).toMatch(
      /is of PostgreSQL 9\.6\.24, the server of \d+: an older pg_dump cannot read it\. .*--pg-bin \/usr\/lib/u,
    )
  })

  it('v1 still in use: a writer is told to be stopped, and nothing was changed', async () => {
    const writer = new pg.Client(hospital.url)
    await writer.connect()
    await writer.query('BEGIN')
    await writer.query(`UPDATE assets SET name = 'being edited' WHERE id = 'asset-1'`)
    try {
      expect(await refusal('apply', '--backup-dir', hospital.backupDir)).toContain(
        'BioTrakr is writing to this database: its tables could not be locked in 20 s. Stop the application and run it again; nothing was changed.',
      )
    } finally {
      await writer.query('ROLLBACK')
      await writer.end()
    }
  })

  it('two at a time: the second waits for the first, and says so', async () => {
    const first = new pg.Client(hospital.url)
    await first.connect()
    await first.query('SELECT pg_advisory_lock(7415330003)')
    const second = hospital.start(['rollback'])
    await second.waitForLine(/^waiting: another upgrade of this database is under way$/u)
    await first.end()
    await second.waitForLine(/There is no upgrade of this database to roll back/u)
    expect((await second.exit).code).toBe(1)
  })

  it('a database without BioTrakr v1', async () => {
    const { stdout } = await runCli(['upgrade', 'plan'], {
      env: { DATABASE_URL: serverUrl('template1') },
      expectCode: 1,
    })
    expect(stdout).toContain('holds no BioTrakr v1')
  })

  it('a table of the hospital with a name that v2 needs, and one that it does not', async () => {
    await run(
      hospital.url ?? '',
      'CREATE TABLE vendors (id int)',
      'CREATE VIEW our_assets AS SELECT id FROM assets',
    )
    try {
      const { stdout } = await hospital.upgrade(['plan', ...mapping], 1)
      expect(stdout).toContain('Schema public has vendors, not of BioTrakr v1, and v2 needs these names.')
      expect(stdout).toContain('left where they are in schema public: view our_assets.')
    } finally {
      await run(hospital.url ?? '', 'DROP TABLE vendors', 'DROP VIEW our_assets')
    }
  })

  it('the old program on the new database: migrate says that v1 is upgraded and not migrated', async () => {
    const { stderr } = await runCli(['migrate'], { env: { ...hospital.env }, expectCode: 1 })
    expect(stderr).toContain('holds BioTrakr v1, which is upgraded and not migrated')
  })
})
