/**
 * A BioTrakr v1 database and `rtls-ingest upgrade` beside it, as a hospital would run it: on the server of RTLS_TEST_DATABASE_URL,
 * or else in the data directory of an embedded database.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type pg from 'pg'
import { openEmbeddedDatabase } from '../../src/embedded/database.ts'
import { type V1Options, fillBiotrakrV1 } from './biotrakr-v1.ts'
import { type Cli, runCli, startCli } from './child.ts'
import { openEmptyDatabase } from './database.ts'
import { prepareTemplate } from './embedded.ts'
import { queryOnce } from './query.ts'

export interface Hospital {
  readonly isServer: boolean
  /** For `DATABASE_URL`, on a server. */
  readonly url: string | undefined
  readonly env: Readonly<Record<string, string>>
  /** Holds what apply writes. */
  readonly backupDir: string
  /** `rtls-ingest upgrade …` to its end; the output, stdout and stderr. */
  upgrade(args: readonly string[], expectCode?: number): Promise<{ stdout: string; stderr: string }>
  start(args: readonly string[]): Cli
  /** Between two commands, never during one. */
  query<Row extends pg.QueryResultRow>(...statements: string[]): Promise<Row[]>
  close(): Promise<void>
}

export const hasServer = (): boolean => (process.env['RTLS_TEST_DATABASE_URL'] ?? '') !== ''

export async function openHospital(options: Partial<V1Options>): Promise<Hospital> {
  const folder = mkdtempSync(path.join(tmpdir(), 'rtls-upgrade-'))
  const backupDir = path.join(folder, 'backups')
  return hasServer() ? openOnServer(options, folder, backupDir) : openEmbedded(options, folder, backupDir)
}

async function openOnServer(
  options: Partial<V1Options>,
  folder: string,
  backupDir: string,
): Promise<Hospital> {
  const database = await openEmptyDatabase()
  await fillBiotrakrV1(database.url, options)
  return {
    ...commands({ DATABASE_URL: database.url }),
    isServer: true,
    url: database.url,
    backupDir,
    async query<Row extends pg.QueryResultRow>(...statements: string[]) {
      let rows: Row[] = []
      for (const sql of statements) rows = await queryOnce<Row>(database.url, sql)
      return rows
    },
    async close() {
      await database.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function openEmbedded(
  options: Partial<V1Options>,
  folder: string,
  backupDir: string,
): Promise<Hospital> {
  const dataDir = path.join(folder, 'data')
  cpSync(await prepareTemplate(), dataDir, { recursive: true })
  const withDatabase = async <T>(work: (url: string) => Promise<T>): Promise<T> => {
    const database = await openEmbeddedDatabase({
      dataDir,
      host: '127.0.0.1',
      port: 0,
      onCrash(error) {
        throw error
      },
    })
    try {
      return await work(database.url)
    } finally {
      await database.close()
    }
  }
  await withDatabase(async (url) => fillBiotrakrV1(url, options))
  return {
    ...commands({ DATA_DIR: dataDir, DATABASE_PORT: '0' }),
    isServer: false,
    url: undefined,
    backupDir,
    async query<Row extends pg.QueryResultRow>(...statements: string[]) {
      return withDatabase(async (url) => {
        let rows: Row[] = []
        for (const sql of statements) rows = await queryOnce<Row>(url, sql)
        return rows
      })
    },
    close: async () => rmSync(folder, { recursive: true, force: true }),
  }
}

function commands(env: Record<string, string>): Pick<Hospital, 'env' | 'upgrade' | 'start'> {
  return {
    env,
    upgrade: async (args, expectCode = 0) => runCli(['upgrade', ...args], { env, expectCode }),
    start: (args) => startCli(['upgrade', ...args], { env }),
  }
}
