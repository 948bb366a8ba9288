/**
 * The one way in which a connection to a database is made: with the certificates as they are in their files now, and with errors
 * of TLS in words that name the file and the remedy (the code stays, so that failure.ts judges them as ever). Of several servers
 * it is the one that takes writes: asked anew for each connection, so that a fail-over needs nobody.
 */
import type { ConnectionOptions } from 'node:tls'
import pg from 'pg'
import { explainTlsError } from '../ops/tls-errors.ts'
import { readTlsFiles } from '../ops/tls-files.ts'
import { UserError, messageOf } from '../ops/user-error.ts'
import { type DatabaseUrl, readDatabaseUrl } from './database-url.ts'
import { chooseServer } from './servers.ts'

/** For failure.ts: an operator is needed. */
const certificateCode = 'ERR_TLS_FILES'
/** The classes that failure.ts has. */
const knownCodes = /^(?:ERR_TLS|ERR_SSL|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO)/u

/** A class because the pool makes its connections by `new`. */
export class DatabaseClient extends pg.Client {
  /** Older than a change of the certificates: not to be used again. */
  readonly madeAtMs = performance.now()
  readonly #place: DatabaseUrl
  /** Told by `connect`: a constructor that throws would throw into a timer of the pool's. */
  readonly #problem: Error | undefined
  readonly #config: pg.ClientConfig

  constructor(config: pg.ClientConfig & { readonly connectionString: string }) {
    const place = readDatabaseUrl(config.connectionString)
    const { ssl, problem } = tlsOf(place)
    const complete = {
      ...config,
      options: inPublic(config.options),
      connectionString: place.url,
      ...(ssl === undefined ? {} : { ssl }),
    }
    super(complete)
    this.#config = complete
    this.#place = place
    this.#problem = problem
  }

  override connect(): Promise<this>
  override connect(callback: (error: Error) => void): void
  override connect(callback?: (error: Error) => void): Promise<this> | undefined {
    if (callback === undefined) return this.#open()
    void this.#tell(callback)
    return undefined
  }

  /** As the pool asks. */
  async #tell(callback: (error: Error) => void): Promise<void> {
    let problem: unknown
    try {
      await this.#open()
    } catch (error) {
      problem = error
    }
    // pg's types forget that there may be none.
    callback(problem as Error)
  }

  async #open(): Promise<this> {
    if (this.#problem !== undefined) throw this.#problem
    try {
      if (this.#place.candidates.length > 0) {
        const { host, port } = await chooseServer(this.#place, this.#config)
        this.host = host
        this.port = port
      }
      await super.connect()
      return this
    } catch (error) {
      throw explained(error, this.#place)
    }
  }
}

/** Of a user who is called as a schema is (rtls), PostgreSQL would look there first, and find views where we mean tables. */
const inPublic = (options = ''): string =>
  options.includes('search_path') ? options : `${options} -c search_path=public`.trimStart()

function tlsOf({ check, files }: DatabaseUrl): { ssl?: ConnectionOptions; problem?: Error } {
  if (check === undefined) return {}
  try {
    return {
      ssl: {
        ...readTlsFiles(files, 'database'),
        ...(check === 'none' ? { rejectUnauthorized: false } : {}),
        ...(check === 'ca' ? { checkServerIdentity: () => undefined } : {}),
      },
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { problem: Object.assign(new Error(error.message, { cause: error }), { code: certificateCode }) }
  }
}

function explained(error: unknown, { check, files, host }: DatabaseUrl): unknown {
  if (check === undefined) return error
  const said = explainTlsError(error, {
    ...files,
    peer: `the database ${host}`,
    address: 'DATABASE_URL',
    section: 'database',
  })
  if (said !== undefined && error instanceof Error && 'code' in error)
    return Object.assign(new Error(said, { cause: error }), {
      code: knownCodes.test(String(error.code)) ? error.code : 'ERR_TLS_HANDSHAKE',
    })
  if (/does not support SSL/u.test(messageOf(error)))
    return Object.assign(
      new Error(
        `the database ${host} does not speak TLS: turn it on there (ssl = on), or say sslmode=disable in DATABASE_URL`,
        { cause: error },
      ),
      { code: 'ERR_TLS_NOT_OFFERED' },
    )
  return error
}
